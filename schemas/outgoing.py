"""A record on its way to the topic of ADT events: a fact, or what an interface could not read."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from schemas.events import AnyFact, encode_fact

REJECTED_HEADER = "wardwatch-rejected"
"""A record with this header is no fact; the worker keeps it with the dead letters, and the header says why."""


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
    """Return bytes that are no fact as they go to Kafka, with the reason; from there they become a dead letter."""
    return Outgoing(key.encode(), raw, headers=((REJECTED_HEADER, reason.encode()),))
