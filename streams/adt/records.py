"""Records as Kafka delivers them, and the batch of facts that is read from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from schemas.errors import FactRejected
from schemas.events import (
    AnyFact,
    check_subject,
    decode_fact,
    encode_fact,
)
from schemas.outgoing import REJECTED_HEADER


class Record(NamedTuple):
    """A Kafka record as received."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


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
        Record(record.topic, record.partition, record.offset, record.key, record.value, record.headers)
        for record in event.value
    ]
    return Fetch(records, at_the_end and tp in consumer.assignment())


class PartitionRead(NamedTuple):
    """The event times of the facts read from one partition, and whether it is read to its end."""

    times: dict[bytes, datetime]
    """By canonical body, so that a duplicate fact counts once for the event time."""
    caught_up: bool


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
    partitions: dict[int, PartitionRead] = {}
    first: dict[bytes, Record] = {}
    for records, caught_up in fetches:
        partition = records[0].partition
        times = partitions[partition].times if partition in partitions else {}
        partitions[partition] = PartitionRead(times, caught_up)
        for record in records:
            try:
                _check_headers(record.headers)
                fact = decode_fact(record.value or b"")
                check_subject(fact)
            except FactRejected as error:
                rejected.append((record, str(error)))
                continue
            body = encode_fact(fact)
            facts[body] = fact
            first.setdefault(body, record)
            times[body] = fact.occurred_at
    return Batch(fetches[0].records[0].topic, partitions, facts, rejected, first)


def _check_headers(headers: Sequence[tuple[str, bytes]]) -> None:
    for name, value in headers or ():
        if name == REJECTED_HEADER:
            raise FactRejected(value.decode(errors="replace"))


def is_marked(record: Record) -> bool:
    """Return whether an interface has marked the record as rejected."""
    return any(name == REJECTED_HEADER for name, _ in record.headers or ())
