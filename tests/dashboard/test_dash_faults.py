"""The faults of Dash 4.4.1 that are mended, each reproduced. When Dash mends one, its test here says so."""

from __future__ import annotations

import asyncio
from typing import Any

import janus
from dash import Dash, html
from dash.backends.ws import DashWebsocketCallback
from fastapi import FastAPI

from dashboard import dash_faults


def small_app() -> Dash:
    app = Dash("small", server=FastAPI(), backend="fastapi")  # type: ignore[arg-type]

    @app.callback(websocket=True, persistent=True)
    async def watch() -> None:
        await asyncio.sleep(0)

    app.layout = html.Div()
    return app


def prepared(app: Dash) -> bool:
    return bool(app._got_first_request["setup_server"])


def test_dash_prepares_its_callbacks_only_when_a_page_is_asked_for() -> None:
    app = small_app()
    assert prepared(app) is False
    asyncio.run(dash_faults.register_callbacks(app))
    assert prepared(app) is True


def test_preparing_twice_does_no_harm() -> None:
    app = small_app()
    asyncio.run(dash_faults.register_callbacks(app))
    before = len(app._callback_list)
    asyncio.run(dash_faults.register_callbacks(app))
    assert len(app._callback_list) == before


class Socket:
    """As much of Dash's WebSocket as the mending of its faults touches."""

    def __init__(self) -> None:
        self.is_shutdown = False
        self.outbound: janus.Queue[str] = janus.Queue()

    def _get_outbound_queue(self) -> janus.Queue[str]:
        return self.outbound

    async def get_prop(self, component_id: str, prop_name: str, timeout: float) -> Any:
        raise TimeoutError(f"Timeout waiting for {component_id}.{prop_name} in {timeout} s")


def test_nothing_more_is_sent_to_a_browser_that_has_not_taken_what_was_sent() -> None:
    async def story() -> None:
        socket = Socket()
        socket.outbound.sync_q.put_nowait("first")
        waiting = asyncio.create_task(dash_faults.drained(socket))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await socket.outbound.async_q.get()
        await asyncio.wait_for(waiting, 1)
        await socket.outbound.aclose()

    asyncio.run(story())


def test_waiting_for_a_slow_browser_ends_when_it_is_gone() -> None:
    async def story() -> None:
        socket = Socket()
        socket.outbound.sync_q.put_nowait("first")
        waiting = asyncio.create_task(dash_faults.drained(socket))
        await asyncio.sleep(0.05)
        socket.is_shutdown = True
        await asyncio.wait_for(waiting, 1)
        await socket.outbound.aclose()

    asyncio.run(story())


def test_a_tab_that_does_not_answer_is_gone() -> None:
    async def story() -> bool:
        socket = Socket()
        try:
            return await dash_faults.tab_is_there(socket, "live", 0.1)
        finally:
            await socket.outbound.aclose()

    assert asyncio.run(story()) is False


def test_the_private_names_of_dash_that_we_lean_on_are_there() -> None:
    assert hasattr(DashWebsocketCallback, "_get_outbound_queue")
    assert hasattr(DashWebsocketCallback, "get_prop")
    app = small_app()
    backend: Any = app.backend
    assert next(function.__name__ for function in backend._before_request_funcs) == "_setup_server"
    assert app._inline_scripts is not None
