"""Cases of cancels and corrections: what was sent, and what counts. The tests and docs/reference/cancels.md use them.

A fact is written as `14:00 A02 5E/02 at=10:00`: when it was recorded (EVN-2), the trigger, the location (PV1-3 as
unit/bed), and further fields by name; `at` is when it happened (EVN-6), where that is another time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from schemas import events
from schemas.events import AnyFact, PatientClass
from schemas.state import Encounter, Patient
from streams.fold.encounter import fold
from streams.fold.patient import fold_patient
from tests.streams.builders import T0, place, said


class Case(NamedTuple):
    title: str
    sent: tuple[str, ...]
    """In the order of recording."""
    counts: str
    """As `describe_encounter` or `describe_patient` writes it."""


class Group(NamedTuple):
    title: str
    explanation: str
    cases: tuple[Case, ...]


TRIGGERS: dict[str, type[Any]] = {
    "A01": events.PatientAdmitted,
    "A02": events.PatientTransferred,
    "A03": events.PatientDischarged,
    "A04": events.PatientRegistered,
    "A05": events.PatientPreadmitted,
    "A06": events.PatientClassChanged,
    "A08": events.EncounterUpdated,
    "A09": events.PatientDeparted,
    "A10": events.PatientArrived,
    "A11": events.AdmissionCancelled,
    "A12": events.TransferCancelled,
    "A13": events.DischargeCancelled,
    "A14": events.AdmissionPending,
    "A15": events.TransferPending,
    "A16": events.DischargePending,
    "A21": events.LeaveStarted,
    "A22": events.LeaveEnded,
    "A23": events.EncounterDeleted,
    "A25": events.PendingDischargeCancelled,
    "A26": events.PendingTransferCancelled,
    "A27": events.PendingAdmissionCancelled,
    "A32": events.ArrivalCancelled,
    "A33": events.DepartureCancelled,
    "A37": events.PatientsUnmerged,
    "A38": events.PreadmissionCancelled,
    "A40": events.PatientsMerged,
    "A52": events.LeaveStartCancelled,
    "A53": events.LeaveEndCancelled,
}


class Sent(NamedTuple):
    """The text of a fact, taken apart."""

    recorded: str
    trigger: str
    location: str | None
    fields: dict[str, str]


def read(text: str) -> Sent:
    recorded, trigger, *others = text.split()
    fields = dict(other.split("=") for other in others if "=" in other)
    locations = [other for other in others if "=" not in other]
    return Sent(recorded, trigger, locations[0] if locations else None, fields)


def time(text: str) -> datetime:
    hours, _, minutes = text.partition(":")
    return T0 + timedelta(hours=int(hours), minutes=int(minutes))


FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "cancels": ("cancels", str),
    "admitted": ("admitted_at", time),
    "discharged": ("discharged_at", time),
    "disposition": ("discharge_disposition", str),
    "class": ("patient_class", PatientClass),
    "temporary": ("temporary_location", place),
    "expected": ("expected_at", time),
    "into": ("into", str),
    "apart_from": ("apart_from", str),
}
"""By field of the text: the detail of the fact, and how to read it."""


def facts(case: Case) -> list[AnyFact]:
    return [_fact(read(text), number) for number, text in enumerate(case.sent)]


def _fact(sent: Sent, number: int) -> AnyFact:
    kind = TRIGGERS[sent.trigger]
    token = sent.fields.get("patient", "P1")
    about_person = issubclass(kind, events.PatientFact)
    fact: AnyFact = said(
        kind,
        0,
        sent.location,
        e=events.patient_subject(token) if about_person else "E1",
        p=token,
        id=sent.fields.get("id", f"{number:02}"),
        **{FIELDS[name][0]: FIELDS[name][1](text) for name, text in sent.fields.items() if name in FIELDS},
    )
    recorded_at = time(sent.recorded)
    occurred_at = time(sent.fields["at"]) if "at" in sent.fields else recorded_at
    return msgspec.structs.replace(fact, recorded_at=recorded_at, occurred_at=occurred_at)


def outcome(given: Sequence[Any]) -> str:
    if isinstance(given[0], events.PatientFact):
        patient = fold_patient(given)
        assert patient is not None
        return describe_patient(patient)
    encounter = fold(given)
    assert encounter is not None
    return describe_encounter(encounter)


def describe_patient(patient: Patient) -> str:
    merged = f"merged into {patient.merged_into}" if patient.merged_into else "not merged"
    return "; ".join([merged, *_problems(patient)])


def describe_encounter(encounter: Encounter) -> str:
    """Status and end, then each place, the reservation, the temporary place and the leave, then the problems."""
    status = encounter.status.value.replace("_", " ")
    if encounter.discharged_at is not None:
        status += f" at {_clock(encounter.discharged_at)}"
    if encounter.discharge_disposition is not None:
        status += f" to {encounter.discharge_disposition}"
    found = [status]
    if encounter.admitted_at is not None:
        found.append(f"admitted at {_clock(encounter.admitted_at)}")
    for stay in encounter.unit_stays:
        until = f" until {_clock(stay.left_at)}" if stay.left_at else ""
        found.append(f"{stay.unit_id}/{stay.bed_id} from {_clock(stay.arrived_at)}{until}")
    if encounter.reservation is not None:
        found.append(f"reserved {encounter.reservation.unit_id}/{encounter.reservation.bed_id}")
    if encounter.temporary_place is not None:
        found.append(f"for a while in {encounter.temporary_place.unit_id}")
    if encounter.on_leave_since is not None:
        found.append(f"on leave since {_clock(encounter.on_leave_since)}")
    return "; ".join([*found, *_problems(encounter)])


def _problems(state: Encounter | Patient) -> list[str]:
    return [f"problem {problem.value}" for problem in state.problems]


def _clock(at: datetime) -> str:
    return f"{at:%H:%M}"


WHICH_TRANSFER = Group(
    "Which transfer a cancel concerns",
    "A cancel (A12) often does not name what it cancels. Wardwatch looks for the transfer of the cancel's own time "
    "(EVN-6), and else cancels the transfer that was recorded last. An update (A08) that moved the patient is a "
    "transfer too. A cancel concerns what was recorded before it; only where no transfer was, the latest transfer that "
    "happened before it.",
    (
        Case(
            "a cancelled transfer leaves the patient in the bed before it",
            ("08:00 A01 4W/01", "10:00 A02 5E/02", "11:00 A12"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
        Case(
            "a transfer that came as an update can be cancelled",
            ("08:00 A01 4W/01", "11:00 A08 5E/02", "12:00 A12"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
        Case(
            "of a transfer and an update that moved the patient, the one recorded last is cancelled",
            ("08:00 A01 4W/01", "10:00 A02 5E/02", "11:00 A08 ICU/01", "12:00 A12"),
            "in progress; admitted at 08:00; 4W/01 from 08:00 until 10:00; 5E/02 from 10:00",
        ),
        Case(
            "a cancel with the time of a transfer cancels that one",
            ("08:00 A01 4W/01", "10:00 A02 5E/02", "12:00 A02 ICU/01", "13:00 A12 at=10:00"),
            "in progress; admitted at 08:00; 4W/01 from 08:00 until 12:00; ICU/01 from 12:00",
        ),
        Case(
            "a cancel that names a transfer by its id cancels that one",
            ("08:00 A01 4W/01", "10:00 A02 5E/02 id=first", "12:00 A02 ICU/01", "13:00 A12 cancels=first"),
            "in progress; admitted at 08:00; 4W/01 from 08:00 until 12:00; ICU/01 from 12:00",
        ),
        Case(
            "a cancel does not concern a transfer that was recorded after it",
            ("08:00 A01 4W/01", "18:00 A02 5E/02", "18:06 A12", "18:12 A02 ICU/03 at=18:00"),
            "in progress; admitted at 08:00; 4W/01 from 08:00 until 18:00; ICU/03 from 18:00",
        ),
        Case(
            "a cancel that was recorded before its transfer cancels it",
            ("08:00 A01 4W/01", "11:00 A12", "12:00 A02 5E/02 at=10:00"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
        Case(
            "a transfer with a time in the future can be cancelled",
            ("08:00 A01 4W/01", "10:00 A02 5E/02", "11:00 A02 ICU/01 at=18:00", "12:00 A12"),
            "in progress; admitted at 08:00; 4W/01 from 08:00 until 10:00; 5E/02 from 10:00",
        ),
        Case(
            "a transfer that was sent twice is cancelled as one",
            ("08:00 A01 4W/01", "10:00 A02 5E/02", "10:00 A02 5E/02", "11:00 A12"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
        Case(
            "a cancel that was sent twice cancels one transfer",
            ("08:00 A01 4W/01", "10:00 A02 5E/02", "12:00 A02 ICU/01", "13:00 A12", "13:00 A12"),
            "in progress; admitted at 08:00; 4W/01 from 08:00 until 10:00; 5E/02 from 10:00",
        ),
        Case(
            "a cancel without a transfer to cancel is named as a problem",
            ("08:00 A01 4W/01", "17:00 A12"),
            "in progress; admitted at 08:00; 4W/01 from 08:00; problem cancel_without_target",
        ),
    ),
)

REPEATED = Group(
    "Locations that are only repeated",
    "Most updates (A08) repeat the patient's location. A location that repeats the one recorded before is not a move, "
    "whatever happens to the fact that it repeats. The same holds for class changes (A06, A07), tracking (A09, A10) "
    "and leave (A21, A22).",
    (
        Case(
            "an update that repeats the location of a transfer does not bring it back when the transfer is cancelled",
            ("08:00 A01 4W/01", "10:00 A02 5E/02", "11:00 A08 5E/02", "12:00 A12"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
        Case(
            "an update recorded before a late transfer was known does not move the patient back",
            ("08:00 A01 4W/01", "11:00 A08 4W/01", "14:00 A02 5E/02 at=10:00"),
            "in progress; admitted at 08:00; 4W/01 from 08:00 until 10:00; 5E/02 from 10:00",
        ),
        Case(
            "an update of the same instant does not undo a transfer",
            ("08:00 A01 4W/01", "13:00 A08 4W/01", "13:01 A02 5E/02 at=13:00"),
            "in progress; admitted at 08:00; 4W/01 from 08:00 until 13:00; 5E/02 from 13:00",
        ),
        Case(
            "an update that was also recorded at the instant of a transfer does not undo it",
            ("08:00 A01 4W/01", "13:00 A08 4W/01", "13:00 A02 5E/02"),
            "in progress; admitted at 08:00; 4W/01 from 08:00 until 13:00; 5E/02 from 13:00",
        ),
        Case(
            "a temporary location stays when the bed is repeated",
            ("08:00 A01 4W/01", "10:00 A09 4W/01 temporary=XR", "11:00 A08 4W/01"),
            "in progress; admitted at 08:00; 4W/01 from 08:00; for a while in XR",
        ),
        Case(
            "a reserved bed stays reserved when the present one is repeated",
            ("08:00 A01 4W/01", "13:00 A15 ICU/02", "15:00 A08 4W/01"),
            "in progress; admitted at 08:00; 4W/01 from 08:00; reserved ICU/02",
        ),
    ),
)

AFTERWARDS = Group(
    "Where the patient is after a cancel",
    "The cancels A12, A13, A32 and A33 may carry a location (PV1-3): where the patient is afterwards. It counts right "
    "after the cancel. Some senders repeat the cancelled location there, and that does not count.",
    (
        Case(
            "a cancel that gives the location before the transfer does not move the patient",
            ("08:00 A01 4W/01", "10:00 A02 5E/02", "11:00 A12 4W/01"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
        Case(
            "a cancel that repeats the cancelled location does not move the patient there",
            ("08:00 A01 4W/01", "10:00 A02 5E/02", "11:00 A12 5E/02"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
        Case(
            "a cancel without a transfer to cancel, with the present location, does not move the patient",
            ("08:00 A01 4W/01", "17:00 A12 4W/01"),
            "in progress; admitted at 08:00; 4W/01 from 08:00; problem cancel_without_target",
        ),
        Case(
            "a cancelled discharge may bring the patient back to another bed",
            ("08:00 A01 4W/01", "18:00 A03", "20:00 A13 5E/02"),
            "in progress; admitted at 08:00; 4W/01 from 08:00 until 20:00; 5E/02 from 20:00",
        ),
    ),
)

DISCHARGES = Group(
    "Cancelled discharges",
    "After a cancelled discharge (A13) the patient is here: all discharges since the last admission are removed, with "
    "their corrections. A discharge that was recorded after the cancel counts.",
    (
        Case(
            "a cancelled discharge reopens the encounter",
            ("08:00 A01 4W/01", "16:00 A03 disposition=01", "17:00 A13"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
        Case(
            "the discharge recorded after the cancel counts",
            ("08:00 A01 4W/01", "16:00 A03 disposition=01", "17:00 A13", "18:00 A03 disposition=20 at=16:30"),
            "discharged at 16:30 to 20; admitted at 08:00; 4W/01 from 08:00 until 16:30",
        ),
        Case(
            "a discharge that happened at the instant of the cancel counts where it was recorded after it",
            ("08:00 A01 4W/01", "16:00 A03 disposition=01", "17:00 A13", "17:06 A03 disposition=03 at=17:00"),
            "discharged at 17:00 to 03; admitted at 08:00; 4W/01 from 08:00 until 17:00",
        ),
        Case(
            "a discharge that was sent twice is cancelled as one",
            ("08:00 A01 4W/01", "16:00 A03 disposition=01", "16:00 A03 disposition=01", "17:00 A13"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
        Case(
            "two discharges with different times are cancelled together",
            ("08:00 A01 4W/01", "16:00 A03 disposition=01", "16:30 A03 disposition=03", "17:00 A13"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
        Case(
            "a correction of a cancelled discharge is void with it",
            (
                "08:00 A01 4W/01",
                "16:00 A03 disposition=01",
                "18:00 A08 discharged=15:00",
                "19:00 A13",
                "20:00 A03 disposition=03 at=17:00",
            ),
            "discharged at 17:00 to 03; admitted at 08:00; 4W/01 from 08:00 until 17:00",
        ),
        Case(
            "an update that still carries the time of the cancelled discharge does not discharge the patient",
            ("08:00 A01 4W/01", "16:00 A03 disposition=01", "17:00 A13", "18:00 A08 discharged=16:00"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
        Case(
            "an update after the end of an encounter of which nothing else is known, such as a bill, claims no bed",
            ("20:00 A08 4W/01 discharged=10:00",),
            "discharged at 10:00; problem no_admission",
        ),
    ),
)

ADMISSIONS = Group(
    "Cancelled admissions",
    "After a cancelled admission (A11) the patient is not here as an inpatient: all admissions since the last "
    "discharge are removed, and what was recorded of the stay meanwhile is void. A registration (A04) or a plan (A05) "
    "from before stays.",
    (
        Case(
            "a cancelled admission cancels the encounter",
            ("08:00 A01 4W/01", "09:00 A02 5E/02", "10:00 A11"),
            "cancelled",
        ),
        Case(
            "an admission that was sent twice is cancelled as one",
            ("08:00 A01 4W/01", "08:00 A01 4W/01", "09:00 A11"),
            "cancelled",
        ),
        Case(
            "updates of a cancelled admission do not count for the next one",
            ("08:00 A01 4W/01", "09:00 A08 4W/01", "10:00 A11", "11:00 A01 5E/03"),
            "in progress; admitted at 11:00; 5E/03 from 11:00",
        ),
        Case(
            "a transfer and a discharge of a cancelled admission do not count for the next one",
            ("08:00 A01 4W/01", "09:00 A02 5E/02", "10:00 A03", "11:00 A11", "12:00 A01 6N/03"),
            "in progress; admitted at 12:00; 6N/03 from 12:00",
        ),
        Case(
            "a cancelled admission of an emergency patient leaves the registration",
            (
                "08:00 A04 ED/01 class=emergency",
                "09:00 A08 ED/01",
                "12:00 A01 4W/01",
                "13:00 A02 5E/02",
                "14:00 A11",
                "15:00 A08 ED/01",
            ),
            "in progress; admitted at 08:00; ED/01 from 08:00",
        ),
        Case(
            "a cancelled admission leaves the plan from before",
            ("08:00 A05 4W/01", "18:00 A01 4W/01", "19:00 A11"),
            "planned; reserved 4W/01",
        ),
        Case(
            "an encounter can be planned again after its admission was cancelled",
            ("08:00 A01 4W/01", "09:00 A11", "10:00 A05 5E/01"),
            "planned; reserved 5E/01",
        ),
        Case(
            "an encounter can be planned again after it was deleted",
            ("08:00 A01 4W/01", "09:00 A23", "10:00 A05 5E/01"),
            "planned; reserved 5E/01",
        ),
        Case(
            "a cancel without an admission leaves the encounter cancelled",
            ("11:00 A11",),
            "cancelled; problem cancel_without_target",
        ),
        Case(
            "updates before and after a cancel without an admission do not put the patient in a bed",
            ("09:00 A08 4W/01", "11:00 A11", "12:00 A08 4W/01"),
            "cancelled; problem cancel_without_target",
        ),
        Case(
            "an update after a cancelled admission is named as a problem",
            ("08:00 A01 4W/01", "09:00 A11", "10:00 A08 4W/01"),
            "cancelled; problem reported_after_cancellation",
        ),
        Case(
            "a transfer after a cancelled admission shows that the patient is here",
            ("08:00 A01 4W/01", "09:00 A11", "13:00 A02 5E/02"),
            "in progress; 5E/02 from 13:00; problem no_admission",
        ),
        Case(
            "a cancel under another patient is named as a problem",
            ("08:00 A01 4W/01", "09:00 A11 patient=P2"),
            "cancelled; problem two_patients",
        ),
    ),
)

PLANS = Group(
    "Cancelled plans",
    "After the cancel of a plan (A25, A26, A27, A38) there is no plan of its kind. A plan that was changed is one plan "
    "and is cancelled as one.",
    (
        Case(
            "an update that repeats a cancelled plan does not put the patient in a bed",
            ("08:00 A05 4W/01", "09:00 A08 4W/01", "10:00 A38"),
            "cancelled",
        ),
        Case(
            "a cancelled pending admission cancels the encounter",
            ("08:00 A14 4W/01 expected=12:00", "09:00 A27"),
            "cancelled",
        ),
        Case(
            "a pending transfer that was changed is cancelled as one",
            ("08:00 A01 4W/01", "09:00 A15 ICU/01 expected=14:00", "10:00 A15 ICU/02 expected=16:00", "11:00 A26"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
        Case(
            "a pending discharge that was changed is cancelled as one",
            ("08:00 A01 4W/01", "09:00 A16 expected=14:00", "10:00 A16 expected=16:00", "11:00 A25"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
    ),
)

TRACKING_AND_LEAVE = Group(
    "Cancelled tracking and leave",
    "The cancels of a departure (A33), an arrival (A32), a leave of absence (A52) and a return from it (A53) restore "
    "the state before.",
    (
        Case(
            "a cancelled arrival puts the patient back",
            ("08:00 A01 4W/01", "10:00 A10 5E/02", "11:00 A32"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
        Case(
            "a cancelled departure ends the temporary location",
            ("08:00 A01 4W/01", "10:00 A09 4W/01 temporary=XR", "11:00 A33"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
        Case(
            "a cancelled leave of absence leaves the patient here",
            ("08:00 A01 4W/01", "10:00 A21", "11:00 A52"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
        Case(
            "a cancelled return leaves the patient on leave",
            ("08:00 A01 4W/01", "10:00 A21", "14:00 A22", "15:00 A53"),
            "in progress; admitted at 08:00; 4W/01 from 08:00; on leave since 10:00",
        ),
    ),
)

CORRECTED = Group(
    "Corrected times",
    "An update (A08) may correct the time of the admission (PV1-44) and of the discharge (PV1-45). A correction counts "
    "where it keeps the order of the moves, or mends it.",
    (
        Case(
            "a wrong admission time is corrected",
            ("10:00 A01 4W/01", "11:00 A08 admitted=08:00"),
            "in progress; admitted at 08:00; 4W/01 from 08:00",
        ),
        Case(
            "a discharge before the admission is corrected",
            ("08:00 A01 4W/01", "10:00 A03 at=07:00", "10:30 A08 4W/01 discharged=09:30"),
            "discharged at 09:30; admitted at 08:00; 4W/01 from 08:00 until 09:30",
        ),
        Case(
            "an admission after the discharge is corrected",
            ("10:00 A01 4W/01 at=09:00", "10:06 A03 at=08:00", "10:30 A08 admitted=07:00"),
            "discharged at 08:00; admitted at 07:00; 4W/01 from 07:00 until 08:00",
        ),
        Case(
            "a discharge before the last move is corrected",
            ("08:00 A01 4W/01", "09:00 A02 5E/01", "10:00 A03 at=08:30", "11:00 A08 discharged=09:30"),
            "discharged at 09:30; admitted at 08:00; 4W/01 from 08:00 until 09:00; 5E/01 from 09:00 until 09:30",
        ),
        Case(
            "an admission after the first move is corrected",
            ("10:00 A01 4W/01", "10:06 A02 5E/01 at=09:00", "11:00 A08 5E/01 admitted=08:00"),
            "in progress; admitted at 08:00; 4W/01 from 08:00 until 09:00; 5E/01 from 09:00",
        ),
        Case(
            "both times are corrected at once",
            (
                "11:00 A01 4W/01 at=10:00",
                "11:00 A02 5E/01 at=09:00",
                "11:00 A03 at=09:30",
                "12:00 A08 5E/01 admitted=08:00 discharged=10:30",
            ),
            "discharged at 10:30; admitted at 08:00; 4W/01 from 08:00 until 09:00; 5E/01 from 09:00 until 10:30",
        ),
        Case(
            "a second discharge before the last move is corrected",
            (
                "00:00 A01 4W/01",
                "05:00 A03",
                "08:00 A01 5E/01",
                "10:00 A02 5E/02",
                "11:00 A03 at=09:00",
                "12:00 A08 discharged=10:30",
            ),
            "discharged at 10:30; admitted at 00:00; 4W/01 from 00:00 until 05:00; 5E/01 from 08:00 until 10:00; "
            "5E/02 from 10:00 until 10:30; problem admitted_after_discharge",
        ),
        Case(
            "the first time of an encounter, which senders keep in PV1-44, does not move a later admission",
            (
                "08:00 A04 ED/01 class=emergency",
                "10:00 A02 ED/02",
                "12:00 A01 4W/01 class=inpatient",
                "13:00 A08 4W/01 admitted=08:00",
            ),
            "in progress; admitted at 08:00; ED/01 from 08:00 until 10:00; ED/02 from 10:00 until 12:00; "
            "4W/01 from 12:00",
        ),
        Case(
            "the first time of an encounter in PV1-44 does not move an admission after a discharge",
            ("00:00 A01 4W/01", "10:00 A03", "20:00 A01 5E/01", "21:00 A08 admitted=00:00"),
            "in progress; admitted at 00:00; 4W/01 from 00:00 until 10:00; 5E/01 from 20:00; "
            "problem admitted_after_discharge",
        ),
    ),
)

REFUSED = Group(
    "Corrected times that are refused",
    "A correction that would carry an admission or a discharge past another move does not count. The problem "
    "`times_out_of_order` names it.",
    (
        Case(
            "a corrected admission does not pass a transfer of the registered patient",
            ("08:00 A04 ED/01 class=emergency", "10:00 A02 ED/02", "12:00 A01 4W/01", "13:00 A08 admitted=09:00"),
            "in progress; admitted at 08:00; ED/01 from 08:00 until 10:00; ED/02 from 10:00 until 12:00; "
            "4W/01 from 12:00; problem times_out_of_order",
        ),
        Case(
            "a corrected discharge does not pass a transfer",
            ("08:00 A01 4W/01", "13:00 A02 5E/01", "17:00 A03", "18:00 A08 discharged=12:00"),
            "discharged at 17:00; admitted at 08:00; 4W/01 from 08:00 until 13:00; 5E/01 from 13:00 until 17:00; "
            "problem times_out_of_order",
        ),
        Case(
            "a corrected admission does not pass the discharge before it",
            ("08:00 A01 4W/01", "13:00 A03", "16:00 A01 4W/01", "17:00 A08 admitted=11:00"),
            "in progress; admitted at 08:00; 4W/01 from 08:00 until 13:00; 4W/01 from 16:00; "
            "problem admitted_after_discharge; problem times_out_of_order",
        ),
        Case(
            "a corrected discharge does not pass the next admission",
            ("00:00 A01 4W/01", "10:00 A03", "20:00 A01 4W/01", "23:00 A08 discharged=22:00"),
            "in progress; admitted at 00:00; 4W/01 from 00:00 until 10:00; 4W/01 from 20:00; "
            "problem admitted_after_discharge; problem times_out_of_order",
        ),
        Case(
            "a corrected discharge does not pass the next admission with a transfer between them",
            ("08:00 A01 4W/01", "13:00 A03", "14:00 A02 5E/01", "16:00 A01 4W/01", "17:00 A08 discharged=16:30"),
            "in progress; admitted at 08:00; 4W/01 from 08:00 until 13:00; 4W/01 from 16:00; "
            "problem admitted_after_discharge; problem moved_after_discharge; problem times_out_of_order",
        ),
    ),
)

MERGES = Group(
    "Undone merges of patients",
    "An unmerge (A37) undoes the merge (A40) with the patient that it names, or else the latest merge. The merge from "
    "before counts again.",
    (
        Case(
            "an undone merge brings back the one before it",
            ("09:00 A40 into=P2", "10:00 A40 into=P3", "11:00 A37"),
            "merged into P2",
        ),
        Case(
            "a merge that was sent twice is undone as one",
            ("09:00 A40 into=P2", "09:00 A40 into=P2", "11:00 A37"),
            "not merged",
        ),
        Case(
            "an unmerge that names the other patient undoes that merge",
            ("09:00 A40 into=P2", "10:00 A40 into=P3", "11:00 A37 apart_from=P2"),
            "merged into P3",
        ),
        Case(
            "an unmerge without a merge is named as a problem",
            ("11:00 A37",),
            "not merged; problem cancel_without_target",
        ),
    ),
)

GROUPS = (
    WHICH_TRANSFER,
    REPEATED,
    AFTERWARDS,
    DISCHARGES,
    ADMISSIONS,
    PLANS,
    TRACKING_AND_LEAVE,
    CORRECTED,
    REFUSED,
    MERGES,
)
