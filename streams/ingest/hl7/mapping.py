"""What a hospital can set about its HL7 v2 feed: which fields identify, and what its codes and names mean."""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from schemas.events import AdmissionType, BedStatus, Name, PatientClass, Sex
from streams.ingest.mapping_file import read_mapping

Place = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9]{2}-[1-9][0-9]{0,2}(\.[1-9][0-9]{0,2})?$")]
"""A field as HL7 writes it: segment, field, and component where it is not the first: PV1-19, PID-3.4."""

PATIENT_CLASSES = {
    "E": PatientClass.EMERGENCY,
    "I": PatientClass.INPATIENT,
    "O": PatientClass.OUTPATIENT,
    "P": PatientClass.PREADMIT,
    "R": PatientClass.RECURRING,
    "B": PatientClass.OBSTETRICS,
    "V": PatientClass.OBSERVATION,
    "OBS": PatientClass.OBSERVATION,
    "U": PatientClass.UNKNOWN,
    "C": PatientClass.UNKNOWN,
    "N": PatientClass.UNKNOWN,
}
"""HL7 table 0004; V and OBS are what senders write for observation."""

ADMISSION_TYPES = {
    "A": AdmissionType.EMERGENCY,
    "E": AdmissionType.EMERGENCY,
    "U": AdmissionType.URGENT,
    "C": AdmissionType.ELECTIVE,
    "L": AdmissionType.ELECTIVE,
    "N": AdmissionType.NEWBORN,
    "R": AdmissionType.ROUTINE,
    "1": AdmissionType.EMERGENCY,
    "2": AdmissionType.URGENT,
    "3": AdmissionType.ELECTIVE,
    "4": AdmissionType.NEWBORN,
    "5": AdmissionType.TRAUMA,
}
"""HL7 table 0007, and the codes of UB-04. A is an accident, L labour and delivery."""

SEXES = {
    "F": Sex.FEMALE,
    "M": Sex.MALE,
    "O": Sex.OTHER,
    "A": Sex.OTHER,
    "X": Sex.OTHER,
    "U": Sex.UNKNOWN,
    "N": Sex.UNKNOWN,
}
"""HL7 table 0001."""

BED_STATUSES = {
    "C": BedStatus.BLOCKED,
    "H": BedStatus.DIRTY,
    "I": BedStatus.BLOCKED,
    "K": BedStatus.BLOCKED,
    "O": BedStatus.OCCUPIED,
    "U": BedStatus.AVAILABLE,
}
"""HL7 table 0116: closed, housekeeping, isolated, contaminated, occupied, unoccupied."""

BED_REASONS = {"C": "closed", "I": "isolated", "K": "contaminated"}


class BedNames(StrEnum):
    """What names a bed within its unit."""

    ROOM_AND_BED = "room_and_bed"
    """Room and bed: 101 and A are 101-A. A bed whose name already begins with its room's and a - is taken as it is."""
    BED = "bed"
    """The bed alone, where no two rooms of a unit have a bed of one name."""


class Hl7Mapping(msgspec.Struct, frozen=True, kw_only=True, dict=True, forbid_unknown_fields=True):
    """How one feed is read. The defaults follow the standard."""

    visit_number: tuple[Place, ...] = ("PV1-19", "PID-18", "PV1-50")
    """Where the visit number stands: the first of them that is not empty."""
    time_zone: str = "UTC"
    """IANA name, for times that are written without a zone. Of an hour that comes twice, the first is meant."""
    default_facility: Name | None = None
    """For places without PV1-3.4; MSH-4 where not set, and `main` where that is empty too."""
    default_unit: Name = "unknown"
    """For a room or bed without PV1-3.1; the list of data quality names the unit where the hospital file does not."""
    default_authority: str = ""
    """Who assigned a patient's number, where PID-3.4 is empty."""
    preferred_identifier_types: tuple[str, ...] = ("MR", "PI", "PT")
    """Which repetition of PID-3 is the patient's number; the first one where none has such a type (PID-3.5)."""
    source: Name | None = None
    """Name of the feed in every fact; `hl7:MSH-3/MSH-4` where not set."""
    patient_classes: dict[str, PatientClass] = {}
    """PV1-2 codes beyond, or instead of, HL7 table 0004."""
    admission_types: dict[str, AdmissionType] = {}
    """PV1-4 codes beyond, or instead of, HL7 table 0007."""
    bed_statuses: dict[str, BedStatus] = {}
    """NPU-2 codes beyond, or instead of, HL7 table 0116."""
    discharge_dispositions: dict[str, Name] = {}
    """PV1-36 codes to UB-04 patient status codes."""
    facilities: dict[str, Name] = {}
    """PV1-3.4 to `facility_id`."""
    units: dict[str, Name] = {}
    """PV1-3.1 to `unit_id`."""
    bed_names: BedNames = BedNames.ROOM_AND_BED
    """Whether the room (PV1-3.2) is part of a bed's name."""

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone, found."""
        return ZoneInfo(self.time_zone)

    @cached_property
    def classes(self) -> dict[str, PatientClass]:
        """All PV1-2 codes."""
        return {**PATIENT_CLASSES, **_upper(self.patient_classes)}

    @cached_property
    def types_of_admission(self) -> dict[str, AdmissionType]:
        """All PV1-4 codes."""
        return {**ADMISSION_TYPES, **_upper(self.admission_types)}

    @cached_property
    def states_of_beds(self) -> dict[str, BedStatus]:
        """All NPU-2 codes."""
        return {**BED_STATUSES, **_upper(self.bed_statuses)}


V = TypeVar("V")


def _upper(codes: dict[str, V]) -> dict[str, V]:
    """Return codes as they are compared: in capitals, as HL7 writes them."""
    return {code.upper(): meaning for code, meaning in codes.items()}


def load_mapping(path: Path | None) -> Hl7Mapping:
    """Read a mapping from YAML, or give the defaults.

    Raises
    ------
    UsageError
        Naming the file, the setting in it, and what is wrong.
    """
    return read_mapping(path, Hl7Mapping, "WARDWATCH_HL7_MAPPING_FILE", "docs/reference/hl7.md")
