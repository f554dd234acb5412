"""The MIMIC-IV demo in CLIF tables: real stays of 100 patients as facts, moved into one common window.

MIMIC shifts the dates of each patient by a different amount, into the 22nd century; `stays.shifts` moves them into one
window.

Choices where the tables are ambiguous:

* A hospitalization begins at the first `in_dttm` of clif_adt and ends at the `in_dttm` of its row without a place,
  which MIMIC writes at the discharge; clif_hospitalization gives other times (of the order, not of the bed).
* The class is emergency while the patient is in the emergency department, and then inpatient, or observation where
  that is the admission type (see `mimic.patient_classes`).
* Diagnoses are known with the discharge: MIMIC codes them for the bill.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from schemas.dispositions import HOME_HEALTH
from schemas.errors import SourceError
from schemas.events import AdmissionType, AnyFact, Diagnosis, Sex
from schemas.pseudonyms import patient_token
from simulators.sources.clif import Row, instant, read_table
from simulators.sources.mimic import patient_classes
from simulators.sources.stays import (
    WINDOW_DAYS,
    WINDOW_START,
    Dates,
    Place,
    RecordedStay,
    last_seen,
    shifts,
    stay_facts,
)

AUTHORITY = "mimic-iv"
SOURCE = "replay/mimic-iv"
FACILITY_ID = "MIMIC"

ADT_COLUMNS = ("patient_id", "hospitalization_id", "in_dttm", "out_dttm", "location_name", "location_category")
HOSPITALIZATION_COLUMNS = (
    "patient_id", "hospitalization_id", "age_at_admission", "admission_type_name", "admission_type_category",
    "discharge_name", "discharge_category",
)  # fmt: skip
DIAGNOSIS_COLUMNS = (
    "hospitalization_id",
    "diagnosis_code",
    "diagnosis_code_format",
    "diagnosis_primary",
    "poa_present",
)
PATIENT_COLUMNS = ("patient_id", "sex_category")

DISPOSITION = {
    "Home": "01",
    "Acute Care Hospital": "02",
    "Skilled Nursing Facility (SNF)": "03",
    "Against Medical Advice (AMA)": "07",
    "Expired": "20",
    "Hospice": "51",
    "Acute Inpatient Rehab Facility": "62",
    "Long Term Care Hospital (LTACH)": "63",
    "Psychiatric Hospital": "65",
}
"""UB-04 patient status by CLIF `discharge_category`; others are unknown. CLIF has one category for both hospices."""
HOME_HEALTH_NAME = "HOME HEALTH CARE"
"""CLIF counts it as home; the name from MIMIC is more precise."""

ADMISSION_TYPE = {
    "ed": AdmissionType.EMERGENCY,
    "elective": AdmissionType.ELECTIVE,
    "direct": AdmissionType.URGENT,
}
SEX = {"Female": Sex.FEMALE, "Male": Sex.MALE}
_AGE = re.compile(r"\d{1,3}")


class _Hospitalization(NamedTuple):
    row: Row
    places: list[Place]
    discharged_at: datetime


def read(
    path: Path,
    *,
    pseudonym_key: bytes,
    now: datetime,
    dates: Dates = "auto",
    window_start: datetime = WINDOW_START,
    window_days: float = WINDOW_DAYS,
) -> Iterator[AnyFact]:
    """Yield the facts of all hospitalizations in the order in which they happened.

    Parameters
    ----------
    path : Path
        Folder of clif_adt, clif_hospitalization, clif_hospital_diagnosis and clif_patient (``.csv`` or ``.csv.gz``).
    pseudonym_key : bytes
        32 secret bytes for the patient tokens.
    now : datetime
        Aware; dates after it are shifted ones.
    dates : {"auto", "keep", "window"}
        How the dates are moved; see `shifts`.
    window_start, window_days
        Where patients are moved to, if they are; their earlier stays may lie before the window.

    Raises
    ------
    SourceError
        When a table, a column or a value is missing; names it.
    """
    patients = {row["patient_id"]: row for row in read_table(path, "clif_patient", PATIENT_COLUMNS)}
    stays = _hospitalizations(path)
    diagnoses = _diagnoses(path)
    last = last_seen((stay.row["patient_id"], stay.discharged_at) for stay in stays.values())
    moved = shifts(last, dates, now, window_start, window_days)
    facts: list[AnyFact] = []
    for hospitalization_id, stay in stays.items():
        patient_id = stay.row["patient_id"]
        if patient_id not in patients:
            raise SourceError(
                f"{path}: the patient of hospitalization {hospitalization_id} is missing in clif_patient. "
                "Use tables of one release."
            )
        recorded = _recorded(stay, SEX.get(patients[patient_id]["sex_category"], Sex.UNKNOWN), diagnoses)
        token = patient_token(pseudonym_key, AUTHORITY, patient_id)
        facts += stay_facts(recorded, source=SOURCE, token=token, shift=moved[patient_id])
    facts.sort(key=lambda fact: (fact.occurred_at, fact.id))
    yield from facts


def _hospitalizations(path: Path) -> dict[str, _Hospitalization]:
    adt: dict[str, list[Row]] = defaultdict(list)
    for row in read_table(path, "clif_adt", ADT_COLUMNS):
        adt[row["hospitalization_id"]].append(row)
    stays = {}
    for row in read_table(path, "clif_hospitalization", HOSPITALIZATION_COLUMNS):
        number = row["hospitalization_id"]
        record = f"{path}: hospitalization {number}"
        timed = sorted(((instant(place["in_dttm"], record), place) for place in adt[number]), key=lambda t: t[0])
        located = [(at, place) for at, place in timed if place["location_name"]]
        left = [at for at, place in timed if not place["location_name"]]
        if not located or len(left) != 1 or left[0] < located[-1][0]:
            raise SourceError(
                f"{record}: clif_adt must have the locations and then one row without a location. Correct the rows."
            )
        classes = patient_classes(row["admission_type_name"], [_is_ed(place) for _, place in located])
        places = [
            Place(at, place["location_name"], patient_class)
            for (at, place), patient_class in zip(located, classes, strict=True)
        ]
        stays[number] = _Hospitalization(row, places, left[0])
    return stays


def _is_ed(place: Row) -> bool:
    return place["location_category"] == "ed" and "observation" not in place["location_name"].casefold()


def _diagnoses(path: Path) -> dict[str, list[Diagnosis]]:
    diagnoses: dict[str, list[Diagnosis]] = defaultdict(list)
    for row in read_table(path, "clif_hospital_diagnosis", DIAGNOSIS_COLUMNS):
        diagnoses[row["hospitalization_id"]].append(
            Diagnosis(
                code=row["diagnosis_code"],
                system=row["diagnosis_code_format"],
                principal=row["diagnosis_primary"] == "1",
                present_on_admission={"1": True, "0": False}.get(row["poa_present"]),
            )
        )
    return diagnoses


def _recorded(stay: _Hospitalization, sex: Sex, diagnoses: dict[str, list[Diagnosis]]) -> RecordedStay:
    number = stay.row["hospitalization_id"]
    return RecordedStay(
        number=number,
        encounter_id=f"{FACILITY_ID}-{number}",
        facility_id=FACILITY_ID,
        places=stay.places,
        discharged_at=stay.discharged_at,
        disposition=_disposition(stay.row),
        admission_type=ADMISSION_TYPE.get(stay.row["admission_type_category"]),
        age_years=_age(stay.row),
        sex=sex,
        diagnoses=tuple(diagnoses[number]),
    )


def _age(row: Row) -> int | None:
    return int(row["age_at_admission"]) if _AGE.fullmatch(row["age_at_admission"]) else None


def _disposition(row: Row) -> str | None:
    if row["discharge_name"] == HOME_HEALTH_NAME:
        return HOME_HEALTH
    return DISPOSITION.get(row["discharge_category"])
