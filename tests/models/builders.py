"""Short ways to write encounters in tests: times in days after T0."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.events import AdmissionType, PatientClass, Sex
from schemas.state import Encounter, EncounterStatus, KnownDiagnosis, UnitStay

T0 = datetime(2026, 3, 2, 8, tzinfo=UTC)


def day(number: float) -> datetime:
    return T0 + timedelta(days=number)


def diagnosis(code: str, known: float, *, principal: bool = False, system: str = "ICD10CM") -> KnownDiagnosis:
    return KnownDiagnosis(code=code, system=system, known_at=day(known), principal=principal)


def stay(
    e: str,
    admitted: float,
    left: float | None = None,
    *,
    facility: str = "HG",
    principal: str | None = None,
    **changes: Any,
) -> Encounter:
    """An inpatient stay of an adult who went home, unless `changes` say otherwise."""
    values: dict[str, Any] = {
        "encounter_id": e,
        "patient_token": "P1",
        "status": EncounterStatus.IN_PROGRESS if left is None else EncounterStatus.DISCHARGED,
        "patient_class": PatientClass.INPATIENT,
        "admission_type": AdmissionType.URGENT,
        "admitted_at": day(admitted),
        "inpatient_from": day(admitted),
        "discharged_at": None if left is None else day(left),
        "discharge_disposition": None if left is None else "01",
        "age_years": 70,
        "sex": Sex.FEMALE,
        "service": "cardiology",
        "unit_stays": (
            UnitStay(
                facility_id=facility,
                unit_id="4W",
                arrived_at=day(admitted),
                left_at=None if left is None else day(left),
            ),
        ),
        "diagnoses": (diagnosis(principal, admitted, principal=True),) if principal else (),
    }
    return Encounter(**(values | changes))


def ed_visit(e: str, admitted: float, left: float | None) -> Encounter:
    return stay(
        e,
        admitted,
        left,
        patient_class=PatientClass.EMERGENCY,
        admission_type=AdmissionType.EMERGENCY,
        inpatient_from=None,
    )
