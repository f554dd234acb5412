"""Mapping of a hospital's FHIR feed, and the codes of FHIR R4 and R5."""

from __future__ import annotations

from enum import Enum
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from schemas.events import AdmissionType, Name, PatientClass, Sex
from streams.ingest.mapping_file import read_mapping
from streams.ingest.measurements import Codes, codes_of


class Phase(Enum):
    """Phase of a stay, by Encounter.status."""

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
"""Statuses of R4 and R5: no code has two meanings. R4's `onleave` became `on-hold`."""

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
"""v3-ActCode. A short stay (SS) counts as outpatient: it is neither an index admission nor a readmission."""

REGISTERED = frozenset({PatientClass.OUTPATIENT, PatientClass.EMERGENCY})
"""Classes whose stay begins with a registration (A04), not an admission (A01)."""

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
"""FHIR discharge-disposition to the UB-04 patient status; other codes are kept as they are."""

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
"""Code systems of diagnoses, in order of preference: of several codings of a Condition the first one counts."""

BUNDLES = frozenset(
    {"collection", "transaction", "batch", "message", "history", "searchset", "subscription-notification"}
)

REFUTED = frozenset({"refuted", "entered-in-error"})
"""Condition.verificationStatus of conditions that the patient does not have."""

LEVELS = {"bd": "bed", "ro": "room", "wa": "unit", "si": "facility", "bu": "building"}
"""Location.physicalType (R4), Location.form (R5). A Location of another type, or without one, may be a unit."""


class FhirOptions(msgspec.Struct, frozen=True, kw_only=True, dict=True, forbid_unknown_fields=True):
    """Settings of one feed. The defaults follow the standard."""

    source: Name = "fhir"
    """Name of the feed in every fact."""
    time_zone: str = "UTC"
    """IANA name, for times without an offset, and for days."""
    default_facility: Name = "main"
    """For locations without a facility in Location and Encounter.serviceProvider."""
    base_url: str = ""
    """Address of the feed's own server, such as https://fhir.example/r4: an absolute URL there and `Patient/1` are the
    same patient. Patients at other addresses are different ones."""
    default_authority: str = ""
    """Assigning authority of an identifier without a system."""
    authorities: dict[str, str] = {}
    """Identifier.system to the authority in PID-3.4 of the HL7 v2 feed, so that a patient has one token in both."""
    patient_identifier_types: tuple[str, ...] = ("MR", "PI", "PT")
    """Types of the patient's number, in order of preference; else the first Patient.identifier counts."""
    visit_identifier_types: tuple[str, ...] = ("VN",)
    """Types of the visit number, in order of preference; else the first Encounter.identifier counts."""
    patient_classes: dict[str, PatientClass] = {}
    """Encounter.class codes in addition to v3-ActCode, which they override."""
    discharge_dispositions: dict[str, Name] = {}
    """Discharge disposition codes to UB-04, in addition to those of FHIR, which they override."""
    observations: dict[str, Name] = {}
    """Observation.code codes to LOINC, of the results that are read besides haemoglobin (718-7), sodium (2951-2) and
    creatinine (2160-0) under their LOINC codes."""
    observation_units: dict[str, Name] = {}
    """LOINC to the unit of results without one."""
    facilities: dict[str, Name] = {}
    """Names of facilities to `facility_id`."""
    units: dict[str, Name] = {}
    """Names of units to `unit_id`."""

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of `time_zone`."""
        return ZoneInfo(self.time_zone)

    @cached_property
    def observation_codes(self) -> Codes:
        """The observations that are read."""
        return codes_of(self.observations, self.observation_units)

    @cached_property
    def classes(self) -> dict[str, PatientClass]:
        """All class codes."""
        return {**PATIENT_CLASSES, **self.patient_classes}

    @cached_property
    def dispositions(self) -> dict[str, str]:
        """All discharge disposition codes."""
        return {**DISPOSITIONS, **self.discharge_dispositions}


def load_options(path: Path | None) -> FhirOptions:
    """Return the options in a YAML file, or the defaults where no file is set.

    Raises
    ------
    UsageError
        When the file is missing or invalid; names the file, the setting and the problem.
    """
    return read_mapping(path, FhirOptions, "WARDWATCH_FHIR_MAPPING_FILE", "docs/reference/http.md")
