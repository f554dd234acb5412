"""The worker's web page: /live, /ready and /metrics, on a port of its own. Faust's web server is disabled."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from aiohttp import web
from mode import Service
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from schemas.settings import Settings
from streams.worker import metrics

STALLED_AFTER_S = 60.0
"""Seconds after which batches that wait for their commit count as a stall: not ready, and a reason to alert."""


class WorkerPage(Service):
    """The page's server, which runs as long as the worker."""

    def __init__(self, app: Any, settings: Settings, on_listening: Callable[[str], None]) -> None:
        super().__init__()
        self._app = app
        self._settings = settings
        self._on_listening = on_listening
        self._runner: web.AppRunner | None = None

    async def on_start(self) -> None:
        """Start to listen."""
        page = web.Application()
        page.add_routes(
            [web.get("/live", self._live), web.get("/ready", self._ready), web.get("/metrics", self._metrics)]
        )
        self._runner = web.AppRunner(page, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._settings.worker_host, self._settings.worker_port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self._on_listening(f"http://{host}:{port}")

    async def on_stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _live(self, _request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _ready(self, _request: web.Request) -> web.Response:
        report = self.readiness()
        return web.json_response(report, status=200 if report["ready"] else 503)

    async def _metrics(self, _request: web.Request) -> web.Response:
        metrics.SECONDS_SINCE_COMMIT.set(self.readiness()["seconds_waiting_for_commit"])
        return web.Response(body=generate_latest(metrics.REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def readiness(self) -> dict[str, Any]:
        """Return whether the worker is started, not rebalancing, has partitions, and makes progress.

        A worker whose agents read no topic (`quality`, `relay`) has no partitions, and is ready when it is started.
        """
        if self._app.producer_only:
            return {
                "ready": bool(self._app.started),
                "started": bool(self._app.started),
                "rebalancing": False,
                "partitions": 0,
                "seconds_waiting_for_commit": 0.0,
            }
        consumer = self._app.consumer
        started = bool(self._app.started and consumer is not None and consumer.started)
        partitions = len(consumer.assignment()) if started else 0
        waiting_s = 0.0
        if started and consumer.unacknowledged:
            waiting_s = time.monotonic() - consumer.last_commit_at
        rebalancing = bool(self._app.rebalancing)
        return {
            "ready": started and not rebalancing and partitions > 0 and waiting_s < STALLED_AFTER_S,
            "started": started,
            "rebalancing": rebalancing,
            "partitions": partitions,
            "seconds_waiting_for_commit": round(waiting_s, 1),
        }
