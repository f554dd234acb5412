"""Push to browsers: one persistent WebSocket callback for each tab, and snapshots for tabs that missed a message."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from dash import Dash, Input, Output, ctx, set_props

from dashboard import dash_faults
from dashboard.live.hub import Hub

STORE = "live"
"""The `dcc.Store` that every message is put into, as JSON text that is encoded once for all tabs."""

REPEAT_S = 0.01
"""Minimum seconds between two messages to one tab. Dash loses the first of two within 2 ms."""

TAB_CHECK_INTERVAL_S = 30.0
TAB_ANSWER_TIMEOUT_S = 15.0


def register(app: Dash, hub: Hub) -> None:
    """Register the callbacks."""

    @app.callback(websocket=True, persistent=True)
    async def watch() -> None:
        await push(hub, ctx.websocket)

    @app.callback(Output(STORE, "data"), Input("resync", "data"), prevent_initial_call=True)
    async def resync(_asked: Any) -> str:
        return hub.snapshot()


async def push(hub: Hub, websocket: Any) -> None:
    """Send a snapshot and then changes, until the tab is closed."""
    with hub.watch() as watcher:
        set_props(STORE, {"data": hub.snapshot()})
        checked_at = time.monotonic()
        while not websocket.is_shutdown:
            await asyncio.sleep(REPEAT_S)
            await dash_faults.drained(websocket)
            set_props(STORE, {"data": await watcher.next()})
            if time.monotonic() - checked_at >= TAB_CHECK_INTERVAL_S:
                if not await dash_faults.tab_is_there(websocket, STORE, TAB_ANSWER_TIMEOUT_S):
                    return
                checked_at = time.monotonic()
