"""A small table with the columns of UCI's, drawn at random: the project does not contain the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from models.sources.uci import COLUMNS, DRUGS, LABEL

DIAGNOSES = ("250.01", "428", "414", "V58", "E885", "584", "486", "820", "?")
"""Heart failure (428) and acute kidney failure (584) come back more often."""


def plain_row(encounter: int, patient: int, **changes: str) -> dict[str, str]:
    """Return the row of a stay of three days without anything special."""
    row = dict.fromkeys(COLUMNS, "No") | {
        "encounter_id": str(encounter),
        "patient_nbr": str(patient),
        "race": "?",
        "gender": "Female",
        "age": "[60-70)",
        "weight": "?",
        "admission_type_id": "1",
        "discharge_disposition_id": "1",
        "admission_source_id": "7",
        "payer_code": "?",
        "medical_specialty": "?",
        "max_glu_serum": "None",
        "A1Cresult": "None",
        "time_in_hospital": "3",
        "num_lab_procedures": "30",
        "num_procedures": "0",
        "num_medications": "10",
        "number_outpatient": "0",
        "number_emergency": "0",
        "number_inpatient": "0",
        "number_diagnoses": "5",
        "diag_1": "414",
        "diag_2": "250.01",
        "diag_3": "?",
        LABEL: "NO",
    }
    unknown = set(changes) - set(row)
    assert not unknown, unknown
    return row | changes


def uci_like(patients: int, seed: int) -> pd.DataFrame:
    """Return rows of so many patients, one to three each; about a fifth are readmitted."""
    random = np.random.default_rng(seed)
    rows = []
    for patient in range(patients):
        prior = int(random.poisson(0.6))
        for _ in range(int(random.integers(1, 4))):
            codes = random.choice(DIAGNOSES, size=3)
            disposition = str(random.choice(["1", "3", "6", "11", "22"], p=[0.6, 0.15, 0.15, 0.03, 0.07]))
            log_odds = -2.3 + 0.5 * prior + 0.9 * (codes[0] in ("428", "584")) + 1.2 * (disposition == "22")
            outcome = "<30" if random.random() < 1 / (1 + np.exp(-log_odds)) else str(random.choice([">30", "NO"]))
            rows.append(
                plain_row(
                    int(random.integers(1, 10**8)),
                    5_000 + patient,
                    race=str(random.choice(["Caucasian", "AfricanAmerican", "?"])),
                    age=str(random.choice(["[50-60)", "[60-70)", "[70-80)"])),
                    time_in_hospital=str(int(random.integers(1, 15))),
                    num_medications=str(int(random.integers(1, 30))),
                    number_inpatient=str(prior),
                    discharge_disposition_id=disposition,
                    diag_1=str(codes[0]),
                    diag_2=str(codes[1]),
                    diag_3=str(codes[2]),
                    A1Cresult=str(random.choice(["None", "Norm", ">8"])),
                    readmitted=outcome,
                    **{str(random.choice(DRUGS)): "Up"},
                )
            )
            prior += int(random.integers(0, 3))
    return pd.DataFrame(rows).drop_duplicates("encounter_id")


def write(frame: pd.DataFrame, path: Path) -> Path:
    """Write a table; a name that ends in .gz gives gzip."""
    frame.to_csv(path, index=False)
    return path
