"""What Dash 4.4.1 does not do by itself. Each function mends one fault, and has its test in tests/dashboard."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from dash import Dash

DRAIN_S = 0.02


async def register_callbacks(app: Dash) -> None:
    """Register all callbacks now.

    Dash does it on the first HTTP request. After a restart, tabs that are open come back with a WebSocket first, and
    would be told for ever that their callback does not exist.
    """
    backend: Any = app.backend
    for prepare in backend._before_request_funcs:
        prepared = prepare()
        if inspect.isawaitable(prepared):
            await prepared


async def drained(websocket: Any) -> None:
    """Return once the socket has taken what was sent before.

    Dash queues without bound for a browser that reads slowly; waiting here leaves at most one message in that queue.
    """
    outbound = websocket._get_outbound_queue().async_q
    while outbound.qsize() and not websocket.is_shutdown:
        await asyncio.sleep(DRAIN_S)


async def tab_is_there(websocket: Any, component_id: str, timeout_s: float) -> bool:
    """Return whether the browser tab of this callback still answers.

    All tabs of a browser share one WebSocket. When one of them is closed, Dash goes on running its callback for as
    long as any other is open.
    """
    try:
        await websocket.get_prop(component_id, "id", timeout=timeout_s)
    except TimeoutError:
        return False
    return True
