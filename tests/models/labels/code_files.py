"""Small files in the form of the CMS lists and of AHRQ's maps."""

from __future__ import annotations

from pathlib import Path

from models.labels.code_lists import CodeFile
from tests.models.labels.readmission_cases import CODES

LISTS = {
    "always_planned_ccs_procedure_category.csv": '"ccs_procedure_category","x"\n"64","x"\n"105","x"\n"176","x"\n',
    "always_planned_ccs_diagnosis_category.csv": "ccs_diagnosis_category,description\n45,x\n254,x\n",
    "potentially_planned_ccs_procedure_category.csv": "ccs_procedure_category,description\n36,x\n152,x\n",
    "potentially_planned_icd_10_pcs.csv": '"icd_10_pcs","description"\n"0270046","Dilation, open"\n',
    "acute_diagnosis_ccs.csv": '"ccs_diagnosis_category","description"\n"100","x"\n"122","x"\n',
    "acute_diagnosis_icd_10_cm.csv": "icd_10_cm,description\nI509,x\n",
    "exclusion_ccs_diagnosis_category.csv": (
        "ccs_diagnosis_category,description,exclusion_category\n"
        "19,x,Medical Treatment of Cancer\n254,x,Rehabilitation\n657,x,Psychiatric\n"
    ),
    "specialty_cohort.csv": (
        "ccs,description,specialty_cohort,procedure_or_diagnosis\n"
        "36,x,Surgery/Gynecology,Procedure\n122,x,Cardiorespiratory,Diagnosis\n"
    ),
    "surgery_gynecology_cohort.csv": "icd_10_pcs,description,ccs_code,specialty_cohort\n0270046,x,x,x\n",
}
_NAMES = {108: "Congestive heart failure; nonhypertensive"}


def diagnosis_map() -> CodeFile:
    """The codes of the cases, filled up with invented ones to the size that a map must have."""
    return CodeFile("ccs_dx_icd10cm_2019_1.csv", _map(CODES.diagnosis_ccs))


def procedure_map() -> CodeFile:
    return CodeFile("ccs_pr_icd10pcs_2019_1.csv", _map(CODES.procedure_ccs))


def write(folder: Path) -> None:
    """Write all files into a folder."""
    for name, text in LISTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    for file in (diagnosis_map(), procedure_map()):
        (folder / file.name).write_text(file.text, encoding="utf-8")


def _map(categories: dict[str, int]) -> str:
    lines = ["'CODE','CCS CATEGORY','CODE DESCRIPTION','CCS CATEGORY DESCRIPTION'"]
    filled = categories | {f"ZZZ{number:04}": 9_999 for number in range(1_000)}
    lines += [f"'{code}','{ccs}',\"x\",\"{_NAMES.get(ccs, 'x')}\"" for code, ccs in filled.items()]
    return "\n".join(lines) + "\n"
