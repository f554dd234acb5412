"""ADT facts on the wire: a CloudEvents 1.0 envelope around one tagged union.

A fact is one report; facts are only ever added. `source` and `id` identify it, `subject` is what it is about (the
encounter, the patient, or the bed), `time` is when it happened, `recordedtime` when the feed recorded it, and
`partitionkey` (the CloudEvents partitioning extension) is the Kafka key: the patient token, or the bed.

Names follow HL7 v2 (trigger in each docstring) and FHIR; see docs/GLOSSARY.md.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from schemas.errors import FactRejected

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
AgeYears = Annotated[int, msgspec.Meta(ge=0, le=130)]
Sequence = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,50}$")]


class PatientClass(StrEnum):
    """PV1-2 (HL7 table 0004)."""

    EMERGENCY = "emergency"
    INPATIENT = "inpatient"
    OUTPATIENT = "outpatient"
    OBSERVATION = "observation"
    PREADMIT = "preadmit"
    RECURRING = "recurring"
    OBSTETRICS = "obstetrics"
    UNKNOWN = "unknown"


class AdmissionType(StrEnum):
    """PV1-4 (HL7 table 0007)."""

    EMERGENCY = "emergency"
    URGENT = "urgent"
    ELECTIVE = "elective"
    NEWBORN = "newborn"
    TRAUMA = "trauma"
    ROUTINE = "routine"


class Sex(StrEnum):
    """PID-8 (HL7 table 0001)."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


class BedStatus(StrEnum):
    """State of a bed. HL7 table 0116 knows C, H, I, K, O and U; `reserved` and `unstaffed` are ours."""

    OCCUPIED = "occupied"
    DIRTY = "dirty"
    CLEANING = "cleaning"
    AVAILABLE = "available"
    RESERVED = "reserved"
    BLOCKED = "blocked"
    UNSTAFFED = "unstaffed"


class ObservationStatus(StrEnum):
    """OBX-11 (HL7 table 0085), FHIR Observation.status."""

    PRELIMINARY = "preliminary"
    FINAL = "final"
    CORRECTED = "corrected"
    CANCELLED = "cancelled"
    """Cancelled, deleted, or entered in error: the result does not count."""


class Location(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """PV1-3: point of care, room, bed and facility."""

    facility_id: Name
    unit_id: Name
    room: Name | None = None
    bed_id: Name | None = None


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """DG1-3: a code and the system it comes from (`ICD10CM`, `ICD9CM`, `SNOMED`)."""

    code: Name
    system: Name = "ICD10CM"
    principal: bool = False
    present_on_admission: bool | None = None


class Procedure(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """PR1-3: a code and the system it comes from (`ICD10PCS`, `CPT`)."""

    code: Name
    system: Name = "ICD10PCS"


class Details(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Fields that any ADT message may carry about the encounter. An absent field was not reported.

    `age_years` is the age in whole years at `time`; birth dates are never sent.
    """

    patient_class: PatientClass | None = None
    location: Location | None = None
    service: Name | None = None
    admission_type: AdmissionType | None = None
    age_years: AgeYears | None = None
    sex: Sex | None = None
    expected_discharge_at: Instant | None = None
    diagnoses: tuple[Diagnosis, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    time_written: Instant | None = None
    """The event time that the source gives, if it is later than the recording; `time` is then that of the recording."""
    version_of: Name | None = None
    """The resource of which this is a version (FHIR Encounter.id). It replaces times, moves and plans of earlier
    versions."""
    version: Name | None = None
    """The version (FHIR meta.versionId, else meta.lastUpdated). Of two recorded at one time the larger number is the
    later; a version that is not a number comes after all numbers, in order of its text, and no version before."""
    version_digest: Name | None = None
    """Digest of the content of that version: two digests of one version are two contents under one id."""
    begun_at: Instant | None = None
    """PV1-44 of an admission, a registration or a class change: when the visit, or the inpatient stay, began."""
    movement: Name | None = None
    """The movement of the patient that this reports (ZBE-1 of IHE PAM). Of two facts about one movement the one that
    was recorded last counts."""


class DischargeDetails(Details, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """PV1-36: `discharge_disposition` is the UB-04 patient status code: 01 home, 07 against advice, 20 died."""

    discharge_disposition: Name | None = None


class UpdateDetails(DischargeDetails, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """An update may also correct PV1-44 and PV1-45."""

    admitted_at: Instant | None = None
    discharged_at: Instant | None = None


class PendingDetails(Details, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A plan: `location` is the planned place (PV1-42, PV2-1), `expected_at` the planned time."""

    expected_at: Instant | None = None


class TrackingDetails(Details, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """PV1-11: a temporary place (a test, an operation); the bed stays the patient's."""

    temporary_location: Location | None = None


class DeleteDetails(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A visit that was entered in error."""

    reason: Name | None = None
    version_of: Name | None = None
    """As in `Details`: a later version of the resource may declare it entered in error."""
    version: Name | None = None
    """As in `Details`."""
    version_digest: Name | None = None
    """As in `Details`."""


class PatientDetails(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Fields about a person, not about a stay (PID-8, PID-29). `age_years` is the age at `time`."""

    age_years: AgeYears | None = None
    sex: Sex | None = None
    died_at: Instant | None = None
    is_alive: bool = False
    """PID-30 is N: a death that was reported before was an error."""


class MergeDetails(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The subject is merged into `into`: a patient (MRG-1) into the token of PID-3, a visit (MRG-5) into PV1-19."""

    into: Name


class LinkDetails(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The subject is one person with `into`: the token of another number in the same PID-3."""

    into: Name


class UnmergeDetails(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A merge of the subject was an error: the one into `apart_from`, or else the latest."""

    apart_from: Name | None = None
    reason: Name | None = None


class MoveDetails(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The patient to whom the visit was assigned before: the token of MRG-1."""

    moved_from: Name


class Placement(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Where a part of a stay puts the patient, from `since` (inclusive) to `until` (exclusive; None: still there)."""

    location: Location
    since: Instant
    until: Instant | None = None


class PartDetails(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """All that one version of a part of a stay says; a later version replaces it."""

    part_of: Name | None = None
    """The whole, or the part in between: its `part_subject`, or its visit number."""
    numbers: tuple[Name, ...] = ()
    """Visit numbers of the part itself: another part may name it by one of them."""
    void: bool = False
    """Whether the part was cancelled or entered in error: it says nothing then."""
    placements: tuple[Placement, ...] = ()
    """In order of time."""
    planned: Location | None = None
    """Place to which the patient has not come yet."""
    expected_at: Instant | None = None
    service: Name | None = None
    diagnoses: tuple[Diagnosis, ...] = ()
    version_of: Name | None = None
    """As in `Details`."""
    version: Name | None = None
    """As in `Details`."""
    version_digest: Name | None = None
    """As in `Details`."""


class CancelDetails(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The fact that is cancelled: its id, or else the latest of its type (see `streams.fold.corrections`).

    `location` is the place of the patient afterwards (PV1-3 of A12, A13, A32, A33).
    """

    cancels: Name | None = None
    location: Location | None = None
    movement: Name | None = None
    """The movement that is cancelled (ZBE-1), in place of a fact's id."""


class ObservationDetails(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A laboratory result or a vital sign (OBX, FHIR Observation); `time` is that of the specimen (OBX-14, OBR-7)."""

    code: Name
    """LOINC."""
    value: float | None = None
    """In `unit`; None where the result has no number, or one that cannot be read."""
    unit: Name | None = None
    """For haemoglobin g/dL, for sodium mmol/L, for creatinine mg/dL, whatever the sender used; else as sent."""
    comparator: Literal["<", "<=", ">=", ">"] | None = None
    """How the real value compares with `value`, as in "<5"."""
    status: ObservationStatus = ObservationStatus.FINAL
    result: Name | None = None
    """The result at its source (OBR-3, OBX-3 and OBX-4; FHIR Observation.id). Of two reports of one result the one that
    was recorded last counts, so a correction or a cancel replaces what it corrects."""
    version: Name | None = None
    """Of the resource (FHIR meta.versionId); of two reports recorded at one time the larger number is the later."""


class BedDetails(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """NPU-2: the status of a bed as housekeeping or the bed desk reports it."""

    location: Location
    status: BedStatus
    reason: Name | None = None


class Fact(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type"):
    """The CloudEvents 1.0 envelope. A duplicate is the same `source` and `id` with the same content."""

    id: Name
    source: Name
    subject: Name
    occurred_at: Instant = msgspec.field(name="time")
    recorded_at: Instant = msgspec.field(name="recordedtime")
    partition_key: Name = msgspec.field(name="partitionkey")
    specversion: Literal["1.0"] = "1.0"
    sequence: Sequence | UnsetType = UNSET
    """Order in which the source sent facts that it recorded at one instant (MSH-13, or the number in MSH-10)."""
    unreadable: tuple[Name, ...] | UnsetType = UNSET
    """Fields of the message that are not valid and count as not said, such as PV2-9."""


class EncounterFact(Fact, frozen=True, kw_only=True, gc=False):
    """A fact about one encounter of one patient."""

    @property
    def encounter_id(self) -> str:
        """The subject: PV1-19."""
        return self.subject

    @property
    def patient_token(self) -> str:
        """The partition key: the patient's pseudonym."""
        return self.partition_key


class PatientAdmitted(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.patient_admitted.v1"):
    """A01: the patient was admitted."""

    data: Details


class PatientTransferred(
    EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.patient_transferred.v1"
):
    """A02: the patient moved to another place."""

    data: Details


class PatientDischarged(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.patient_discharged.v1"):
    """A03: the patient was discharged."""

    data: DischargeDetails


class EncounterUpdated(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.encounter_updated.v1"):
    """A08: other data of the visit changed; a new location in it is a transfer."""

    data: UpdateDetails


class AdmissionCancelled(
    EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.admission_cancelled.v1"
):
    """A11: the admission is cancelled."""

    data: CancelDetails


class TransferCancelled(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.transfer_cancelled.v1"):
    """A12: the transfer is cancelled."""

    data: CancelDetails


class DischargeCancelled(
    EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.discharge_cancelled.v1"
):
    """A13: the discharge is cancelled; the patient is still in the hospital."""

    data: CancelDetails


class PatientPreadmitted(
    EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.patient_preadmitted.v1"
):
    """A05: an admission is planned. Without a visit number its subject is the patient: `patient_subject(token)`."""

    data: PendingDetails


class PatientRegistered(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.patient_registered.v1"):
    """A04: an outpatient or an emergency patient was registered."""

    data: Details


class PatientClassChanged(
    EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.patient_class_changed.v1"
):
    """A06 (outpatient to inpatient) and A07 (inpatient to outpatient); `data.patient_class` is the new class."""

    data: Details


class AdmissionPending(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.admission_pending.v1"):
    """A14: an admission is pending. Without a visit number its subject is the patient: `patient_subject(token)`."""

    data: PendingDetails


class TransferPending(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.transfer_pending.v1"):
    """A15: a transfer is pending."""

    data: PendingDetails


class DischargePending(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.discharge_pending.v1"):
    """A16: a discharge is pending."""

    data: PendingDetails


class PatientDeparted(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.patient_departed.v1"):
    """A09: the patient left for a temporary place."""

    data: TrackingDetails


class PatientArrived(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.patient_arrived.v1"):
    """A10: the patient arrived at a temporary place."""

    data: TrackingDetails


class LeaveStarted(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.leave_started.v1"):
    """A21: a leave of absence began; the bed is kept."""

    data: Details


class LeaveEnded(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.leave_ended.v1"):
    """A22: the patient returned from leave."""

    data: Details


class EncounterDeleted(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.encounter_deleted.v1"):
    """A23: all earlier facts about the visit are void."""

    data: DeleteDetails


class EncounterMoved(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.encounter_moved.v1"):
    """A44, A45: the visit belongs to this patient, not to the one under whom it was reported before."""

    data: MoveDetails


class EncountersMerged(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.encounters_merged.v1"):
    """A42, A50: the subject is another visit, or has another number from now on."""

    data: MergeDetails


class EncountersUnmerged(
    EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.encounters_unmerged.v1"
):
    """The subject was merged in error and is a visit of its own; HL7 has no trigger for it."""

    data: UnmergeDetails


class EncounterPartReported(
    EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.encounter_part_reported.v1"
):
    """A contact within a stay (FHIR Encounter.partOf): where the patient was; never an admission or a discharge."""

    data: PartDetails


class ObservationReported(
    EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.observation_reported.v1"
):
    """ORU^R01, FHIR Observation: a value was measured; never an admission, a move or a discharge."""

    data: ObservationDetails


class PreadmissionCancelled(
    EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.preadmission_cancelled.v1"
):
    """A38: the planned admission is cancelled."""

    data: CancelDetails


class PendingAdmissionCancelled(
    EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.pending_admission_cancelled.v1"
):
    """A27: the pending admission is cancelled."""

    data: CancelDetails


class PendingTransferCancelled(
    EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.pending_transfer_cancelled.v1"
):
    """A26: the pending transfer is cancelled."""

    data: CancelDetails


class PendingDischargeCancelled(
    EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.pending_discharge_cancelled.v1"
):
    """A25: the pending discharge is cancelled."""

    data: CancelDetails


class DepartureCancelled(
    EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.departure_cancelled.v1"
):
    """A33: the departure to a temporary place is cancelled."""

    data: CancelDetails


class ArrivalCancelled(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.arrival_cancelled.v1"):
    """A32: the arrival at a temporary place is cancelled."""

    data: CancelDetails


class LeaveStartCancelled(
    EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.leave_start_cancelled.v1"
):
    """A52: the start of the leave is cancelled."""

    data: CancelDetails


class LeaveEndCancelled(EncounterFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.leave_end_cancelled.v1"):
    """A53: the return from leave is cancelled."""

    data: CancelDetails


class PatientFact(Fact, frozen=True, kw_only=True, gc=False):
    """A fact about a person. Its subject is `patient_subject(token)`; its partition key is the token."""

    @property
    def patient_token(self) -> str:
        """The partition key: the patient's pseudonym."""
        return self.partition_key


class PatientUpdated(PatientFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.patient_updated.v1"):
    """A28, A31, and an A08 without a visit: data of the person changed."""

    data: PatientDetails


class PatientsMerged(PatientFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.patients_merged.v1"):
    """A40, A34: the subject is a person already known under another token."""

    data: MergeDetails


class PatientsUnmerged(PatientFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.patients_unmerged.v1"):
    """A37: the subject was merged in error."""

    data: UnmergeDetails


class PatientIdentifiersLinked(
    PatientFact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.patient_identifiers_linked.v1"
):
    """A01, A04 to A08, A28, A31, A40: the subject is a further number of a person, beside the chosen one of PID-3."""

    data: LinkDetails


class BedStatusChanged(Fact, frozen=True, kw_only=True, gc=False, tag="wardwatch.adt.bed_status_changed.v1"):
    """A20. Its subject and partition key are `bed_subject(location)`."""

    data: BedDetails


AdtEvent = (
    PatientPreadmitted
    | AdmissionPending
    | PatientRegistered
    | PatientAdmitted
    | PatientClassChanged
    | PatientTransferred
    | PatientDeparted
    | PatientArrived
    | LeaveStarted
    | LeaveEnded
    | EncounterUpdated
    | TransferPending
    | DischargePending
    | PatientDischarged
    | PreadmissionCancelled
    | PendingAdmissionCancelled
    | AdmissionCancelled
    | TransferCancelled
    | DepartureCancelled
    | ArrivalCancelled
    | LeaveStartCancelled
    | LeaveEndCancelled
    | PendingTransferCancelled
    | PendingDischargeCancelled
    | DischargeCancelled
    | EncounterDeleted
    | EncounterMoved
    | EncountersMerged
    | EncountersUnmerged
    | EncounterPartReported
    | ObservationReported
)
"""A fact about an encounter."""

PersonFact = PatientUpdated | PatientsMerged | PatientsUnmerged | PatientIdentifiersLinked
"""A fact about a person."""

AnyFact = AdtEvent | PersonFact | BedStatusChanged

MAY_CONCERN_PATIENT = (PatientPreadmitted, AdmissionPending, PreadmissionCancelled, PendingAdmissionCancelled)
"""Facts that may come before the encounter has a number; they are then kept with the patient."""

PATIENT_PREFIX, BED_PREFIX, PART_PREFIX = "patient:", "bed:", "part:"
"""How the subject of the facts of a patient, a bed and a part of a stay begins; that of an encounter is its number."""

MAX_NAME = 200
"""Characters of a `Name`."""

_QUOTED = re.compile(r"""(?<=value) ['"].*['"](?= - at `)""", re.DOTALL)
"""A reason names the field and never quotes its content, which may be a name."""

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""The character U+0000 in JSON: after an even number of backslashes. After an odd number these are six characters."""

_decoder: msgspec.json.Decoder[AnyFact] = msgspec.json.Decoder(AnyFact)
_encoder = msgspec.json.Encoder()


@lru_cache(maxsize=8192)
def bed_subject(location: Location) -> str:
    """Return the subject of a bed's facts: ``bed:facility/unit/bed``, with ``%`` and ``/`` in a name percent-encoded.

    Examples
    --------
    >>> bed_subject(Location(facility_id="HG", unit_id="4W/A", bed_id="01"))
    'bed:HG/4W%2FA/01'
    """
    names = (location.facility_id, location.unit_id, str(location.bed_id))
    return BED_PREFIX + "/".join(name.replace("%", "%25").replace("/", "%2F") for name in names)


def part_subject(source: str, resource_id: str) -> str:
    """Return the subject of a part of a stay: ``part:source/id``, with the id of the resource in its feed.

    Examples
    --------
    >>> part_subject("fhir", "e2")
    'part:fhir/e2'
    """
    name = f"{PART_PREFIX}{source}/{resource_id}"
    if len(name) <= MAX_NAME:
        return name
    return PART_PREFIX + hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


def patient_subject(token: str) -> str:
    """Return the subject of a person's facts: ``patient:token``."""
    return PATIENT_PREFIX + token


def patient_token(subject: str) -> str:
    """Return the token in the subject of a person's facts."""
    return subject.removeprefix(PATIENT_PREFIX)


def is_patient_subject(subject: str) -> bool:
    """Return whether a fact with this subject concerns a patient, not an encounter."""
    return subject.startswith(PATIENT_PREFIX)


def is_bed_subject(subject: str) -> bool:
    """Return whether a fact with this subject concerns a bed."""
    return subject.startswith(BED_PREFIX)


def is_part_subject(subject: str) -> bool:
    """Return whether a fact with this subject concerns a part of a stay."""
    return subject.startswith(PART_PREFIX)


def is_reserved(subject: str) -> bool:
    """Return whether no visit number may begin like this."""
    return subject.startswith((PATIENT_PREFIX, BED_PREFIX, PART_PREFIX))


def is_encounter_subject(subject: str) -> bool:
    """Return whether the subject of a fact is an encounter: neither a patient, a bed nor a part of a stay."""
    return not is_reserved(subject)


def check_subject(fact: AnyFact) -> None:
    """Reject a fact whose subject does not match its type.

    Raises
    ------
    FactRejected
        With the field and the rule that it breaks.
    """
    if isinstance(fact, EncounterFact) and type(fact) is not EncounterPartReported and not is_reserved(fact.subject):
        return
    if type(fact) is BedStatusChanged:
        if fact.data.location.bed_id is None:
            raise FactRejected("A bed status must name the bed - at `$.data.location.bed_id`")
        if fact.subject != bed_subject(fact.data.location):
            raise FactRejected("The subject of a bed status must be bed:facility/unit/bed - at `$.subject`")
    elif is_bed_subject(fact.subject):
        raise FactRejected("Only a bed status may have a bed as its subject - at `$.subject`")
    elif fact.subject.startswith(PART_PREFIX) is not (type(fact) is EncounterPartReported):
        raise FactRejected("A part of a stay, and no other fact, must have the subject part:source/id - at `$.subject`")
    elif isinstance(fact, PatientFact):
        if fact.subject != patient_subject(fact.partition_key):
            raise FactRejected("The subject of a fact about a patient must be patient:partitionkey - at `$.subject`")
    elif is_patient_subject(fact.subject) and not (
        isinstance(fact, MAY_CONCERN_PATIENT) and fact.subject == patient_subject(fact.partition_key)
    ):
        raise FactRejected("This fact must have an encounter as its subject, not a patient - at `$.subject`")


def encode_fact(fact: AnyFact) -> bytes:
    """Return the fact's canonical JSON: the same fact gives the same bytes in every process."""
    return _encoder.encode(fact)


def decode_fact(raw: bytes) -> AnyFact:
    """Decode one fact strictly.

    Parameters
    ----------
    raw : bytes
        One JSON object in UTF-8.

    Returns
    -------
    AnyFact
        With `occurred_at` and `recorded_at` in UTC.

    Raises
    ------
    FactRejected
        When the bytes are not a valid fact; the message has the field and the reason, and quotes no content.

    Examples
    --------
    >>> decode_fact(b"{}")
    Traceback (most recent call last):
        ...
    schemas.errors.FactRejected: Object missing required field `type`
    """
    if b"\\u0000" in raw and _NUL.search(raw):
        raise FactRejected("A text contains the character U+0000, which SQL cannot store. Remove it at the sender.")
    try:
        fact = _decoder.decode(raw)
        if fact.occurred_at.tzinfo is not UTC or fact.recorded_at.tzinfo is not UTC:
            fact = msgspec.structs.replace(
                fact, occurred_at=fact.occurred_at.astimezone(UTC), recorded_at=fact.recorded_at.astimezone(UTC)
            )
    except msgspec.ValidationError as error:
        raise FactRejected(_QUOTED.sub("", str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FactRejected(f"Not valid JSON: {error}") from None
    except OverflowError:
        raise FactRejected("A time is outside the years 1 to 9999 in UTC. Correct it at the sender.") from None
    except RecursionError:
        raise FactRejected(
            "The JSON is nested too deeply. Send a fact as in docs/reference/facts.schema.json."
        ) from None
    return fact


def digest(body: bytes) -> int:
    """Return 64 bits of BLAKE2b of the canonical bytes, signed; distinguishes two contents under one id."""
    return int.from_bytes(hashlib.blake2b(body, digest_size=8).digest(), "big", signed=True)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a fact, as exported to docs/reference/facts.schema.json."""
    schema = msgspec.json.schema(AnyFact)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "ADT fact", **schema}
