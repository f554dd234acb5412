"""Event time: of each partition from the facts read, and overall from all partitions.

One wrong clock must not move the whole hospital into next year, so the time of a partition is the latest that at least
`WITNESSES` facts have reached.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec

WITNESSES = 3
"""Facts that must have reached a time before it counts."""

Heads = tuple[datetime, ...]
"""The latest event times of a partition, newest first, at most `WITNESSES` of them."""


class PartitionMark(NamedTuple):
    """A partition's heads, and whether nothing was left to read in it after the last batch."""

    heads: Heads
    caught_up: bool

    @property
    def reached(self) -> datetime | None:
        """The time that `WITNESSES` facts have reached, None with fewer facts."""
        return self.heads[-1] if len(self.heads) == WITNESSES else None


def advance(heads: Heads, occurred_at: Iterable[datetime]) -> Heads:
    """Return the heads after further facts, given the times at which they happened."""
    return tuple(sorted((*heads, *occurred_at), reverse=True)[:WITNESSES])


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


def encode_heads(heads: Heads) -> bytes:
    """Encode the heads for storage in SQL."""
    return msgspec.json.encode(heads)


def decode_heads(raw: bytes) -> Heads:
    """Decode what `encode_heads` wrote."""
    return _decoder.decode(raw)
