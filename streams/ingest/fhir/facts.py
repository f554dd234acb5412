"""Facts of a parsed Encounter. Pure: the same Encounter gives the same facts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from schemas import events
from schemas.errors import InvalidInput
from schemas.events import (
    AnyFact,
    DeleteDetails,
    Details,
    DischargeDetails,
    Location,
    PatientClass,
    PendingDetails,
    UpdateDetails,
    encode_fact,
)
from schemas.outgoing import MAX_BYTES
from streams.ingest.ages import age_in_years
from streams.ingest.fhir.encounter import ParsedEncounter, StayDetails
from streams.ingest.fhir.mapping import REGISTERED, Phase
from streams.ingest.reading import require_valid


def facts_of(parsed: ParsedEncounter, source: str) -> tuple[AnyFact, ...]:
    """Return the facts of an Encounter.

    Parameters
    ----------
    parsed : ParsedEncounter
        The Encounter.
    source : str
        Name of the feed.

    Raises
    ------
    InvalidInput
        When a fact would be too large for Kafka.
    """
    return tuple(_FactMaker(parsed, source).facts())


class _FactMaker:
    """Makes the facts of one Encounter."""

    def __init__(self, parsed: ParsedEncounter, source: str) -> None:
        self._parsed, self._source = parsed, source

    def facts(self) -> Iterator[AnyFact]:
        """Yield the facts."""
        return _FACTS[self._parsed.phase](self)

    def planned(self) -> Iterator[AnyFact]:
        """Yield a planned admission, at the time when the plan was recorded."""
        parsed, details = self._parsed, self._details
        expected, place = parsed.moves.planned or (None, None)
        if place is None:
            place = parsed.moves.timed[0][1] if parsed.moves.timed else parsed.moves.untimed
        planned_end = details.planned_end or parsed.period.end
        data = PendingDetails(
            location=place,
            expected_at=parsed.began_at or (details.planned_start.at if details.planned_start else expected),
            expected_discharge_at=planned_end.until if planned_end else None,
            service=details.service,
            diagnoses=details.admission_diagnoses + details.other_diagnoses,
            patient_class=parsed.class_history.now,
            admission_type=parsed.admission_type,
            **self._patient(parsed.recorded_at),
        )
        yield self._fact(events.PatientPreadmitted, "preadmitted", parsed.recorded_at, data)

    def here(self) -> Iterator[AnyFact]:
        """Yield a stay that goes on; details without a time of their own have the time of the record."""
        yield from self._begun(over=False)
        parsed, details, at = self._parsed, self._details, self._reported_at()
        planned_end = details.planned_end
        if planned_end is None and parsed.period.end is not None and parsed.period.end.until > at:
            planned_end = parsed.period.end
        data = UpdateDetails(
            location=parsed.moves.untimed,
            service=details.service,
            expected_discharge_at=planned_end.until if planned_end else None,
            diagnoses=details.other_diagnoses,
        )
        if data != UpdateDetails():
            yield self._fact(events.EncounterUpdated, "updated", at, data)
        if parsed.moves.planned is not None:
            since, place = parsed.moves.planned
            pending = PendingDetails(location=place, expected_at=since)
            yield self._fact(events.TransferPending, "transfer-pending", at, pending)

    def on_leave(self) -> Iterator[AnyFact]:
        """Yield a stay that goes on while the patient is on leave."""
        yield from self.here()
        leaves = self._parsed.status_history.leaves(self._began_at, self._parsed.recorded_at)
        if all(until is not None for _, until in leaves):
            yield self._fact(events.LeaveStarted, "leave-started", self._reported_at(), Details())

    def ended(self) -> Iterator[AnyFact]:
        """Yield a stay that has ended."""
        yield from self._begun(over=True)
        details, at = self._details, self._ended_at
        data = DischargeDetails(
            service=details.service,
            discharge_disposition=details.disposition,
            diagnoses=details.other_diagnoses,
            **self._patient(at),
        )
        yield self._fact(events.PatientDischarged, "discharged", at, data)

    def void(self) -> Iterator[AnyFact]:
        """Yield the deletion of a stay that never was: it voids a plan as well as an admission."""
        data = DeleteDetails(reason=self._parsed.status)
        yield self._fact(events.EncounterDeleted, "deleted", self._parsed.recorded_at, data)

    def _begun(self, *, over: bool) -> Iterator[AnyFact]:
        """Yield the admission with the first class and location, then changes of class, transfers and leaves."""
        parsed, at = self._parsed, self._began_at
        until = self._ended_at if over else max(parsed.recorded_at, at)
        classes = parsed.class_history.since(at, until)
        patient_class = parsed.class_history.now
        if classes:
            patient_class = classes[0][1] if classes[0][0] == at else None
        first = [place for since, place in parsed.moves.timed if since <= at]
        place = first[-1] if first else None
        if place is None and over and not parsed.moves.timed:
            place = parsed.moves.untimed
        data = Details(
            location=place,
            diagnoses=self._details.admission_diagnoses,
            time_written=parsed.late_start,
            patient_class=patient_class,
            admission_type=parsed.admission_type,
            **self._patient(at),
        )
        if patient_class in REGISTERED:
            yield self._fact(events.PatientRegistered, "registered", at, data)
        else:
            yield self._fact(events.PatientAdmitted, "admitted", at, data)
        yield from self._changes(classes, parsed.moves.timed[len(first) :])

    def _changes(
        self, classes: list[tuple[datetime, PatientClass]], places: list[tuple[datetime, Location]]
    ) -> Iterator[AnyFact]:
        """Yield changes of class, transfers and leaves of absence."""
        parsed = self._parsed
        for since, had in classes:  # the first one too: it says that the history is known, not only the current class
            yield self._fact(events.PatientClassChanged, "class-changed", since, Details(patient_class=had))
        for since, further in places:
            yield self._fact(events.PatientTransferred, "transferred", since, Details(location=further))
        for since, until in parsed.status_history.leaves(self._began_at, parsed.recorded_at):
            yield self._fact(events.LeaveStarted, "leave-started", since, Details())
            if until is not None:
                yield self._fact(events.LeaveEnded, "leave-ended", until, Details())

    @property
    def _details(self) -> StayDetails:
        assert self._parsed.details is not None
        return self._parsed.details

    @property
    def _began_at(self) -> datetime:
        assert self._parsed.began_at is not None
        return self._parsed.began_at

    @property
    def _ended_at(self) -> datetime:
        assert self._details.ended_at is not None
        return self._details.ended_at

    def _reported_at(self) -> datetime:
        """Return the time of details without one: that of the record, but not before the stay began."""
        parsed, began_at = self._parsed, self._began_at
        return parsed.recorded_at if parsed.is_to_come(began_at) else max(parsed.recorded_at, began_at)

    def _patient(self, at: datetime) -> dict[str, Any]:
        birth_date = self._parsed.birth_date
        return {
            "age_years": None if birth_date is None else age_in_years(birth_date, at),
            "sex": self._parsed.sex,
        }

    def _fact(self, kind: type[Any], label: str, at: datetime, data: Any) -> AnyFact:
        """Return a fact. Its id names the resource, the version, the kind, and a digest of its content.

        The content counts because one version may come with more or fewer resources around it.
        """
        parsed = self._parsed
        if parsed.late_start is not None and parsed.is_to_come(at):
            at, data = parsed.recorded_at, msgspec.structs.replace(data, time_written=at)
        resource_id, version, digest, version_label = parsed.version
        fact: AnyFact = kind(
            id="-",
            source=self._source,
            subject=parsed.encounter_id,
            occurred_at=at,
            recorded_at=parsed.recorded_at,
            partition_key=parsed.patient_token,
            data=msgspec.structs.replace(data, version_of=resource_id, version=version, version_digest=digest),
        )
        content = hashlib.blake2b(encode_fact(fact), digest_size=8).hexdigest()
        return _checked(msgspec.structs.replace(fact, id=f"{resource_id}/{version_label}/{label}/{content}"))


_FACTS: dict[Phase, Callable[[_FactMaker], Iterator[AnyFact]]] = {
    Phase.PLANNED: _FactMaker.planned,
    Phase.HERE: _FactMaker.here,
    Phase.ON_LEAVE: _FactMaker.on_leave,
    Phase.ENDED: _FactMaker.ended,
    Phase.VOID: _FactMaker.void,
}


def _checked(fact: AnyFact) -> AnyFact:
    if len(encode_fact(fact)) > MAX_BYTES:
        raise InvalidInput("diagnosis", f"the fact would be larger than {MAX_BYTES} bytes. Send fewer diagnoses.")
    return require_valid(fact, "status")
