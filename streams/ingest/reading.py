"""What is read of one message."""

from __future__ import annotations

from typing import NamedTuple

from schemas.events import (
    AnyFact,
)
from streams.ingest.hl7.header import Header


class Reading(NamedTuple):
    """What came of a message: facts, or why there are none."""

    control_id: str | None
    """MSH-10."""
    trigger: str | None
    """MSH-9.2."""
    facts: tuple[AnyFact, ...] = ()
    rejected: str | None = None
    """Segment, field, reason and remedy; never what stood there."""
    header: Header = Header()
    """What an answer repeats; empty where none can be read."""
