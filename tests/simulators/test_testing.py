"""What hospitals' own tests use: the replay, the fixture, and every line of the tutorial."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.readmission.train import train
from schemas.errors import UsageError
from schemas.events import PatientClass
from simulators.testing import Replay
from streams.fold.encounter import fold
from tests.streams.builders import T0, admit, at, bed, discharge, transfer
from tests.streams.ingest.hl7.messages import message

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorials" / "testing.md"
START = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_code_of_the_tutorial_runs(replay: Callable[..., Replay]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", TUTORIAL.read_text(), re.DOTALL)
    assert len(blocks) == 4
    names: dict[str, Any] = {}
    exec("\n".join(blocks), names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 1
    for test in tests:
        assert list(inspect.signature(test).parameters) == ["replay"]
        test(replay)


def test_a_replay_stops_at_any_moment(replay: Callable[..., Replay]) -> None:
    found = replay([admit(0, "4W/01"), transfer(5, "5E/02"), discharge(50), bed(51, "5E/02", "available")])
    assert found.advance(at(-1)).encounters() == []
    assert found.advance(at(4)).bed("4W", "01").encounter_id == "E1"
    assert (found.advance(at(5)).census("4W"), found.census("5E"), found.census()) == (0, 1, 1)
    assert found.advance(at(50)).bed("5E", "02").status == "dirty"
    assert found.advance().bed("5E", "02").status == "available"
    assert found.now == at(51)
    assert [encounter.encounter_id for encounter in found.encounters("discharged")] == ["E1"]


def test_with_a_model_there_are_alerts(replay: Callable[..., Replay], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.readmission.batch.BatchModel.risk_threshold", property(lambda _model: 0.0))
    year = list(Replay.simulated(days=90, start=T0 - timedelta(days=120)).advance().encounters())
    histories: dict[str, list[Any]] = {}
    for encounter in year:
        histories.setdefault(encounter.patient_token, []).append(encounter)
    model = train(list(histories.values()), alert_share=0.1, seed=1, trained_at=T0)
    stay = admit(0, "4W/01", patient_class=PatientClass.INPATIENT, age_years=80)
    assert fold([stay])
    found = replay([stay, *(admit(hour, e=f"later{hour}", p="P9") for hour in (2, 3, 4))], model=model).advance()
    assert [alert.encounter_id for alert in found.alerts("new")] == ["E1"]
    assert replay([stay]).advance().alerts() == []


def test_faults_are_done_to_hl7_files_too(replay: Callable[..., Replay], tmp_path: Path, monkeypatch: Any) -> None:
    messages = [message("A01", visit=f"V{n}", patient=f"{n}^^^HG^MR", control_id=f"C{n}") for n in range(60)]
    (tmp_path / "a.hl7").write_bytes(b"\r".join(messages))
    monkeypatch.setenv("WARDWATCH_DATA_DIR", str(tmp_path / "data"))
    found = replay(source="hl7", path=tmp_path / "a.hl7", faults="hostile")
    found.advance()
    assert found.injected.facts == 60
    assert found.injected.duplicate > 0
    assert found.injected.garbage > 0


def test_hl7_files_are_replayed_too(replay: Callable[..., Replay], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("WARDWATCH_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "a.hl7").write_bytes(message("A01") + b"\r" + message("A01", visit=""))
    found = replay(source="hl7", path=tmp_path / "a.hl7").advance()
    assert found.encounter("V1").status == "in_progress"
    assert "PV1-19" in found.dead_letters()[0]


def test_unknown_names_are_rejected_with_the_known_ones(replay: Callable[..., Replay]) -> None:
    found = replay([admit(0)])
    with pytest.raises(UsageError, match="0 units are called 9Z"):
        found.board("9Z")
    with pytest.raises(KeyError):
        found.encounter("E9")
    with pytest.raises(UsageError, match="time zone"):
        found.advance(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(UsageError, match="Unknown source"):
        replay(source="tape", path="x")
