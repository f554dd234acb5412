"""Workarounds for Dash 4.4.1. Each function works around one fault, and has its test in tests/dashboard."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from dash import Dash

DRAIN_S = 0.02


async def register_callbacks(app: Dash) -> None:
    """Register all callbacks now.

    Dash does it on the first HTTP request. After a restart, open tabs reconnect by WebSocket first, and would get
    the error that their callback does not exist, without end.
    """
    backend: Any = app.backend
    for prepare in backend._before_request_funcs:
        prepared = prepare()
        if inspect.isawaitable(prepared):
            await prepared


async def drained(websocket: Any) -> None:
    """Wait until the socket has sent the messages before.

    Dash has an unbounded queue for a slow browser; waiting here keeps at most one message in it.
    """
    outbound = websocket._get_outbound_queue().async_q
    while outbound.qsize() and not websocket.is_shutdown:
        await asyncio.sleep(DRAIN_S)


async def tab_is_there(websocket: Any, component_id: str, timeout_s: float) -> bool:
    """Return whether the browser tab of this callback still answers.

    All tabs of a browser share one WebSocket. When one of them is closed, Dash runs its callback until the
    others are closed, too.
    """
    try:
        await websocket.get_prop(component_id, "id", timeout=timeout_s)
    except TimeoutError:
        return False
    return True
