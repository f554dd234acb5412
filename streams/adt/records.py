"""Records as Kafka delivers them, and the batch of facts that is read from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

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
    """What one fetch brought of one partition: at least one record, and whether nothing is left behind the last."""

    records: Sequence[Record]
    caught_up: bool


class PartitionRead(NamedTuple):
    """What was read of one partition: the event times of its facts, and whether nothing is left."""

    times: dict[bytes, datetime]
    """By canonical body: the same fact twice is one witness of the time."""
    caught_up: bool


class Batch(NamedTuple):
    """Some fetches, read: facts with their canonical bodies, and what is no fact."""

    topic: str
    partitions: dict[int, PartitionRead]
    facts: dict[bytes, AnyFact]
    """By canonical body, so that an exact duplicate is one entry."""
    rejected: list[tuple[Record, str]]


def read_batch(fetches: Sequence[Fetch]) -> Batch:
    """Read fetches of one topic; never raises for what is in them."""
    facts: dict[bytes, AnyFact] = {}
    rejected: list[tuple[Record, str]] = []
    partitions: dict[int, PartitionRead] = {}
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
            times[body] = fact.occurred_at
    return Batch(fetches[0].records[0].topic, partitions, facts, rejected)


def _check_headers(headers: Sequence[tuple[str, bytes]]) -> None:
    for name, value in headers or ():
        if name == REJECTED_HEADER:
            raise FactRejected(value.decode(errors="replace"))


def is_marked(record: Record) -> bool:
    """Return whether an interface has marked the record as rejected."""
    return any(name == REJECTED_HEADER for name, _ in record.headers or ())
