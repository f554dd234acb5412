"""Facts of each ADT trigger: A01 to A60."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from schemas import events
from schemas.errors import InvalidInput
from schemas.events import (
    AnyFact,
    CancelDetails,
    DeleteDetails,
    Details,
    DischargeDetails,
    PatientClass,
    PendingDetails,
    TrackingDetails,
    UpdateDetails,
    patient_subject,
)
from streams.ingest.hl7.beds import bed_statuses
from streams.ingest.hl7.clinical import details
from streams.ingest.hl7.deaths import disposition_at_discharge, disposition_in_update
from streams.ingest.hl7.facts import make_fact, suffix_of
from streams.ingest.hl7.fields import FieldReader
from streams.ingest.hl7.locations import location
from streams.ingest.hl7.movements import is_historic, movement
from streams.ingest.hl7.patient_ids import token_of
from streams.ingest.hl7.patients import Make, merge_patients, report_death, unmerge_patients, update_patient, with_links
from streams.ingest.hl7.visit_merges import merge_visits, renumber_visit
from streams.ingest.hl7.visit_numbers import all_fields, required_visit, visit_number
from streams.ingest.reading import InputProblem


class _MakeStay(Protocol):
    """Makes the fact of a stay; the suffix tells it apart where the message has several facts."""

    def __call__(self, reader: FieldReader, suffix: str = "") -> list[AnyFact]: ...


def _stay(kind: type[Any], *, begins: bool = False, default: PatientClass | None = None) -> _MakeStay:
    """A01, A02, A04, A06, A07, A21, A22: a stay begins, moves or changes.

    With `begins`, PV1-44 is when the visit, or the inpatient stay, began; the place and the class may be later.
    """

    def make(reader: FieldReader, suffix: str = "") -> list[AnyFact]:
        at = reader.occurred_at()
        known = details(reader, at)
        known["patient_class"] = known["patient_class"] or default
        begun_at = reader.past_time("PV1", 44) if begins else None
        data = Details(location=location(reader, "PV1", 3), begun_at=begun_at, **known)
        return [make_fact(reader, kind, required_visit(reader), token_of(reader), at, data, suffix)]

    return make


def _discharge(reader: FieldReader) -> list[AnyFact]:
    at = reader.occurred_at("PV1", 45)
    data = DischargeDetails(discharge_disposition=disposition_at_discharge(reader, at), **details(reader, at))
    discharge = make_fact(reader, events.PatientDischarged, required_visit(reader), token_of(reader), at, data)
    return [discharge, *report_death(reader)]


def _update(reader: FieldReader, suffix: str = "") -> list[AnyFact]:
    if visit_number(reader) is None:
        return update_patient(reader, suffix)
    at = reader.occurred_at()
    left_at = reader.past_time("PV1", 45)
    data = UpdateDetails(
        location=location(reader, "PV1", 3),
        discharge_disposition=disposition_in_update(reader, left_at),
        admitted_at=reader.past_time("PV1", 44),
        discharged_at=left_at,
        **details(reader, at),
    )
    update = make_fact(reader, events.EncounterUpdated, required_visit(reader), token_of(reader), at, data, suffix)
    return [update, *report_death(reader, suffix)]


def _update_or_link(reader: FieldReader) -> Sequence[AnyFact | InputProblem]:
    """A08: without a visit it is an update of the person, and links the numbers in PID-3."""
    return _update(reader) if visit_number(reader) is not None else with_links(update_patient)(reader)


def _tracking(kind: type[Any]) -> Make:
    """A09, A10: the patient departs or arrives; the bed is kept."""

    def make(reader: FieldReader) -> list[AnyFact]:
        at = reader.occurred_at()
        data = TrackingDetails(
            location=location(reader, "PV1", 3),
            temporary_location=location(reader, "PV1", 11),
            **details(reader, at),
        )
        return [make_fact(reader, kind, required_visit(reader), token_of(reader), at, data)]

    return make


def _pending(kind: type[Any], *, needs_visit: bool, expected: tuple[tuple[str, int], ...]) -> Make:
    """A05, A14, A15, A16: planned location and time."""

    def make(reader: FieldReader) -> list[AnyFact]:
        at, token = reader.occurred_at(), token_of(reader)
        place = location(reader, "PV1", 42) or location(reader, "PV2", 1)
        if place is None and not needs_visit:
            place = location(reader, "PV1", 3)
        when = next((time for time in (reader.time(*field) for field in expected) if time is not None), None)
        data = PendingDetails(location=place, expected_at=when, **details(reader, at))
        return [make_fact(reader, kind, _subject(reader, token, needs_visit), token, at, data)]

    return make


def _cancel(kind: type[Any], *, needs_visit: bool = True, back: bool = False) -> Make:
    """A11 to A13, A25 to A27, A32, A33, A38, A52, A53.

    With `back`, PV1-3 is where the patient is afterwards, unless what is cancelled was not the last movement.
    """

    def make(reader: FieldReader) -> list[AnyFact]:
        token = token_of(reader)
        place = location(reader, "PV1", 3) if back and not is_historic(reader) else None
        data = CancelDetails(location=place, movement=movement(reader))
        return [make_fact(reader, kind, _subject(reader, token, needs_visit), token, reader.occurred_at(), data)]

    return make


def _subject(reader: FieldReader, token: str, needs_visit: bool) -> str:
    if needs_visit or visit_number(reader) is not None:
        return required_visit(reader)
    return patient_subject(token)


def _swap(reader: FieldReader) -> list[AnyFact]:
    """A17: two patients exchange their beds."""
    people = reader.by_person()
    if len(people) < 2 or any(person.message.count("PV1") != 1 for person in people):
        raise InvalidInput("PID and PV1", "A17 needs two PID segments, each with one PV1 after it. Send both patients.")
    if len({token_of(each) for each in people}) < len(people):
        raise InvalidInput("PID-3", "two PID of A17 name the same patient. Send an A02 for a move.")
    if len({required_visit(each) for each in people}) < len(people):
        raise InvalidInput(all_fields(reader), "the same for both patients of A17. Fill in the number of each.")
    at = reader.occurred_at()
    facts = []
    for index, each in enumerate(people):
        data = Details(location=location(each, "PV1", 3), **details(each, at))
        kind, visit = events.PatientTransferred, required_visit(each)
        facts.append(make_fact(each, kind, visit, token_of(each), at, data, suffix_of(index, many=True)))
    return facts


def _delete(reader: FieldReader) -> list[AnyFact]:
    at = reader.occurred_at()
    return [make_fact(reader, events.EncounterDeleted, required_visit(reader), token_of(reader), at, DeleteDetails())]


MERGES = ("A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47")

OF_VISITS = ("A35", "A41", "A42", "A44", "A45", "A49", "A50", "A51")

OF_SEVERAL = frozenset({"A17", "A20", "A37", *OF_VISITS, *MERGES})
"""Triggers whose message may hold several patients, visits or beds."""

_LINKING = ("A01", "A04", "A05", "A06", "A07", "A28", "A31", *MERGES)
"""Triggers that link the numbers of PID-3; so does an A08 without a visit. A stay's other messages repeat them."""

_ADMISSION = (("EVN", 3), ("PV2", 8), ("PV1", 44))
_DISCHARGE = (("EVN", 3), ("PV2", 9), ("PV1", 45))

TRIGGERS: dict[str, Make] = {
    "A01": _stay(events.PatientAdmitted, begins=True),
    "A02": _stay(events.PatientTransferred),
    "A03": _discharge,
    "A04": _stay(events.PatientRegistered, begins=True),
    "A05": _pending(events.PatientPreadmitted, needs_visit=False, expected=_ADMISSION),
    "A06": renumber_visit(_stay(events.PatientClassChanged, begins=True, default=PatientClass.INPATIENT)),
    "A07": renumber_visit(_stay(events.PatientClassChanged, begins=True, default=PatientClass.OUTPATIENT)),
    "A08": _update_or_link,
    "A09": _tracking(events.PatientDeparted),
    "A10": _tracking(events.PatientArrived),
    "A11": _cancel(events.AdmissionCancelled),
    "A12": _cancel(events.TransferCancelled, back=True),
    "A13": _cancel(events.DischargeCancelled, back=True),
    "A14": _pending(events.AdmissionPending, needs_visit=False, expected=_ADMISSION),
    "A15": _pending(events.TransferPending, needs_visit=True, expected=(("EVN", 3),)),
    "A16": _pending(events.DischargePending, needs_visit=True, expected=_DISCHARGE),
    "A17": _swap,
    "A20": bed_statuses,
    "A21": _stay(events.LeaveStarted),
    "A22": _stay(events.LeaveEnded),
    "A23": _delete,
    "A25": _cancel(events.PendingDischargeCancelled),
    "A26": _cancel(events.PendingTransferCancelled),
    "A27": _cancel(events.PendingAdmissionCancelled, needs_visit=False),
    "A28": update_patient,
    "A31": update_patient,
    "A32": _cancel(events.ArrivalCancelled, back=True),
    "A33": _cancel(events.DepartureCancelled, back=True),
    "A37": unmerge_patients,
    "A38": _cancel(events.PreadmissionCancelled, needs_visit=False),
    "A52": _cancel(events.LeaveStartCancelled),
    "A53": _cancel(events.LeaveEndCancelled),
    **dict.fromkeys(MERGES, merge_patients),
    **dict.fromkeys(OF_VISITS, merge_visits(_update)),
    **dict.fromkeys(("A42", "A50"), merge_visits(_update, must_change=True)),
    **dict.fromkeys(("A54", "A55", "A60"), _update),
}
"""How each trigger's facts are made. A54, A55 and A60 count as updates of the visit."""

TRIGGERS |= {trigger: with_links(TRIGGERS[trigger]) for trigger in _LINKING}
