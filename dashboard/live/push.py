"""The push itself: one persistent WebSocket callback a browser tab, and the answer to a tab that missed something."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from dash import Dash, Input, Output, ctx, set_props

from dashboard import dash_faults
from dashboard.live.hub import Hub

STORE = "live"
"""The `dcc.Store` that every message is put into, as JSON text: encoded once, however many watch."""

REPEAT_S = 0.01
"""Least time between two messages to one tab. Dash loses the first of two within 2 ms."""

ROLL_CALL_S = 30.0
ANSWER_WITHIN_S = 15.0


def register(app: Dash, hub: Hub) -> None:
    """Register the callbacks."""

    @app.callback(websocket=True, persistent=True)
    async def watch() -> None:
        await push(hub, ctx.websocket)

    @app.callback(Output(STORE, "data"), Input("resync", "data"), prevent_initial_call=True)
    async def resync(_asked: Any) -> str:
        return hub.snapshot()


async def push(hub: Hub, websocket: Any) -> None:
    """Send a snapshot and then what changes, until the tab is gone."""
    with hub.watch() as watcher:
        set_props(STORE, {"data": hub.snapshot()})
        called_at = time.monotonic()
        while not websocket.is_shutdown:
            await asyncio.sleep(REPEAT_S)
            await dash_faults.drained(websocket)
            set_props(STORE, {"data": await watcher.next()})
            if time.monotonic() - called_at >= ROLL_CALL_S:
                if not await dash_faults.tab_is_there(websocket, STORE, ANSWER_WITHIN_S):
                    return
                called_at = time.monotonic()
