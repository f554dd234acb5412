"""The worker's heartbeat."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from aiokafka import AIOKafkaProducer
from mode import Service

from schemas.settings import Settings
from schemas.topics import Heartbeat
from streams.ingest.heartbeats import INTERVAL_S, Heart


class HeartbeatService(Service):
    """Publishes heartbeats, which depend on nothing but the broker and the event loop.

    Parameters
    ----------
    settings : Settings
        Where Kafka is.
    agents : tuple of str
        That this worker runs.
    fill : callable
        Adds what the worker knows to a heartbeat.
    """

    def __init__(self, settings: Settings, agents: tuple[str, ...], fill: Callable[[Heartbeat], Heartbeat]) -> None:
        super().__init__()
        self._settings, self._agents, self._fill = settings, agents, fill
        self._producer: AIOKafkaProducer | None = None
        self._heart: Heart | None = None

    async def on_start(self) -> None:
        """Connect."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka_bootstrap_servers, request_timeout_ms=5_000
        )
        await self._producer.start()
        self._heart = Heart(self._producer, "worker", self._agents, self._fill)

    @Service.task
    async def _beat(self) -> None:
        while not self.should_stop and self._heart is not None:
            await self._heart.beat()
            await self.sleep(INTERVAL_S)

    async def on_stop(self) -> None:
        """Say goodbye and disconnect."""
        if self._heart is not None:
            await self._heart.beat(stopping=True)
        if self._producer is not None:
            with contextlib.suppress(TimeoutError):  # the broker is away, and nothing is left to send
                await asyncio.wait_for(self._producer.stop(), INTERVAL_S)
