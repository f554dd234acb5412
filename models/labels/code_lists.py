"""The files that code sets come from: lists of CMS as CSV, and the CCS maps of AHRQ."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from models.labels.code_sets import CodeSets, plain
from models.labels.index_stays import EXCLUSION_CATEGORIES
from schemas.errors import UsageError

ALWAYS_PLANNED_PROCEDURES = "always_planned_ccs_procedure_category.csv"
ALWAYS_PLANNED_DIAGNOSES = "always_planned_ccs_diagnosis_category.csv"
POTENTIALLY_PLANNED_PROCEDURES = "potentially_planned_ccs_procedure_category.csv"
POTENTIALLY_PLANNED_CODES = "potentially_planned_icd_10_pcs.csv"
ACUTE_DIAGNOSES = "acute_diagnosis_ccs.csv"
ACUTE_CODES = "acute_diagnosis_icd_10_cm.csv"
EXCLUDED_DIAGNOSES = "exclusion_ccs_diagnosis_category.csv"
COHORTS = "specialty_cohort.csv"
SURGICAL_CODES = "surgery_gynecology_cohort.csv"

REQUIRED = (
    ALWAYS_PLANNED_PROCEDURES,
    ALWAYS_PLANNED_DIAGNOSES,
    POTENTIALLY_PLANNED_PROCEDURES,
    POTENTIALLY_PLANNED_CODES,
    ACUTE_DIAGNOSES,
    ACUTE_CODES,
    EXCLUDED_DIAGNOSES,
    COHORTS,
    SURGICAL_CODES,
)
"""Names of the files, as in the seeds of the Tuva project."""

DIAGNOSIS_MAP = "ccs_dx_icd10cm_*.csv"
PROCEDURE_MAP = "ccs_pr_icd10pcs_*.csv"
"""Names of AHRQ's files."""

MIN_MAPPED = 1_000
"""A map with fewer codes is only a part of one."""

_CODE = re.compile(r"[A-Z0-9]{3,7}")
_CATEGORY = re.compile(r"\d{1,4}")


class CodeFile(NamedTuple):
    """A file by its name, and its text."""

    name: str
    text: str


def read_code_sets(lists: Mapping[str, CodeFile], diagnosis_map: CodeFile, procedure_map: CodeFile) -> CodeSets:
    """Read all files.

    Parameters
    ----------
    lists : mapping of str to CodeFile
        The files of `REQUIRED`, by those names.
    diagnosis_map, procedure_map : CodeFile
        CCS of ICD-10-CM and ICD-10-PCS, in AHRQ's format.

    Raises
    ------
    UsageError
        When a file is missing or empty, lacks a column, or has a value that is not a code; names the file and the line.
    """
    missing = [name for name in REQUIRED if name not in lists]
    if missing:
        raise UsageError(f"{', '.join(missing)}: missing. Put the list beside the others.")
    diagnoses, names = _read_map(diagnosis_map)
    procedures, _ = _read_map(procedure_map)
    return CodeSets(
        diagnosis_ccs=diagnoses,
        procedure_ccs=procedures,
        diagnosis_names=names,
        always_planned_procedures=_categories(lists[ALWAYS_PLANNED_PROCEDURES], "ccs_procedure_category"),
        always_planned_diagnoses=_categories(lists[ALWAYS_PLANNED_DIAGNOSES], "ccs_diagnosis_category"),
        potentially_planned_procedures=_categories(lists[POTENTIALLY_PLANNED_PROCEDURES], "ccs_procedure_category"),
        potentially_planned_procedure_codes=_codes(lists[POTENTIALLY_PLANNED_CODES], "icd_10_pcs"),
        acute_diagnoses=_categories(lists[ACUTE_DIAGNOSES], "ccs_diagnosis_category"),
        acute_diagnosis_codes=_codes(lists[ACUTE_CODES], "icd_10_cm"),
        excluded_diagnoses=_excluded(lists[EXCLUDED_DIAGNOSES]),
        surgical_procedures=_surgical(lists[COHORTS]),
        surgical_procedure_codes=_codes(lists[SURGICAL_CODES], "icd_10_pcs"),
    )


def _rows(file: CodeFile, *columns: str) -> Iterable[tuple[int, list[str]]]:
    """Yield the line number and the values of these columns."""
    reader = csv.DictReader(io.StringIO(file.text.removeprefix("\ufeff")))
    absent = [column for column in columns if column not in (reader.fieldnames or ())]
    if absent:
        raise UsageError(f"{file.name}: the column {', '.join(absent)} is missing. Give the list in its original form.")
    empty = True
    for row in reader:
        values = [(row[column] or "").strip() for column in columns]
        if any(values):
            empty = False
            yield reader.line_num, values
    if empty:
        raise UsageError(f"{file.name}: has no rows. Get the list with its content; some copies have the header alone.")


def _category(file: CodeFile, line: int, text: str) -> int:
    if not _CATEGORY.fullmatch(text):
        raise UsageError(f"{file.name}, line {line}: {text!r} is not a number of a CCS category. Correct the line.")
    return int(text)


def _code(file: CodeFile, line: int, text: str) -> str:
    code = plain(text)
    if not _CODE.fullmatch(code):
        raise UsageError(f"{file.name}, line {line}: {text!r} is not an ICD-10 code. Correct the line.")
    return code


def _categories(file: CodeFile, column: str) -> frozenset[int]:
    return frozenset(_category(file, line, values[0]) for line, values in _rows(file, column))


def _codes(file: CodeFile, column: str) -> frozenset[str]:
    return frozenset(_code(file, line, values[0]) for line, values in _rows(file, column))


def _excluded(file: CodeFile) -> dict[int, str]:
    found = {}
    for line, (category, why) in _rows(file, "ccs_diagnosis_category", "exclusion_category"):
        if why.casefold() not in EXCLUSION_CATEGORIES:
            known = ", ".join(sorted(EXCLUSION_CATEGORIES))
            raise UsageError(f"{file.name}, line {line}: {why!r} is not one of: {known}. Correct the line.")
        found[_category(file, line, category)] = why
    return found


def _surgical(file: CodeFile) -> frozenset[int]:
    columns = ("ccs", "specialty_cohort", "procedure_or_diagnosis")
    return frozenset(
        _category(file, line, ccs)
        for line, (ccs, cohort, kind) in _rows(file, *columns)
        if cohort.casefold() == "surgery/gynecology" and kind.casefold() == "procedure"
    )


def _read_map(file: CodeFile) -> tuple[dict[str, int], dict[int, str]]:
    """Return the category of each code, and the name of each category. AHRQ quotes values with ' within the CSV."""
    categories: dict[str, int] = {}
    names: dict[int, str] = {}
    for line, row in enumerate(csv.reader(io.StringIO(file.text.removeprefix("\ufeff"))), start=1):
        if not row or (line == 1 and not _CATEGORY.fullmatch(_unquoted(row[1] if len(row) > 1 else ""))):
            continue
        if len(row) < 4:
            raise UsageError(f"{file.name}, line {line}: has fewer than 4 columns. Give AHRQ's file as it is.")
        category = _category(file, line, _unquoted(row[1]))
        categories[_code(file, line, _unquoted(row[0]))] = category
        names[category] = _unquoted(row[3])
    if len(categories) < MIN_MAPPED:
        raise UsageError(f"{file.name}: has only {len(categories):,} codes. Give AHRQ's whole file.")
    return categories, names


def _unquoted(value: str) -> str:
    return value.strip().strip("'").strip()
