"""Thread that follows Kafka: all partitions, from the end, without a group, so that every process sees all records.

Kafka only carries changes. The snapshot comes from SQL: at the start, after the broker was unavailable, and when a
record is missing.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol

import msgspec
import structlog
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError
from sqlalchemy.exc import DBAPIError

from schemas.database import driver_reason
from schemas.kafka import connection
from schemas.settings import Settings
from schemas.topics import ALERTS_CHANGED, CAPACITY_METRICS, HEARTBEATS, CapacityMetrics, Heartbeat

TOPICS = (CAPACITY_METRICS.name, ALERTS_CHANGED.name, HEARTBEATS.name)
POLL_MS = 200
SIGN_OF_LIFE_MS = 1_000
"""Timeout of the request that checks an idle broker; well below `BROKER_LOST_S`."""

RETRY_S = 1.0
log = structlog.get_logger("wardwatch.dashboard")
_decode = msgspec.json.Decoder(CapacityMetrics).decode
_decode_beat = msgspec.json.Decoder(Heartbeat).decode


class Listener(Protocol):
    """Receiver of what the follower reads; called on the follower's thread."""

    def load(self, metrics: list[CapacityMetrics]) -> None:
        """Replace everything by the snapshot from SQL."""

    def accept(self, metrics: list[CapacityMetrics], alerts: int) -> None:
        """Apply what the broker sent."""

    def heartbeat(self, beat: Heartbeat) -> None:
        """Note a sign of life of a worker or an interface."""

    def broker_answered(self) -> None:
        """Note a sign of life of the broker."""

    def database_lost(self, reason: str) -> None:
        """Note that the snapshot could not be read, and the driver's reason."""


class Follower:
    """Follows the topics until it is stopped.

    Parameters
    ----------
    settings : Settings
        Where the broker is.
    read_snapshot : callable
        Returns the latest metrics of all units from SQL.
    listener : Listener
        Receives snapshots and changes.
    """

    def __init__(
        self, settings: Settings, read_snapshot: Callable[[], list[CapacityMetrics]], listener: Listener
    ) -> None:
        self._settings = settings
        self._read_snapshot = read_snapshot
        self._listener = listener
        self._stop = threading.Event()
        self._expected: dict[TopicPartition, int] = {}

    def stop(self) -> None:
        """Make `run` return soon; a call that waits for the broker may take one more second."""
        self._stop.set()

    def run(self) -> None:
        """Follow until stopped; retry while the broker or the database is unavailable."""
        self._load()
        while not self._stop.is_set():
            if self._any_broker_listens():
                self._try_to_follow()
            self._stop.wait(RETRY_S)

    def _try_to_follow(self) -> None:
        consumer = self._consumer()
        try:
            if self._connect(consumer):
                self._follow(consumer)
        except KafkaError as error:
            log.warning("broker lost", error=type(error).__name__)
        finally:
            consumer.close(autocommit=False, timeout_ms=200)

    def _any_broker_listens(self) -> bool:
        """Return whether any broker accepts connections.

        kafka-python 3.0.12 ignores the timeout of its first connection: with a dead broker it would never return.
        """
        for server in self._settings.kafka_bootstrap_servers.split(","):
            host, _, port = server.strip().rpartition(":")
            with suppress(OSError), socket.create_connection((host.strip("[]"), int(port)), SIGN_OF_LIFE_MS / 1000):
                return True
        return False

    def _consumer(self) -> Any:
        return KafkaConsumer(
            **connection(self._settings),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            allow_auto_create_topics=False,
            reconnect_backoff_max_ms=1_000,
            request_timeout_ms=5_000,
            max_poll_records=2_000,
        )

    def _connect(self, consumer: Any) -> bool:
        """Seek to the end of every partition, then read the snapshot: in this order no change is missed."""
        consumer.bootstrap(timeout_ms=2 * SIGN_OF_LIFE_MS)
        partitions = [
            TopicPartition(topic, number) for topic in TOPICS for number in consumer.partitions_for_topic(topic) or ()
        ]
        self._listener.broker_answered()
        if {partition.topic for partition in partitions} != set(TOPICS):
            return False  # no worker has created them yet
        consumer.assign(partitions)
        self._expected = consumer.end_offsets(partitions, timeout_ms=2 * SIGN_OF_LIFE_MS)
        for partition, offset in self._expected.items():
            consumer.seek(partition, offset)
        self._load()
        return True

    def _follow(self, consumer: Any) -> None:
        partitions = list(self._expected)
        while not self._stop.is_set():
            batches = consumer.poll(timeout_ms=POLL_MS)
            if batches:
                self._take(batches)
                continue
            try:
                ends = consumer.end_offsets(partitions, timeout_ms=SIGN_OF_LIFE_MS)
            except KafkaTimeoutError:
                continue  # the freshness indicator shows it, and the client retries
            self._listener.broker_answered()
            if any(ends[partition] < expected for partition, expected in self._expected.items()):
                log.warning("the topics were created again; reading the snapshot again")
                return

    def _take(self, batches: dict[TopicPartition, list[Any]]) -> None:
        if self._has_gap(batches):
            log.warning("records are missing; reading the snapshot again")
            self._load()
        metrics: list[CapacityMetrics] = []
        alerts = 0
        for partition, records in batches.items():
            if partition.topic == HEARTBEATS.name:
                self._pass_on(records)
            elif partition.topic == ALERTS_CHANGED.name:
                alerts += len(records)
            else:
                metrics.extend(self._read(records))
        self._listener.broker_answered()
        if metrics or alerts:
            self._listener.accept(metrics, alerts)

    def _pass_on(self, records: Iterable[Any]) -> None:
        for record in records:
            try:
                beat = _decode_beat(record.value)
            except msgspec.DecodeError as error:
                log.error("unreadable message", topic=HEARTBEATS.name, error=str(error))
            else:
                self._listener.heartbeat(beat)

    def _has_gap(self, batches: dict[TopicPartition, list[Any]]) -> bool:
        gap = False
        for partition, records in batches.items():
            for record in records:
                is_next = record.offset == self._expected[partition]
                gap = gap or not (is_next or partition.topic == HEARTBEATS.name)
                self._expected[partition] = record.offset + 1
        return gap

    def _read(self, records: Iterable[Any]) -> list[CapacityMetrics]:
        try:
            return [_decode(record.value) for record in records]
        except msgspec.DecodeError as error:
            # The message is a copy of what SQL holds: log it, and read SQL instead.
            log.error("unreadable message", topic=CAPACITY_METRICS.name, error=str(error))
            self._load()
            return []

    def _load(self) -> None:
        """Read the snapshot from SQL; retry until it succeeds."""
        while not self._stop.is_set():
            try:
                metrics = self._read_snapshot()
            except DBAPIError as error:
                log.warning("database lost", error=type(error.orig).__name__)
                self._listener.database_lost(driver_reason(error))
                self._stop.wait(RETRY_S)
            else:
                self._listener.load(metrics)
                return
