"""Mapping of a hospital's HL7 v2 feed: identifying fields, codes and names."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from schemas.events import AdmissionType, BedStatus, Name, PatientClass, Sex
from streams.ingest.mapping_file import check_zone, read_mapping
from streams.ingest.measurements import Codes, codes_of

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
    """Name of a bed within its unit."""

    ROOM_AND_BED = "room_and_bed"
    """Room and bed: 101 and A are 101-A. A bed that already begins with its room and a - keeps its name."""
    BED = "bed"
    """The bed alone, for hospitals whose bed names are unique within a unit."""


class VisitNumberScope(StrEnum):
    """What a visit number is unique within, and what is therefore a part of the visit's identity."""

    AUTHORITY = "authority"
    """The assigning authority in the number's fourth component (PV1-19.4); without one the number stands alone."""
    FACILITY = "facility"
    """The facility of PV1-3.4, else MSH-4, for hospitals that number their visits without naming an authority."""
    NONE = "none"
    """The whole feed: the number alone, for hospitals that share one series of numbers."""


class Hl7Mapping(msgspec.Struct, frozen=True, kw_only=True, dict=True, forbid_unknown_fields=True):
    """Settings of one feed. The defaults follow the standard."""

    visit_number: tuple[Place, ...] = ("PV1-19", "PID-18", "PV1-50")
    """Fields of the visit number, in order of preference: the first that is not empty counts."""
    visit_number_scope: VisitNumberScope = VisitNumberScope.AUTHORITY
    """What a visit number is unique within: 1001 of two hospitals is two visits."""
    time_zone: str | None = None
    """IANA name, for times without an offset. Default: the offset of MSH-7, and UTC where it has none."""
    facility_time_zones: dict[str, str] = {}
    """IANA names by facility (PV1-3.4, else MSH-4), for feeds of hospitals in several zones."""
    default_facility: Name | None = None
    """For locations without PV1-3.4. Default: MSH-4, and `main` where that is empty."""
    default_unit: Name = "unknown"
    """For a room or bed without PV1-3.1. The data-quality list shows it where the hospital file does not have it."""
    default_authority: str = ""
    """Assigning authority of a patient's number where PID-3.4 is empty."""
    preferred_authorities: tuple[str, ...] = ()
    """Assigning authorities (PID-3.4) of the patient's number, in order of preference, before the types."""
    preferred_identifier_types: tuple[str, ...] = ("MR", "PI", "PT")
    """Types (PID-3.5) of a patient's number, in order of preference. A number of another type is one only where PID-3
    has none of these types."""
    source: Name | None = None
    """Name of the feed in every fact. Default: `hl7:MSH-3/MSH-4`."""
    patient_classes: dict[str, PatientClass] = {}
    """PV1-2 codes in addition to HL7 table 0004, which they override."""
    admission_types: dict[str, AdmissionType] = {}
    """PV1-4 codes in addition to HL7 table 0007, which they override."""
    bed_statuses: dict[str, BedStatus] = {}
    """NPU-2 codes in addition to HL7 table 0116, which they override."""
    discharge_dispositions: dict[str, Name] = {}
    """PV1-36 codes to UB-04 patient status codes."""
    facilities: dict[str, Name] = {}
    """PV1-3.4 to `facility_id`."""
    units: dict[str, Name] = {}
    """PV1-3.1 to `unit_id`."""
    observations: dict[str, Name] = {}
    """OBX-3 codes to LOINC, of the laboratory results and vital signs that are read besides haemoglobin (718-7), sodium
    (2951-2) and creatinine (2160-0) under their LOINC codes."""
    observation_units: dict[str, Name] = {}
    """LOINC to the unit of results without OBX-6."""
    bed_names: BedNames = BedNames.ROOM_AND_BED
    """Whether a bed's name includes its room (PV1-3.2)."""

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of `time_zone`; UTC where it is not set."""
        return ZoneInfo(self.time_zone or "UTC")

    @cached_property
    def _zones(self) -> dict[str, ZoneInfo]:
        return {facility: ZoneInfo(name) for facility, name in self.facility_time_zones.items()}

    def zone_at(self, facilities: Iterable[str]) -> ZoneInfo | None:
        """Return the zone of the first of these facilities that has one, else `time_zone`; None where none is set."""
        for name in facilities if self._zones else ():
            for known in (name, self.facilities.get(name, name)):
                if known in self._zones:
                    return self._zones[known]
        return self.zone if self.time_zone else None

    @cached_property
    def codes(self) -> Codes:
        """The observations that are read."""
        return codes_of(self.observations, self.observation_units)

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
    """Return the codes in capitals, as HL7 writes them: case does not matter."""
    return {code.upper(): meaning for code, meaning in codes.items()}


def load_mapping(path: Path | None) -> Hl7Mapping:
    """Return the mapping in a YAML file, or the defaults where no file is set.

    Raises
    ------
    UsageError
        When the file is missing or invalid; names the file, the setting and the problem.
    """
    mapping = read_mapping(path, Hl7Mapping, "WARDWATCH_HL7_MAPPING_FILE", "docs/reference/hl7/mapping.md")
    for facility, name in mapping.facility_time_zones.items():
        check_zone(name, f"{path}: facility_time_zones.{facility}")
    return mapping
