"""Reasons for stays: ICD-10 codes, procedures and services.

Codes stand without their dot, as in HL7 feeds and in the tables of CMS. Emergency stays carry no procedure of the CMS
lists of (potentially) planned ones, so that a simulated unplanned return counts as unplanned.
"""

from __future__ import annotations

from typing import NamedTuple

from schemas.events import Diagnosis, Procedure
from schemas.hospital import UnitType


class Reason(NamedTuple):
    """A reason for a stay. `weight` is relative; `procedure_share` in [0, 1] is the share with the procedures."""

    code: str
    service: str
    weight: float
    procedures: tuple[str, ...] = ()
    procedure_share: float = 0.0

    @property
    def principal(self) -> Diagnosis:
        """The principal diagnosis, present on admission."""
        return Diagnosis(code=self.code, principal=True, present_on_admission=True)


MEDICINE, CARDIOLOGY, SURGERY = "general medicine", "cardiology", "general surgery"
ORTHOPAEDICS, ONCOLOGY, OBSTETRICS = "orthopaedics", "oncology", "obstetrics"
PSYCHIATRY, PAEDIATRICS = "psychiatry", "paediatrics"
EMERGENCY_MEDICINE = "emergency medicine"

_ADULT_EMERGENCY = (
    Reason("A419", MEDICINE, 12, ("02HV33Z",), 0.15),
    Reason("J189", MEDICINE, 8),
    Reason("N179", MEDICINE, 6, ("5A1D70Z",), 0.12),
    Reason("J441", MEDICINE, 6),
    Reason("N390", MEDICINE, 5),
    Reason("L03115", MEDICINE, 4),
    Reason("K922", MEDICINE, 4, ("30233N1", "0DJ08ZZ"), 0.5),
    Reason("E1165", MEDICINE, 4),
    Reason("I639", MEDICINE, 5),
    Reason("I5023", CARDIOLOGY, 8),
    Reason("I214", CARDIOLOGY, 5, ("4A023N7",), 0.5),
    Reason("I4891", CARDIOLOGY, 4),
    Reason("K5720", SURGERY, 3),
    Reason("K8000", SURGERY, 3),
    Reason("K3580", SURGERY, 3),
    Reason("D701", ONCOLOGY, 5),
    Reason("J189", ONCOLOGY, 3),
    Reason("S72001A", ORTHOPAEDICS, 5, ("30233N1",), 0.2),
)
_CRITICAL = (
    Reason("A4151", MEDICINE, 8, ("5A1955Z", "02HV33Z"), 0.5),
    Reason("J9601", MEDICINE, 8, ("5A1945Z",), 0.6),
    Reason("I2699", MEDICINE, 2),
    Reason("I214", CARDIOLOGY, 4, ("4A023N7",), 0.6),
    Reason("K922", MEDICINE, 3, ("30233N1", "0DJ08ZZ"), 0.8),
)
_CARDIAC = (
    Reason("I5023", CARDIOLOGY, 8),
    Reason("I5033", CARDIOLOGY, 5),
    Reason("I214", CARDIOLOGY, 5, ("4A023N7",), 0.5),
    Reason("I4891", CARDIOLOGY, 5),
    Reason("J441", MEDICINE, 3),
)
_CHILD = (Reason("J210", PAEDIATRICS, 5), Reason("J189", PAEDIATRICS, 3), Reason("K3580", PAEDIATRICS, 2))
_AFTER_BIRTH = (Reason("O8612", OBSTETRICS, 2), Reason("O1495", OBSTETRICS, 1))
_MENTAL = (Reason("F332", PSYCHIATRY, 6), Reason("F209", PSYCHIATRY, 3), Reason("F3113", PSYCHIATRY, 2))

EMERGENCY_REASONS: dict[UnitType, tuple[Reason, ...]] = {
    UnitType.MEDICAL_SURGICAL: _ADULT_EMERGENCY,
    UnitType.SHORT_STAY: _ADULT_EMERGENCY,
    UnitType.OTHER: _ADULT_EMERGENCY,
    UnitType.STEP_DOWN: _CARDIAC,
    UnitType.INTENSIVE_CARE: _CRITICAL,
    UnitType.PAEDIATRIC: _CHILD,
    UnitType.PSYCHIATRIC: _MENTAL,
    UnitType.MATERNITY: _AFTER_BIRTH,
}
"""Reasons of emergency stays, by the type of unit where the stay begins."""

_SURGERY_LIST = (
    Reason("M1711", ORTHOPAEDICS, 6, ("0SRC0J9",), 1.0),
    Reason("M1611", ORTHOPAEDICS, 5, ("0SR90J9",), 1.0),
    Reason("K8020", SURGERY, 5, ("0FT44ZZ",), 1.0),
    Reason("C187", SURGERY, 3, ("0DTN0ZZ",), 1.0),
    Reason("C3411", ONCOLOGY, 2),
    Reason("Z5111", ONCOLOGY, 4),
)
_HEART_LIST = (Reason("I2510", CARDIOLOGY, 4, ("4A023N7",), 1.0), Reason("I480", CARDIOLOGY, 2))

ELECTIVE_REASONS: dict[UnitType, tuple[Reason, ...]] = {
    UnitType.MEDICAL_SURGICAL: _SURGERY_LIST,
    UnitType.SHORT_STAY: (Reason("K8020", SURGERY, 1, ("0FT44ZZ",), 1.0),),
    UnitType.OTHER: _SURGERY_LIST,
    UnitType.STEP_DOWN: _HEART_LIST,
    UnitType.INTENSIVE_CARE: (Reason("I350", CARDIOLOGY, 1, ("02RF08Z",), 1.0),),
    UnitType.PAEDIATRIC: (Reason("J351", PAEDIATRICS, 1, ("0CTPXZZ",), 1.0),),
    UnitType.PSYCHIATRIC: _MENTAL,
}
"""Reasons of elective stays, by the type of unit where the stay begins."""

BIRTH_REASONS = (
    Reason("O80", OBSTETRICS, 6, ("10E0XZZ",), 1.0),
    Reason("O34211", OBSTETRICS, 2, ("10D00Z1",), 1.0),
    Reason("O4202", OBSTETRICS, 1, ("10E0XZZ",), 1.0),
)

HOME_REASONS = (
    Reason("R0789", EMERGENCY_MEDICINE, 5),
    Reason("R109", EMERGENCY_MEDICINE, 6),
    Reason("J069", EMERGENCY_MEDICINE, 5),
    Reason("S93401A", EMERGENCY_MEDICINE, 3),
    Reason("M5450", EMERGENCY_MEDICINE, 4),
    Reason("R519", EMERGENCY_MEDICINE, 3),
    Reason("N390", EMERGENCY_MEDICINE, 3),
    Reason("R55", EMERGENCY_MEDICINE, 2),
)
"""Reasons of ED visits that end at home."""

BLOCKED_REASONS = ("maintenance", "isolation", "equipment fault", "deep clean")


def procedures_of(reason: Reason) -> tuple[Procedure, ...]:
    """Return the procedures of this reason."""
    return tuple(Procedure(code=code) for code in reason.procedures)
