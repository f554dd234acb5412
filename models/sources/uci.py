"""UCI Diabetes 130-US hospitals: rows of `diabetic_data.csv` as a table of stays.

Outcome: readmitted `<30`. Rows that ended in death or a hospice are not index stays. `?` is a missing value; `None` in
`max_glu_serum` and `A1Cresult` means that the test was not done, and is a value.

References
----------
Strack et al. 2014, BioMed Research International, article 781670.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from models.sources import icd9
from models.sources.csv_file import check_unique, read_csv, to_numbers
from models.sources.stay_table import Floats, StayTable
from models.sources.uci_history import earlier_stays, is_order_trusted
from schemas.errors import SourceError

SCHEMA = "uci-1"
"""Counts up with every change of a feature: a model of another schema is refused."""

DIED_OR_HOSPICE = {"11": "died", "13": "hospice", "14": "hospice", "19": "died", "20": "died", "21": "died"}
"""Codes of `discharge_disposition_id` that are not index stays."""

MISSING = ("?", "")
LABELS = ("<30", ">30", "NO")
COUNTS = (
    "time_in_hospital",
    "num_lab_procedures",
    "num_procedures",
    "num_medications",
    "number_outpatient",
    "number_emergency",
    "number_inpatient",
    "number_diagnoses",
)
CODE_NUMBERS = ("admission_type_id", "discharge_disposition_id", "admission_source_id")
DIAGNOSES = ("diag_1", "diag_2", "diag_3")
INSULIN = "insulin"
ORAL_DRUGS = (
    "metformin",
    "repaglinide",
    "nateglinide",
    "chlorpropamide",
    "glimepiride",
    "acetohexamide",
    "glipizide",
    "glyburide",
    "tolbutamide",
    "pioglitazone",
    "rosiglitazone",
    "acarbose",
    "miglitol",
    "troglitazone",
    "tolazamide",
    "glyburide-metformin",
    "glipizide-metformin",
    "glimepiride-pioglitazone",
    "metformin-rosiglitazone",
    "metformin-pioglitazone",
)
DRUGS = (*ORAL_DRUGS, INSULIN)
COMMON_DRUGS = ("metformin", "glipizide", "glyburide", "pioglitazone", "rosiglitazone", "glimepiride", "repaglinide")
CODES = (
    "race",
    "gender",
    "age",
    "weight",
    "admission_type_id",
    "discharge_disposition_id",
    "admission_source_id",
    "payer_code",
    "medical_specialty",
    "max_glu_serum",
    "A1Cresult",
    "change",
    "diabetesMed",
)
COLUMNS = ("encounter_id", "patient_nbr", *CODES, *COUNTS, *DIAGNOSES, *DRUGS)
LABEL = "readmitted"
REMEDY = "Use the columns of diabetic_data.csv as UCI publishes it"
LEVELS = {"Norm": 0.0, ">7": 1.0, ">8": 2.0, ">200": 1.0, ">300": 2.0}
DOSES = {"No": 0.0, "Down": 1.0, "Steady": 2.0, "Up": 3.0}


def read_uci(path: Path) -> StayTable:
    """Read UCI's table, or part of it.

    Parameters
    ----------
    path : Path
        CSV with the columns of `diabetic_data.csv`, plain or gzip. Rows may be in any order; `encounter_id` is unique.

    Returns
    -------
    StayTable
        The index stays, in order of `encounter_id`. History comes from all rows of the file.

    Raises
    ------
    SourceError
        When the file cannot be read, a column is missing, a number or a label is not valid, or an id occurs twice.
    """
    frame, fingerprint = read_csv(path, (*COLUMNS, LABEL), remedy=REMEDY)
    check_unique(frame, "encounter_id", path)
    wrong = ~frame[LABEL].isin(LABELS).to_numpy()
    if wrong.any():
        raise SourceError(
            f"{path}:{int(np.argmax(wrong)) + 2}: {LABEL} is not one of {', '.join(LABELS)}. "
            "Training and evaluation need the outcome of each row."
        )
    if len(frame) == 0:
        raise SourceError(f"{path}: has a header and no rows. Name a file with stays.")
    counts = {column: to_numbers(frame, column, path, MISSING) for column in COUNTS}
    ids = to_numbers(frame, "encounter_id", path, ())
    for column in (*COUNTS, *CODE_NUMBERS):
        frame[column] = frame[column].str.removesuffix(".0")  # written where a table passed through another program
    order = np.argsort(ids, kind="stable")
    frame, ids = frame.iloc[order].reset_index(drop=True), ids[order]
    counts = {column: values[order] for column, values in counts.items()}
    return _table(frame, ids, counts, fingerprint)


def _table(frame: pd.DataFrame, ids: Floats, counts: dict[str, Floats], fingerprint: str) -> StayTable:
    sections = pd.DataFrame({column: _mapped(frame[column], icd9.section) for column in DIAGNOSES})
    prior, patients = counts["number_inpatient"], frame["patient_nbr"]
    history = earlier_stays(patients, ids, prior, counts["time_in_hospital"], sections["diag_1"])
    ended = frame["discharge_disposition_id"].map(DIED_OR_HOSPICE)
    every = StayTable(
        source="UCI Diabetes 130-US hospitals",
        schema=SCHEMA,
        fingerprint=fingerprint,
        ids=frame["encounter_id"].to_numpy(dtype=object),
        patients=patients.to_numpy(dtype=object),
        numbers=pd.concat([_numbers(frame, counts), history], axis=1),
        categories=_categories(frame, sections),
        pooled={"diagnosis": list(DIAGNOSES), "diagnosis_category": [f"{column}_category" for column in DIAGNOSES]},
        outcomes=(frame[LABEL] == "<30").to_numpy().astype(np.float64),
        prior_admissions=prior,
        order_trusted=is_order_trusted(patients, ids, prior),
        discharged_at=None,
        excluded={str(reason): int(number) for reason, number in ended.value_counts().sort_index().items()},
    )
    kept = ended.isna().to_numpy()
    return every.rows(kept)


def _mapped(values: pd.Series, function: object) -> pd.Series:
    """Apply a function of one text to a column, once for each distinct text."""
    return values.map({value: function(value) for value in values.unique()}).astype(object)  # type: ignore[operator]


def _numbers(frame: pd.DataFrame, counts: dict[str, Floats]) -> pd.DataFrame:
    days = np.where(counts["time_in_hospital"] > 0, counts["time_in_hospital"], np.nan)
    visits = counts["number_outpatient"] + counts["number_emergency"] + counts["number_inpatient"]
    drugs = frame[list(DRUGS)].replace("", "No").replace("?", "No")
    taken = drugs != "No"
    medications = np.where(counts["num_medications"] > 0, counts["num_medications"], np.nan)
    found: dict[str, object] = {
        **counts,
        "age": pd.to_numeric(frame["age"].str.extract(r"(\d+)", expand=False), errors="coerce"),
        "labs_a_day": counts["num_lab_procedures"] / days,
        "medications_a_day": counts["num_medications"] / days,
        "procedures_a_day": counts["num_procedures"] / days,
        "visits": visits,
        "log_visits": np.log1p(visits),
        "log_outpatient": np.log1p(counts["number_outpatient"]),
        "log_emergency": np.log1p(counts["number_emergency"]),
        "log_inpatient": np.log1p(counts["number_inpatient"]),
        "log_acute": np.log1p(counts["number_emergency"] + counts["number_inpatient"]),
        "drugs": taken.sum(axis=1),
        "oral_drugs": taken[list(ORAL_DRUGS)].sum(axis=1),
        "drugs_up": (drugs == "Up").sum(axis=1),
        "drugs_down": (drugs == "Down").sum(axis=1),
        "drugs_per_medication": taken.sum(axis=1) / medications,
        "insulin_dose": drugs[INSULIN].map(DOSES),
        "drugs_changed": frame["change"] == "Ch",
        "diabetes_drug": frame["diabetesMed"] == "Yes",
        "a1c": frame["A1Cresult"].map(LEVELS),
        "a1c_measured": frame["A1Cresult"].isin(LEVELS),
        "glucose": frame["max_glu_serum"].map(LEVELS),
        "glucose_measured": frame["max_glu_serum"].isin(LEVELS),
        "male": frame["gender"] == "Male",
        "weight_known": ~frame["weight"].isin(MISSING),
        "elective": frame["admission_type_id"] == "3",
        "listed_diagnoses": (~frame[list(DIAGNOSES)].isin(MISSING)).sum(axis=1),
    }
    found |= {f"takes_{drug}": taken[drug] for drug in COMMON_DRUGS}
    numbers = pd.DataFrame({name: np.asarray(values, dtype=np.float64) for name, values in found.items()})
    return numbers.replace([np.inf, -np.inf], np.nan)


def _categories(frame: pd.DataFrame, sections: pd.DataFrame) -> pd.DataFrame:
    found: dict[str, pd.Series] = {}
    for column in DIAGNOSES:
        found[column] = frame[column]
        found[f"{column}_category"] = _mapped(frame[column], icd9.category)
        found[f"{column}_section"] = sections[column]
    plain = ("medical_specialty", "payer_code", "discharge_disposition_id", "admission_source_id", "admission_type_id")
    found |= {column: frame[column] for column in (*plain, "race", "age", INSULIN, "metformin")}
    parts = {
        "disposition": frame["discharge_disposition_id"],
        "source": frame["admission_source_id"],
        "type": frame["admission_type_id"],
        "specialty": frame["medical_specialty"],
        "payer": frame["payer_code"],
        "age": frame["age"],
        "days": frame["time_in_hospital"],
        "procedures": frame["num_procedures"],
        "section": sections["diag_1"],
        "section_2": sections["diag_2"],
        "category": found["diag_1_category"],
        "inpatient": _capped(frame["number_inpatient"], 5),
        "emergency": _capped(frame["number_emergency"], 3),
        "drugs": frame[list(DRUGS)].agg("|".join, axis=1),
    }
    for names in COMBINATIONS:
        joined = parts[names[0]]
        for name in names[1:]:
            joined = joined + "|" + parts[name]
        found["_by_".join(names)] = joined
    return pd.DataFrame({name: values.to_numpy(dtype=object) for name, values in found.items()})


COMBINATIONS = (
    ("disposition", "source"),
    ("disposition", "section"),
    ("disposition", "category"),
    ("disposition", "payer"),
    ("disposition", "days"),
    ("disposition", "specialty", "source"),
    ("specialty", "section"),
    ("specialty", "disposition"),
    ("specialty", "payer"),
    ("specialty", "source"),
    ("type", "source", "payer"),
    ("source", "type"),
    ("age", "section"),
    ("age", "category"),
    ("payer", "age"),
    ("section", "section_2"),
    ("inpatient", "disposition"),
    ("inpatient", "section"),
    ("inpatient", "emergency"),
    ("procedures", "section"),
    ("drugs",),
)
"""Codes that are encoded together. Those with the payer, the source and the specialty tell hospitals apart."""


def _capped(counts: pd.Series, most: int) -> pd.Series:
    """Return a count as text, all of `most` and over as one."""
    few = {str(number) for number in range(most)}
    return counts.where(counts.isin(few | set(MISSING)), str(most))
