"""Synthea's CSV: encounters, patients and conditions of synthetic patients, at the dates that Synthea gives them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from schemas.errors import SourceError
from schemas.events import AdmissionType, AnyFact, Diagnosis, PatientClass, Sex
from schemas.pseudonyms import patient_token
from simulators.sources.csv_tables import find_table, read_columns, rows, time_of
from simulators.sources.stays import OVERNIGHT, Place, RecordedStay, stay_facts

AUTHORITY = "synthea"
SOURCE = "replay/synthea"
FACILITY_ID = "SYNTHEA"

CLASSES = {
    "inpatient": PatientClass.INPATIENT,
    "emergency": PatientClass.EMERGENCY,
    "urgentcare": PatientClass.EMERGENCY,
    "ambulatory": PatientClass.OUTPATIENT,
    "outpatient": PatientClass.OUTPATIENT,
    "wellness": PatientClass.OUTPATIENT,
    "virtual": PatientClass.OUTPATIENT,
    "home": PatientClass.OUTPATIENT,
}
"""ENCOUNTERCLASS; others (hospice, snf) are not hospital encounters and count as unknown."""
SEXES = {"F": Sex.FEMALE, "M": Sex.MALE}


def read(folder: Path, *, pseudonym_key: bytes) -> Iterator[AnyFact]:
    """Yield the facts of all encounters in the order in which they happened.

    Parameters
    ----------
    folder : Path
        With encounters.csv, and optionally patients.csv and conditions.csv; .gz too.
    pseudonym_key : bytes
        32 secret bytes for the patient tokens.

    Raises
    ------
    SourceError
        When encounters are not found, or a value is not valid; names file and line.
    """
    path = find_table(folder, "encounters")
    if path is None:
        raise SourceError(
            f"{folder}: neither encounters.csv nor encounters.csv.gz found. Give the folder of Synthea's CSV files."
        )
    people, conditions = _patients(folder), _conditions(folder)
    facts: list[Any] = []
    for row in rows(read_columns(path, ("id", "start", "stop", "patient", "encounterclass"))):
        began = time_of(row.start, path, row)
        if began is None:
            raise SourceError(f"{path}:{row.Index + 2}: START is empty. Correct or delete the row.")
        kind = CLASSES.get(row.encounterclass.strip().lower(), PatientClass.UNKNOWN)
        sex, born = people.get(row.patient, (Sex.UNKNOWN, None))
        stay = RecordedStay(
            number=row.id,
            encounter_id=row.id,
            facility_id=FACILITY_ID,
            places=[Place(began, row.encounterclass.strip().lower() if kind in OVERNIGHT else None, kind)],
            discharged_at=time_of(row.stop, path, row),
            admission_type=AdmissionType.EMERGENCY if kind is PatientClass.EMERGENCY else None,
            age_years=None if born is None else max(_years(born, began), 0),
            sex=sex,
            diagnoses=tuple(conditions[row.id]),
        )
        token = patient_token(pseudonym_key, AUTHORITY, row.patient)
        facts += stay_facts(stay, source=SOURCE, token=token)
    facts.sort(key=lambda fact: (fact.occurred_at, fact.id))
    yield from facts


def _years(born: datetime, at: datetime) -> int:
    return min(at.year - born.year - ((at.month, at.day) < (born.month, born.day)), 130)


def _patients(folder: Path) -> dict[str, tuple[Sex, datetime | None]]:
    path = find_table(folder, "patients")
    if path is None:
        return {}
    frame = read_columns(path, ("id",), ("birthdate", "gender"))
    return {row.id: (SEXES.get(row.gender, Sex.UNKNOWN), time_of(row.birthdate, path, row)) for row in rows(frame)}


def _conditions(folder: Path) -> dict[str, list[Diagnosis]]:
    found: dict[str, list[Diagnosis]] = defaultdict(list)
    path = find_table(folder, "conditions")
    if path is not None:
        for row in rows(read_columns(path, ("encounter", "code"))):
            if row.code:
                found[row.encounter].append(Diagnosis(code=row.code, system="SNOMED"))
    return found
