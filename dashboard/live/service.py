"""Service that runs the hub and the follower of Kafka, stops both, and reports a failure of either."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from dashboard.live.follower import Follower
from dashboard.live.hub import Hub
from schemas.settings import Settings
from schemas.topics import CapacityMetrics, Heartbeat

STOP_WITHIN_S = 0.5
"""Seconds to wait for the follower's thread, which holds no resource that must be closed."""


class _OnLoop:
    """Listener that posts calls of the follower's thread to the hub's event loop."""

    def __init__(self, hub: Hub, loop: asyncio.AbstractEventLoop) -> None:
        self._hub = hub
        self._loop = loop

    def load(self, metrics: list[CapacityMetrics]) -> None:
        self._loop.call_soon_threadsafe(self._hub.load, metrics)

    def accept(self, metrics: list[CapacityMetrics], alerts: int) -> None:
        self._loop.call_soon_threadsafe(self._hub.accept, metrics, alerts)

    def heartbeat(self, beat: Heartbeat) -> None:
        self._loop.call_soon_threadsafe(self._hub.heartbeat, beat)

    def broker_answered(self) -> None:
        self._loop.call_soon_threadsafe(self._hub.broker_answered)

    def database_lost(self, reason: str) -> None:
        self._loop.call_soon_threadsafe(self._hub.database_lost, reason)


class LiveService:
    """Keeps the hub's snapshot in step with Kafka and SQL between `start` and `stop`.

    Parameters
    ----------
    hub : Hub
        The hub to update.
    settings : Settings
        Where the broker is.
    read_snapshot : callable
        Returns the latest metrics of all units from SQL.
    on_failure : callable
        Called once, on the event loop, with what made the follower or the hub stop.
    """

    def __init__(
        self,
        hub: Hub,
        settings: Settings,
        read_snapshot: Callable[[], list[CapacityMetrics]],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._hub = hub
        self._settings = settings
        self._read_snapshot = read_snapshot
        self._on_failure = on_failure
        self._pushing: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self._follower: Follower | None = None

    async def start(self) -> None:
        """Start to follow and to push."""
        loop = asyncio.get_running_loop()
        follower = Follower(self._settings, self._read_snapshot, _OnLoop(self._hub, loop))

        def follow() -> None:
            try:
                follower.run()
            except Exception as error:  # noqa: BLE001 - passed on: the server stops with it
                if not loop.is_closed():
                    loop.call_soon_threadsafe(self._on_failure, error)

        self._follower = follower
        self._thread = threading.Thread(target=follow, name="follower", daemon=True)
        self._thread.start()
        self._pushing = asyncio.create_task(self._hub.run())
        self._pushing.add_done_callback(self._pass_on)

    def _pass_on(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(error)

    async def stop(self) -> None:
        """Stop the follower and the hub."""
        if self._follower is not None and self._thread is not None:
            self._follower.stop()
            await asyncio.to_thread(self._thread.join, STOP_WITHIN_S)
        if self._pushing is not None:
            self._pushing.cancel()
            await asyncio.gather(self._pushing, return_exceptions=True)
