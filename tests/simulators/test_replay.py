from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from schemas.errors import SourceError, UsageError
from schemas.events import AnyFact, encode_fact
from schemas.outgoing import Outgoing
from schemas.settings import load_settings
from simulators import replay
from simulators.sources import jsonl
from simulators.window import within
from streams.adt.process import ingest
from streams.adt.records import Fetch, Record
from tests.simulators.conftest import START


def test_a_file_of_facts_is_replayed(tmp_path: Path, facts: list[AnyFact]) -> None:
    jsonl.write(facts[:10], tmp_path / "facts.jsonl")
    assert list(replay.facts("jsonl", tmp_path / "facts.jsonl", load_settings(data_dir=tmp_path))) == facts[:10]


def test_an_unknown_source_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Unknown source 'tape'\. Choose one of: jsonl, .*, log, hl7"):
        replay.facts("tape", tmp_path, load_settings(data_dir=tmp_path), also=["hl7"])


@pytest.mark.parametrize(("source", "needs"), [("jsonl", "file of facts"), ("mimic-iv", "folder of the CLIF tables")])
def test_a_path_that_is_not_there_is_refused_at_once(tmp_path: Path, source: str, needs: str) -> None:
    with pytest.raises(SourceError, match=f"not found. The source {source} needs a {needs}"):
        replay.facts(source, tmp_path / "nothing", load_settings(data_dir=tmp_path))


def test_the_folder_of_mimic_is_read_with_the_key_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    with pytest.raises(SourceError, match=r"neither clif_patient\.csv"):
        list(replay.facts("mimic-iv", tmp_path / "tables", load_settings(data_dir=tmp_path)))
    assert (tmp_path / "pseudonym.key").is_file()


def test_the_fact_log_of_a_database_is_replayed_exactly(
    engine: Engine, database_url: str, facts: list[AnyFact], tmp_path: Path
) -> None:
    records = [
        Record("adt.events.v1", 0, offset, fact.partition_key.encode(), encode_fact(fact))
        for offset, fact in enumerate(facts[:500])
    ]
    ingest(engine, [Fetch(records, True)], clock=lambda: START)
    replayed = list(replay.facts("log", database_url, load_settings(data_dir=tmp_path)))
    assert sorted(map(encode_fact, replayed)) == sorted(map(encode_fact, facts[:500]))
    assert [fact.occurred_at for fact in replayed] == sorted(fact.occurred_at for fact in replayed)


@pytest.mark.parametrize("address", ["no-such.db", "mysql://somewhere"])
def test_a_database_without_a_fact_log_is_rejected(address: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not a database"):
        list(replay.facts("log", address, load_settings(data_dir=tmp_path)))
    empty = tmp_path / "empty.db"
    empty.touch()
    with pytest.raises(SourceError, match="no fact log"):
        list(replay.facts("log", empty, load_settings(data_dir=tmp_path)))


def test_no_error_repeats_the_password_of_an_address(tmp_path: Path) -> None:
    for address in ("postgresql+psycopg://ward:se:s@me@127.0.0.1:1/ward", "mysql://ward:se:s@me@nowhere"):
        with pytest.raises(SourceError, match=r"//ward:\*\*\*@") as raised:
            list(replay.facts("log", address, load_settings(data_dir=tmp_path)))
        assert "s@me" not in str(raised.value)


def test_a_window_keeps_what_was_recorded_in_it(facts: list[AnyFact]) -> None:
    since, until = facts[100].recorded_at, facts[300].recorded_at
    found = [fact for fact in within(facts, since, until) if not isinstance(fact, Outgoing)]
    assert found
    assert found == [fact for fact in facts if since <= fact.recorded_at < until]
    assert list(within([Outgoing(b"k", b"v")], since, until)) == [Outgoing(b"k", b"v")]
    with pytest.raises(UsageError, match="--from"):
        within(facts, until, since)


@pytest.mark.parametrize(
    ("source", "name", "text", "message"),
    [
        (
            "jsonl",
            "facts.jsonl",
            "",
            r"facts\.jsonl: contains no facts\. The source jsonl needs a file of facts",
        ),
        ("jsonl", "facts.jsonl", "\n\n", "contains no facts"),
        ("synthea", "encounters.csv", "", r"encounters\.csv: file is empty\. Download the table again"),
        ("synthea", "encounters.csv", "Id,START,STOP,PATIENT,ENCOUNTERCLASS\n", "contains no facts"),
        ("mimic-iii", "ADMISSIONS.csv", "", r"ADMISSIONS\.csv: file is empty\. Download the table again"),
        ("mimic-iv", "clif_patient.csv", "", r"clif_patient\.csv: file is empty\. Download the table again"),
    ],
)
def test_a_recording_that_holds_nothing_is_an_error_at_once(
    tmp_path: Path, source: str, name: str, text: str, message: str
) -> None:
    (tmp_path / "recording").mkdir()
    file = tmp_path / "recording" / name
    file.write_text(text)
    with pytest.raises(SourceError, match=message):
        replay.facts(source, file if source == "jsonl" else file.parent, load_settings(data_dir=tmp_path))


def test_a_fact_log_that_holds_nothing_is_an_error_at_once(engine: Engine, database_url: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="contains no facts"):
        replay.facts("log", database_url, load_settings(data_dir=tmp_path))
