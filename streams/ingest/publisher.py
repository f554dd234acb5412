"""Records to Kafka for the interfaces that must know when Kafka has them, before they answer.

asyncio, one producer for all connections. Duplicates do no harm, and order does not matter, so the producer is a plain
one: what a broker's death leaves open is sent again by whoever got no answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.errors import BrokerAway
from schemas.outgoing import Outgoing
from schemas.settings import Settings
from schemas.topics import ADT_EVENTS

ANSWER_MS = 10_000
"""How long Kafka may take before the sender gets no answer and sends again."""

LINGER_MS = 2


class Publisher:
    """Puts records on the topic of ADT events."""

    def __init__(self, settings: Settings) -> None:
        self._servers = settings.kafka_bootstrap_servers
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect.

        Raises
        ------
        BrokerAway
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
        """Send what is under way, and leave."""
        if self._producer is not None:
            await self._producer.stop()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Return once Kafka has all of the records.

        Raises
        ------
        BrokerAway
            When it does not say so in time. Some of the records may be there; send all of them again.
        """
        if self._producer is None:
            raise self._away()
        try:
            sent = [
                await self._producer.send(
                    ADT_EVENTS.name, value=record.value, key=record.key, headers=list(record.headers)
                )
                for record in records
            ]
            await asyncio.wait_for(asyncio.gather(*sent), ANSWER_MS / 1000)
        except (KafkaError, OSError, TimeoutError):
            raise self._away() from None

    def _away(self) -> BrokerAway:
        return BrokerAway(
            f"The Kafka broker at {self._servers} does not answer. "
            "Nothing was acknowledged; send it again when the broker is back."
        )
