"""State derived from facts; only the folds of `streams.fold` compute it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from schemas.events import AdmissionType, BedStatus, PatientClass, Sex


class EncounterStatus(StrEnum):
    """Status of an encounter, after FHIR R5 Encounter.status."""

    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    DISCHARGED = "discharged"
    CANCELLED = "cancelled"


class Problem(StrEnum):
    """A contradiction in the facts of an encounter. The facts are kept; a person decides."""

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
    TWO_PEOPLE = "two_people"
    NUMBER_OF_TWO_HOSPITALS = "number_of_two_hospitals"
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
    NUMBER_OF_MANY = "number_of_many"
    MERGED_IN_TWO_PLACES = "merged_in_two_places"


class UnitStay(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Stay in one place from `arrived_at` (inclusive) to `left_at` (exclusive; None: still there)."""

    facility_id: str
    unit_id: str
    arrived_at: datetime
    left_at: datetime | None = None
    room: str | None = None
    bed_id: str | None = None
    placed_at: datetime | None = None
    """When the sender put the patient there, where `arrived_at` was dated back to the beginning of the visit (PV1-44).

    A person with two open encounters is where the later message put them."""


class Reservation(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A place reserved by a pending admission or transfer; `since` is when it was reported."""

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
    """A service (PV1-10) and when it was first reported."""

    value: str
    known_at: datetime


class KnownObservation(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A measured value, and when it was recorded as it stands, so that no feature sees it earlier."""

    code: str
    """LOINC."""
    value: float
    observed_at: datetime
    """Of the specimen."""
    known_at: datetime
    unit: str | None = None
    comparator: str | None = None
    """`<`, `<=`, `>=` or `>`, where the real value is only compared with `value`."""


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
    """The latest reported; `services` has all, with their times."""
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
    """The planned place, while the admission or a transfer is pending."""
    on_leave_since: datetime | None = None
    """Set while the patient is on leave of absence; the bed is kept."""
    temporary_place: UnitStay | None = None
    """Temporary place of the patient (PV1-11); the bed is kept."""
    other_tokens: tuple[str, ...] = ()
    """Further patient tokens under which this encounter was reported."""
    withdrawn: tuple[PlanWithdrawn, ...] = ()
    """Cancels under this visit number of a plan that was announced without a number."""
    merged_into: str | None = None
    """The encounter that this one was merged into, as last reported."""
    same_as: str | None = None
    """The encounter that holds the facts of this one after merges; this one is then cancelled."""
    observations: tuple[KnownObservation, ...] = ()
    """Of each code the last value of each day (UTC), in order of time; see `streams.fold.observations`."""

    @property
    def provisional(self) -> bool:
        """Whether the facts contradict each other; see `problems`."""
        return bool(self.problems)

    @property
    def location(self) -> UnitStay | None:
        """The last place known: the present one while in progress."""
        return self.unit_stays[-1] if self.unit_stays else None


class PlanKind(StrEnum):
    """How an admission was announced: each kind has its own cancel."""

    PREADMISSION = "preadmission"
    ADMISSION = "admission"


class PlanWithdrawn(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A27 or A38: cancels earlier announcements of this kind; with `fact_id`, only that one."""

    kind: PlanKind
    recorded_at: datetime
    fact_id: str | None = None


class PendingAdmission(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """An admission announced without a visit number: kept with the patient until an admission or its cancel."""

    fact_id: str
    since: datetime
    kind: PlanKind | None = None
    """None, as `recorded_at`, in states stored before cancels were matched across visit numbers."""
    recorded_at: datetime | None = None
    expected_at: datetime | None = None
    place: Reservation | None = None


class Patient(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The fold of the facts about one patient token: merges, and pending admissions. All times are aware UTC."""

    patient_token: str
    merged_into: str | None = None
    """The token that this one was merged into, as last reported; see `streams.fold.merges`."""
    merge_order: tuple[datetime, datetime, str, str] | None = None
    """`occurred_at`, `recorded_at`, source and id of the merge: of merges in a circle the oldest does not count."""
    merges: tuple[str, ...] = ()
    """All tokens that this one was merged into, without undone merges."""
    links: tuple[str, ...] = ()
    """Tokens of other numbers of this person, as PID-3 listed them together; see `streams.fold.merges`."""
    sex: Sex | None = None
    age_years: int | None = None
    died_at: datetime | None = None
    pending: tuple[PendingAdmission, ...] = ()
    """Of this token; a merge may have brought its cancel under another one, see `streams.fold.pending_admissions`."""
    withdrawn: tuple[PlanWithdrawn, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def provisional(self) -> bool:
        """Whether the facts contradict each other; see `problems`."""
        return bool(self.problems)


class BedState(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One bed as the board shows it."""

    bed_id: str
    status: BedStatus
    since: datetime | None = None
    reason: str | None = None
    encounter_id: str | None = None
    conflicts: tuple[str, ...] = ()
    """Further encounters that claim this bed; a person must decide."""
    reserved_for: str | None = None
    """The encounter, or the patient, with a pending admission or transfer to this bed."""


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
    "KnownObservation",
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
