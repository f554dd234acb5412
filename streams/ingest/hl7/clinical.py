"""Patient and stay as an ADT message describes them: class, service, age, sex, diagnoses and procedures."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schemas.events import Diagnosis, PatientClass, Procedure, Sex
from streams.ingest.ages import age_in_years
from streams.ingest.hl7.fields import FieldReader
from streams.ingest.hl7.mapping import SEXES
from streams.ingest.hl7.movements import movement

CODE_SYSTEMS = {
    "I10": "ICD10CM",
    "I10C": "ICD10CM",
    "ICD10": "ICD10CM",
    "ICD-10": "ICD10CM",
    "ICD-10-CM": "ICD10CM",
    "I10P": "ICD10PCS",
    "ICD-10-PCS": "ICD10PCS",
    "I9": "ICD9CM",
    "I9C": "ICD9CM",
    "I9CDX": "ICD9CM",
    "ICD9": "ICD9CM",
    "ICD-9-CM": "ICD9CM",
    "SCT": "SNOMED",
    "SNM": "SNOMED",
    "C4": "CPT",
    "CPT": "CPT",
    "CPT4": "CPT",
}
"""HL7 table 0396 to the code systems of facts; other names are kept as they are."""


def details(reader: FieldReader, at: datetime) -> dict[str, Any]:
    """Return the fields of `schemas.events.Details` that any message may fill, except the location."""
    message, mapping = reader.message, reader.mapping
    return {
        "patient_class": patient_class(reader),
        "service": reader.field("PV1", 10),
        "admission_type": mapping.types_of_admission.get(message.get("PV1", 4).upper()),
        "age_years": age_years(reader, at),
        "sex": sex(reader),
        "expected_discharge_at": reader.time("PV2", 9),
        "diagnoses": _diagnoses(reader),
        "procedures": _procedures(reader),
        "movement": movement(reader),
    }


def patient_class(reader: FieldReader) -> PatientClass | None:
    """Return PV1-2, or None where it is empty or the mapping does not have its code."""
    return reader.mapping.classes.get(reader.message.get("PV1", 2).upper())


def age_years(reader: FieldReader, at: datetime) -> int | None:
    """Return the age in years, from PID-7."""
    return age_in_years(reader.message.get("PID", 7), at, reader.zone or reader.mapping.zone)


def sex(reader: FieldReader) -> Sex | None:
    """Return PID-8."""
    return SEXES.get(reader.message.get("PID", 8).upper()[:1])


def disposition(reader: FieldReader) -> str | None:
    """Return PV1-36 as a UB-04 patient status."""
    code = reader.field("PV1", 36)
    return reader.mapping.discharge_dispositions.get(code, code) if code else None


def _diagnoses(reader: FieldReader) -> tuple[Diagnosis, ...]:
    """Return DG1; the one with priority 1 is the principal diagnosis."""
    found = []
    for nth in range(reader.message.count("DG1")):
        code = reader.field("DG1", 3, 1, nth)
        if code is not None:
            system = reader.field("DG1", 3, 3, nth) or reader.field("DG1", 2, 1, nth) or "ICD10CM"
            principal = reader.message.get("DG1", 15, nth=nth) == "1"
            system = CODE_SYSTEMS.get(system.upper(), system)
            found.append(Diagnosis(code=code, system=system, principal=principal))
    return tuple(found)


def _procedures(reader: FieldReader) -> tuple[Procedure, ...]:
    """Return PR1."""
    found = []
    for nth in range(reader.message.count("PR1")):
        code = reader.field("PR1", 3, 1, nth)
        if code is not None:
            system = reader.field("PR1", 3, 3, nth) or reader.field("PR1", 2, 1, nth) or "ICD10PCS"
            found.append(Procedure(code=code, system=CODE_SYSTEMS.get(system.upper(), system)))
    return tuple(found)
