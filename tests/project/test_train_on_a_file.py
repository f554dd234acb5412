"""The commands `train --source` and `evaluate`, from a table to a folder to figures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import wardwatch
from schemas.errors import SourceError, UsageError
from tests.models.sources.uci_like import plain_row, uci_like, write

RULE = "two or more admissions in the 12 months before"


def invoke(*arguments: str) -> Result:
    found = CliRunner().invoke(wardwatch.app, arguments)
    if found.exception is not None:
        raise found.exception
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("file")
    data = write(uci_like(700, seed=21), folder / "train.csv.gz")
    done = invoke("train", "--source", "uci", "--data", str(data), "--out", str(folder / "model"), "--json")
    report = json.loads(done.stdout)
    assert report["candidates"]["stack"]["auroc"]["low"] < report["candidates"]["stack"]["auroc"]["high"]
    assert "16 of 16 fits done" in done.stderr
    return folder


def evaluate(folder: Path, data: Path, *more: str) -> Result:
    return invoke("evaluate", "--model", str(folder / "model"), "--source", "uci", "--data", str(data), *more)


def test_other_patients_are_evaluated_with_the_rule_beside_the_model(folder: Path) -> None:
    data = write(uci_like(300, seed=22), folder / "others.csv")
    found = json.loads(evaluate(folder, data, "--risks", str(folder / "risks.csv"), "--json").stdout)
    assert set(found["all_rows"]) == set(found["order_trusted"]) == {"model", RULE}
    assert found["all_rows"]["model"]["auroc"]["value"] > 0.6
    assert not found["is_training_data"]
    with (folder / "risks.csv").open(encoding="utf-8") as file:
        risks = [float(row["readmission_risk"]) for row in csv.DictReader(file)]
    assert len(risks) == found["all_rows"]["model"]["rows"]
    assert all(0.0 < risk < 1.0 for risk in risks)
    assert "AUROC" in evaluate(folder, data).stdout


def test_a_file_of_one_row_is_evaluated(folder: Path) -> None:
    data = write(pd.DataFrame([plain_row(1, 1)]), folder / "one.csv")
    found = json.loads(evaluate(folder, data, "--json").stdout)["all_rows"]["model"]
    assert (found["rows"], found["auroc"]) == (1, None)


def test_a_file_without_outcomes_is_refused(folder: Path) -> None:
    data = write(uci_like(5, seed=1).drop(columns="readmitted"), folder / "unlabelled.csv")
    with pytest.raises(SourceError, match="column readmitted missing"):
        evaluate(folder, data)


def test_a_model_is_evaluated_with_its_own_source(folder: Path) -> None:
    arguments = ("--model", str(folder / "model"), "--source", "csv", "--data", "x.csv")
    with pytest.raises(UsageError, match="was not trained with --source csv"):
        invoke("evaluate", *arguments)


def test_a_mapped_csv_is_trained_and_evaluated_with_its_mapping(tmp_path: Path) -> None:
    data = write(uci_like(400, seed=23), tmp_path / "stays.csv")
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(
        "{name: Made up, stay: encounter_id, patient: patient_nbr, outcome: readmitted, positive: ['<30'],"
        " negative: ['>30', 'NO'], numbers: [number_inpatient, time_in_hospital],"
        " categories: [discharge_disposition_id], diagnoses: [diag_1, diag_2], prior_admissions: number_inpatient}",
        encoding="utf-8",
    )
    out = str(tmp_path / "model")
    invoke("train", "--source", "csv", "--data", str(data), "--mapping", str(mapping), "--out", out)
    other = write(uci_like(300, seed=24), tmp_path / "other.csv")
    found = json.loads(invoke("evaluate", "--model", out, "--source", "csv", "--data", str(other), "--json").stdout)
    assert found["source"] == "Made up"
    assert found["all_rows"]["model"]["auroc"]["value"] > 0.6
