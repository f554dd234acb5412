"""Former, current and planned locations of a stay, from the entries of Encounter.location."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.errors import InvalidInput
from schemas.events import Location
from streams.ingest.fhir.json_values import Json, items, part
from streams.ingest.fhir.locations import Place
from streams.ingest.fhir.times import When, optional, when
from streams.ingest.reading import InputProblem

RESERVED = ("planned", "reserved")
"""Encounter.location.status of a place to which the patient has not come yet."""

CLOCKS_DIFFER = timedelta(minutes=5)
"""Tolerated difference between two clocks: a time later than the record by more is in the future."""

Locate = Callable[[Sequence[Place], Location | None], Location | None]


class Entry(NamedTuple):
    """One entry of Encounter.location."""

    place: Place
    status: object
    start: When | None
    end: When | None

    @property
    def is_reserved(self) -> bool:
        """Whether the patient has not come to the place yet."""
        return self.status in RESERVED

    @property
    def is_empty(self) -> bool:
        """Whether the patient left at the instant of arrival."""
        return self.status != "active" and self.start is not None and self.start == self.end and not self.start.is_day

    def was_left(self, until: datetime) -> bool:
        """Return whether the patient has left the place."""
        ended = self.end is not None and self.end.until <= until
        return self.status == "completed" or (self.status != "active" and ended)


class Moves(NamedTuple):
    """Locations of a stay."""

    timed: list[tuple[datetime, Location]]
    """With their starts, in order of time."""
    untimed: Location | None
    """The location without a start."""
    planned: tuple[datetime | None, Location] | None
    """The planned location, and when the patient is expected there."""


def entries_of(encounter: Json, zone: ZoneInfo, ignored: list[InputProblem]) -> list[Entry]:
    """Read the entries; an invalid time is as if missing, and an invalid start is added to `ignored`."""
    found = []
    for index, item in items(encounter.get("location")):
        path = f"location[{index}]"
        start = optional(part(item, "period", "start"), f"{path}.period.start", zone, ignored)
        found.append(Entry(Place(item, path), item.get("status"), start, _end(item, path, zone)))
    return found


def _end(item: Json, path: str, zone: ZoneInfo) -> When | None:
    try:
        return when(part(item, "period", "end"), f"{path}.period.end", zone)
    except InvalidInput:
        return None


def starts(entries: Iterable[Entry]) -> list[When]:
    """Return when the patient came to each place; empty where one of them has no start."""
    been = [entry.start for entry in entries if not entry.is_reserved and not entry.is_empty]
    return [] if None in been else [start for start in been if start is not None]


def moves(entries: Iterable[Entry], locate: Locate, *, begins: datetime | None, until: datetime, over: bool) -> Moves:
    """Sort the entries into former, current and planned locations; entries of one start describe one location.

    Parameters
    ----------
    entries : iterable of Entry
        In any order.
    locate : callable
        Returns the location that entries describe, given the location before.
    begins : datetime or None
        When the stay begins. A place to which the patient comes by then is not a plan.
    until : datetime
        When the version was recorded: a patient who is still here cannot have moved later.
    over : bool
        Whether the stay has ended.
    """
    coming: list[Entry] = []
    timed: dict[datetime, list[Entry]] = {}
    untimed: list[Entry] = []
    for entry in entries:
        if entry.is_reserved or (not over and _is_to_come(entry, begins, until)):
            coming.append(entry)
        elif entry.start is None:
            untimed.append(entry)
        elif not entry.is_empty:
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
    """Return the entries of one start that are not completed where one is active: the others were left."""
    if any(entry.status == "active" for entry in group):
        return [entry for entry in group if entry.status != "completed"]
    return group


def _now(untimed: list[Entry], active_elsewhere: bool, until: datetime) -> list[Entry]:
    """Return the entries without a start where the patient is now."""
    if active_elsewhere or any(entry.status == "active" for entry in untimed):
        return [entry for entry in untimed if entry.status == "active"]
    return [entry for entry in untimed if not entry.was_left(until)]


def _back(groups: Sequence[tuple[datetime, list[Entry]]], until: datetime) -> list[tuple[datetime, list[Entry]]]:
    """Return the move back to a place that is still active once the last one was left, as after an operation."""
    if not groups or not all(entry.was_left(until) for entry in groups[-1][1]):
        return []
    active = [[entry for entry in group if entry.status == "active"] for _, group in groups[:-1]]
    still = next((group for group in reversed(active) if group), None)
    if still is None:
        return []
    ends = [entry.end.at for entry in groups[-1][1] if entry.end is not None]
    return [(max(groups[-1][0], min(max(ends, default=until), until)), still)]


def _planned(coming: list[Entry], locate: Locate, before: Location | None) -> tuple[datetime | None, Location] | None:
    """Return the reserved location, else the first that is to come."""
    expected = min((entry.start.at for entry in coming if entry.start is not None), default=None)
    wanted = [entry for entry in coming if entry.is_reserved]
    if not wanted:
        wanted = [entry for entry in coming if entry.start is not None and entry.start.at == expected]
    place = locate([entry.place for entry in wanted], before) if wanted else None
    return None if place is None else (expected, place)
