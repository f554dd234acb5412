"""The front door: exit codes, one clear line for what is wrong, help with an example, and JSON where asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import typer.main
from sqlalchemy import insert

import wardwatch
from schemas import kafka, tables
from schemas.database import make_engine
from schemas.events import AnyFact, encode_fact
from schemas.state import EncounterStatus
from streams.adt.process import ingest
from streams.adt.records import Fetch, Record
from streams.store.dead_letters import LetterName, settle
from tests.streams.builders import admit, at, bed

ROOT = Path(__file__).parents[2]
NOBODY = "127.0.0.1:1"
TOO_LONG = "a" * 300
NO_TEXT = os.fsdecode(b"\xff")


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    here = {name: value for name, value in os.environ.items() if not name.startswith("WARDWATCH_")}
    given = {"WARDWATCH_DATA_DIR": str(folder), "WARDWATCH_KAFKA_BOOTSTRAP_SERVERS": NOBODY, **variables}
    command = [sys.executable, "-W", "ignore", "-m", "wardwatch", *arguments]
    return subprocess.run(command, cwd=ROOT, env=here | given, capture_output=True, text=True, check=False, timeout=60)


def commands() -> list[list[str]]:
    above: Any = typer.main.get_command(wardwatch.app)
    return sorted(
        [name, below] if below else [name]
        for name, command in above.commands.items()
        for below in getattr(command, "commands", {"": None})
    )


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(command: list[str], tmp_path: Path) -> None:
    done = run(tmp_path, *command, "--help")
    assert done.returncode == 0
    assert f"Example: wardwatch {' '.join(command)}" in done.stdout.replace("`", "")


def test_the_version_is_that_of_the_project(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    done = run(tmp_path, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"wardwatch {project['version']}\n", "")


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (["statsu"], {}, "statsu"),
        (["replay", "tape", "x"], {}, "tape"),
        (["replay", "hl7", "no-such-folder"], {}, "no-such-folder"),
        (["replay", "log", "no-such.db"], {}, "no-such.db"),
        (["replay", "jsonl", "README.md", "--from", "noon"], {}, "noon"),
        (["simulate", "--faults", "evil"], {}, "evil"),
        (["as-of", "noon"], {}, "noon"),
        (["as-of", "now"], {}, "wardwatch db upgrade"),
        (["rebuild"], {}, "wardwatch db upgrade"),
        (["dead-letters", "show", "x"], {}, "dead-letters list"),
        (["replay", "jsonl", "no-such-file"], {}, "no-such-file"),
        (["replay", "mimic-iv", "no-such-folder"], {}, "no-such-folder"),
        (["simulate", "--speed", "fast"], {}, "fast"),
        (["simulate", "--days", "-1"], {}, "--days"),
        (["simulate", "--days", "many"], {}, "--days"),
        (["worker", "--agents", "adt,cleaner"], {}, "cleaner"),
        (["worker"], {}, "wardwatch db upgrade"),
        (["demo", "--speed", "0x"], {}, "0x"),
        (["status"], {"WARDWATCH_DATABASE_URL": "mysql://somewhere"}, "WARDWATCH_DATABASE_URL"),
        (["status"], {"WARDWATCH_HOSPITAL_FILE": "no-such.yaml", "WARDWATCH_LOG_LEVEL": "loud"}, "WARDWATCH_LOG_LEVEL"),
        (["simulate"], {"WARDWATCH_HOSPITAL_FILE": "no-such.yaml"}, "no-such.yaml"),
        (["demo", "--port", "99999"], {}, "--port"),
        (["simulate", "--history-days", "nan"], {}, "--history-days"),
        (["simulate", "--history-days", "1e9"], {}, "--history-days"),
        (["train", "--simulated-days", "40", "--seed", "99999999999"], {}, "--seed"),
        (["train", "--data", "x.csv"], {}, "need --source"),
        (["train", "--source", "uci", "--data", "x.csv"], {}, "--out DIR"),
        (
            ["train", "--source", "tape", "--data", "x.csv", "--out", "m"],
            {},
            "'tape' is not a source. Write uci or csv",
        ),
        (["train", "--source", "uci", "--data", "no-such.csv", "--out", "m"], {}, "no-such.csv: cannot be read"),
        (["train", "--source", "csv", "--data", "README.md", "--out", "m"], {}, "needs --mapping FILE"),
        (["train", "--source", "uci", "--simulated-days", "9"], {}, "--simulated-days"),
        (["evaluate", "--model", "no-such", "--source", "uci", "--data", "x.csv"], {}, "no-such/model.json"),
        (["status"], {}, "wardwatch db upgrade"),
        (["status"], {"WARDWATCH_DATABASE_URL": "postgresql+psycopg://a@h:port/x"}, "WARDWATCH_DATABASE_URL"),
        (["db", "upgrade"], {"WARDWATCH_DATA_DIR": "/dev/null/x"}, "WARDWATCH_DATA_DIR"),
        (["ingest", "hl7", "no-such-file"], {}, "no-such-file"),
        (["ingest", "hl7", "x"], {"WARDWATCH_HL7_MAPPING_FILE": "no-such.yaml"}, "WARDWATCH_HL7_MAPPING_FILE"),
        (["ingest", "mllp", "--port", "70000"], {}, "--port"),
        (["ingest", "fhir", "no-such-file"], {}, "no-such-file"),
        (["ingest", "http"], {"WARDWATCH_INGEST_HOST": "0.0.0.0"}, "WARDWATCH_INGEST_TOKEN"),
        (["dashboard", "--port", "99999999"], {}, "WARDWATCH_DASHBOARD_PORT"),
        (["replay", "jsonl", "docs"], {}, "docs: is a folder. The source jsonl needs a file"),
        (["replay", "synthea", "README.md"], {}, "README.md: is not a folder. The source synthea needs a folder"),
        (["replay", "jsonl", ""], {}, "An empty path was given. The source jsonl needs a file"),
        (["replay", "hl7", ""], {}, "path: empty. Name files"),
        (["ingest", "hl7", ""], {}, "path: empty. Name files"),
        (["ingest", "fhir", "", "--dry-run"], {}, "path: empty. Name files"),
        (["replay", "jsonl", TOO_LONG], {}, "needs a file of facts"),
        (["replay", "log", TOO_LONG], {}, "not a database. Give a SQLite file"),
        (["simulate", "--start", "yesterday"], {}, "'yesterday' is not a valid time. Write 2026-03-02T08:00"),
        (["simulate", "--start", "0001-01-01"], {}, "--start must lie in the years 1900 to 2900"),
        (["dead-letters", "show", f"adt.events.v1/0/{2**63}"], {}, "dead-letters list"),
        (["dead-letters", "show", f"adt.events.v1/{2**31}/0"], {}, "dead-letters list"),
        (["dead-letters", "show", NO_TEXT + "/0/0"], {}, "dead-letters list"),
        (["dead-letters", "fix", "a/0/0", "no-such-file"], {}, "Name the file of the corrected message"),
        (["dead-letters", "fix", "a/0/0", os.devnull], {}, "/dev/null is empty. Name the file"),
        (["replay"], {}, "Missing argument 'source'. Try `wardwatch replay --help`."),
        (["ingest", "mllp", "--prt", "1"], {}, "(Possible options: --port). Try `wardwatch ingest mllp --help`."),
        (["simulate"], {"WARDWATCH_HOSPITAL_FILE": "docs/images/beds-light.png"}, "beds-light.png"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list | dict) else None,
)
def test_wrong_input_exits_2_with_one_line_that_names_it(
    arguments: list[str], variables: dict[str, str], says: str, tmp_path: Path
) -> None:
    done = run(tmp_path, *arguments, **variables)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert done.stderr.startswith("wardwatch: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["worker"], ["train"], ["db", "upgrade"], ["dashboard", "--port", "0"]])
def test_a_database_that_is_away_is_one_line_without_the_password(command: list[str], tmp_path: Path) -> None:
    away = "postgresql+psycopg://ward:sesame@127.0.0.1:1/ward"
    done = run(tmp_path, *command, WARDWATCH_DATABASE_URL=away)
    assert done.returncode == 1, done.stderr
    assert "WARDWATCH_DATABASE_URL" in done.stderr
    assert "sesame" not in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["worker"], ["simulate", "--days", "1"]], ids=" ".join)
def test_a_broker_that_is_away_is_one_line(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "db", "upgrade").returncode == 0
    monkeypatch.setenv("WARDWATCH_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("WARDWATCH_KAFKA_BOOTSTRAP_SERVERS", NOBODY)
    impatient = partial(kafka.wait_for_broker, timeout_s=0)
    monkeypatch.setattr(kafka, "wait_for_broker", impatient)
    monkeypatch.setattr("simulators.publish.wait_for_broker", impatient)
    monkeypatch.setattr(sys, "argv", ["wardwatch", *arguments])
    with pytest.raises(SystemExit) as ended:
        wardwatch.main()
    told = capsys.readouterr().err
    assert ended.value.code == 1
    assert NOBODY in told
    assert told.strip().count("\n") == 0


def test_reports_are_json_where_asked(tmp_path: Path) -> None:
    assert json.loads(run(tmp_path, "db", "upgrade", "--json").stdout)["applied"]
    again = run(tmp_path, "db", "upgrade", "--json")
    assert (again.returncode, json.loads(again.stdout)["applied"]) == (0, [])
    status = run(tmp_path, "status", "--json")
    found = json.loads(status.stdout)
    assert {"facts", "patients", "encounters", "dead_letters", "outbox", "lag"} <= set(found)
    assert found["facts"] == 0
    assert (status.returncode, found["lag"]) == (1, None), "without a broker the lag is not known"
    doctor = run(tmp_path, "doctor", "--json")
    assert doctor.returncode == 1
    assert {check["name"]: check["ok"] for check in json.loads(doctor.stdout)}["model"] is False


def test_status_does_not_wrap_its_lines_when_piped(tmp_path: Path) -> None:
    assert run(tmp_path, "db", "upgrade").returncode == 0
    engine = make_engine(f"sqlite:///{tmp_path / 'wardwatch.db'}")
    with engine.begin() as connection:
        for status in EncounterStatus:
            row = {"encounter_id": status, "patient_token": "p", "patient_class": "inpatient", "version": 1}
            connection.execute(insert(tables.encounter).values(**row, status=status.value, state=b"{}"))
    engine.dispose()
    shown = run(tmp_path, "status", COLUMNS="40").stdout.splitlines()
    assert len(shown) == len(json.loads(run(tmp_path, "status", "--json").stdout))


@pytest.mark.parametrize("command", ["simulate", "doctor", "dashboard"])
def test_an_unknown_time_zone_in_the_hospital_file_is_one_line(command: str, tmp_path: Path) -> None:
    file = tmp_path / "hospital.yaml"
    example = (ROOT / "docs" / "how-to" / "example_hospital.yaml").read_text(encoding="utf-8")
    file.write_text(example.replace("Europe/Dublin", "Europe/Dubblin"), encoding="utf-8")
    done = run(tmp_path, command, WARDWATCH_HOSPITAL_FILE=str(file))
    text = done.stdout if command == "doctor" else done.stderr
    assert f"{file}: facility LSG: time_zone 'Europe/Dubblin' is not a known time zone. Write an IANA name" in text
    assert (done.returncode, "Traceback" in done.stderr) == (1 if command == "doctor" else 2, False)


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        (0, "0 messages give facts, 1 would be a dead letter."),
        (1, "1 message gives facts, 0 would be dead letters."),
        (2, "2 messages give facts, 0 would be dead letters."),
    ],
)
def test_a_dry_run_counts_in_the_singular_and_plural(messages: int, says: str, tmp_path: Path) -> None:
    good = (ROOT / "docs" / "how-to" / "example_messages.hl7").read_text(encoding="utf-8").split("\n\n")[0]
    (tmp_path / "a.hl7").write_text("\n\n".join([good] * messages) if messages else "MSH|^~\\&|x", encoding="utf-8")
    mapping = str(ROOT / "docs" / "how-to" / "example_hl7_mapping.yaml")
    done = run(tmp_path, "ingest", "hl7", str(tmp_path), "--dry-run", WARDWATCH_HL7_MAPPING_FILE=mapping)
    assert done.stdout.splitlines()[-1] == says


def test_in_an_empty_house_a_stranger_or_a_wrong_address_is_one_line(tmp_path: Path) -> None:
    assert run(tmp_path, "db", "upgrade").returncode == 0
    assert run(tmp_path, "data-quality").stdout == "Nothing to look at.\n"
    nobody = run(tmp_path, "as-of", "now", "--patient", NO_TEXT)
    assert (nobody.returncode, nobody.stderr.count("\n")) == (2, 1)
    assert "Give a token" in nobody.stderr
    address = run(tmp_path, "status", WARDWATCH_KAFKA_BOOTSTRAP_SERVERS="broker:port")
    assert (address.returncode, address.stderr.count("\n")) == (2, 1)
    assert (
        "WARDWATCH_KAFKA_BOOTSTRAP_SERVERS: broker:port is not the address of a broker. Write host:port"
        in address.stderr
    )
    found = json.loads(run(tmp_path, "doctor", "--json", WARDWATCH_KAFKA_BOOTSTRAP_SERVERS="broker:port").stdout)
    assert {check["name"]: check["found"] for check in found}["model"] == "no model is trained"


def test_a_start_is_read_with_its_zone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told: list[datetime] = []

    def publish(_settings: Any, facts: Any, _pace: Any, _as_json: bool, live_from: datetime, **_: Any) -> None:
        told.extend((live_from, next(facts).recorded_at))

    monkeypatch.setenv("WARDWATCH_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("commands.simulate.publish_facts", publish)
    monkeypatch.setattr(sys, "argv", ["wardwatch", "simulate", "--start", "2026-03-02T08:00+01:00"])
    with pytest.raises(SystemExit) as ended:
        wardwatch.main()
    assert ended.value.code == 0
    begin = datetime(2026, 3, 2, 7, tzinfo=UTC)
    assert told[0] == begin
    assert begin <= told[1] < datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize("since", ["now", "2026-03-02"])
def test_a_time_may_be_now(since: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WARDWATCH_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("commands.simulate.publish_facts", lambda *_, **__: None)
    (tmp_path / "a.hl7").write_text("MSH|^~\\&|x")
    monkeypatch.setattr(sys, "argv", ["wardwatch", "replay", "hl7", str(tmp_path / "a.hl7"), "--from", since])
    with pytest.raises(SystemExit) as ended:
        wardwatch.main()
    assert ended.value.code == 0


def test_a_list_that_leaves_dead_letters_off_says_so(tmp_path: Path) -> None:
    assert run(tmp_path, "db", "upgrade").returncode == 0
    engine = make_engine(f"sqlite:///{tmp_path / 'wardwatch.db'}")
    records = [Record("adt.events.v1", 0, offset, b"k", b"{}") for offset in range(2)]
    ingest(engine, [Fetch(records, True)], clock=lambda: datetime.now(UTC))
    engine.dispose()
    some, whole = (run(tmp_path, "dead-letters", "list", "--json", "--limit", limit) for limit in ("1", "2"))
    assert (len(json.loads(some.stdout)), some.stderr) == (
        1,
        "wardwatch: These are the latest 1; --limit shows more.\n",
    )
    assert (len(json.loads(whole.stdout)), whole.stderr) == (2, "")


def test_where_only_a_demo_left_a_database_the_error_says_how_to_read_that(tmp_path: Path) -> None:
    assert run(tmp_path / "demo", "db", "upgrade").returncode == 0
    done = run(tmp_path, "status")
    assert done.returncode == 2
    assert f"WARDWATCH_DATA_DIR={tmp_path / 'demo'}" in done.stderr


def test_the_front_door_loads_no_room_before_a_command_runs() -> None:
    heavy = "{'faust', 'sqlalchemy', 'sklearn', 'river', 'dash', 'pandas', 'streams', 'models', 'simulators'}"
    code = f"import sys, wardwatch; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_training_on_nothing_says_what_to_do(tmp_path: Path) -> None:
    assert run(tmp_path, "db", "upgrade").returncode == 0
    done = run(tmp_path, "train")
    assert done.returncode == 2
    assert "Replay more history" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.fixture
def two_patients(tmp_path: Path) -> Path:
    """Return the data directory of a hospital with two patients, whose tokens both begin with `ab`."""
    assert run(tmp_path, "db", "upgrade").returncode == 0
    engine = make_engine(f"sqlite:///{tmp_path / 'wardwatch.db'}")
    facts: list[AnyFact] = [admit(10, "4W/01", e="E1", p="abc1"), admit(20, "4W/02", e="E2", p="abd2")]
    facts += [bed(minutes, "4W/03", "available") for minutes in (30, 31, 32)]
    records = [Record("adt.events.v1", 0, offset, b"k", encode_fact(fact)) for offset, fact in enumerate(facts)]
    ingest(engine, [Fetch(records, True)], clock=lambda: datetime.now(UTC))
    engine.dispose()
    return tmp_path


def test_a_patient_is_found_by_the_first_characters_of_the_token(two_patients: Path) -> None:
    found = run(two_patients, "as-of", "now", "--patient", "abc", "--json")
    assert (found.returncode, json.loads(found.stdout)["person_token"]) == (0, "abc1")
    several = run(two_patients, "as-of", "now", "--patient", "ab")
    assert several.returncode == 2
    assert several.stderr == "wardwatch: --patient: 2 tokens begin with 'ab'. Give more characters of it.\n"
    nobody = run(two_patients, "as-of", "now", "--patient", "abx")
    assert (nobody.returncode, "no patient has this token, or one that begins so" in nobody.stderr) == (2, True)


@pytest.mark.parametrize(("clock", "says"), [("--known", "nothing was known"), ("--true", "nothing had happened")])
def test_a_patient_who_was_not_there_yet_is_told_from_a_wrong_token(clock: str, says: str, two_patients: Path) -> None:
    done = run(two_patients, "as-of", f"{at(0):%Y-%m-%dT%H:%M}", clock, "--patient", "abc1")
    assert done.returncode == 2
    assert f"--patient abc1: {says} by then: the first fact about this patient" in done.stderr
    assert f"{at(10):%Y-%m-%d %H:%M} UTC. Give a later time." in done.stderr


def test_a_time_that_the_feed_has_not_reached_is_named(two_patients: Path) -> None:
    done = run(two_patients, "as-of", f"{at(600):%Y-%m-%dT%H:%M}", "--json")
    assert done.returncode == 0
    assert done.stderr.startswith(f"wardwatch: The feed has reached {at(30):%Y-%m-%d %H:%M} UTC. What happened between")
    assert run(two_patients, "as-of", f"{at(30):%Y-%m-%dT%H:%M}").stderr == ""
    assert run(two_patients, "as-of", "now").stderr == ""


def test_a_check_exits_with_1_while_rows_differ(two_patients: Path) -> None:
    assert run(two_patients, "rebuild", "--check").returncode == 0
    with make_engine(f"sqlite:///{two_patients / 'wardwatch.db'}").begin() as connection:
        connection.execute(tables.encounter.update().values(status="cancelled"))
    for _ in range(2):
        done = run(two_patients, "rebuild", "--check")
        assert (done.returncode, "Nothing was changed" in done.stdout) == (1, True)
    done = run(two_patients, "rebuild")
    assert (done.returncode, "All of them are corrected." in done.stdout) == (0, True)
    assert run(two_patients, "rebuild", "--check", "--json").returncode == 0


def test_a_settled_dead_letter_is_corrected_again_only_when_asked(tmp_path: Path) -> None:
    assert run(tmp_path, "db", "upgrade").returncode == 0
    engine = make_engine(f"sqlite:///{tmp_path / 'wardwatch.db'}")
    now = datetime(2026, 3, 2, 8, tzinfo=UTC)
    ingest(engine, [Fetch([Record("adt.events.v1", 0, 7, b"k", b"{}")], True)], clock=lambda: now)
    with engine.begin() as connection:
        settle(connection, [LetterName("adt.events.v1", 0, 7)], "fixed", now)
    engine.dispose()
    (tmp_path / "better.json").write_text("{}")
    fix = ["dead-letters", "fix", "adt.events.v1/0/7", str(tmp_path / "better.json")]
    refused = run(tmp_path, *fix)
    assert refused.returncode == 2
    assert "adt.events.v1/0/7: was fixed at 2026-03-02 08:00 UTC already." in refused.stderr
    assert "give --again" in refused.stderr
    again = run(tmp_path, *fix, "--again")
    assert (again.returncode, "1 still cannot be used" in again.stdout) == (1, True), "it was read, and is invalid"


def test_a_dry_run_writes_no_file(tmp_path: Path) -> None:
    file = ROOT / "docs" / "how-to" / "example_messages.hl7"
    mapping = str(ROOT / "docs" / "how-to" / "example_hl7_mapping.yaml")
    data = tmp_path / "data"
    done = run(data, "ingest", "hl7", str(file), "--dry-run", "--json", WARDWATCH_HL7_MAPPING_FILE=mapping)
    assert done.returncode == 0
    assert done.stdout.count("\n") > 1
    assert done.stderr == ""
    assert not data.exists()


def test_discover_writes_a_file_once_and_replaces_it_only_when_told(two_patients: Path) -> None:
    file = two_patients / "hospital.yaml"
    done = run(two_patients, "hospital", "discover", str(file))
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, f"{file}: 1 unit, 3 named beds.")
    assert 'beds: ["01", "02", "03"]' in file.read_text()
    file.write_text("mine")
    refused = run(two_patients, "hospital", "discover", str(file))
    assert (refused.returncode, file.read_text()) == (2, "mine")
    assert "exists already. Name another file, or replace it with --overwrite." in refused.stderr
    assert run(two_patients, "hospital", "discover", str(file), "--overwrite").returncode == 0
    printed = run(two_patients, "hospital", "discover", "-")
    assert (printed.returncode, printed.stdout) == (0, file.read_text())
    assert 'unit_id: "4W"' in printed.stdout


def test_discover_in_an_empty_database_says_what_to_do(tmp_path: Path) -> None:
    assert run(tmp_path, "db", "upgrade").returncode == 0
    done = run(tmp_path, "hospital", "discover", str(tmp_path / "hospital.yaml"))
    assert (done.returncode, "has shown no unit yet" in done.stderr) == (2, True)
    assert not (tmp_path / "hospital.yaml").exists()
