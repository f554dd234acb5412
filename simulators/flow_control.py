"""Flow control for the embedded broker, which keeps 5 MiB a partition and drops the rest.

Pure bookkeeping of bytes that no worker has committed yet. The sender reports what it sent and at which offset it was
acknowledged; the poller reports the committed offsets; the answer is whether a partition is full.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

LIMIT_BYTES = 3_000_000
"""Of 5 MiB: leaves room for unacknowledged records and other producers. Counted before compression: never too low."""
RECORD_OVERHEAD_BYTES = 80
"""Of a record and its share of a batch header."""
ASSUMED_RECORD_BYTES = 700
"""For records of other producers: a fact with many diagnoses is smaller."""


class FlowControl:
    """Count bytes sent but not committed, by partition.

    Parameters
    ----------
    limit_bytes : int
        A partition that holds this much is full.

    Examples
    --------
    >>> flow = FlowControl(limit_bytes=1_000)
    >>> flow.sent(0, 920)  # and 80 of overhead
    >>> flow.is_full(0)
    True
    >>> flow.taken(0, 17, 920)
    >>> flow.committed({0: 18})
    True
    >>> flow.is_full(0)
    False
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._held: dict[int, int] = {}
        self._taken: dict[int, deque[tuple[int, int]]] = {}
        self._next_offset: dict[int, int] = {}
        self._committed: dict[int, int] = {}

    def found(self, partition: int, *, end_offset: int, committed: int) -> None:
        """Set the state of a partition at the start: uncommitted records of other producers.

        Parameters
        ----------
        partition : int
            Its number.
        end_offset, committed : int
            The offset the next record will get, and the one up to which the workers are done (or where the broker's
            oldest record stands, when they have done nothing).
        """
        self._next_offset[partition] = end_offset
        self._committed[partition] = committed
        self._others(partition, end_offset - 1, end_offset - committed)

    def sent(self, partition: int, size_bytes: int) -> None:
        """Count a record when it is sent."""
        self._held[partition] = self._held.get(partition, 0) + size_bytes + RECORD_OVERHEAD_BYTES

    def taken(self, partition: int, offset: int, size_bytes: int) -> None:
        """Set the offset of an acknowledged record; a gap before it are records of other producers."""
        expected = self._next_offset.get(partition, offset)
        if offset > expected:
            self._others(partition, offset - 1, offset - expected)
        self._next_offset[partition] = max(expected, offset + 1)
        if offset < self._committed.get(partition, 0):
            self._held[partition] -= size_bytes + RECORD_OVERHEAD_BYTES
        else:
            self._taken.setdefault(partition, deque()).append((offset, size_bytes + RECORD_OVERHEAD_BYTES))

    def committed(self, offsets: Mapping[int, int]) -> bool:
        """Set the committed offsets (exclusive); return whether any of them advanced."""
        moved = False
        for partition, offset in offsets.items():
            if offset <= self._committed.get(partition, 0):
                continue
            moved = True
            self._committed[partition] = offset
            taken = self._taken.get(partition, deque())
            while taken and taken[0][0] < offset:
                self._held[partition] -= taken.popleft()[1]
        return moved

    def held_bytes(self, partition: int) -> int:
        """Return the bytes of a partition that are sent and not committed."""
        return self._held.get(partition, 0)

    def is_full(self, partition: int) -> bool:
        """Return whether a partition must take no more for now."""
        return self._held.get(partition, 0) >= self._limit_bytes

    def _others(self, partition: int, last_offset: int, records: int) -> None:
        if records > 0:
            size_bytes = records * ASSUMED_RECORD_BYTES
            self._held[partition] = self._held.get(partition, 0) + size_bytes
            self._taken.setdefault(partition, deque()).append((last_offset, size_bytes))
