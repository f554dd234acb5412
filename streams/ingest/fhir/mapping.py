"""What a hospital can set about its FHIR feed, and what the codes of FHIR R4 and R5 mean here."""

from __future__ import annotations

from enum import Enum
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from schemas.events import AdmissionType, Name, PatientClass, Sex
from streams.ingest.mapping_file import read_mapping


class Phase(Enum):
    """What Encounter.status amounts to."""

    PLANNED = "planned"
    HERE = "here"
    ON_LEAVE = "on leave"
    ENDED = "ended"
    VOID = "void"


STATUSES = {
    "planned": Phase.PLANNED,
    "arrived": Phase.HERE,
    "triaged": Phase.HERE,
    "in-progress": Phase.HERE,
    "onleave": Phase.ON_LEAVE,
    "on-hold": Phase.ON_LEAVE,
    "finished": Phase.ENDED,
    "discharged": Phase.ENDED,
    "completed": Phase.ENDED,
    "discontinued": Phase.ENDED,
    "cancelled": Phase.VOID,
    "entered-in-error": Phase.VOID,
}
"""R4 and R5 in one table: no code means two things. R4's `onleave` became `on-hold`."""

PATIENT_CLASSES = {
    "IMP": PatientClass.INPATIENT,
    "ACUTE": PatientClass.INPATIENT,
    "NONAC": PatientClass.INPATIENT,
    "AMB": PatientClass.OUTPATIENT,
    "SS": PatientClass.OUTPATIENT,
    "VR": PatientClass.OUTPATIENT,
    "HH": PatientClass.OUTPATIENT,
    "FLD": PatientClass.OUTPATIENT,
    "EMER": PatientClass.EMERGENCY,
    "OBSENC": PatientClass.OBSERVATION,
    "PRENC": PatientClass.PREADMIT,
}
"""v3-ActCode. A short stay (SS) is no admission that a readmission could be counted from or to."""

REGISTERED = frozenset({PatientClass.OUTPATIENT, PatientClass.EMERGENCY})
"""Classes whose beginning is a registration (A04), not an admission (A01)."""

ADMISSION_TYPES = {
    "EM": AdmissionType.EMERGENCY,
    "S": AdmissionType.EMERGENCY,
    "UR": AdmissionType.URGENT,
    "A": AdmissionType.URGENT,
    "EL": AdmissionType.ELECTIVE,
    "R": AdmissionType.ROUTINE,
}
"""v3-ActPriority, of Encounter.priority."""

SEXES = {"female": Sex.FEMALE, "male": Sex.MALE, "other": Sex.OTHER, "unknown": Sex.UNKNOWN}

DISPOSITIONS = {
    "home": "01",
    "alt-home": "01",
    "snf": "03",
    "long": "04",
    "aadvice": "07",
    "exp": "20",
    "hosp": "51",
    "rehab": "62",
    "psy": "65",
    "other-hcf": "70",
}
"""FHIR discharge-disposition to the UB-04 patient status; other codes are taken as they are."""

CODE_SYSTEMS = {
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD10CM",
    "http://hl7.org/fhir/sid/icd-10": "ICD10CM",
    "urn:oid:2.16.840.1.113883.6.90": "ICD10CM",
    "urn:oid:2.16.840.1.113883.6.3": "ICD10CM",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD9CM",
    "urn:oid:2.16.840.1.113883.6.103": "ICD9CM",
    "http://snomed.info/sct": "SNOMED",
    "urn:oid:2.16.840.1.113883.6.96": "SNOMED",
}
"""Systems of diagnoses, best first: of a Condition that is coded twice, the one that stands first here counts."""

BUNDLES = frozenset(
    {"collection", "transaction", "batch", "message", "history", "searchset", "subscription-notification"}
)

NOT_SO = frozenset({"refuted", "entered-in-error"})
"""Condition.verificationStatus of what the patient does not have."""

LEVELS = {"bd": "bed", "ro": "room", "wa": "unit", "si": "facility", "bu": "building"}
"""Location.physicalType (R4), Location.form (R5). What is none of these, or says nothing, may be a unit."""


class FhirOptions(msgspec.Struct, frozen=True, kw_only=True, dict=True, forbid_unknown_fields=True):
    """How one feed is read. The defaults follow the standard."""

    source: Name = "fhir"
    """Name of the feed in every fact."""
    time_zone: str = "UTC"
    """IANA name, for times that are written without a zone, and for days."""
    default_facility: Name = "main"
    """For places whose site neither a Location nor Encounter.serviceProvider names."""
    base_url: str = ""
    """Address of the feed's own server, such as https://fhir.example/r4: there a whole address and `Patient/1` are one
    patient. Patients at other addresses are others."""
    default_authority: str = ""
    """Who assigned an identifier without a system."""
    authorities: dict[str, str] = {}
    """Identifier.system to the authority that the HL7 v2 feed writes into PID-3.4: one patient, one token."""
    patient_identifier_types: tuple[str, ...] = ("MR", "PI", "PT")
    """Which Patient.identifier is the patient's number; the first one where none has such a type."""
    visit_identifier_types: tuple[str, ...] = ("VN",)
    """Which Encounter.identifier is the visit number; the first one where none has such a type."""
    patient_classes: dict[str, PatientClass] = {}
    """Encounter.class codes beyond, or instead of, v3-ActCode."""
    discharge_dispositions: dict[str, Name] = {}
    """Discharge disposition codes to UB-04, beyond or instead of those of FHIR."""
    facilities: dict[str, Name] = {}
    """Names of sites to `facility_id`."""
    units: dict[str, Name] = {}
    """Names of wards to `unit_id`."""

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone, found."""
        return ZoneInfo(self.time_zone)

    @cached_property
    def classes(self) -> dict[str, PatientClass]:
        """All class codes."""
        return {**PATIENT_CLASSES, **self.patient_classes}

    @cached_property
    def dispositions(self) -> dict[str, str]:
        """All discharge disposition codes."""
        return {**DISPOSITIONS, **self.discharge_dispositions}


def load_options(path: Path | None) -> FhirOptions:
    """Read options from YAML, or give the defaults.

    Raises
    ------
    UsageError
        Naming the file, the setting in it, and what is wrong.
    """
    return read_mapping(path, FhirOptions, "WARDWATCH_FHIR_MAPPING_FILE", "docs/reference/http.md")
