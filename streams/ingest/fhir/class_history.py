"""Classes of a stay over time: Encounter.classHistory (R4) and the current class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.errors import InvalidInput
from schemas.events import PatientClass
from streams.ingest.fhir.json_values import Json, codes, items, part
from streams.ingest.fhir.times import When, optional, when
from streams.ingest.reading import InputProblem


class _Past(NamedTuple):
    patient_class: PatientClass
    start: When | None
    end: When | None

    def since(self, began_at: datetime) -> datetime:
        """Return when this class began; without a start, or on the first day, when the stay began."""
        if self.start is None or self.start.may_be(began_at):
            return began_at
        return max(self.start.at, began_at)

    def ended(self, began_at: datetime, until: datetime) -> datetime:
        """Return when this class ended; without an end, `until`."""
        if self.end is None:
            return until
        return max(self.since(began_at), min(self.end.until, until))


class ClassHistory:
    """Current and former classes of an Encounter, without the class of a plan (PRENC).

    Parameters
    ----------
    encounter : dict
        The resource.
    known : mapping of str to PatientClass
        The codes of the feed.
    zone : ZoneInfo
        For times without an offset.
    ignored : list of InputProblem
        Gets the invalid starts. With one of them the order of classes is unknown, so there is no history. An invalid
        end is ignored: the next class has a start.
    """

    def __init__(
        self, encounter: Json, known: Mapping[str, PatientClass], zone: ZoneInfo, ignored: list[InputProblem]
    ) -> None:
        invalid: list[InputProblem] = []
        self.now = _class_in(encounter.get("class"), known)
        """The current class; None where it is missing or unknown."""
        past = sorted(_past(encounter, known, zone, invalid), key=_start_order)
        self._past = [] if invalid else past
        ignored += invalid

    def starts(self) -> list[When]:
        """Return the known starts of former classes."""
        return [one.start for one in self._past if one.start is not None]

    def since(self, began_at: datetime, until: datetime) -> list[tuple[datetime, PatientClass]]:
        """Return the start of each class of the stay; empty where there is no history.

        Parameters
        ----------
        began_at : datetime
            When the stay began.
        until : datetime
            When it ended, or when the version was recorded. Later classes are left out.
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


def _past(
    encounter: Json, known: Mapping[str, PatientClass], zone: ZoneInfo, invalid: list[InputProblem]
) -> Iterator[_Past]:
    for index, item in items(encounter.get("classHistory")):
        path = f"classHistory[{index}].period"
        patient_class = _class_in(item.get("class"), known)
        start = optional(part(item, "period", "start"), f"{path}.start", zone, invalid)
        if patient_class is not None and patient_class is not PatientClass.PREADMIT:
            yield _Past(patient_class, start, _end(item, zone))


def _class_in(value: object, known: Mapping[str, PatientClass]) -> PatientClass | None:
    return next((known[code] for code in codes(value) if code in known), None)


def _end(item: Json, zone: ZoneInfo) -> When | None:
    try:
        return when(part(item, "period", "end"), "", zone)
    except InvalidInput:
        return None


def _start_order(one: _Past) -> tuple[bool, float]:
    return (False, 0.0) if one.start is None else (True, one.start.at.timestamp())
