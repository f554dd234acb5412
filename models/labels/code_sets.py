"""Code sets: CCS categories of ICD-10 codes, and the lists of the CMS readmission measures that refer to them.

They are imported (`wardwatch codes import`), not shipped. A code is compared without its dot and in capitals.

References
----------
AHRQ, Clinical Classifications Software for ICD-10-CM and ICD-10-PCS (beta version), 2019.1. CMS, Hospital-Wide
All-Cause Unplanned Readmission Measure (HWR), with the Planned Readmission Algorithm, version 4.0.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import msgspec

from models.bedside.charlson import is_icd10_diagnosis
from schemas.state import Encounter, KnownDiagnosis, KnownProcedure


class CodeSets(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """All lists that labels need. Keys and members are plain codes (`I509`) or numbers of CCS categories."""

    diagnosis_ccs: dict[str, int]
    """CCS category of each ICD-10-CM code."""
    procedure_ccs: dict[str, int]
    """CCS category of each ICD-10-PCS code."""
    diagnosis_names: dict[int, str] = {}
    """Name of each CCS category of diagnoses."""
    always_planned_procedures: frozenset[int] = frozenset()
    always_planned_diagnoses: frozenset[int] = frozenset()
    potentially_planned_procedures: frozenset[int] = frozenset()
    potentially_planned_procedure_codes: frozenset[str] = frozenset()
    acute_diagnoses: frozenset[int] = frozenset()
    acute_diagnosis_codes: frozenset[str] = frozenset()
    excluded_diagnoses: dict[int, str] = {}
    """CCS categories of principal diagnoses whose stays are not index stays: cancer, psychiatric or rehabilitation."""
    surgical_procedures: frozenset[int] = frozenset()
    """CCS categories of the surgery and gynaecology cohort: a stay with one is not a medical treatment of cancer."""
    surgical_procedure_codes: frozenset[str] = frozenset()
    """Further procedures of that cohort, by code."""

    def ccs_of_diagnosis(self, diagnosis: KnownDiagnosis) -> int | None:
        """Return the CCS category; None for a code outside ICD-10-CM or the version of the map."""
        return self.diagnosis_ccs.get(plain(diagnosis.code)) if is_icd10_diagnosis(diagnosis.system) else None

    def ccs_of_procedure(self, procedure: KnownProcedure) -> int | None:
        """Return the CCS category; None for a code outside ICD-10-PCS or the version of the map."""
        return self.procedure_ccs.get(plain(procedure.code)) if is_icd10_procedure(procedure.system) else None


def plain(code: str) -> str:
    """Return a code without its dot, in capitals.

    Examples
    --------
    >>> plain(" i50.9 ")
    'I509'
    """
    return code.replace(".", "").strip().upper()


def is_icd10_procedure(system: str) -> bool:
    """Return whether the coding system is ICD-10-PCS.

    Examples
    --------
    >>> is_icd10_procedure("ICD-10-PCS"), is_icd10_procedure("I10P"), is_icd10_procedure("CPT")
    (True, True, False)
    """
    name = system.upper().replace("-", "").replace(" ", "")
    return name in {"ICD10PCS", "I10P", "I10PCS", "PCS"}


def principal_diagnosis(encounter: Encounter) -> KnownDiagnosis | None:
    """Return the principal diagnosis; the one reported last, if there are several."""
    found = [each for each in encounter.diagnoses if each.principal]
    return max(found, key=lambda each: (each.known_at, each.code)) if found else None


def encode_code_sets(sets: CodeSets) -> bytes:
    """Return the code sets as compressed JSON."""
    return zlib.compress(msgspec.json.encode(sets), 9)


def decode_code_sets(raw: bytes) -> CodeSets:
    """Read what `encode_code_sets` wrote."""
    return msgspec.json.decode(zlib.decompress(raw), type=CodeSets)


def sizes(sets: CodeSets) -> Mapping[str, int]:
    """Return the number of entries of each list."""
    return {name: len(getattr(sets, name)) for name in sets.__struct_fields__}
