"""Kafka: connection settings, required topics, and the lag of the workers."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import msgspec
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from schemas.errors import BrokerUnavailable, SettingsError
from schemas.settings import Settings
from schemas.signs_of_life import NEEDED, Pulse
from schemas.topics import HEARTBEATS, PARTITIONS, TOPICS, WORKER_GROUP, Heartbeat

DAY_MS = 86_400_000
INTERVAL_S = 1.2
"""A little more than the seconds between two heartbeats of a process."""

ANSWER_MS = 2_000
"""Timeout after which a broker counts as unavailable; kafka-python alone would try for 30 s."""


def connection(settings: Settings) -> dict[str, Any]:
    """Return the arguments that every kafka-python client takes."""
    arguments: dict[str, Any] = {"bootstrap_servers": settings.kafka_bootstrap_servers.split(",")}
    if settings.kafka_embedded:
        arguments["api_version"] = (2, 0)
    return arguments


def wait_for_broker(settings: Settings, timeout_s: float = 30.0) -> None:
    """Return once the broker answers.

    Raises
    ------
    BrokerUnavailable
        When no broker answers within `timeout_s`.
    SettingsError
        When the setting is not the address of a broker.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            _ask(settings)
        except (KafkaError, KafkaException):
            if time.monotonic() >= deadline:
                raise _away(settings) from None
            time.sleep(0.2)
        else:
            return


def _away(settings: Settings) -> BrokerUnavailable:
    return BrokerUnavailable(
        f"No Kafka broker answers at {settings.kafka_bootstrap_servers}. "
        "Start one, or set WARDWATCH_KAFKA_BOOTSTRAP_SERVERS."
    )


def _ask(settings: Settings) -> None:
    if settings.kafka_embedded:
        # kafka-python 3.0.12 needs this broker's version, and then never times out if it does not answer.
        AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers, "log_level": 0}).list_topics(
            timeout=ANSWER_MS / 1000
        )
    else:
        _consumer(settings).close()


def _consumer(settings: Settings, **options: Any) -> KafkaConsumer:
    try:
        return KafkaConsumer(**connection(settings), bootstrap_timeout_ms=ANSWER_MS, **options)
    except ValueError:
        raise SettingsError(
            f"WARDWATCH_KAFKA_BOOTSTRAP_SERVERS: {settings.kafka_bootstrap_servers} is not the address of a broker. "
            "Write host:port; separate several by commas."
        ) from None


def ensure_topics(settings: Settings) -> None:
    """Create the topics that are missing. The embedded broker creates its own when it starts."""
    if settings.kafka_embedded:
        return
    admin = KafkaAdminClient(**connection(settings))
    try:
        for topic in TOPICS:
            if topic.name not in set(admin.list_topics()):
                configs = {"retention.ms": str(topic.retention_days * DAY_MS)}
                wanted = NewTopic(topic.name, num_partitions=PARTITIONS, replication_factor=-1, topic_configs=configs)
                with suppress(TopicAlreadyExistsError):  # another process created it first
                    admin.create_topics([wanted])
    finally:
        admin.close()


def heard(settings: Settings, listen_s: float = 2.5) -> list[Pulse]:
    """Listen for heartbeats and return the last one of each process.

    It ends early when the agents that the board needs have been heard.

    Raises
    ------
    BrokerUnavailable
        When no broker answers.
    """
    wait_for_broker(settings, timeout_s=0)
    try:
        consumer = _consumer(settings, enable_auto_commit=False)
    except KafkaError:
        raise _away(settings) from None
    decode = msgspec.json.Decoder(Heartbeat).decode
    found: dict[str, tuple[Heartbeat, float]] = {}
    try:
        partitions = [
            TopicPartition(HEARTBEATS.name, number) for number in consumer.partitions_for_topic(HEARTBEATS.name) or ()
        ]
        consumer.assign(partitions)
        for partition, end in consumer.end_offsets(partitions).items():
            consumer.seek(partition, end)
        began = time.monotonic()
        while partitions and time.monotonic() - began < listen_s:
            for records in consumer.poll(timeout_ms=100).values():
                for record in records:
                    with suppress(msgspec.DecodeError):
                        beat = decode(record.value)
                        found[f"{beat.role} {beat.process}"] = (beat, time.monotonic())
            covered = {agent for beat, _ in found.values() for agent in beat.agents if not beat.stopping}
            if covered.issuperset(NEEDED) and time.monotonic() - began >= INTERVAL_S:
                break
    finally:
        consumer.close()
    return [Pulse(beat, time.monotonic() - at) for beat, at in found.values()]


def missing_topics(settings: Settings) -> list[str]:
    """Return the names of the topics that the broker does not have."""
    consumer = KafkaConsumer(**connection(settings))
    try:
        present = consumer.topics()
        return [topic.name for topic in TOPICS if topic.name not in present]
    finally:
        consumer.close()


def lag(settings: Settings, topics: list[str]) -> dict[str, int]:
    """Return, for each topic, the number of records that the workers' group has not committed yet.

    Raises
    ------
    BrokerUnavailable
        When no broker answers.
    """
    if settings.kafka_embedded:
        wait_for_broker(settings, timeout_s=0)  # with a real broker, the consumer itself raises when it is unavailable
    try:
        consumer = _consumer(settings, group_id=WORKER_GROUP, enable_auto_commit=False, auto_offset_reset="earliest")
    except KafkaError:
        raise _away(settings) from None
    try:
        behind = {}
        for topic in topics:
            partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
            first = consumer.beginning_offsets(partitions)
            last = consumer.end_offsets(partitions)
            done = {partition: consumer.committed(partition) for partition in partitions}
            behind[topic] = sum(last[p] - max(done[p] or 0, first[p]) for p in partitions)
        return behind
    finally:
        consumer.close()
