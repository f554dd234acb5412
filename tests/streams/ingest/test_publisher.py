"""The publisher: Kafka away is one thing, and a record that Kafka will never take another."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from schemas.errors import BrokerUnavailable, RecordsTooLarge
from schemas.outgoing import Outgoing
from schemas.settings import load_settings
from streams.ingest.publisher import Publisher
from tests.support.kafka import KafkaBroker


class FakeProducer:
    """Refuses by value: at once, or in its answer."""

    def __init__(self, at_once: dict[bytes, KafkaError], later: dict[bytes, KafkaError]) -> None:
        self._at_once, self._later = at_once, later
        self.taken: list[bytes] = []

    async def send(self, *_topic: str, value: bytes, **_where: object) -> asyncio.Future[None]:
        if value in self._at_once:
            raise self._at_once[value]
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if value in self._later:
            answer.set_exception(self._later[value])
        else:
            self.taken.append(value)
            answer.set_result(None)
        return answer


async def publish(producer: FakeProducer, *values: bytes) -> None:
    publisher: Any = Publisher(load_settings())
    publisher._producer = producer
    await publisher.publish([Outgoing(b"key", value) for value in values])


def test_records_too_large_for_kafka_are_named_and_the_others_are_there() -> None:
    producer = FakeProducer({b"22": MessageSizeTooLargeError()}, {b"4444": RecordListTooLargeError()})
    with pytest.raises(RecordsTooLarge, match=r"2 of 4 records are larger than Kafka allows \(4 bytes\)") as refused:
        asyncio.run(publish(producer, b"1", b"22", b"3", b"4444"))
    assert refused.value.positions == (1, 3)
    assert producer.taken == [b"1", b"3"]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_broker_that_is_away_is_away_whatever_else_is_wrong(at_once: bool) -> None:
    away: dict[bytes, KafkaError] = {b"2": KafkaConnectionError()}
    large: dict[bytes, KafkaError] = {b"1": MessageSizeTooLargeError()}
    producer = FakeProducer(away if at_once else {}, large if at_once else large | away)
    with pytest.raises(BrokerUnavailable, match="does not answer"):
        asyncio.run(publish(producer, b"1", b"2"))


@pytest.mark.kafka
def test_a_real_broker_refuses_the_large_record_alone(fresh_kafka: KafkaBroker) -> None:
    async def run() -> None:
        publisher = Publisher(fresh_kafka.settings)
        await publisher.start()
        try:
            records = [Outgoing(b"key", b"x" * size) for size in (10, 1_048_570, 10)]
            with pytest.raises(RecordsTooLarge) as refused:
                await publisher.publish(records)
            assert refused.value.positions == (1,)
            await publisher.publish(records[:1])
        finally:
            await publisher.stop()

    asyncio.run(run())
