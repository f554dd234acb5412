"""Since when a stay has had which class: what R4's Encounter.classHistory says, and the class of now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.events import PatientClass
from streams.ingest.fhir.json_values import Json, Refused, codes, items, part
from streams.ingest.fhir.times import When, when


class _Past(NamedTuple):
    patient_class: PatientClass
    start: When | None
    end: When | None

    def since(self, began_at: datetime) -> datetime:
        """Return since when the stay had this class: without a start, or of the first day, since it began."""
        if self.start is None or self.start.may_be(began_at):
            return began_at
        return max(self.start.at, began_at)

    def ended(self, began_at: datetime, until: datetime) -> datetime:
        """Return when it had another one; where that is not said, it is known by `until`."""
        if self.end is None:
            return until
        return max(self.since(began_at), min(self.end.until, until))


class Classes:
    """The classes that an Encounter has and had; one that is only planned (PRENC) is none of a stay.

    Raises
    ------
    Refused
        When a start is no time. An end that is none is not needed: the next class has a start.
    """

    def __init__(self, encounter: Json, known: Mapping[str, PatientClass], zone: ZoneInfo) -> None:
        self.now = _class_in(encounter.get("class"), known)
        """None where it is not said."""
        self._past = sorted(_past(encounter, known, zone), key=_written)

    def starts(self) -> list[When]:
        """Return since when the patient was here, as far as it is said."""
        return [one.start for one in self._past if one.start is not None]

    def since(self, began_at: datetime, until: datetime) -> list[tuple[datetime, PatientClass]]:
        """Return since when the stay has had which class; nothing where no history tells of it.

        Parameters
        ----------
        began_at : datetime
            When the stay did.
        until : datetime
            When it ended, or when this was said: what begins later is not told.
        """
        past = [one for one in self._past if one.since(began_at) <= until]
        found: list[tuple[datetime, PatientClass]] = []
        for one in past:
            _add(found, one.since(began_at), one.patient_class)
        if past and self.now not in (None, PatientClass.PREADMIT):
            assert self.now is not None
            _add(found, past[-1].ended(began_at, until), self.now)
        return found


def _add(found: list[tuple[datetime, PatientClass]], since: datetime, patient_class: PatientClass) -> None:
    if found and found[-1][0] == since:
        found.pop()
    if not found or found[-1][1] is not patient_class:
        found.append((since, patient_class))


def _past(encounter: Json, known: Mapping[str, PatientClass], zone: ZoneInfo) -> Iterator[_Past]:
    for index, item in items(encounter.get("classHistory")):
        path = f"classHistory[{index}].period"
        patient_class = _class_in(item.get("class"), known)
        start = when(part(item, "period", "start"), f"{path}.start", zone)
        if patient_class is not None and patient_class is not PatientClass.PREADMIT:
            yield _Past(patient_class, start, _end(item, zone))


def _class_in(said: object, known: Mapping[str, PatientClass]) -> PatientClass | None:
    return next((known[code] for code in codes(said) if code in known), None)


def _end(item: Json, zone: ZoneInfo) -> When | None:
    try:
        return when(part(item, "period", "end"), "", zone)
    except Refused:
        return None


def _written(one: _Past) -> tuple[bool, float]:
    return (False, 0.0) if one.start is None else (True, one.start.at.timestamp())
