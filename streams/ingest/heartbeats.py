"""Heartbeats: each worker and each interface publishes one a second, and a last one when it stops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiokafka.errors import KafkaError

from schemas.topics import HEARTBEATS, Heartbeat

INTERVAL_S = 1.0
SEND_S = 1.0
"""Longest time that a heartbeat waits for the broker; the next one replaces it."""

_encode = msgspec.json.Encoder().encode


def this_process() -> str:
    """Return the name of this process in its heartbeats."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Heart:
    """Publishes the heartbeats of one process.

    Parameters
    ----------
    producer : AIOKafkaProducer
        Started by the caller.
    role : str
        `worker`, `mllp` or `http`.
    agents : tuple of str
        Of a worker.
    fill : callable or None
        Adds what the process knows to a heartbeat.
    """

    def __init__(
        self,
        producer: Any,
        role: str,
        agents: tuple[str, ...] = (),
        fill: Callable[[Heartbeat], Heartbeat] | None = None,
    ) -> None:
        self._producer, self._role, self._agents, self._fill = producer, role, agents, fill

    async def run(self) -> None:
        """Publish a heartbeat a second until cancelled."""
        while True:
            await self.beat()
            await asyncio.sleep(INTERVAL_S)

    async def beat(self, *, stopping: bool = False) -> None:
        """Publish one heartbeat; one that the broker does not take in time is dropped."""
        beat = Heartbeat(
            process=this_process(),
            role=self._role,
            sent_at=datetime.now(UTC),
            agents=self._agents,
            stopping=stopping,
        )
        if self._fill is not None:
            beat = self._fill(beat)
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(SEND_S):
                sent = await self._producer.send(HEARTBEATS.name, value=_encode(beat), key=beat.process.encode())
                sent.add_done_callback(_forget)
                if stopping:
                    await sent

    @contextlib.asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Beat for as long as the `async with` block lasts, and say goodbye after it."""
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.beat(stopping=True)


def _forget(sent: asyncio.Future[Any]) -> None:
    """Take the result, so that asyncio does not log an error that nobody asked for."""
    if not sent.cancelled():
        sent.exception()
