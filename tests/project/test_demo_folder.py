"""The demo goes on from where it was, or keeps the one before beside; only --fresh deletes."""

from __future__ import annotations

import signal
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from commands import demo_folder
from commands.demo import remarks_on_time, run_demo
from commands.demo_folder import base_of, only_one, open_folder
from schemas.errors import HospitalFileError, UsageError

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
EXAMPLE = ROOT / "docs" / "how-to" / "example_hospital.yaml"


def opened(path: Path, **changes: Any) -> demo_folder.DemoFolder:
    given: dict[str, Any] = {"seed": None, "hospital": None, "simulator": True, "fresh": False, "now": NOW}
    found = open_folder(path, history=timedelta(days=14), **{**given, **changes})
    (path / "wardwatch.db").touch()
    return found


def test_the_first_demo_starts_two_weeks_ago_with_seed_1(tmp_path: Path) -> None:
    demo = opened(tmp_path / "demo")
    assert (demo.goes_on, demo.remarks) == (False, [])
    assert (demo.record.seed, demo.record.started_at) == (1, datetime(2026, 2, 16, 8, 0, tzinfo=UTC))


@pytest.mark.parametrize("seed", [None, 7])
def test_a_second_demo_goes_on_with_the_same_hospital(seed: int | None, tmp_path: Path) -> None:
    first = opened(tmp_path / "demo", seed=7)
    second = opened(tmp_path / "demo", seed=seed, now=NOW + timedelta(days=3))
    assert second.goes_on
    assert second.record == first.record
    assert second.remarks == [
        f"Going on with the demo in {tmp_path / 'demo'}. --fresh deletes it and starts a new one."
    ]
    assert (tmp_path / "demo" / "wardwatch.db").exists()


def test_a_demo_that_goes_on_ahead_of_the_clock_says_so() -> None:
    assert remarks_on_time(NOW + timedelta(hours=10, minutes=20), NOW) == [
        "The board's time is 10 h ahead of the clock, because the demo before ran faster. It goes on from there; "
        "--fresh starts at the present."
    ]
    assert remarks_on_time(NOW + timedelta(minutes=4), NOW) == remarks_on_time(None, NOW) == []


def test_a_second_demo_in_the_same_folder_says_that_one_runs_and_not_that_a_port_is_taken(tmp_path: Path) -> None:
    with only_one(tmp_path / "demo"), socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match="A demo is running already"):
            run_in(tmp_path / "demo", port)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"Port {port} is taken"):
            run_in(tmp_path / "other", port)
    assert not (tmp_path / "other").exists()


def run_in(folder: Path, port: int) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        run_demo(folder, speed=None, port=port, seed=None, say=print)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"seed": 2}, "the one before had seed 1"),
        ({"simulator": False}, "the one before had a simulated hospital"),
        ({"hospital": EXAMPLE}, "the one before had another hospital file"),
    ],
    ids=["another seed", "no simulator", "another hospital"],
)
def test_what_cannot_go_on_starts_afresh_and_the_one_before_is_kept(
    changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    opened(tmp_path / "demo")
    (tmp_path / "demo" / "mine").write_text("kept")
    second = opened(tmp_path / "demo", **changes)
    kept = tmp_path / "demo-20260302T080000"
    assert not second.goes_on
    assert second.remarks == [f"Starting afresh: {reason}. The demo before is kept in {kept}."]
    assert (kept / "mine").read_text() == "kept"
    assert not (tmp_path / "demo" / "mine").exists()


@pytest.mark.parametrize("record", [None, b"", b"{}", b"\xff"], ids=["no record", "empty", "no fields", "not text"])
def test_a_folder_of_another_version_is_kept(record: bytes | None, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "wardwatch.db").write_text("old")
    if record is not None:
        (tmp_path / "demo" / "demo.json").write_bytes(record)
    demo = opened(tmp_path / "demo")
    assert "the one before was made by another version" in demo.remarks[0]
    assert (tmp_path / "demo-20260302T080000" / "wardwatch.db").read_text() == "old"


def test_other_code_of_the_simulation_starts_afresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(tmp_path / "demo")
    monkeypatch.setattr(demo_folder, "_simulation", lambda: "other")
    assert "simulated by another version" in opened(tmp_path / "demo").remarks[0]


def test_only_fresh_deletes(tmp_path: Path) -> None:
    opened(tmp_path / "demo", seed=5)
    demo = opened(tmp_path / "demo", fresh=True)
    assert (demo.goes_on, demo.record.seed) == (False, 1)
    assert demo.remarks == [f"Starting afresh: the demo that was in {tmp_path / 'demo'} is deleted."]
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_the_hospital_file_is_copied_and_used_again(tmp_path: Path) -> None:
    first = opened(tmp_path / "demo", hospital=EXAMPLE)
    second = opened(tmp_path / "demo")
    assert second.goes_on
    assert first.hospital_file == second.hospital_file == tmp_path / "demo" / "hospital.yaml"
    assert (tmp_path / "demo" / "hospital.yaml").read_bytes() == EXAMPLE.read_bytes()


def test_a_corrected_hospital_file_is_taken_over_where_nothing_is_simulated(tmp_path: Path) -> None:
    opened(tmp_path / "demo", simulator=False)
    second = opened(tmp_path / "demo", simulator=False, hospital=EXAMPLE)
    assert second.goes_on
    assert (tmp_path / "demo" / "hospital.yaml").read_bytes() == EXAMPLE.read_bytes()


def test_an_invalid_hospital_file_leaves_the_folder_alone(tmp_path: Path) -> None:
    opened(tmp_path / "demo")
    (tmp_path / "bad.yaml").write_text("facilities: []")
    with pytest.raises(HospitalFileError, match=r"bad\.yaml: no facility is defined"):
        opened(tmp_path / "demo", hospital=tmp_path / "bad.yaml", fresh=True)
    assert (tmp_path / "demo" / "wardwatch.db").exists()


def test_the_demo_is_beside_itself_where_its_own_env_was_sourced(tmp_path: Path) -> None:
    opened(tmp_path / "demo")
    assert base_of(tmp_path) == tmp_path
    (tmp_path / "demo" / "env").touch()
    assert base_of(tmp_path / "demo") == tmp_path


def test_two_demos_in_one_folder_are_refused(tmp_path: Path) -> None:
    with (
        only_one(tmp_path / "demo"),
        pytest.raises(UsageError, match="running already"),
        only_one(tmp_path / "demo"),
    ):
        pass
