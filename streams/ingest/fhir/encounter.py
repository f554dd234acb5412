"""One FHIR Encounter to facts: what the snapshot says of the stay.

Each version says again all that is known of it. What it says depends on the resource, on what comes with it and on the
options; the clock counts only where nothing names a time. So the same resource is the same facts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from schemas import events
from schemas.errors import FactRejected
from schemas.events import (
    AdmissionType,
    AnyFact,
    DeleteDetails,
    Details,
    DischargeDetails,
    PatientClass,
    PendingDetails,
    UpdateDetails,
    decode_fact,
    encode_fact,
)
from schemas.outgoing import MAX_BYTES
from streams.ingest.ages import age_in_years
from streams.ingest.fhir.class_history import Classes
from streams.ingest.fhir.diagnoses import diagnoses
from streams.ingest.fhir.json_values import (
    Json,
    Refused,
    codes,
    identifier,
    items,
    name,
    part,
    require_short_lists,
    text,
)
from streams.ingest.fhir.locations import Locations
from streams.ingest.fhir.mapping import ADMISSION_TYPES, REGISTERED, SEXES, STATUSES, FhirOptions, Phase
from streams.ingest.fhir.moves import CLOCKS_DIFFER, entries_of, moves, starts
from streams.ingest.fhir.patient import token_of
from streams.ingest.fhir.resources import RelatedResources, Resources
from streams.ingest.fhir.status_history import History
from streams.ingest.fhir.times import When, instant, latest, times_in, when

LISTS = (
    "identifier",
    "class",
    "classHistory",
    "serviceType",
    "priority",
    "hospitalization",
    "admission",
    "subject",
    "location",
    "diagnosis",
    "statusHistory",
    "contained",
)
"""Fields in which there are lists that are read."""


SAYS = (
    "status",
    "statusHistory",
    "class",
    "classHistory",
    "identifier",
    "subject",
    "period",
    "actualPeriod",
    "plannedStartDate",
    "plannedEndDate",
    "location",
    "serviceProvider",
    "serviceType",
    "priority",
    "hospitalization",
    "admission",
    "diagnosis",
    "contained",
)
"""Fields that are read. A version with another content of them is another version, whatever it is called."""


class ReadingContext(NamedTuple):
    """What a resource comes with."""

    options: FhirOptions
    pseudonym_key: bytes
    received_at: datetime
    """Aware UTC."""
    resources: Resources
    sent_at: datetime | None = None
    """Bundle.timestamp."""


def facts_of(encounter: Json, path: str, around: ReadingContext, address: object = None) -> tuple[AnyFact, ...]:
    """Return what an Encounter says.

    Parameters
    ----------
    encounter : dict
        The resource.
    path : str
        Where it stands, for errors.
    around : Around
        The options, and what came along.
    address : object
        The fullUrl of its entry.

    Raises
    ------
    Refused
        With the path from the root on. All of the facts or none.
    """
    try:
        return tuple(_Reader(encounter, around, address).facts())
    except Refused as error:
        raise Refused(f"{path}.{error.path}", error.error) from None


class _Reader:
    """Reads one Encounter."""

    def __init__(self, encounter: Json, around: ReadingContext, address: object) -> None:
        require_short_lists(encounter, LISTS)
        self._encounter, self._around, self._options = encounter, around, around.options
        self._company = RelatedResources(encounter, around.resources, address)
        self._patient = self._company.find(encounter.get("subject"), "Patient")

    def facts(self) -> Iterator[AnyFact]:
        """Give what the snapshot says."""
        phase = self._phase()
        self._subject = self._encounter_id()
        subject = self._encounter.get("subject")
        self._token = token_of(subject, self._patient, self._company, self._options, self._around.pseudonym_key)
        self._start, self._end = self._period()
        self._entries = entries_of(self._encounter, self._options.zone)
        self._history = History(self._encounter, self._options.zone)
        self._classes = Classes(self._encounter, self._options.classes, self._options.zone)
        self._recorded_at = self._recorded()
        self._version = self._which_version()
        self._version_digest = None if self._version is None else self._digest_of_version(phase)
        self._began_at = self._beginning()
        self._late_start: datetime | None = None
        if phase is Phase.HERE and self._classes.now is PatientClass.PREADMIT:
            phase = Phase.PLANNED
        if phase in (Phase.HERE, Phase.ON_LEAVE) and self._began_at is not None and self._is_to_come(self._began_at):
            self._late_start = self._began_at
            known = (start.at for start in self._starts() if not self._is_to_come(start.at))
            self._began_at = min(known, default=self._late_start)
        self._moves = moves(
            self._entries,
            Locations(self._encounter, self._company, self._options).location,
            begins=self._began_at,
            until=self._recorded_at,
            over=phase is Phase.ENDED,
        )
        return _SAYS[phase](self)

    def _phase(self) -> Phase:
        status = self._encounter.get("status")
        phase = STATUSES.get(status) if isinstance(status, str) else None
        if phase is None:
            raise Refused("status", "is none that tells where the stay stands; send one of R4 or R5 but `unknown`.")
        return phase

    def _encounter_id(self) -> str:
        found = identifier(self._encounter.get("identifier"), self._options.visit_identifier_types)
        if found is None:
            where, said = "id", name(self._encounter.get("id"), "id")
        else:
            where = f"identifier[{found[0]}].value"
            said = name(found[1]["value"], where)
        if said is None:
            raise Refused("identifier", "and id are missing, so nobody can know which visit this is; fill one.")
        if said.startswith(("bed:", "patient:")):
            raise Refused(where, "begins like a bed or a patient of ours; send another visit number.")
        return said

    def _period(self) -> tuple[When | None, When | None]:
        field = "actualPeriod" if isinstance(self._encounter.get("actualPeriod"), dict) else "period"
        self._period_path = field
        return self._when(field, "start"), self._when(field, "end")

    def _when(self, *names: str) -> When | None:
        return when(part(self._encounter, *names), ".".join(names), self._options.zone)

    def _recorded(self) -> datetime:
        """Return when this version was written: where nothing says so, when the last thing it tells happened."""
        said = instant(part(self._encounter, "meta", "lastUpdated"), "meta.lastUpdated", self._options.zone)
        if said is not None:
            return said
        received_at, sent_at = self._around.received_at, self._around.sent_at
        if sent_at is not None and sent_at <= received_at:
            return sent_at
        return latest(times_in(self._encounter, self._options.zone), received_at) or received_at

    def _beginning(self) -> datetime | None:
        """Return when the stay began; where only the day is known, by the first of that day's times."""
        if self._start is None or not self._start.is_day:
            return None if self._start is None else self._start.at
        known = self._starts()
        if self._end is not None and not self._end.is_day:
            known.append(self._end)
        return min((time.at for time in known if self._start.may_be(time.at)), default=self._start.at)

    def _starts(self) -> list[When]:
        return [*starts(self._entries), *self._history.starts_here(), *self._classes.starts()]

    def _is_to_come(self, at: datetime) -> bool:
        """Say whether this was still to come when the version was recorded."""
        return at > self._recorded_at + CLOCKS_DIFFER

    def beginning(self) -> datetime:
        """Return when the stay began."""
        if self._began_at is None:
            raise Refused(f"{self._period_path}.start", "is missing; a stay that began needs it.")
        return self._began_at

    def ending(self) -> datetime:
        """Return when the stay ended; where only the day is known, by what is known of that day."""
        began_at = self.beginning()
        if self._end is None:
            raise Refused(f"{self._period_path}.end", "is missing; a stay that is over needs it.")
        if self._end.until < began_at:
            raise Refused(f"{self._period_path}.end", "is before the start; correct it at the sender.")
        if not self._end.is_day:
            return self._end.at
        moved_at = [since for since, _ in self._moves.timed if since <= self._end.until]
        return max(began_at, min(self._end.until, self._recorded_at), *moved_at)

    def planned(self) -> Iterator[AnyFact]:
        """Give a plan, said when it was recorded."""
        expected, place = self._moves.planned or (None, None)
        if place is None:
            place = self._moves.timed[0][1] if self._moves.timed else self._moves.untimed
        planned_start, planned_end = self._when("plannedStartDate"), self._when("plannedEndDate") or self._end
        data = PendingDetails(
            location=place,
            expected_at=self._began_at or (planned_start.at if planned_start else expected),
            expected_discharge_at=planned_end.until if planned_end else None,
            service=self._service(),
            diagnoses=self._diagnoses(admission=True) + self._diagnoses(admission=False),
            **self._of_the_stay(self._recorded_at, self._classes.now),
        )
        yield self._fact(events.PatientPreadmitted, "preadmitted", self._recorded_at, data)

    def begun(self, *, over: bool) -> Iterator[AnyFact]:
        """Give the admission with the first class and place, then the further ones and the leaves."""
        at = self.beginning()
        classes = self._classes.since(at, self.ending() if over else max(self._recorded_at, at))
        patient_class = self._classes.now
        if classes:
            patient_class = classes[0][1] if classes[0][0] == at else None
        first = [place for since, place in self._moves.timed if since <= at]
        place = first[-1] if first else None
        if place is None and over and not self._moves.timed:
            place = self._moves.untimed
        data = Details(
            location=place,
            diagnoses=self._diagnoses(admission=True),
            time_written=self._late_start,
            **self._of_the_stay(at, patient_class),
        )
        if patient_class in REGISTERED:
            yield self._fact(events.PatientRegistered, "registered", at, data)
        else:
            yield self._fact(events.PatientAdmitted, "admitted", at, data)
        for since, had in classes:  # the first one, too: that says that the past is known, not only the class of now
            yield self._fact(events.PatientClassChanged, "class-changed", since, Details(patient_class=had))
        for since, further in self._moves.timed[len(first) :]:
            yield self._fact(events.PatientTransferred, "transferred", since, Details(location=further))
        for since, until in self._history.leaves(at, self._recorded_at):
            yield self._fact(events.LeaveStarted, "leave-started", since, Details())
            if until is not None:
                yield self._fact(events.LeaveEnded, "leave-ended", until, Details())

    def _said_at(self) -> datetime:
        """Return when what has no time of its own was said: with the record, and not before the stay began."""
        began_at = self.beginning()
        return self._recorded_at if self._is_to_come(began_at) else max(self._recorded_at, began_at)

    def here(self) -> Iterator[AnyFact]:
        """Give a stay that goes on; what has no time of its own was said when this version was recorded."""
        yield from self.begun(over=False)
        at = self._said_at()
        planned_end = self._when("plannedEndDate")
        if planned_end is None and self._end is not None and self._end.until > at:
            planned_end = self._end
        data = UpdateDetails(
            location=self._moves.untimed,
            service=self._service(),
            expected_discharge_at=planned_end.until if planned_end else None,
            diagnoses=self._diagnoses(admission=False),
        )
        if data != UpdateDetails():
            yield self._fact(events.EncounterUpdated, "updated", at, data)
        if self._moves.planned is not None:
            since, place = self._moves.planned
            pending = PendingDetails(location=place, expected_at=since)
            yield self._fact(events.TransferPending, "transfer-pending", at, pending)

    def on_leave(self) -> Iterator[AnyFact]:
        """Give a stay that goes on, with its patient away."""
        yield from self.here()
        at = self._said_at()
        if all(until is not None for _, until in self._history.leaves(self.beginning(), self._recorded_at)):
            yield self._fact(events.LeaveStarted, "leave-started", at, Details())

    def ended(self) -> Iterator[AnyFact]:
        """Give a stay that is over."""
        at = self.ending()
        yield from self.begun(over=True)
        data = DischargeDetails(
            service=self._service(),
            discharge_disposition=self._disposition(),
            diagnoses=self._diagnoses(admission=False),
            **self._of_the_patient(at),
        )
        yield self._fact(events.PatientDischarged, "discharged", at, data)

    def void(self) -> Iterator[AnyFact]:
        """Give a stay that never was: a deletion takes back a plan and an admission alike."""
        data = DeleteDetails(reason=self._encounter["status"])
        yield self._fact(events.EncounterDeleted, "deleted", self._recorded_at, data)

    def _diagnoses(self, *, admission: bool) -> tuple[events.Diagnosis, ...]:
        return diagnoses(self._encounter, self._company, admission=admission)

    def _of_the_stay(self, at: datetime, patient_class: PatientClass | None) -> dict[str, Any]:
        return {
            "patient_class": patient_class,
            "admission_type": self._admission_type(),
            **self._of_the_patient(at),
        }

    def _of_the_patient(self, at: datetime) -> dict[str, Any]:
        birth_date, gender = part(self._patient, "birthDate"), part(self._patient, "gender")
        return {
            "age_years": age_in_years(birth_date.replace("-", ""), at) if isinstance(birth_date, str) else None,
            "sex": SEXES.get(gender) if isinstance(gender, str) else None,
        }

    def _admission_type(self) -> AdmissionType | None:
        if "born" in codes(self._admission("admitSource")):
            return AdmissionType.NEWBORN
        known = codes(self._encounter.get("priority"))
        return next((ADMISSION_TYPES[code] for code in known if code in ADMISSION_TYPES), None)

    def _admission(self, field: str) -> object:
        found = part(self._encounter, "hospitalization", field)
        return part(self._encounter, "admission", field) if found is None else found

    def _disposition(self) -> str | None:
        said = next(iter(codes(self._admission("dischargeDisposition"))), None)
        if said is None:
            return None
        if said.isdecimal() and len(said) == 1:
            said = f"0{said}"
        return self._options.dispositions.get(said) or name(said, "hospitalization.dischargeDisposition")

    def _service(self) -> str | None:
        """Return the serviceType: a code, or what a person wrote."""
        for _, item in items(self._encounter.get("serviceType")):
            concept = item.get("concept", item)
            said = next(iter(codes(concept)), None) or text(part(concept, "text"))
            if said is not None:
                return name(said, "serviceType")
        return None

    def _digest_of_version(self, phase: Phase) -> str:
        """Return a digest of what this version says; nothing but that there is no stay, where there is none."""
        read = ("status",) if phase is Phase.VOID else SAYS
        said = _written({field: self._encounter[field] for field in read if field in self._encounter})
        key = self._around.pseudonym_key[: hashlib.blake2b.MAX_KEY_SIZE]  # names may be contained
        return hashlib.blake2b(said.encode(), digest_size=8, key=key).hexdigest()

    def _fact(
        self,
        kind: type[Any],
        label: str,
        at: datetime,
        data: Any,
    ) -> AnyFact:
        """Make a fact. Its id is of the resource, its version and the kind, and of what it says.

        One version may come with more or fewer resources around it, and then says more or less.
        """
        if self._late_start is not None and self._is_to_come(at):
            at, data = self._recorded_at, msgspec.structs.replace(data, time_written=at)
        resource = _short(text(self._encounter.get("id")) or self._subject)
        of_version = {"version_of": resource, "version": self._version, "version_digest": self._version_digest}
        fact: AnyFact = kind(
            id="-",
            source=self._options.source,
            subject=self._subject,
            occurred_at=at,
            recorded_at=self._recorded_at,
            partition_key=self._token,
            data=msgspec.structs.replace(data, **of_version),
        )
        content = hashlib.blake2b(encode_fact(fact), digest_size=8).hexdigest()
        version = self._version or _digest(_written(self._encounter))
        made: AnyFact = msgspec.structs.replace(fact, id=f"{resource}/{version}/{label}/{content}")
        raw = encode_fact(made)
        if len(raw) > MAX_BYTES:
            raise Refused("diagnosis", f"would give a fact of more than {MAX_BYTES} bytes; send what matters of it.")
        try:
            return decode_fact(raw)
        except FactRejected as error:
            raise Refused("status", f"would give a fact that cannot be used: {error}") from None

    def _which_version(self) -> str | None:
        """Return what the server calls this version: two of one name are one, however often they come."""
        said = text(part(self._encounter, "meta", "versionId"))
        if said is not None:
            return _short(said)
        written = instant(part(self._encounter, "meta", "lastUpdated"), "meta.lastUpdated", self._options.zone)
        return None if written is None else written.isoformat()


_SAYS: dict[Phase, Callable[[_Reader], Iterator[AnyFact]]] = {
    Phase.PLANNED: _Reader.planned,
    Phase.HERE: _Reader.here,
    Phase.ON_LEAVE: _Reader.on_leave,
    Phase.ENDED: _Reader.ended,
    Phase.VOID: _Reader.void,
}


def _short(label: str) -> str:
    return label if len(label) <= 64 else _digest(label)


def _written(encounter: Json) -> str:
    try:
        return json.dumps(encounter, sort_keys=True)
    except (ValueError, TypeError, RecursionError):
        return ""


def _digest(said: str) -> str:
    return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()
