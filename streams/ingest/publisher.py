"""Records to Kafka for the interfaces that must know when Kafka has them, before they answer.

asyncio, one producer for all connections. Duplicates do no harm, and order does not matter, so the producer is a plain
one: what a broker's death leaves open is sent again by whoever got no answer.
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

ANSWER_MS = 10_000
"""How long Kafka may take before the sender gets no answer and sends again."""

LINGER_MS = 2

STOP_S = 5.0
"""What is under way is sent until then; nobody was told that it has arrived."""

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


class Publisher:
    """Puts records on the topic of ADT events."""

    def __init__(self, settings: Settings) -> None:
        self._servers = settings.kafka_bootstrap_servers
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect.

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
            raise self._away() from None
        self._producer = producer

    async def stop(self) -> None:
        """Send what is under way, and leave; not later than after `STOP_S`."""
        if self._producer is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._producer.stop(), STOP_S)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Return once Kafka has all of the records.

        Raises
        ------
        BrokerUnavailable
            When the broker does not confirm in time. Some of the records may have been written; send all of them again.
        RecordsTooLarge
            When some of them are too large for Kafka; all others were written.
        """
        try:
            sent = [await self._send(record) for record in records]
            async with asyncio.timeout(ANSWER_MS / 1000):
                answers = await asyncio.gather(*sent, return_exceptions=True)
        except (KafkaError, OSError, TimeoutError):
            raise self._away() from None
        failed = [answer for answer in answers if isinstance(answer, BaseException)]
        if any(not isinstance(error, _TOO_LARGE) for error in failed):
            raise self._away()
        if failed:
            positions = [position for position, answer in enumerate(answers) if isinstance(answer, _TOO_LARGE)]
            raise refused(positions, records)

    async def _send(self, record: Outgoing) -> asyncio.Future[Any]:
        """Return the answer to come; the producer itself refuses what no request can hold."""
        if self._producer is None:
            raise self._away()
        try:
            future: asyncio.Future[Any] = await self._producer.send(
                ADT_EVENTS.name, value=record.value, key=record.key, headers=list(record.headers)
            )
        except _TOO_LARGE as error:
            future = asyncio.get_running_loop().create_future()
            future.set_exception(error)
        return future

    def _away(self) -> BrokerUnavailable:
        return BrokerUnavailable(
            f"The Kafka broker at {self._servers} does not answer. "
            "Nothing was acknowledged; send it again when the broker is back."
        )


def refused(positions: Sequence[int], records: Sequence[Outgoing]) -> RecordsTooLarge:
    """Return the error for records that are too large, by their positions.

    Sending them again does not help, so it is for the sender to mend: HTTP answers with an error, MLLP with AE.
    """
    largest_bytes = max(len(records[position].value) for position in positions)
    return RecordsTooLarge(
        f"{len(positions)} of {len(records)} records are larger than Kafka takes ({largest_bytes:,} bytes). "
        "Split them at the sender, or raise message.max.bytes of the broker.",
        tuple(positions),
    )
