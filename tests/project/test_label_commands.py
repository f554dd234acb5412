"""The commands on labels, as a user runs them: import of codes, the table, and the rates."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from commands.train import train
from schemas import tables
from schemas.database import make_engine, upgrade
from schemas.errors import UsageError
from schemas.events import AnyFact, Diagnosis, PatientClass, PatientUpdated, Procedure, encode_fact
from streams.adt.process import ingest
from streams.adt.records import Fetch, Record
from tests.models.labels import code_files
from tests.streams.builders import T0, admit, at, discharge, of_patient

ROOT = Path(__file__).parents[2]
DAY = 24.0


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    here = {name: value for name, value in os.environ.items() if not name.startswith("WARDWATCH_")}
    command = [sys.executable, "-W", "ignore", "-m", "wardwatch", *arguments]
    env = here | {"WARDWATCH_DATA_DIR": str(folder)}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)


def done(folder: Path, *arguments: str) -> str:
    result = run(folder, *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def inpatient(encounter: str, patient: str, came: float, left: float, dx: str, pr: str | None = None) -> list[AnyFact]:
    about: dict[str, Any] = {"diagnoses": (Diagnosis(code=dx, principal=True),)}
    if pr is not None:
        about["procedures"] = (Procedure(code=pr),)
    return [
        admit(came * DAY, "4W/01", e=encounter, p=patient, patient_class=PatientClass.INPATIENT, age_years=71, **about),
        discharge(left * DAY, e=encounter, p=patient),
    ]


FACTS: list[AnyFact] = [
    *inpatient("E1", "P1", 0, 4, "I50.9"),
    *inpatient("E2", "P1", 10, 12, "M17.11", "0SRD0J9"),  # planned
    *inpatient("E3", "P2", 0, 4, "I50.9"),
    *inpatient("E4", "P2", 10, 12, "J18.9", "B2111ZZ"),  # unplanned
    *inpatient("E5", "P3", 0, 4, "F32.9"),
    *inpatient("E6", "P4", 0, 4, "I21.4"),
    of_patient(PatientUpdated, 200 * DAY, "P4", died_at=at(3 * DAY)),
    *[fact for n in range(3) for fact in inpatient(f"Y{n}", f"Q{n}", 90, 91, "I50.9")],
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data directory whose feed has reached day 91."""
    engine = make_engine(f"sqlite:///{tmp_path / 'wardwatch.db'}")
    upgrade(engine)
    records = [
        Record("adt.events.v1", 0, number, fact.partition_key.encode(), encode_fact(fact))
        for number, fact in enumerate(FACTS)
    ]
    ingest(engine, [Fetch(records, True)], clock=lambda: T0)
    engine.dispose()
    return tmp_path


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    found = tmp_path / "lists"
    found.mkdir()
    code_files.write(found)
    return found


def test_without_the_lists_the_rate_is_all_cause(folder: Path) -> None:
    report = json.loads(done(folder, "readmissions", "--by", "month,disposition,condition", "--json"))
    summary = report["summary"]
    assert summary["outcome_name"] == "all-cause readmission"
    assert summary["definition"] == "adults of 18 and over, inpatient stays, 30 days by date"
    assert summary["reasons"] == {"follow_up": 3, "died": 1}
    assert (report["overall"]["index_stays"], report["overall"]["readmissions"]) == (5, 2)
    assert report["overall"]["interval_95"] == pytest.approx([0.1176, 0.7693], abs=0.0001)
    months = [(group["group"], group["index_stays"], group["readmissions"]) for group in report["by"]["month"]]
    assert months == [("2026-03", 5, 2)]
    assert [group["group"] for group in report["by"]["condition"]] == ["I50", "F32", "J18", "M17"]


def test_with_the_lists_planned_returns_do_not_count_and_psychiatry_is_excluded(folder: Path, lists: Path) -> None:
    said = done(folder, "codes", "import", str(lists))
    assert "always planned procedures: 3\n" in said
    assert "CCS maps from ccs_dx_icd10cm_2019_1.csv, ccs_pr_icd10pcs_2019_1.csv." in said
    report = json.loads(done(folder, "readmissions", "--json"))
    assert report["summary"]["outcome_name"] == "unplanned readmission"
    assert report["summary"]["reasons"] == {"follow_up": 3, "died": 1, "psychiatric": 1}
    assert report["summary"]["outcomes"] == {"not_readmitted": 2, "planned_return": 1, "readmitted": 1}
    assert (report["overall"]["index_stays"], report["overall"]["readmissions"], report["overall"]["planned"]) == (
        4,
        1,
        1,
    )


def test_an_import_replaces_the_one_before_and_says_it_in_json(folder: Path, lists: Path) -> None:
    done(folder, "codes", "import", str(lists))
    (lists / "acute_diagnosis_ccs.csv").write_text("ccs_diagnosis_category\n2\n", encoding="utf-8")
    report = json.loads(done(folder, "codes", "import", str(lists), "--json"))
    assert report["entries"]["acute_diagnoses"] == 1


def test_a_list_that_is_missing_leaves_the_import_before_as_it_was(folder: Path, lists: Path) -> None:
    done(folder, "codes", "import", str(lists))
    (lists / "acute_diagnosis_ccs.csv").unlink()
    failed = run(folder, "codes", "import", str(lists))
    assert failed.returncode == 2
    assert failed.stderr == f"wardwatch: {lists}: lacks acute_diagnosis_ccs.csv. Put the lists of CMS in this folder.\n"
    assert json.loads(done(folder, "readmissions", "--json"))["summary"]["outcome_name"] == "unplanned readmission"


def test_the_table_has_every_encounter_with_its_reason(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    summary = json.loads(done(folder, "label", str(file), "--json"))["summary"]
    assert (summary["encounters"], summary["index_stays"]) == (9, 5)
    found = {row["encounter_id"]: row for row in csv.DictReader(file.open(encoding="utf-8"))}
    assert len(found) == 9
    assert (found["E1"]["is_index_admission"], found["E1"]["readmission_encounter_id"]) == ("true", "E2")
    assert (found["E1"]["days_to_readmission"], found["E1"]["is_planned"]) == ("6", "")
    assert (found["E6"]["is_index_admission"], found["E6"]["reason"], found["E6"]["readmitted"]) == (
        "false",
        "died",
        "",
    )
    assert found["E1"]["discharged_at"] == (T0 + timedelta(days=4)).isoformat()
    again = run(folder, "label", str(file))
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert done(folder, "label", "-") == file.read_text(encoding="utf-8")


def test_observed_is_set_against_the_risks_issued_at_the_discharge(folder: Path) -> None:
    engine = make_engine(f"sqlite:///{folder / 'wardwatch.db'}")
    with engine.begin() as connection:
        for encounter, left, risk in (("E1", 4, 0.5), ("E3", 4, 0.25), ("E5", 3, 0.9)):  # that of E5 was corrected
            values = dict.fromkeys((column.name for column in tables.score.columns), b"{}") | {
                "encounter_id": encounter, "moment": "discharge", "as_of": at(left * DAY), "patient_token": "P",
                "batch_risk": risk, "online_risk": risk, "readmission_risk": risk, "batch_model": "m",
                "online_version": 1,
            }  # fmt: skip
            connection.execute(insert(tables.score).values(values))
    engine.dispose()
    against = json.loads(done(folder, "readmissions", "--json"))["overall"]["against_expected"]
    assert (against["stays"], against["observed"], against["expected"]) == (2, 2, 0.75)
    assert against["ratio"] == pytest.approx(2.667, abs=0.001)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["readmissions", "--by", "ward"],
            "--by: unknown ward. Choose from month, facility, unit, disposition, condition.",
        ),
        (["readmissions", "--rules", "hwr"], "--rules: unknown 'hwr'. Choose from adults, cms, crude."),
        (["readmissions", "--window", "weeks"], "--window: unknown 'weeks'. Choose from calendar, hours."),
        (["readmissions", "--rules", "crude", "--observation"], "--observation: the crude count has"),
        (["readmissions", "--followed-until", "noon"], "'noon' is not a valid time"),
        (["label", "labels.txt"], "labels.txt: does not end in .csv"),
        (["label", "-", "--json"], "--json: the table and the summary cannot both"),
        (["label", "no-such-folder/labels.csv"], "no-such-folder/labels.csv: cannot be written"),
        (["codes", "import", "no-such-folder"], "no-such-folder: is not a folder"),
        (["codes", "import", ""], "path: empty"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_input_is_one_line_with_a_remedy(folder: Path, arguments: list[str], says: str) -> None:
    failed = run(folder, *arguments)
    assert failed.returncode == 2
    assert says in failed.stderr
    assert failed.stderr.count("\n") == 1


def test_without_event_time_a_rate_is_refused_with_a_remedy(tmp_path: Path) -> None:
    done(tmp_path, "db", "upgrade")
    failed = run(tmp_path, "readmissions")
    assert failed.returncode == 2
    assert "give --followed-until" in failed.stderr
    report = json.loads(done(tmp_path, "readmissions", "--followed-until", "2026-06-01", "--json"))
    assert (report["overall"]["index_stays"], report["overall"]["rate"]) == (0, None)


def test_the_text_names_the_rate_and_its_definition(folder: Path) -> None:
    said = done(folder, "readmissions", "--by", "unit", "--rules", "cms")
    assert said.startswith(
        "Rate: all-cause readmission within 30 days. cms: 65 and over, inpatient stays, 30 days by date"
    )
    assert "Not an index stay: follow_up 3, died 1." in said
    assert said.count("HG/4W") == 1


def test_training_knows_a_death_that_was_reported_later_and_the_imported_lists(
    folder: Path, lists: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done(folder, "codes", "import", str(lists))
    given: dict[str, Any] = {}

    def fit(histories: Any, **options: Any) -> None:
        given.update(options)
        raise UsageError("seen")

    monkeypatch.setattr("models.readmission.train.train", fit)
    monkeypatch.setenv("WARDWATCH_DATA_DIR", str(folder))
    with pytest.raises(UsageError, match="seen"):
        train()
    assert given["died_at"] == {"P4": at(3 * DAY)}
    assert given["definition"].codes.diagnosis_ccs["I509"] == 108
    assert given["definition"].zone("HG") == ZoneInfo("UTC")
