"""Lossless delivery of records to one Kafka topic: unacknowledged records are kept and sent again if necessary.

kafka-python retries by itself while the broker is unavailable. When it gives up (after `DELIVERY_TIMEOUT_S`, or when
the broker lost this producer's id in a restart) the future fails; then a new producer sends the whole window again.
Duplicates are harmless: a fact is identified by its source and id.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.codec import has_lz4
from kafka.errors import (
    AuthorizationError,
    InvalidTopicError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    SaslAuthenticationFailedError,
    UnsupportedCompressionTypeError,
)
from kafka.partitioner.default import murmur2

from schemas.errors import UsageError, WardwatchError
from schemas.kafka import connection
from schemas.settings import Settings
from schemas.topics import WORKER_GROUP
from simulators.flow_control import FlowControl

WINDOW_BYTES = 8_000_000
"""Bytes sent and not acknowledged: bounds the memory while the broker is unavailable."""
CHECK_EVERY = 500
"""Records between two checks of the futures, which complete by the batch."""
BATCH_BYTES = 131_072
LINGER_MS, LINGER_PACED_MS = 20, 2
DELIVERY_TIMEOUT_S = 60.0
MAX_FAILURES = 5
"""Consecutive producers that deliver nothing; after that the error is not transient."""
PATIENCE_S = 2.0
"""Waits shorter than this are not reported."""
POLL_S, COMMITTED_POLL_S = 0.005, 0.05

_TOO_LARGE = "It is too large for Kafka. Split it, leave it out, or raise message.max.bytes of the topic."

REMEDIES: tuple[tuple[type[KafkaError], str], ...] = (
    (MessageSizeTooLargeError, _TOO_LARGE),
    (RecordListTooLargeError, _TOO_LARGE),
    (AuthorizationError, "Allow this client to write to the topic."),
    (SaslAuthenticationFailedError, "Correct the credentials of this client."),
    (InvalidTopicError, "The topic name is not valid for this broker. Correct it."),
    (UnsupportedCompressionTypeError, "The broker is too old. Use Kafka 2.0 or later."),
)
"""Errors that are not transient, each with its remedy."""


Headers = tuple[tuple[str, bytes], ...]


class _Sent(NamedTuple):
    number: int
    """Position among all records of this delivery, from 1."""
    partition: int
    key: bytes
    value: bytes
    headers: Headers
    future: Any


class Delivery:
    """Send keyed records to one topic.

    Parameters
    ----------
    settings : Settings
        Address of the broker; on the embedded one sending is limited to the pace of the workers.
    topic : str
        Must exist.
    prompt : bool
        Send each record at once instead of waiting for a full batch.
    on_waiting : callable
        Called with what it waits for ("the broker", "a worker"), and with None when the wait is over.
    stopped : callable
        Whether to give up waiting.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        *,
        prompt: bool,
        on_waiting: Callable[[str | None], None],
        stopped: Callable[[], bool],
    ) -> None:
        self._settings, self._topic, self._prompt = settings, topic, prompt
        self._on_waiting, self._stopped = on_waiting, stopped
        self._window: deque[_Sent] = deque()
        self._window_bytes = 0
        self._unchecked = 0
        self._failures = 0
        self._given = 0
        self.acknowledged = 0
        self.acknowledged_bytes = 0
        self.sent_again = 0
        self._producer = self._connect()
        self._partitions = len(self._producer.partitions_for(topic))
        self._workers = _Workers(settings, topic, self._partitions) if settings.kafka_embedded else None

    @property
    def outstanding(self) -> int:
        """Number of records sent and not acknowledged."""
        return len(self._window)

    def send(self, key: bytes, value: bytes, headers: Headers = ()) -> None:
        """Send one record; waits while too many bytes are unacknowledged.

        Raises
        ------
        UsageError
            When the broker rejects it, or an earlier one, permanently: names the record and the number acknowledged.
        """
        self._given += 1
        partition = key_hash(key) % self._partitions
        if self._workers is not None:
            self._wait_for_workers(self._workers, partition, len(key) + len(value))
        sent = _Sent(self._given, partition, key, value, headers, None)
        self._window.append(sent._replace(future=self._send(sent)))
        self._window_bytes += len(key) + len(value)
        self._unchecked += 1
        if self._unchecked >= CHECK_EVERY:
            self.check()
        if self._window_bytes > WINDOW_BYTES:
            self._wait(lambda: self._window_bytes <= WINDOW_BYTES // 2, "the broker")

    def check(self) -> None:
        """Count acknowledged records, and send failed ones again."""
        self._unchecked = 0
        window = self._window
        while window and window[0].future.is_done:
            if window[0].future.failed():
                self._send_again(window[0])
                return
            self._arrived(window.popleft())

    def flush(self, timeout_s: float | None = None) -> None:
        """Wait until all records are acknowledged.

        Raises
        ------
        WardwatchError
            When that takes longer than `timeout_s`.
        """
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        wait = _Wait(self._on_waiting, "the broker")
        while self._window:
            try:
                self._producer.flush(timeout=0.2)
            except KafkaTimeoutError:
                wait.goes_on()
            self.check()
            if self._window and deadline_s is not None and time.monotonic() > deadline_s:
                raise WardwatchError(
                    f"The broker did not acknowledge the last {len(self._window)} facts. "
                    "Publish the same again when it is available; duplicates are ignored."
                )
        wait.ended()

    def close(self) -> None:
        """Close the connection; unacknowledged records are dropped."""
        if self._workers is not None:
            self._workers.close()
        _abandon(self._producer)

    def _connect(self) -> Any:
        """Return a new producer, waiting until the broker answers."""
        embedded = self._settings.kafka_embedded
        wait = _Wait(self._on_waiting, "the broker")
        while True:
            try:
                producer = KafkaProducer(
                    **connection(self._settings),
                    acks="all",
                    enable_idempotence=True,
                    compression_type="lz4" if has_lz4() and not embedded else "gzip",
                    batch_size=BATCH_BYTES,
                    linger_ms=LINGER_PACED_MS if self._prompt else LINGER_MS,
                    delivery_timeout_ms=int(DELIVERY_TIMEOUT_S * 1000),
                    request_timeout_ms=10_000,
                    reconnect_backoff_max_ms=1_000,
                    metrics_enabled=False,
                )
            except KafkaError as error:
                self._refuse(error)
                if self._stopped():
                    raise WardwatchError(
                        f"The broker at {self._settings.kafka_bootstrap_servers} is unavailable. Publish again later."
                    ) from None
                wait.goes_on()
                time.sleep(0.2)
            else:
                wait.ended()
                return producer

    def _send(self, sent: _Sent) -> Any:
        headers = list(sent.headers) or None
        try:
            return self._producer.send(
                self._topic, value=sent.value, key=sent.key, partition=sent.partition, headers=headers
            )
        except KafkaError as error:
            self._refuse(error, sent)
            return _Failed(error)

    def _arrived(self, sent: _Sent) -> None:
        size_bytes = len(sent.key) + len(sent.value)
        self._failures = 0
        self._window_bytes -= size_bytes
        self.acknowledged += 1
        self.acknowledged_bytes += size_bytes
        if self._workers is not None:
            self._workers.flow.taken(sent.partition, sent.future.value.offset, size_bytes)

    def _send_again(self, failed: _Sent) -> None:
        """Replace the producer, and send all unacknowledged records again."""
        error: Exception = failed.future.exception
        self._refuse(error, failed)
        self._failures += 1
        if self._failures >= MAX_FAILURES:
            raise WardwatchError(
                f"Kafka rejected the facts {MAX_FAILURES} times in a row: {type(error).__name__}. See the broker's log."
            ) from error
        _abandon(self._producer)
        self._producer = self._connect()
        window, self._window = self._window, deque()
        for sent in window:
            if sent.future.is_done and not sent.future.failed():
                self._arrived(sent)
            else:
                self.sent_again += 1
                self._window.append(sent._replace(future=self._send(sent)))

    def _refuse(self, error: Exception, sent: _Sent | None = None) -> None:
        for kind, remedy in REMEDIES:
            if isinstance(error, kind):
                what = "facts" if sent is None else f"record {sent.number:,} ({_name(sent)})"
                arrived = "" if sent is None else self._arrived_so_far()
                reason = f"Kafka rejected {what} on {self._topic}: {kind.__name__}. {remedy}{arrived}"
                raise UsageError(reason) from error

    def _arrived_so_far(self) -> str:
        return (
            f" {self.acknowledged:,} records were written; those after them may be missing. "
            "Publish the same again afterwards; duplicates are ignored."
        )

    def _wait(self, enough: Callable[[], bool], waiting_for: str) -> None:
        wait = _Wait(self._on_waiting, waiting_for)
        while not enough() and not self._stopped():
            self.check()
            wait.goes_on()
            time.sleep(POLL_S)
        wait.ended()

    def _wait_for_workers(self, workers: _Workers, partition: int, size_bytes: int) -> None:
        if workers.flow.is_full(partition):
            self._wait(lambda: workers.has_room(partition), "a worker")
        workers.flow.sent(partition, size_bytes)


class _Wait:
    """Reports a wait once it has lasted longer than `PATIENCE_S`, and then its end."""

    def __init__(self, on_waiting: Callable[[str | None], None], waiting_for: str) -> None:
        self._on_waiting, self._waiting_for = on_waiting, waiting_for
        self._began_s, self._reported = time.monotonic(), False

    def goes_on(self) -> None:
        if not self._reported and time.monotonic() - self._began_s > PATIENCE_S:
            self._on_waiting(self._waiting_for)
            self._reported = True

    def ended(self) -> None:
        if self._reported:
            self._on_waiting(None)


class _Workers:
    """Committed offsets of the workers on the embedded broker."""

    def __init__(self, settings: Settings, topic: str, partitions: int) -> None:
        self.flow = FlowControl()
        self._consumer = KafkaConsumer(**connection(settings), group_id=WORKER_GROUP, enable_auto_commit=False)
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]
        self._looked_s = 0.0
        first = self._consumer.beginning_offsets(self._partitions)
        last = self._consumer.end_offsets(self._partitions)
        committed = self._committed()
        for partition in self._partitions:
            done = max(committed.get(partition.partition, 0), first[partition])
            self.flow.found(partition.partition, end_offset=last[partition], committed=done)

    def has_room(self, partition: int) -> bool:
        """Return whether the partition takes more; reads the committed offsets at most every `COMMITTED_POLL_S`."""
        if time.monotonic() - self._looked_s >= COMMITTED_POLL_S:
            self._looked_s = time.monotonic()
            self.flow.committed(self._committed())
        return not self.flow.is_full(partition)

    def close(self) -> None:
        self._consumer.close()

    def _committed(self) -> dict[int, int]:
        offsets = {partition.partition: self._consumer.committed(partition) for partition in self._partitions}
        return {number: offset for number, offset in offsets.items() if offset is not None}


class _Failed:
    """The future of a record that could not even be sent."""

    is_done = True

    def __init__(self, exception: Exception) -> None:
        self.exception = exception

    def failed(self) -> bool:
        return True


@lru_cache(maxsize=200_000)
def key_hash(key: bytes) -> int:
    """Return Kafka's own hash of a key, so that all producers choose the same partition. Cached: it costs 10 us."""
    return int(murmur2(key)) & 0x7FFFFFFF


def _name(sent: _Sent) -> str:
    """Describe a record by its key (a patient token, a bed, or a file and a number in it) and its size."""
    return f"key {sent.key.decode(errors='backslashreplace')}, {len(sent.value):,} bytes"


def _abandon(producer: Any) -> None:
    """Close without waiting for undeliverable records: `close` alone waits, or raises and leaves its thread."""
    producer._sender.force_close()
    producer._sender.join(timeout=10.0)
    producer.close(timeout=0)
