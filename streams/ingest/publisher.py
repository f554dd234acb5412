"""Publisher of records for interfaces that answer only once Kafka has confirmed them.

asyncio, with one producer for all connections. Duplicates are harmless and order does not matter, so the producer is
not idempotent: after a broker failure, senders without an answer retry.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from schemas.errors import BrokerUnavailable, RecordsTooLarge
from schemas.outgoing import Outgoing
from schemas.settings import Settings
from schemas.topics import ADT_EVENTS
from streams.ingest.heartbeats import Heart

ANSWER_MS = 10_000
"""Longest time that Kafka may take to confirm; after it the sender gets no answer and retries."""

LINGER_MS = 2
"""Delay in which records are batched."""

STOP_S = 5.0
"""Seconds in which pending records are sent when the publisher stops; none of them was acknowledged."""

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


class Publisher:
    """Publishes records on the topic of ADT events.

    Parameters
    ----------
    settings : Settings
        Address of Kafka.
    """

    def __init__(self, settings: Settings) -> None:
        self._servers = settings.kafka_bootstrap_servers
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect to Kafka.

        Raises
        ------
        BrokerUnavailable
            When no broker answers.
        """
        producer = AIOKafkaProducer(
            bootstrap_servers=self._servers.split(","), acks="all", linger_ms=LINGER_MS, request_timeout_ms=ANSWER_MS
        )
        try:
            await producer.start()
        except (KafkaError, OSError):
            await producer.stop()
            raise self._unavailable() from None
        self._producer = producer

    async def stop(self) -> None:
        """Send pending records and disconnect, within `STOP_S`."""
        if self._producer is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._producer.stop(), STOP_S)

    def heart(self, role: str) -> Heart:
        """Return the heartbeats of the interface, which go the way of its facts."""
        return Heart(self._producer, role)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Return once Kafka has all of the records.

        Raises
        ------
        BrokerUnavailable
            When the broker does not confirm in time. Some of the records may have been written; retry all of them.
        RecordsTooLarge
            When some of them are too large for Kafka; all others were written.
        """
        try:
            sent = [await self._send(record) for record in records]
            async with asyncio.timeout(ANSWER_MS / 1000):
                answers = await asyncio.gather(*sent, return_exceptions=True)
        except (KafkaError, OSError, TimeoutError):
            raise self._unavailable() from None
        failed = [answer for answer in answers if isinstance(answer, BaseException)]
        if any(not isinstance(error, _TOO_LARGE) for error in failed):
            raise self._unavailable()
        if failed:
            positions = [position for position, answer in enumerate(answers) if isinstance(answer, _TOO_LARGE)]
            raise records_too_large(positions, records)

    async def _send(self, record: Outgoing) -> asyncio.Future[Any]:
        """Return the future confirmation; a record that no request can hold fails at once."""
        if self._producer is None:
            raise self._unavailable()
        try:
            future: asyncio.Future[Any] = await self._producer.send(
                ADT_EVENTS.name, value=record.value, key=record.key, headers=list(record.headers)
            )
        except _TOO_LARGE as error:
            future = asyncio.get_running_loop().create_future()
            future.set_exception(error)
        return future

    def _unavailable(self) -> BrokerUnavailable:
        return BrokerUnavailable(
            f"The Kafka broker at {self._servers} does not answer. "
            "Nothing was acknowledged. Retry when the broker is available."
        )


def records_too_large(positions: Sequence[int], records: Sequence[Outgoing]) -> RecordsTooLarge:
    """Return the error for records that are too large, by their positions.

    A retry does not help, so the sender must correct it: HTTP answers with an error, MLLP with AE.
    """
    largest_bytes = max(len(records[position].value) for position in positions)
    return RecordsTooLarge(
        f"{len(positions)} of {len(records)} records are larger than Kafka allows ({largest_bytes:,} bytes). "
        "Split them at the sender, or raise message.max.bytes of the broker.",
        tuple(positions),
    )
