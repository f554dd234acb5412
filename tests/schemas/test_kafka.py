"""Topics and lag, asked of a real broker."""

from __future__ import annotations

from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaError

from schemas.errors import BrokerUnavailable
from schemas.kafka import connection, ensure_topics, lag, missing_topics, wait_for_broker
from schemas.settings import Settings, load_settings
from schemas.topics import ADT_EVENTS, PARTITIONS, TOPICS, WORKER_GROUP
from tests.support.kafka import KafkaBroker
from tests.support.ports import free_ports


def test_topics_are_made_once(fresh_kafka: KafkaBroker) -> None:
    ensure_topics(fresh_kafka.settings)
    assert missing_topics(fresh_kafka.settings) == []
    producer = KafkaProducer(**connection(fresh_kafka.settings))
    assert {topic.name: len(producer.partitions_for(topic.name)) for topic in TOPICS} == {
        topic.name: PARTITIONS for topic in TOPICS
    }
    producer.close()


def test_lag_counts_what_the_workers_have_not_committed(broker: Settings) -> None:
    producer = KafkaProducer(**connection(broker))
    for number in range(7):
        producer.send(ADT_EVENTS.name, b"x", key=b"%d" % number)
    producer.flush()
    producer.close()
    assert lag(broker, [ADT_EVENTS.name]) == {ADT_EVENTS.name: 7}


def test_one_question_finds_that_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def unreachable(**options: Any) -> None:
        asked.append(options["group_id"])
        raise KafkaError

    monkeypatch.setattr("schemas.kafka.KafkaConsumer", unreachable)
    with pytest.raises(BrokerUnavailable, match="WARDWATCH_KAFKA_BOOTSTRAP_SERVERS"):
        lag(load_settings(), [ADT_EVENTS.name])
    assert asked == [WORKER_GROUP]


@pytest.mark.parametrize("embedded", [False, True])
def test_no_broker_is_one_clear_error(embedded: bool) -> None:
    [port] = free_ports(1)
    settings = load_settings(kafka_bootstrap_servers=f"127.0.0.1:{port}", kafka_embedded=embedded)
    with pytest.raises(BrokerUnavailable, match="WARDWATCH_KAFKA_BOOTSTRAP_SERVERS"):
        wait_for_broker(settings, timeout_s=0.5)
    with pytest.raises(BrokerUnavailable):
        lag(settings, [ADT_EVENTS.name])
