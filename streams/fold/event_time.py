"""Event time: of each partition from the facts read, and overall from all partitions.

One wrong clock must not move the whole hospital into next year, so the time of a partition is the latest that at least
`WITNESSES` facts have reached. `streams.fold.board_clock` makes the board's time of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec

WITNESSES = 3
"""Facts that must have reached a time before it counts."""

MAX_SAMPLES = 16
"""Samples kept of each partition."""

Heads = tuple[datetime, ...]
"""The latest times at which facts of a partition were recorded, newest first, at most `WITNESSES` of them."""


class Sample(NamedTuple):
    """A fact as it was put on Kafka: how late it was, and at which pace it came."""

    at: datetime
    """When it was recorded, by the sender's clock; not later than `sent_at` unless a pace is announced."""
    sent_at: datetime
    """When it was put on Kafka, by the wall clock of the interface."""
    pace: float | None = None
    """Seconds of event time per second of the wall clock, as a replay announces it; None for an interface."""


Samples = tuple[Sample, ...]


class PartitionMark(NamedTuple):
    """A partition's heads, and whether nothing was left to read in it when it was last looked at."""

    heads: Heads
    caught_up: bool
    samples: Samples = ()
    """The latest facts, at most one a second, in the order of `sent_at`; none of what came as fast as possible."""
    sent_at: datetime | None = None
    """When the last record that was read was put on Kafka."""
    checked_at: datetime | None = None
    """When a worker last compared what it has read with the end of the partition."""

    @property
    def reached(self) -> datetime | None:
        """The time that `WITNESSES` facts have reached, None with fewer facts."""
        return self.heads[-1] if len(self.heads) == WITNESSES else None


def advance(heads: Heads, recorded_at: Iterable[datetime]) -> Heads:
    """Return the heads after further facts, given the times at which they were recorded."""
    return tuple(sorted((*heads, *recorded_at), reverse=True)[:WITNESSES])


def keep_samples(samples: Samples, more: Iterable[Sample]) -> Samples:
    """Return the latest samples after further ones."""
    return tuple(sorted((*samples, *more), key=lambda sample: sample.sent_at)[-MAX_SAMPLES:])


def overall(marks: Iterable[PartitionMark]) -> datetime | None:
    """Return the event time up to which everything that was reported has been processed.

    It is the earliest time among the partitions that still have records to read; a partition that was read to its end
    does not delay it. When all of them were read to the end, it is the latest time.
    """
    given = list(marks)
    behind = [mark.reached for mark in given if not mark.caught_up]
    if behind:
        known = [time for time in behind if time is not None]
        return min(known) if len(known) == len(behind) else None
    return max((mark.reached for mark in given if mark.reached is not None), default=None)


_decoder = msgspec.json.Decoder(tuple[datetime, ...])
_samples_decoder = msgspec.json.Decoder(tuple[Sample, ...])


def encode_heads(heads: Heads) -> bytes:
    """Encode the heads for storage in SQL."""
    return msgspec.json.encode(heads)


def decode_heads(raw: bytes) -> Heads:
    """Decode what `encode_heads` wrote."""
    return _decoder.decode(raw)


def encode_samples(samples: Samples) -> bytes:
    """Encode the samples for storage in SQL."""
    return msgspec.json.encode(samples)


def decode_samples(raw: bytes | None) -> Samples:
    """Decode what `encode_samples` wrote; nothing where none were stored."""
    return _samples_decoder.decode(raw) if raw else ()
