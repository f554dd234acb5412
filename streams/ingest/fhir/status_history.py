"""Statuses of a stay over time: Encounter.statusHistory (R4), for arrivals and leaves of absence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.errors import InvalidInput
from streams.ingest.fhir.json_values import Json, items, part
from streams.ingest.fhir.mapping import STATUSES, Phase
from streams.ingest.fhir.times import When, optional, when
from streams.ingest.reading import InputProblem


class _Past(NamedTuple):
    phase: Phase | None
    start: When | None
    end: When | None


class StatusHistory:
    """Former statuses of an Encounter.

    Parameters
    ----------
    encounter : dict
        The resource.
    zone : ZoneInfo
        For times without an offset.
    ignored : list of InputProblem
        Gets the invalid times of leaves; such a leave is not read. Other invalid times are ignored.

    Raises
    ------
    InvalidInput
        When a leave has no start.
    """

    def __init__(self, encounter: Json, zone: ZoneInfo, ignored: list[InputProblem]) -> None:
        self._past = list(_past(encounter, zone, ignored))

    def starts_here(self) -> list[When]:
        """Return the known starts of statuses in which the patient was present."""
        return [one.start for one in self._past if one.phase is Phase.HERE and one.start is not None]

    def leaves(self, began_at: datetime, until: datetime) -> list[tuple[datetime, datetime | None]]:
        """Return start and end of each leave of absence; days without an hour count from their first to last second."""
        found = []
        for one in self._past:
            if one.phase is Phase.ON_LEAVE and one.start is not None:
                since = began_at if one.start.may_be(began_at) else one.start.at
                found.append((since, _end(one.end, since, until)))
        return sorted(found, key=lambda leave: leave[0])


def _past(encounter: Json, zone: ZoneInfo, ignored: list[InputProblem]) -> Iterator[_Past]:
    for index, item in items(encounter.get("statusHistory")):
        path = f"statusHistory[{index}].period"
        status = item.get("status")
        phase = STATUSES.get(status) if isinstance(status, str) else None
        if phase is Phase.ON_LEAVE:
            invalid: list[InputProblem] = []
            start = optional(part(item, "period", "start"), f"{path}.start", zone, invalid)
            end = optional(part(item, "period", "end"), f"{path}.end", zone, invalid)
            ignored += invalid
            if start is None and not invalid:
                raise InvalidInput(f"{path}.start", "missing. A leave of absence needs its start.")
            if not invalid:
                yield _Past(phase, start, end)
        else:
            yield _Past(
                phase, _lenient(part(item, "period", "start"), zone), _lenient(part(item, "period", "end"), zone)
            )


def _lenient(value: object, zone: ZoneInfo) -> When | None:
    """Return an optional time, or None where it is missing or invalid."""
    try:
        return when(value, "", zone)
    except InvalidInput:
        return None


def _end(end: When | None, since: datetime, until: datetime) -> datetime | None:
    if end is None or not end.is_day:
        return None if end is None else end.at
    return max(since, min(end.until, until))
