"""Records as Kafka delivers them, and the batch of facts that is read from them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from schemas.errors import FactRejected
from schemas.events import (
    AnyFact,
    check_subject,
    decode_fact,
    encode_fact,
)
from schemas.outgoing import PACE_HEADER, REJECTED_HEADER
from streams.fold.event_time import Sample

EPOCH, MILLISECOND, SECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1), timedelta(seconds=1)
AS_FAST_AS_POSSIBLE = float("inf")
MAX_PACE = 1_000_000.0
"""Seconds of event time per second of the wall clock; a header with more is ignored."""


class Record(NamedTuple):
    """A Kafka record as received."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    sent_ms: int | None = None
    """Kafka's timestamp: when the interface put it on Kafka, in ms since 1970. None outside Kafka."""


class Fetch(NamedTuple):
    """At least one record of one partition, and whether the last of them is the end of the partition."""

    records: Sequence[Record]
    caught_up: bool


def fetches_of(app: Any, events: Sequence[Any]) -> list[Fetch]:
    """Return the records of some events of the batch transport, event by event."""
    return [fetch_of(app.consumer, event) for event in events]


def fetch_of(consumer: Any, event: Any) -> Fetch:
    """Return the records of one event of the batch transport.

    A partition that was revoked meanwhile counts as not read to its end.
    """
    tp = event.message.tp
    highwater = consumer.highwater(tp)
    at_the_end = highwater is None or event.message.offset + 1 >= highwater
    records = [
        Record(
            record.topic, record.partition, record.offset, record.key, record.value, record.headers, record.timestamp
        )
        for record in event.value
    ]
    return Fetch(records, at_the_end and tp in consumer.assignment())


class PartitionRead(NamedTuple):
    """The times of the facts read from one partition, and whether it is read to its end."""

    times: dict[bytes, datetime]
    """`recorded_at` by canonical body, so that a duplicate fact counts once for the event time."""
    caught_up: bool
    samples: list[Sample]
    """The first fact of each second, for the board's time."""
    sent_at: datetime | None
    """When the last record was put on Kafka."""


class Batch(NamedTuple):
    """Fetches of one topic after reading: facts with their canonical bodies, and rejected records."""

    topic: str
    partitions: dict[int, PartitionRead]
    facts: dict[bytes, AnyFact]
    """By canonical body, so that an exact duplicate is one entry."""
    rejected: list[tuple[Record, str]]
    records: Mapping[bytes, Record] = {}
    """The first record of each fact, by canonical body."""


def read_batch(fetches: Sequence[Fetch]) -> Batch:
    """Read fetches of one topic; invalid records are rejected, and never raise."""
    facts: dict[bytes, AnyFact] = {}
    rejected: list[tuple[Record, str]] = []
    first: dict[bytes, Record] = {}
    partitions: dict[int, _Partition] = defaultdict(_Partition)
    for records, caught_up in fetches:
        partition = partitions[records[0].partition]
        partition.caught_up, partition.sent_ms = caught_up, records[-1].sent_ms
        for record in records:
            try:
                if record.headers:
                    _check_headers(record.headers)
                fact = decode_fact(record.value or b"")
                check_subject(fact)
            except FactRejected as error:
                rejected.append((record, str(error)))
                continue
            body = encode_fact(fact)
            facts[body] = fact
            first.setdefault(body, record)
            partition.times[body] = partition.recorded_at(record, fact)
    reads = {number: partition.read() for number, partition in partitions.items()}
    return Batch(fetches[0].records[0].topic, reads, facts, rejected, first)


class _Pace(NamedTuple):
    """The pace that a replay announces, and, if it says so, an event time and the wall clock's time of it."""

    factor: float
    event_time: datetime | None = None
    wall: datetime | None = None

    def sample(self, recorded_at: datetime, sent_at: datetime) -> Sample:
        """Return the sample of a fact: by the replay's own clock, if that is known."""
        if self.event_time is None or self.wall is None:
            return Sample(recorded_at, sent_at, self.factor)
        return Sample(self.event_time + (sent_at - self.wall) * self.factor, sent_at, self.factor)


class _Partition:
    """What is read of one partition while a batch is read."""

    def __init__(self) -> None:
        self.times: dict[bytes, datetime] = {}
        self.samples: list[Sample] = []
        self.sent_ms: int | None = None
        self.caught_up = False
        self._second_ms = 0
        self._second = EPOCH
        """Since the last sample: in Unix ms, and as a time."""

    def recorded_at(self, record: Record, fact: AnyFact) -> datetime:
        """Return when a fact was recorded, and take a sample if it is the first of its second.

        An interface cannot send a fact before it was recorded: then the sender's clock is ahead.
        """
        recorded_at, sent_ms = fact.recorded_at, record.sent_ms
        if sent_ms is None:
            return recorded_at
        if 0 <= sent_ms - self._second_ms < 1_000 and recorded_at <= self._second:
            return recorded_at
        pace = _announced(record.headers)
        if pace is not None and pace.factor == AS_FAST_AS_POSSIBLE:
            return recorded_at
        sent_at = EPOCH + sent_ms * MILLISECOND
        if pace is None:
            recorded_at = min(recorded_at, sent_at)
        if not 0 <= sent_ms - self._second_ms < 1_000:
            self.samples.append(pace.sample(recorded_at, sent_at) if pace else Sample(recorded_at, sent_at))
            self._second_ms, self._second = sent_ms, sent_at
        return recorded_at

    def read(self) -> PartitionRead:
        """Return the result."""
        sent_at = None if self.sent_ms is None else EPOCH + self.sent_ms * MILLISECOND
        return PartitionRead(self.times, self.caught_up, self.samples, sent_at)


def _announced(headers: Sequence[tuple[str, bytes]]) -> _Pace | None:
    """Return the pace that a replay announces; None for an interface, or for what is not a pace."""
    for name, value in headers or ():
        if name == PACE_HEADER:
            return _read_pace(value)
    return None


@lru_cache(maxsize=64)
def _read_pace(value: bytes) -> _Pace | None:
    if value == b"max":
        return _Pace(AS_FAST_AS_POSSIBLE)
    try:
        pace, *since = (float(number) for number in value.split())
        event_time, wall = (EPOCH + timedelta(seconds=seconds) for seconds in since) if since else (None, None)
    except (ValueError, OverflowError):
        return None
    return _Pace(pace, event_time, wall) if 0 < pace <= MAX_PACE else None


def _check_headers(headers: Sequence[tuple[str, bytes]]) -> None:
    for name, value in headers:
        if name == REJECTED_HEADER:
            raise FactRejected(value.decode(errors="replace"))


def is_marked(record: Record) -> bool:
    """Return whether an interface has marked the record as rejected."""
    return any(name == REJECTED_HEADER for name, _ in record.headers or ())
