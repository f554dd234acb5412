"""Readmissions of the MIMIC-IV demo: what the commands report, against a count that pandas makes from the CSV."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from commands.label import readmissions
from schemas.database import make_engine, upgrade
from schemas.events import encode_fact
from schemas.settings import load_settings
from simulators.replay import facts
from streams.adt.process import ingest
from streams.adt.records import Fetch, Record

DEMO = Path(__file__).parents[2].parent / "shared" / "data" / "mimic_iv_demo"

pytestmark = pytest.mark.skipif(not DEMO.is_dir(), reason="the MIMIC-IV demo is not at ../shared/data/mimic_iv_demo")


def counted_by_pandas(within: pd.Timedelta) -> tuple[int, int]:
    """Live discharges, and those with a next hospitalization that began within this time, from one CSV file alone."""
    stays = pd.read_csv(DEMO / "clif_hospitalization.csv.gz", dtype=str)
    for column in ("admission_dttm", "discharge_dttm"):
        stays[column] = pd.to_datetime(stays[column], utc=True)
    stays = stays.sort_values(["patient_id", "admission_dttm"])
    following = stays.groupby("patient_id")["admission_dttm"].shift(-1)
    alive = stays["discharge_category"] != "Expired"
    returned = following - stays["discharge_dttm"] <= within
    return int(alive.sum()), int((alive & returned).sum())


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The demo replayed into a database: facts, fold and tables as in a worker."""
    folder = tmp_path_factory.mktemp("mimic")
    url = f"sqlite:///{folder / 'wardwatch.db'}"
    engine = make_engine(url)
    upgrade(engine)
    recorded = list(facts("mimic-iv", DEMO, load_settings(database_url=url, data_dir=folder)))
    records = [
        Record("adt.events.v1", 0, number, fact.partition_key.encode(), encode_fact(fact))
        for number, fact in enumerate(recorded)
    ]
    ingest(engine, [Fetch(records, True)], clock=lambda: datetime(2026, 3, 1, tzinfo=UTC))
    engine.dispose()
    return url


def reported(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **options: Any
) -> dict[str, Any]:
    monkeypatch.setenv("WARDWATCH_DATABASE_URL", database)
    readmissions(as_json=True, **options)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_all_cause_rate_is_that_of_a_count_by_pandas(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert counted_by_pandas(pd.Timedelta(days=30)) == (260, 53)
    report = reported(database, monkeypatch, capsys, rules="crude")
    assert report["summary"]["outcome_name"] == "all-cause readmission"
    assert (report["overall"]["index_stays"], report["overall"]["readmissions"]) == (260, 53)
    assert report["summary"]["reasons"] == {"died": 15}


def test_the_rules_of_cms_account_for_every_stay_of_the_crude_count(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = reported(database, monkeypatch, capsys, rules="adults", followed_until="2027-01-01")
    # By pandas: 42 of the 275 have an admission type that stays observation; of the other live discharges 4 left
    # against advice and 1 went to another acute hospital.
    stays = pd.read_csv(DEMO / "clif_hospitalization.csv.gz", dtype=str)
    observed = stays["admission_type_name"].isin(["EU OBSERVATION", "DIRECT OBSERVATION", "AMBULATORY OBSERVATION"])
    others = stays[~observed]["discharge_category"].value_counts()
    assert report["summary"]["reasons"] == {
        "not_inpatient": int(observed.sum()),
        "died": int(others["Expired"]),
        "against_advice": int(others["Against Medical Advice (AMA)"]),
        "transferred_to_acute": int(others["Acute Care Hospital"]),
    }
    assert report["overall"]["index_stays"] == 275 - 42 - 15 - 4 - 1


def test_the_groups_of_a_report_add_up(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = reported(database, monkeypatch, capsys, rules="crude", by="month,unit,disposition,condition")
    for groups in report["by"].values():
        assert sum(group["index_stays"] for group in groups) == 260
        assert sum(group["readmissions"] for group in groups) == 53
