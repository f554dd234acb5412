"""A record for the topic of ADT events: a fact, or an input that an interface could not read."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from schemas.events import AnyFact, encode_fact

REJECTED_HEADER = "wardwatch-rejected"
"""Header of a record that is not a fact: the reason. The worker stores such a record as a dead letter."""

PACE_HEADER = "wardwatch-pace"
"""Header of a record that a replay publishes: `max`, or its pace in seconds of event time per second of the wall clock,
and, after spaces, an event time and the time of the wall clock at which it was due, both in seconds since 1970."""

MAX_BYTES = 1_000_000
"""Of a record's value: Kafka accepts 1 MiB including key, headers and overhead."""

MAX_REJECTED_BYTES = 900_000
"""Of a rejected input; leaves room for the reason in the header."""

MAX_REASON, MAX_KEY = 20_000, 200
"""Characters."""


class Outgoing(NamedTuple):
    """One record. `recorded_at` (aware UTC) sets when it is sent in a paced replay; None is sent at once."""

    key: bytes
    value: bytes
    recorded_at: datetime | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def outgoing(fact: AnyFact) -> Outgoing:
    """Return the record of a fact."""
    return Outgoing(fact.partition_key.encode(), encode_fact(fact), fact.recorded_at)


def rejected(raw: bytes, reason: str, key: str) -> Outgoing:
    """Return the record of an input that is not a fact, with the reason; the worker makes it a dead letter.

    A record that is too large for Kafka would block all records after it. So a long input is cut, and the reason says
    so: only the sender has the whole.
    """
    if len(reason) > MAX_REASON:
        reason = f"{reason[:MAX_REASON]} ... and more."
    if len(raw) > MAX_REJECTED_BYTES:
        reason += f" Cut: these are the first {MAX_REJECTED_BYTES:,} of {len(raw):,} bytes; the sender has the rest."
        raw = raw[:MAX_REJECTED_BYTES]
    header = (REJECTED_HEADER, reason.encode(errors="backslashreplace"))
    return Outgoing(key[:MAX_KEY].encode(errors="backslashreplace"), raw, headers=(header,))
