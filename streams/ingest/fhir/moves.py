"""Encounter.location, sorted out: where the patient has been and since when, is now, and is to come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.events import Location
from streams.ingest.fhir.json_values import Json, Refused, items, part
from streams.ingest.fhir.locations import Place
from streams.ingest.fhir.times import When, when

RESERVED = ("planned", "reserved")
"""Encounter.location.status of a place where the patient is not yet."""

CLOCKS_DIFFER = timedelta(minutes=5)
"""A server's clock and that of whoever wrote the time differ by less: what begins later than this is to come."""

Locate = Callable[[Sequence[Place], Location | None], Location | None]


class Entry(NamedTuple):
    """One of Encounter.location."""

    place: Place
    status: object
    start: When | None
    end: When | None

    @property
    def is_reserved(self) -> bool:
        """Whether it says that the patient is not there yet."""
        return self.status in RESERVED

    @property
    def is_nothing(self) -> bool:
        """Whether the patient left at the instant of coming."""
        return self.status != "active" and self.start is not None and self.start == self.end and not self.start.is_day

    def was_left(self, until: datetime) -> bool:
        """Whether the patient is there no more."""
        ended = self.end is not None and self.end.until <= until
        return self.status == "completed" or (self.status != "active" and ended)


class Moves(NamedTuple):
    """Where and since when, what has no time, and what is to come."""

    timed: list[tuple[datetime, Location]]
    untimed: Location | None
    planned: tuple[datetime | None, Location] | None


def entries_of(encounter: Json, zone: ZoneInfo) -> list[Entry]:
    """Read the entries.

    Raises
    ------
    Refused
        When a start is no time. An end that is none is not needed: the next place has a start.
    """
    found = []
    for index, item in items(encounter.get("location")):
        path = f"location[{index}]"
        start = when(part(item, "period", "start"), f"{path}.period.start", zone)
        found.append(Entry(Place(item, path), item.get("status"), start, _end(item, path, zone)))
    return found


def _end(item: Json, path: str, zone: ZoneInfo) -> When | None:
    try:
        return when(part(item, "period", "end"), f"{path}.period.end", zone)
    except Refused:
        return None


def starts(entries: Iterable[Entry]) -> list[When]:
    """Return when the patient came to the places; nothing where one of them does not say it."""
    been = [entry.start for entry in entries if not entry.is_reserved and not entry.is_nothing]
    return [] if None in been else [start for start in been if start is not None]


def moves(entries: Iterable[Entry], locate: Locate, *, begins: datetime | None, until: datetime, over: bool) -> Moves:
    """Sort the places; entries of one start are one place, told at several levels.

    Parameters
    ----------
    entries : iterable of Entry
        In any order.
    locate : callable
        Finds the place that entries name, with the place before them.
    begins : datetime or None
        When the stay does. A place that the patient comes to by then is no plan.
    until : datetime
        When all this was said: whoever is still here cannot have moved later.
    over : bool
        Whether the stay is.
    """
    coming: list[Entry] = []
    timed: dict[datetime, list[Entry]] = {}
    untimed: list[Entry] = []
    for entry in entries:
        if entry.is_reserved or (not over and _is_to_come(entry, begins, until)):
            coming.append(entry)
        elif entry.start is None:
            untimed.append(entry)
        elif not entry.is_nothing:
            timed.setdefault(entry.start.at, []).append(entry)
    groups = [(since, _active_first(timed[since])) for since in sorted(timed)]
    found: list[tuple[datetime, Location]] = []
    for since, group in groups + ([] if over else _back(groups, until)):
        place = locate([entry.place for entry in group], found[-1][1] if found else None)
        if place is not None:
            found.append((since, place))
    before = found[-1][1] if found else None
    if not over:
        untimed = _now(untimed, any(entry.status == "active" for group in timed.values() for entry in group), until)
    here = locate([entry.place for entry in untimed], before) if untimed else None
    return Moves(found, here, _planned(coming, locate, before))


def _is_to_come(entry: Entry, begins: datetime | None, until: datetime) -> bool:
    if entry.start is None or entry.start.at <= until + CLOCKS_DIFFER:
        return False
    return begins is None or entry.start.at > begins


def _active_first(group: list[Entry]) -> list[Entry]:
    """Return those of one start where the patient is, if one is said to be: the others were left."""
    if any(entry.status == "active" for entry in group):
        return [entry for entry in group if entry.status != "completed"]
    return group


def _now(untimed: list[Entry], active_elsewhere: bool, until: datetime) -> list[Entry]:
    """Return those without a start where the patient is now."""
    if active_elsewhere or any(entry.status == "active" for entry in untimed):
        return [entry for entry in untimed if entry.status == "active"]
    return [entry for entry in untimed if not entry.was_left(until)]


def _back(groups: Sequence[tuple[datetime, list[Entry]]], until: datetime) -> list[tuple[datetime, list[Entry]]]:
    """Return the way back to a place that is still active, when the last one was left: from an operation, say."""
    if not groups or not all(entry.was_left(until) for entry in groups[-1][1]):
        return []
    active = [[entry for entry in group if entry.status == "active"] for _, group in groups[:-1]]
    still = next((group for group in reversed(active) if group), None)
    if still is None:
        return []
    ends = [entry.end.at for entry in groups[-1][1] if entry.end is not None]
    return [(max(groups[-1][0], min(max(ends, default=until), until)), still)]


def _planned(coming: list[Entry], locate: Locate, before: Location | None) -> tuple[datetime | None, Location] | None:
    """Return the place that is reserved, or else the one that is to come first."""
    expected = min((entry.start.at for entry in coming if entry.start is not None), default=None)
    wanted = [entry for entry in coming if entry.is_reserved]
    if not wanted:
        wanted = [entry for entry in coming if entry.start is not None and entry.start.at == expected]
    place = locate([entry.place for entry in wanted], before) if wanted else None
    return None if place is None else (expected, place)
