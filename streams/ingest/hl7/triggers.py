"""From one HL7 v2 ADT message to facts, by the feed's mapping: what each trigger says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas import events
from schemas.events import (
    AnyFact,
    BedDetails,
    BedStatusChanged,
    CancelDetails,
    DeleteDetails,
    Details,
    DischargeDetails,
    PatientClass,
    PendingDetails,
    TrackingDetails,
    UpdateDetails,
    bed_subject,
    patient_subject,
)
from streams.ingest.hl7.fields import Reader, numbered
from streams.ingest.hl7.header import header_of, read_header
from streams.ingest.hl7.mapping import BED_REASONS, Hl7Mapping
from streams.ingest.hl7.message import Hl7Message, NotHl7, Rejected
from streams.ingest.hl7.patients import merge, person, unmerge
from streams.ingest.hl7.visits import visits
from streams.ingest.reading import Reading

__all__ = ["NotHl7", "Reading", "read_message"]

NOT_READ = {
    "A24": "links two patients; a link is no merge. If both numbers are one person's, send an A40",
    "A29": "deletes a person. Delete the visits with A23, or merge the number into the right one with A40",
    "A43": "moves a number to another patient. Send an A40 if both are one person, else the visit's facts again",
}
"""Triggers that concern stays or people and are not read yet: what they do, and what to do instead."""


EXPIRED = "20"
"""UB-04 patient status: died."""


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
    try:
        message = Hl7Message(raw, _further(mapping))
        header = header_of(message, raw)
    except Rejected as error:
        return Reading(None, None, rejected=str(error), header=read_header(raw))
    control_id = trigger = None
    try:
        control_id = message.get("MSH", 10) or None
        trigger = _trigger(message)
        make = TRIGGERS.get(trigger)
        if make is None:
            raise Rejected(_why_not(trigger))
        if trigger not in OF_SEVERAL:
            _require_one_person(message)
        facts = make(Reader(message, mapping, pseudonym_key, raw))
        return Reading(control_id, trigger, tuple(facts), header=header)
    except Rejected as error:
        return Reading(control_id, trigger, rejected=str(error), header=header)


def _require_one_person(message: Hl7Message) -> None:
    """Refuse what tells of two patients or two visits at once: one of them would be lost in silence."""
    for segment, what in (("PID", "patient"), ("PV1", "visit")):
        if message.count(segment) > 1:
            raise Rejected(f"{segment} stands {message.count(segment)} times; send a message for each {what}.")


def _further(mapping: Hl7Mapping) -> list[tuple[str, int]]:
    return [(place[:3], int(place[4:].partition(".")[0])) for place in mapping.visit_number]


def _why_not(trigger: str) -> str:
    if trigger in NOT_READ:
        return f"MSH-9 says {trigger}, which is not read yet: it {NOT_READ[trigger]}."
    return f"MSH-9 says {_shown(trigger)}, which tells nothing of a stay; do not send it here."


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


_Make = Callable[[Reader], list[AnyFact]]


def _stay(kind: type[Any], time_field: tuple[str, int] = ("", 0), default: PatientClass | None = None) -> _Make:
    """A01, A02, A04, A06, A07, A21, A22: a stay begins, moves or changes."""

    def make(reader: Reader) -> list[AnyFact]:
        at = reader.occurred_at(*time_field)
        details = reader.details(at)
        details["patient_class"] = details["patient_class"] or default
        data = Details(location=reader.location("PV1", 3), **details)
        return [reader.fact(kind, reader.needed_visit(), reader.token(), at, data)]

    return make


def _discharge(reader: Reader) -> list[AnyFact]:
    at = reader.occurred_at("PV1", 45)
    disposition = reader.disposition() or (EXPIRED if reader.died() else None)
    data = DischargeDetails(discharge_disposition=disposition, **reader.details(at))
    return [reader.fact(events.PatientDischarged, reader.needed_visit(), reader.token(), at, data)]


def _update(reader: Reader, suffix: str = "") -> list[AnyFact]:
    visit = reader.visit()
    if visit is None:
        return person(reader, suffix)
    at = reader.occurred_at()
    data = UpdateDetails(
        location=reader.location("PV1", 3),
        discharge_disposition=reader.disposition(),
        admitted_at=reader.past("PV1", 44),
        discharged_at=reader.past("PV1", 45),
        **reader.details(at),
    )
    return [reader.fact(events.EncounterUpdated, reader.needed_visit(), reader.token(), at, data, suffix)]


def _tracking(kind: type[Any]) -> _Make:
    def make(reader: Reader) -> list[AnyFact]:
        at = reader.occurred_at()
        data = TrackingDetails(
            location=reader.location("PV1", 3), temporary_location=reader.location("PV1", 11), **reader.details(at)
        )
        return [reader.fact(kind, reader.needed_visit(), reader.token(), at, data)]

    return make


def _pending(kind: type[Any], *, needs_visit: bool, expected: tuple[tuple[str, int], ...]) -> _Make:
    """A05, A14, A15, A16: where to, and when."""

    def make(reader: Reader) -> list[AnyFact]:
        at, token = reader.occurred_at(), reader.token()
        place = reader.location("PV1", 42) or reader.location("PV2", 1)
        if place is None and not needs_visit:
            place = reader.location("PV1", 3)
        when = next((time for time in (reader.time(*field) for field in expected) if time is not None), None)
        data = PendingDetails(location=place, expected_at=when, **reader.details(at))
        return [reader.fact(kind, _subject(reader, token, needs_visit), token, at, data)]

    return make


def _cancel(kind: type[Any], *, needs_visit: bool = True, back: bool = False) -> _Make:
    """A11 to A13, A25 to A27, A32, A33, A38, A52, A53; `back`: PV1-3 says where the patient is afterwards."""

    def make(reader: Reader) -> list[AnyFact]:
        token = reader.token()
        data = CancelDetails(location=reader.location("PV1", 3) if back else None)
        return [reader.fact(kind, _subject(reader, token, needs_visit), token, reader.occurred_at(), data)]

    return make


def _subject(reader: Reader, token: str, needs_visit: bool) -> str:
    if needs_visit or reader.visit() is not None:
        return reader.needed_visit()
    return patient_subject(token)


def _swap(reader: Reader) -> list[AnyFact]:
    people = reader.by_person()
    if len(people) < 2 or any(person.message.count("PV1") != 1 for person in people):
        raise Rejected("A17 needs two PID segments, each with one PV1 after it: the two patients who swap.")
    if len({each.token() for each in people}) < len(people):
        raise Rejected("Two PID-3 of A17 name the same patient, who cannot swap; send an A02 for a move.")
    if len({each.needed_visit() for each in people}) < len(people):
        places = ", ".join(reader.mapping.visit_number)
        raise Rejected(f"A17 gives two patients one visit number ({places}); fill in the number of each at the sender.")
    at = reader.occurred_at()
    facts = []
    for index, each in enumerate(people):
        data = Details(location=each.location("PV1", 3), **each.details(at))
        kind, visit = events.PatientTransferred, each.needed_visit()
        facts.append(each.fact(kind, visit, each.token(), at, data, numbered(index, many=True)))
    return facts


def _beds(reader: Reader) -> list[AnyFact]:
    """A20: each NPU is a bed."""
    count = reader.message.count("NPU")
    return [_bed(reader, nth, count > 1) for nth in range(max(count, 1))]


def _bed(reader: Reader, nth: int, many: bool) -> AnyFact:
    place, code = reader.location("NPU", 1, nth), reader.message.get("NPU", 2, nth=nth).upper()
    if place is None or place.bed_id is None:
        raise Rejected("NPU-1.3 is empty, so no bed is named; fill it at the sender.")
    status = reader.mapping.states_of_beds.get(code)
    if status is None:
        raise Rejected("NPU-2 has a status that the mapping does not know; add it to bed_statuses.")
    subject = bed_subject(place)
    reader.name("NPU-1", subject)
    data = BedDetails(location=place, status=status, reason=BED_REASONS.get(code))
    return reader.fact(BedStatusChanged, subject, subject, reader.occurred_at(), data, numbered(nth, many))


def _delete(reader: Reader) -> list[AnyFact]:
    at = reader.occurred_at()
    return [reader.fact(events.EncounterDeleted, reader.needed_visit(), reader.token(), at, DeleteDetails())]


MERGES = ("A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47")

OF_VISITS = ("A35", "A41", "A42", "A44", "A45", "A49", "A50", "A51")

OF_SEVERAL = frozenset({"A17", "A20", "A37", *OF_VISITS, *MERGES})
"""Triggers that tell of several patients or beds in one message; the others tell of one."""

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
    "A12": _cancel(events.TransferCancelled, back=True),
    "A13": _cancel(events.DischargeCancelled, back=True),
    "A14": _pending(events.AdmissionPending, needs_visit=False, expected=_ADMISSION),
    "A15": _pending(events.TransferPending, needs_visit=True, expected=(("EVN", 3),)),
    "A16": _pending(events.DischargePending, needs_visit=True, expected=_DISCHARGE),
    "A17": _swap,
    "A20": _beds,
    "A21": _stay(events.LeaveStarted),
    "A22": _stay(events.LeaveEnded),
    "A23": _delete,
    "A25": _cancel(events.PendingDischargeCancelled),
    "A26": _cancel(events.PendingTransferCancelled),
    "A27": _cancel(events.PendingAdmissionCancelled, needs_visit=False),
    "A28": person,
    "A31": person,
    "A32": _cancel(events.ArrivalCancelled, back=True),
    "A33": _cancel(events.DepartureCancelled, back=True),
    "A37": unmerge,
    "A38": _cancel(events.PreadmissionCancelled, needs_visit=False),
    "A52": _cancel(events.LeaveStartCancelled),
    "A53": _cancel(events.LeaveEndCancelled),
    **dict.fromkeys(MERGES, merge),
    **dict.fromkeys(OF_VISITS, visits(_update)),
    **dict.fromkeys(("A42", "A50"), visits(_update, must_change=True)),
    **dict.fromkeys(("A54", "A55", "A60"), _update),
}
"""What each trigger says. A54, A55 and A60 tell of a visit something besides what they are named for."""
