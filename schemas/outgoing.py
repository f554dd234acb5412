"""A record on its way to the topic of ADT events: a fact, or what an interface could not read."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from schemas.events import AnyFact, encode_fact

REJECTED_HEADER = "wardwatch-rejected"
"""A record with this header is no fact; the worker keeps it with the dead letters, and the header says why."""

MAX_BYTES = 1_000_000
"""Of a record's value: Kafka takes 1 MiB with all that is around it."""

MAX_REJECTED_BYTES = 900_000
"""What is kept of bytes that are no fact: the reason travels with them."""

MAX_REASON, MAX_KEY = 20_000, 200
"""Characters."""


class Outgoing(NamedTuple):
    """One record. `recorded_at` (aware UTC) paces it; None goes at once."""

    key: bytes
    value: bytes
    recorded_at: datetime | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def outgoing(fact: AnyFact) -> Outgoing:
    """Return a fact as it goes to Kafka."""
    return Outgoing(fact.partition_key.encode(), encode_fact(fact), fact.recorded_at)


def rejected(raw: bytes, reason: str, key: str) -> Outgoing:
    """Return bytes that are no fact as they go to Kafka, with the reason; from there they become a dead letter.

    A record that Kafka does not take would stop all that come after it, so what is too large is cut, and the reason
    says so: the whole is with the sender only.
    """
    if len(reason) > MAX_REASON:
        reason = f"{reason[:MAX_REASON]} ... and more."
    if len(raw) > MAX_REJECTED_BYTES:
        reason += f" Cut: these are the first {MAX_REJECTED_BYTES:,} of {len(raw):,} bytes; the sender has the rest."
        raw = raw[:MAX_REJECTED_BYTES]
    header = (REJECTED_HEADER, reason.encode(errors="backslashreplace"))
    return Outgoing(key[:MAX_KEY].encode(errors="backslashreplace"), raw, headers=(header,))
