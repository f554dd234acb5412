"""State derived from facts; only the folds of `streams.fold` compute it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from schemas.events import AdmissionType, BedStatus, PatientClass, Sex


class EncounterStatus(StrEnum):
    """FHIR R5 Encounter.status, in our words."""

    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    DISCHARGED = "discharged"
    CANCELLED = "cancelled"


class Problem(StrEnum):
    """What does not fit in an encounter's facts. The facts are kept; a person decides."""

    NO_ADMISSION = "no_admission"
    ADMITTED_TWICE = "admitted_twice"
    ADMITTED_AFTER_DISCHARGE = "admitted_after_discharge"
    MOVED_BEFORE_ADMISSION = "moved_before_admission"
    MOVED_AFTER_DISCHARGE = "moved_after_discharge"
    DISCHARGED_TWICE = "discharged_twice"
    DISCHARGED_BEFORE_ADMISSION = "discharged_before_admission"
    TRANSFER_WITHOUT_LOCATION = "transfer_without_location"
    CANCEL_WITHOUT_TARGET = "cancel_without_target"
    TWO_PATIENTS = "two_patients"
    ID_COLLISION = "id_collision"
    TIMES_OUT_OF_ORDER = "times_out_of_order"
    RECORDED_BEFORE_IT_HAPPENED = "recorded_before_it_happened"
    REGISTERED_TWICE = "registered_twice"
    PLANNED_AFTER_ADMISSION = "planned_after_admission"
    RETURN_WITHOUT_LEAVE = "return_without_leave"
    LEAVE_WHILE_NOT_HERE = "leave_while_not_here"
    PENDING_WHILE_NOT_HERE = "pending_while_not_here"
    REPORTED_AFTER_DELETION = "reported_after_deletion"
    REPORTED_AFTER_CANCELLATION = "reported_after_cancellation"
    MERGED_TWICE = "merged_twice"
    MERGED_IN_TWO_PLACES = "merged_in_two_places"


class UnitStay(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A patient in one place from `arrived_at` (inclusive) to `left_at` (exclusive; None: still there)."""

    facility_id: str
    unit_id: str
    arrived_at: datetime
    left_at: datetime | None = None
    room: str | None = None
    bed_id: str | None = None


class Reservation(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A place that a pending admission or transfer is to take; `since` is when that was said."""

    facility_id: str
    unit_id: str
    since: datetime
    room: str | None = None
    bed_id: str | None = None
    expected_at: datetime | None = None


class KnownDiagnosis(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A diagnosis and when it was first reported, so that no feature sees it earlier."""

    code: str
    system: str
    known_at: datetime
    principal: bool = False
    present_on_admission: bool | None = None


class KnownProcedure(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A procedure and when it was first reported."""

    code: str
    system: str
    known_at: datetime


class KnownService(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A service (PV1-10) and from when on it was said."""

    value: str
    known_at: datetime


class Encounter(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The fold of the facts about one encounter. All times are aware UTC."""

    encounter_id: str
    patient_token: str
    status: EncounterStatus
    patient_class: PatientClass = PatientClass.UNKNOWN
    admitted_at: datetime | None = None
    inpatient_from: datetime | None = None
    """Since when the class has been inpatient; None where it is not. After the discharge only A06 and A07 change it."""
    discharged_at: datetime | None = None
    discharge_disposition: str | None = None
    admission_type: AdmissionType | None = None
    service: str | None = None
    """The last one said; `services` has all, with their times."""
    services: tuple[KnownService, ...] = ()
    age_years: int | None = None
    sex: Sex | None = None
    expected_discharge_at: datetime | None = None
    unit_stays: tuple[UnitStay, ...] = msgspec.field(default=(), name="stays")
    diagnoses: tuple[KnownDiagnosis, ...] = ()
    procedures: tuple[KnownProcedure, ...] = ()
    problems: tuple[Problem, ...] = ()
    expected_admission_at: datetime | None = None
    reservation: Reservation | None = None
    """Where the patient is to come, while the admission or a transfer is pending."""
    on_leave_since: datetime | None = None
    """Set while the patient is on leave of absence; the bed is kept."""
    temporary_place: UnitStay | None = None
    """Where the patient is for a while (PV1-11); the bed is kept."""
    other_tokens: tuple[str, ...] = ()
    """Further patient tokens under which this encounter was reported."""
    withdrawn: tuple[PlanWithdrawn, ...] = ()
    """Cancels under this number of a plan that was announced without one."""
    merged_into: str | None = None
    """The encounter that this one was merged into, as last said."""
    same_as: str | None = None
    """The encounter that has its facts now, where merges lead to another one; this one is then cancelled."""

    @property
    def provisional(self) -> bool:
        """Whether some fact does not fit; see `problems`."""
        return bool(self.problems)

    @property
    def location(self) -> UnitStay | None:
        """The last place known: the present one while in progress."""
        return self.unit_stays[-1] if self.unit_stays else None


class PlanKind(StrEnum):
    """What announced a coming patient: each has a cancel of its own."""

    PREADMISSION = "preadmission"
    ADMISSION = "admission"


class PlanWithdrawn(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A27 or A38: what was announced of this kind before is off; with `fact_id`, that one only."""

    kind: PlanKind
    recorded_at: datetime
    fact_id: str | None = None


class PendingAdmission(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """An admission announced without a visit number: it waits on the patient until an admission or its cancel."""

    fact_id: str
    since: datetime
    kind: PlanKind | None = None
    """Like `recorded_at` None in what was stored before cancels were looked for under other numbers."""
    recorded_at: datetime | None = None
    expected_at: datetime | None = None
    place: Reservation | None = None


class Patient(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The fold of the facts about one patient token: who it is, and what waits on it. All times are aware UTC."""

    patient_token: str
    merged_into: str | None = None
    """The token that this one was merged into, as last said; see `streams.fold.merges`."""
    merge_order: tuple[datetime, datetime, str, str] | None = None
    """`occurred_at`, `recorded_at`, source and id of the merge: of merges in a circle the oldest does not count."""
    merges: tuple[str, ...] = ()
    """All tokens that this one was merged into, where nobody undid it."""
    sex: Sex | None = None
    age_years: int | None = None
    died_at: datetime | None = None
    pending: tuple[PendingAdmission, ...] = ()
    """Of this token; a merge may have brought its cancel under another one, see `streams.fold.pending_admissions`."""
    withdrawn: tuple[PlanWithdrawn, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def provisional(self) -> bool:
        """Whether some fact does not fit; see `problems`."""
        return bool(self.problems)


class BedState(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One bed as the board shows it."""

    bed_id: str
    status: BedStatus
    since: datetime | None = None
    reason: str | None = None
    encounter_id: str | None = None
    conflicts: tuple[str, ...] = ()
    """Further encounters that claim this bed; a person must say who lies in it."""
    reserved_for: str | None = None
    """The encounter, or the patient, whom a pending admission or transfer is to bring here."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Encounter)


def encode_encounter(encounter: Encounter) -> bytes:
    """Return the encounter's canonical JSON; equal encounters give equal bytes."""
    return _encoder.encode(encounter)


def decode_encounter(raw: bytes) -> Encounter:
    """Read what `encode_encounter` wrote."""
    return _decoder.decode(raw)


_patient_decoder = msgspec.json.Decoder(Patient)


def encode_patient(patient: Patient) -> bytes:
    """Return the patient's canonical JSON; equal patients give equal bytes."""
    return _encoder.encode(patient)


def decode_patient(raw: bytes) -> Patient:
    """Read what `encode_patient` wrote."""
    return _patient_decoder.decode(raw)


__all__ = [
    "BedState",
    "Encounter",
    "EncounterStatus",
    "KnownDiagnosis",
    "KnownProcedure",
    "KnownService",
    "Patient",
    "PendingAdmission",
    "PlanKind",
    "PlanWithdrawn",
    "Problem",
    "Reservation",
    "UnitStay",
    "decode_encounter",
    "decode_patient",
    "encode_encounter",
    "encode_patient",
]
