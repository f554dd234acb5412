"""SQL of the largest number of patients at once in a unit, without reading all its stays each time.

The largest number up to a day ago is cached; what came after follows from the patients of the last day, which are read
anyway. All stays of a unit are read when it is seen first, when something earlier than a day ago was corrected, or when
the last look is too long ago.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from heapq import merge
from typing import NamedTuple

from sqlalchemy import Connection

from streams.capacity import queries
from streams.capacity.census import HOURS, Presence
from streams.capacity.learnt import Move, most_at_once
from streams.store.places import places_of

UnitKey = tuple[str, str]

CACHED_UNTIL = timedelta(hours=HOURS)
"""How long before now the cached part ends: a fact that is later than this costs a look at all stays of a unit."""

MIN_INTERVAL_RATIO = 20
"""All stays of a unit are read again after this many times as long as it took last, at the earliest."""


class _Known(NamedTuple):
    """The largest number of patients at once, up to and including `until`."""

    until: datetime
    most: int
    is_valid: bool
    read_again_s: float
    """Seconds of the monotonic clock from which on all stays may be read again."""


class Peaks:
    """Largest numbers of patients at once, of the units that were asked for."""

    def __init__(self) -> None:
        self._known: dict[UnitKey, _Known] = {}

    def forget(self, unit: UnitKey, since: datetime | None) -> None:
        """Note that the patients in a unit changed from a time on; None: that the time is not known."""
        known = self._known.get(unit)
        if known is not None and (since is None or since <= known.until):
            self._known[unit] = known._replace(is_valid=False)

    def most(
        self, connection: Connection, unit: UnitKey, presences: Sequence[Presence], waiting: int, as_of: datetime
    ) -> int:
        """Return the largest number of patients who were ever in a unit at once.

        Parameters
        ----------
        connection : Connection
            Only read.
        unit : tuple of str
            Facility and unit.
        presences : sequence of Presence
            Who is in the unit, or left it since the window's begin.
        waiting : int
            Patients in the unit beside those, from before the window.
        as_of : datetime
            Event time, aware UTC; the window began `streams.capacity.store.WINDOW` before it.
        """
        until = as_of - CACHED_UNTIL
        recent = _moves((presence.arrived_at, presence.left_at) for presence in presences)
        known = self._known.get(unit)
        window_begins = until - timedelta(hours=1)
        is_joined = known is not None and known.is_valid and known.until >= window_begins
        if known is None or (not is_joined and time.monotonic() >= known.read_again_s):
            known = self._read(connection, unit, until)
        elif is_joined and known.until < until:
            known = known._replace(
                until=until, most=max(known.most, waiting + most_at_once(recent, after=known.until, until=until))
            )
        self._known[unit] = known
        return max(known.most, waiting + most_at_once(recent, after=max(window_begins, min(known.until, until))))

    def _read(self, connection: Connection, unit: UnitKey, until: datetime) -> _Known:
        """Read all stays of a unit."""
        began_s = time.monotonic()
        named = {"facility": unit[0], "unit": unit[1]}
        here = connection.execute(queries.STILL_HERE, named).all()
        released_at = places_of(connection, here).released_at
        of_open = _moves((row.arrived_at, released_at.get(row.encounter_id)) for row in here)
        ended = connection.execute(queries.MOVES, {**named, "until": until})
        most = most_at_once(merge(of_open, (Move(row.at, row.change) for row in ended)), until=until)
        now_s = time.monotonic()
        return _Known(until, most, True, now_s + MIN_INTERVAL_RATIO * (now_s - began_s))


def _moves(stays: Iterable[tuple[datetime, datetime | None]]) -> list[Move]:
    found = []
    for arrived_at, left_at in stays:
        found.append(Move(arrived_at, 1))
        if left_at is not None:
            found.append(Move(left_at, -1))
    return sorted(found)
