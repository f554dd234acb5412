"""From one HL7 v2 ADT message to facts, by the feed's mapping.

What a message says depends on its bytes and the mapping alone, never on when it came: the same message is the same
facts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from schemas import events
from schemas.events import (
    AnyFact,
    BedDetails,
    BedStatusChanged,
    CancelDetails,
    DeleteDetails,
    Details,
    Diagnosis,
    DischargeDetails,
    Location,
    MergeDetails,
    PatientClass,
    PatientDetails,
    PendingDetails,
    Procedure,
    Sex,
    TrackingDetails,
    UnmergeDetails,
    UpdateDetails,
    bed_subject,
    patient_subject,
)
from schemas.pseudonyms import patient_token
from streams.ingest.hl7_mapping import BED_REASONS, SEXES, Hl7Mapping
from streams.ingest.hl7_message import Hl7Message, NotHl7, Rejected
from streams.ingest.hl7_time import age_in_years, read_time

__all__ = ["NotHl7", "Reading", "read_message"]

LONGEST_NAME = 200

CODE_SYSTEMS = {
    "I10": "ICD10CM",
    "I10C": "ICD10CM",
    "ICD10": "ICD10CM",
    "ICD-10": "ICD10CM",
    "ICD-10-CM": "ICD10CM",
    "I10P": "ICD10PCS",
    "ICD-10-PCS": "ICD10PCS",
    "I9": "ICD9CM",
    "I9C": "ICD9CM",
    "I9CDX": "ICD9CM",
    "ICD9": "ICD9CM",
    "ICD-9-CM": "ICD9CM",
    "SCT": "SNOMED",
    "SNM": "SNOMED",
    "C4": "CPT",
    "CPT": "CPT",
    "CPT4": "CPT",
}
"""HL7 table 0396 to our names; others are taken as they are."""


class Reading(NamedTuple):
    """What came of a message: facts, or why there are none."""

    control_id: str | None
    """MSH-10."""
    trigger: str | None
    """MSH-9.2."""
    facts: tuple[AnyFact, ...] = ()
    rejected: str | None = None
    """Segment, field, reason and remedy; never what stood there."""


def read_message(raw: bytes, mapping: Hl7Mapping, pseudonym_key: bytes) -> Reading:
    """Read one message.

    Parameters
    ----------
    raw : bytes
        As received.
    mapping : Hl7Mapping
        Of this feed.
    pseudonym_key : bytes
        Turns patient numbers into tokens; see `schemas.pseudonyms`.

    Returns
    -------
    Reading
        With facts, or with `rejected`.

    Raises
    ------
    NotHl7
        When it is no HL7 at all.
    """
    control_id = trigger = None
    try:
        message = Hl7Message(raw, _further(mapping))
        control_id = message.get("MSH", 10) or None
        trigger = _trigger(message)
        make = TRIGGERS.get(trigger)
        if make is None:
            raise Rejected(f"MSH-9 says {_shown(trigger)}, which tells nothing of a stay; do not send it here.")
        facts = make(_Reader(message, mapping, pseudonym_key, raw))
        return Reading(control_id, trigger, tuple(facts))
    except NotHl7:
        raise
    except Rejected as error:
        return Reading(control_id, trigger, rejected=str(error))


def _further(mapping: Hl7Mapping) -> list[tuple[str, int]]:
    return [(place[:3], int(place[4:].partition(".")[0])) for place in mapping.visit_number]


def _shown(code: str) -> str:
    """Return a code as it may be shown: what is no code may be a name."""
    return code if len(code) <= 4 and code.isascii() and code.isalnum() else "something else"


def _trigger(message: Hl7Message) -> str:
    kind, trigger = message.get("MSH", 9), message.get("MSH", 9, 2)
    if kind != "ADT":
        raise Rejected("MSH-9 is no ADT message; send ADT only to this interface.")
    trigger = trigger or message.get("EVN", 1)
    if not trigger:
        raise Rejected("MSH-9.2 and EVN-1 are empty; the trigger must stand in one of them.")
    return trigger.upper()


class _Reader:
    """Reads one message by one mapping; counts the facts it makes."""

    def __init__(self, message: Hl7Message, mapping: Hl7Mapping, pseudonym_key: bytes, raw: bytes) -> None:
        self.message, self.mapping, self._key = message, mapping, pseudonym_key
        self.id = self.name("MSH-10", message.get("MSH", 10)) or hashlib.blake2b(raw, digest_size=16).hexdigest()
        sender = f"hl7:{message.get('MSH', 3)}/{message.get('MSH', 4)}"
        self.source = mapping.source or self.name("MSH-3 and MSH-4", sender) or sender

    def name(self, where: str, value: str) -> str | None:
        """Return a text that SQL and the facts can hold, or None where it is empty."""
        if not value:
            return None
        if len(value) > LONGEST_NAME:
            raise Rejected(f"{where} is longer than {LONGEST_NAME} characters; shorten it at the sender.")
        if "\x00" in value:
            raise Rejected(f"{where} holds the character U+0000; strip it at the sender.")
        return value

    def field(self, segment: str, number: int, component: int = 1, nth: int = 0) -> str | None:
        """Return a field's text, or None."""
        where = f"{segment}-{number}" + (f".{component}" if component > 1 else "")
        return self.name(where, self.message.get(segment, number, component, nth=nth))

    def time(self, segment: str, number: int, nth: int = 0) -> datetime | None:
        """Return a field as a time in UTC, or None."""
        return read_time(self.message.get(segment, number, nth=nth), f"{segment}-{number}", self.mapping.zone)

    @property
    def recorded_at(self) -> datetime:
        """When the feed said it: EVN-2, or when it was sent."""
        found = self.time("EVN", 2) or self.time("MSH", 7) or self.time("EVN", 6)
        if found is None:
            raise Rejected("EVN-2, MSH-7 and EVN-6 are empty; one of them must say when it was.")
        return found

    def occurred_at(self, segment: str = "", number: int = 0) -> datetime:
        """When it happened: EVN-6, then the given field where it is not in the future of the record, then EVN-2."""
        found = self.time("EVN", 6)
        if found is not None:
            return found
        recorded_at = self.recorded_at
        said = self.time(segment, number) if segment else None
        return said if said is not None and said <= recorded_at else recorded_at

    def token(self, segment: str = "PID", number: int = 3, nth: int = 0) -> str:
        """Return the patient's pseudonym, by the preferred of the numbers."""
        numbers = list(self.message.repetitions(segment, number, nth=nth))
        kinds = list(self.message.repetitions(segment, number, 5, nth=nth))
        authorities = list(self.message.repetitions(segment, number, 4, nth=nth))
        for preferred in (*self.mapping.preferred_identifier_types, None):
            for value, kind, authority in zip(numbers, kinds, authorities, strict=True):
                if value and preferred in (kind, None):
                    return patient_token(self._key, authority or self.mapping.default_authority, value)
        if segment == "PID" and number == 3 and self.message.get("PID", 2, nth=nth):
            return self.token("PID", 2, nth)
        raise Rejected(f"{segment}-{number} is empty, so nobody can know whose message it is; fill it at the sender.")

    def visit(self, nth: int = 0) -> str | None:
        """Return the visit number."""
        for place in self.mapping.visit_number:
            found = self.name(place, self.message.place(place, nth=nth))
            if found:
                return found
        return None

    def needed_visit(self, nth: int = 0) -> str:
        """Return the visit number, which this trigger cannot do without."""
        found = self.visit(nth)
        if found is None:
            places = ", ".join(self.mapping.visit_number)
            raise Rejected(f"No visit number: {places} are empty. Fill one, or set visit_number in the HL7 mapping.")
        if found.startswith(("bed:", "patient:")):
            raise Rejected("The visit number begins like a bed or a patient of ours; set another visit_number field.")
        return found

    def location(self, segment: str, number: int, nth: int = 0) -> Location | None:
        """Return a place (PL): point of care, room, bed and facility."""
        unit = self.field(segment, number, 1, nth)
        if unit is None:
            return None
        facility = self.field(segment, number, 4, nth)
        if facility is None:
            facility = self.mapping.default_facility or self.field("MSH", 4) or "main"
        return Location(
            facility_id=self.mapping.facilities.get(facility, facility),
            unit_id=self.mapping.units.get(unit, unit),
            room=self.field(segment, number, 2, nth),
            bed_id=self.field(segment, number, 3, nth),
        )

    def patient_class(self, nth: int = 0) -> PatientClass | None:
        """Return PV1-2; a code that the mapping does not know counts as not said."""
        return self.mapping.classes.get(self.message.get("PV1", 2, nth=nth).upper())

    def details(self, at: datetime, nth: int = 0) -> dict[str, Any]:
        """Return what any message may say about the stay, the place left out."""
        kind = self.message.get("PV1", 4, nth=nth).upper()
        return {
            "patient_class": self.patient_class(nth),
            "service": self.field("PV1", 10, nth=nth),
            "admission_type": self.mapping.types_of_admission.get(kind),
            "age_years": age_in_years(self.message.get("PID", 7, nth=nth), at),
            "sex": self.sex(nth),
            "expected_discharge_at": self.time("PV2", 9, nth),
            "diagnoses": self.diagnoses(),
            "procedures": self.procedures(),
        }

    def sex(self, nth: int = 0) -> Sex | None:
        """Return PID-8."""
        return SEXES.get(self.message.get("PID", 8, nth=nth).upper()[:1])

    def diagnoses(self) -> tuple[Diagnosis, ...]:
        """Return DG1; the one whose priority is 1 is the principal one."""
        found = []
        for nth in range(self.message.count("DG1")):
            code = self.field("DG1", 3, 1, nth)
            if code is not None:
                system = self.field("DG1", 3, 3, nth) or self.field("DG1", 2, 1, nth) or "ICD10CM"
                principal = self.message.get("DG1", 15, nth=nth) == "1"
                system = CODE_SYSTEMS.get(system.upper(), system)
                found.append(Diagnosis(code=code, system=system, principal=principal))
        return tuple(found)

    def procedures(self) -> tuple[Procedure, ...]:
        """Return PR1."""
        found = []
        for nth in range(self.message.count("PR1")):
            code = self.field("PR1", 3, 1, nth)
            if code is not None:
                system = self.field("PR1", 3, 3, nth) or self.field("PR1", 2, 1, nth) or "ICD10PCS"
                found.append(Procedure(code=code, system=CODE_SYSTEMS.get(system.upper(), system)))
        return tuple(found)

    def fact(self, kind: type[Any], subject: str, token: str, at: datetime, data: Any, suffix: str = "") -> AnyFact:
        """Make a fact of this message."""
        made: AnyFact = kind(
            id=self.id + suffix,
            source=self.source,
            subject=subject,
            occurred_at=at,
            recorded_at=self.recorded_at,
            partition_key=token,
            data=data,
        )
        return made


_Make = Callable[[_Reader], list[AnyFact]]


def _stay(kind: type[Any], time_field: tuple[str, int] = ("", 0), default: PatientClass | None = None) -> _Make:
    """A01, A02, A04, A06, A07, A21, A22: a stay begins, moves or changes."""

    def make(reader: _Reader) -> list[AnyFact]:
        at = reader.occurred_at(*time_field)
        details = reader.details(at)
        details["patient_class"] = details["patient_class"] or default
        data = Details(location=reader.location("PV1", 3), **details)
        return [reader.fact(kind, reader.needed_visit(), reader.token(), at, data)]

    return make


def _discharge(reader: _Reader) -> list[AnyFact]:
    at = reader.occurred_at("PV1", 45)
    code = reader.field("PV1", 36)
    disposition = reader.mapping.discharge_dispositions.get(code, code) if code else None
    data = DischargeDetails(discharge_disposition=disposition, **reader.details(at))
    return [reader.fact(events.PatientDischarged, reader.needed_visit(), reader.token(), at, data)]


def _update(reader: _Reader) -> list[AnyFact]:
    visit = reader.visit()
    if visit is None:
        return _person(reader)
    at = reader.occurred_at()
    code = reader.field("PV1", 36)
    data = UpdateDetails(
        location=reader.location("PV1", 3),
        discharge_disposition=reader.mapping.discharge_dispositions.get(code, code) if code else None,
        admitted_at=reader.time("PV1", 44),
        discharged_at=reader.time("PV1", 45),
        **reader.details(at),
    )
    return [reader.fact(events.EncounterUpdated, reader.needed_visit(), reader.token(), at, data)]


def _person(reader: _Reader) -> list[AnyFact]:
    at, token = reader.occurred_at(), reader.token()
    age = age_in_years(reader.message.get("PID", 7), at)
    data = PatientDetails(age_years=age, sex=reader.sex(), died_at=reader.time("PID", 29))
    return [reader.fact(events.PatientUpdated, patient_subject(token), token, at, data)]


def _tracking(kind: type[Any]) -> _Make:
    def make(reader: _Reader) -> list[AnyFact]:
        at = reader.occurred_at()
        data = TrackingDetails(
            location=reader.location("PV1", 3), temporary_location=reader.location("PV1", 11), **reader.details(at)
        )
        return [reader.fact(kind, reader.needed_visit(), reader.token(), at, data)]

    return make


def _pending(kind: type[Any], *, needs_visit: bool, expected: tuple[tuple[str, int], ...]) -> _Make:
    """A05, A14, A15, A16: where to, and when."""

    def make(reader: _Reader) -> list[AnyFact]:
        at, token = reader.occurred_at(), reader.token()
        place = reader.location("PV1", 42) or reader.location("PV2", 1)
        if place is None and not needs_visit:
            place = reader.location("PV1", 3)
        when = next((time for time in (reader.time(*field) for field in expected) if time is not None), None)
        data = PendingDetails(location=place, expected_at=when, **reader.details(at))
        return [reader.fact(kind, _subject(reader, token, needs_visit), token, at, data)]

    return make


def _cancel(kind: type[Any], *, needs_visit: bool = True) -> _Make:
    def make(reader: _Reader) -> list[AnyFact]:
        token = reader.token()
        return [reader.fact(kind, _subject(reader, token, needs_visit), token, reader.occurred_at(), CancelDetails())]

    return make


def _subject(reader: _Reader, token: str, needs_visit: bool) -> str:
    if needs_visit or reader.visit() is not None:
        return reader.needed_visit()
    return patient_subject(token)


def _swap(reader: _Reader) -> list[AnyFact]:
    if reader.message.count("PID") < 2 or reader.message.count("PV1") < 2:
        raise Rejected("A17 needs two PID and two PV1 segments: the two patients who swap.")
    at = reader.occurred_at()
    facts = []
    for nth in range(2):
        data = Details(location=reader.location("PV1", 3, nth), **reader.details(at, nth))
        visit, token = reader.needed_visit(nth), reader.token(nth=nth)
        facts.append(reader.fact(events.PatientTransferred, visit, token, at, data, f"/{nth + 1}"))
    return facts


def _bed(reader: _Reader) -> list[AnyFact]:
    place, code = reader.location("NPU", 1), reader.message.get("NPU", 2).upper()
    if place is None or place.bed_id is None:
        raise Rejected("NPU-1 names no bed; point of care and bed must stand there.")
    status = reader.mapping.states_of_beds.get(code)
    if status is None:
        raise Rejected("NPU-2 has a status that the mapping does not know; add it to bed_statuses.")
    subject = bed_subject(place)
    reader.name("NPU-1", subject)
    data = BedDetails(location=place, status=status, reason=BED_REASONS.get(code))
    return [reader.fact(BedStatusChanged, subject, subject, reader.occurred_at(), data)]


def _delete(reader: _Reader) -> list[AnyFact]:
    at = reader.occurred_at()
    return [reader.fact(events.EncounterDeleted, reader.needed_visit(), reader.token(), at, DeleteDetails())]


def _merge(reader: _Reader) -> list[AnyFact]:
    """A18, A30, A34, A36, A39, A40, A46, A47: each MRG names who was merged into the PID before it."""
    pairs: list[tuple[int, int]] = []
    pid = mrg = -1
    for segment in reader.message.order():
        if segment == "PID":
            pid += 1
        elif segment == "MRG":
            mrg += 1
            pairs.append((max(pid, 0), mrg))
    if not pairs:
        raise Rejected("No MRG segment, so nobody is merged; MRG-1 must name the number merged away.")
    at = reader.occurred_at()
    facts = []
    for number, (pid, mrg) in enumerate(pairs, start=1):
        into, away = reader.token(nth=pid), reader.token("MRG", 1, mrg)
        if into == away:
            raise Rejected("PID-3 and MRG-1 name the same patient; nothing is to be merged.")
        suffix = f"/{number}" if len(pairs) > 1 else ""
        facts.append(
            reader.fact(events.PatientsMerged, patient_subject(away), away, at, MergeDetails(into=into), suffix)
        )
    return facts


def _unmerge(reader: _Reader) -> list[AnyFact]:
    if reader.message.count("PID") < 2:
        raise Rejected("A37 needs two PID segments: the second is the patient who is a person of its own again.")
    token = reader.token(nth=1)
    return [reader.fact(events.PatientsUnmerged, patient_subject(token), token, reader.occurred_at(), UnmergeDetails())]


_ADMISSION = (("EVN", 3), ("PV2", 8), ("PV1", 44))
_DISCHARGE = (("EVN", 3), ("PV2", 9), ("PV1", 45))

TRIGGERS: dict[str, _Make] = {
    "A01": _stay(events.PatientAdmitted, ("PV1", 44)),
    "A02": _stay(events.PatientTransferred),
    "A03": _discharge,
    "A04": _stay(events.PatientRegistered, ("PV1", 44)),
    "A05": _pending(events.PatientPreadmitted, needs_visit=False, expected=_ADMISSION),
    "A06": _stay(events.PatientClassChanged, default=PatientClass.INPATIENT),
    "A07": _stay(events.PatientClassChanged, default=PatientClass.OUTPATIENT),
    "A08": _update,
    "A09": _tracking(events.PatientDeparted),
    "A10": _tracking(events.PatientArrived),
    "A11": _cancel(events.AdmissionCancelled),
    "A12": _cancel(events.TransferCancelled),
    "A13": _cancel(events.DischargeCancelled),
    "A14": _pending(events.AdmissionPending, needs_visit=False, expected=_ADMISSION),
    "A15": _pending(events.TransferPending, needs_visit=True, expected=(("EVN", 3),)),
    "A16": _pending(events.DischargePending, needs_visit=True, expected=_DISCHARGE),
    "A17": _swap,
    "A20": _bed,
    "A21": _stay(events.LeaveStarted),
    "A22": _stay(events.LeaveEnded),
    "A23": _delete,
    "A25": _cancel(events.PendingDischargeCancelled),
    "A26": _cancel(events.PendingTransferCancelled),
    "A27": _cancel(events.PendingAdmissionCancelled, needs_visit=False),
    "A28": _person,
    "A31": _person,
    "A32": _cancel(events.ArrivalCancelled),
    "A33": _cancel(events.DepartureCancelled),
    "A37": _unmerge,
    "A38": _cancel(events.PreadmissionCancelled, needs_visit=False),
    "A52": _cancel(events.LeaveStartCancelled),
    "A53": _cancel(events.LeaveEndCancelled),
    **dict.fromkeys(("A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47"), _merge),
    **dict.fromkeys(("A41", "A44", "A45", "A54", "A55", "A60"), _update),
}
"""What each trigger says. A41, A44, A45, A54, A55 and A60 tell of a visit something besides what they are named for."""
