"""The archive of the fact log: what leaves the database, what stays, and what a late fact does."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from schemas import events, tables
from schemas.errors import UsageError, WardwatchError
from schemas.events import AnyFact, decode_fact, encode_fact
from schemas.partitions import Month
from schemas.settings import load_settings
from simulators import replay
from streams.operate import archive as archives
from streams.operate.archive import Archived, Restored, archive, restore
from streams.operate.rebuild import rebuild
from streams.store import log_archive, partitions
from streams.store.locks import has_concurrent_writers
from tests.contracts.test_partitions import take_at
from tests.contracts.test_processing import rows
from tests.streams.builders import admit, at, bed, discharge, merge, said, transfer, update

MARCH, APRIL, MAY, JULY = (datetime(2026, month, 10, tzinfo=UTC) for month in (3, 4, 5, 7))
OVER: list[AnyFact] = [admit(0, "ED/01", e="over"), transfer(5, "4W/02", e="over"), discharge(50, e="over")]
IN_MARCH: list[AnyFact] = [
    *OVER,
    admit(1, "4W/03", e="here", p="P2"),
    admit(2, "4W/04", e="two months", p="P3"),
    admit(3, "4W/05", e="away", p="P4"),
    said(events.EncountersMerged, 4, e="away", p="P4", into="stays"),
    admit(3, "4W/06", e="stays", p="P4"),
    discharge(40, e="stays", p="P4"),
    discharge(41, e="odd", p="P5"),
    merge(6, "P6", "P1"),
    bed(7, "5E/01", "dirty"),
    bed(8, "5E/01", "available"),
]
IN_APRIL: list[AnyFact] = [discharge(60, e="two months", p="P3")]
STATE = ("encounter", "unit_stay", "patient", "alias", "reservation", "bed_status", "place", "encounter_merge")


def fill(engine: Engine) -> None:
    take_at(engine, MARCH, *IN_MARCH)
    take_at(engine, APRIL, *IN_APRIL)
    now = 24 * 90.0  # three later facts move event time, two of them about one encounter
    take_at(engine, MAY, *(admit(now + n, "4W/20", e=f"new{n}", p=f"N{n}") for n in range(3)))


def archived(engine: Engine, folder: Path, before: str = "2026-04", quiet_days: int = 30) -> list[Archived]:
    return archive(engine, Month.parse(before), folder, now=JULY, quiet_days=quiet_days)


def state(engine: Engine) -> list[Any]:
    found = [tables.metadata.tables[name] for name in STATE]
    columns = [[column.name for column in table.columns if column.name != "version"] for table in found]
    return [rows(engine, table, *names) for table, names in zip(found, columns, strict=True)]


def subjects(engine: Engine) -> list[str]:
    return sorted({subject for (subject,) in rows(engine, tables.fact, "subject")})


def lines(file: Path) -> list[AnyFact]:
    with gzip.open(file, "rb") as found:
        return [decode_fact(line) for line in found]


def test_an_encounter_that_has_ended_leaves_the_log_as_a_whole_and_its_state_stays(
    engine: Engine, tmp_path: Path
) -> None:
    fill(engine)
    before = state(engine)
    [found] = archived(engine, tmp_path)
    assert (found.month, found.encounters, found.facts, found.facts_kept) == ("2026-03", 1, 4, 9)
    assert lines(tmp_path / "facts-2026-03.jsonl.gz") == [OVER[0], OVER[1], IN_MARCH[-2], OVER[2]]
    assert "over" not in subjects(engine)
    assert {"here", "two months", "away", "stays", "odd", "patient:P6", "bed:HG/5E/01"} <= set(subjects(engine))
    assert state(engine) == before
    assert rows(engine, tables.archived_encounter, "encounter_id", "archive") == [("over", "facts-2026-03.jsonl.gz")]


def test_a_rebuild_after_an_archive_finds_no_difference_and_corrects_the_rest(engine: Engine, tmp_path: Path) -> None:
    fill(engine)
    archived(engine, tmp_path)
    before = state(engine)
    assert rebuild(engine).differed == 0
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM unit_stay WHERE encounter_id = 'here'"))
    assert rebuild(engine).differed == 1
    assert state(engine) == before


def test_an_encounter_in_two_months_goes_with_the_second(engine: Engine, tmp_path: Path) -> None:
    fill(engine)
    found = archived(engine, tmp_path, before="2026-05")
    assert [(each.month, each.encounters, each.facts) for each in found] == [("2026-03", 1, 4), ("2026-04", 1, 2)]
    assert [fact.subject for fact in lines(tmp_path / "facts-2026-04.jsonl.gz")] == ["two months"] * 2
    assert rebuild(engine).differed == 0


def test_a_late_fact_about_an_archived_encounter_is_a_dead_letter_that_names_the_archive(
    engine: Engine, tmp_path: Path
) -> None:
    fill(engine)
    archived(engine, tmp_path)
    before = state(engine)
    late = [update(55, e="over"), said(events.EncountersMerged, 70, e="here", p="P2", into="over")]
    outcome = take_at(engine, JULY, *late, update(80, e="here", p="P2"))
    assert (outcome.facts, outcome.new_facts, outcome.rejected, outcome.unreadable) == (1, 1, 2, 0)
    reasons = [reason for (reason,) in rows(engine, tables.dead_letter, "reason")]
    assert all("facts-2026-03.jsonl.gz" in reason and "wardwatch log restore" in reason for reason in reasons)
    assert rows(engine, tables.dead_letter, "value") == sorted((encode_fact(fact),) for fact in late)
    assert state(engine)[1:4] == before[1:4]
    assert take_at(engine, JULY, *late).rejected == 2
    assert len(rows(engine, tables.dead_letter, "reason")) == 2


def test_a_restored_encounter_takes_late_facts_again(engine: Engine, tmp_path: Path) -> None:
    fill(engine)
    archived(engine, tmp_path)
    before = state(engine)
    file = tmp_path / "facts-2026-03.jsonl.gz"
    with pytest.raises(UsageError, match="E9 is not archived in it"):
        restore(engine, file, {"E9"}, now=JULY)
    assert restore(engine, file, {"over"}, now=JULY) == Restored(encounters=1, facts=3)
    assert rows(engine, tables.archived_encounter, "encounter_id") == []
    assert state(engine) == before
    assert take_at(engine, JULY, transfer(20, "5E/09", e="over")).new_facts == 1
    assert ("over", "5E", at(50)) in rows(engine, tables.unit_stay, "encounter_id", "unit_id", "left_at")
    assert rebuild(engine).differed == 0


@pytest.mark.parametrize("at_once", [1, 2, 5_000])
def test_a_whole_file_that_is_restored_gives_the_same_log_again(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(archives, "ROWS_AT_ONCE", at_once)
    fill(engine)
    log, before = rows(engine, tables.fact, "subject", "source", "event_id", "digest", "body"), state(engine)
    [found] = archived(engine, tmp_path)
    file = tmp_path / "facts-2026-03.jsonl.gz"
    assert restore(engine, file, (), now=JULY) == Restored(encounters=found.encounters, facts=found.facts)
    assert rows(engine, tables.fact, "subject", "source", "event_id", "digest", "body") == log
    assert rows(engine, tables.shared_id, "event_id") == []
    assert state(engine) == before
    assert restore(engine, file, (), now=JULY) == Restored(encounters=0, facts=0)
    assert rebuild(engine).differed == 0


def test_the_archives_and_the_log_that_is_left_give_the_state_again(
    engine: Engine, tmp_path: Path, database_url: str
) -> None:
    fill(engine)
    archived(engine, tmp_path, before="2026-05")
    settings = load_settings(data_dir=tmp_path)
    replayed = list(replay.facts("log", tmp_path, settings))
    assert [fact.occurred_at for fact in replayed] == sorted(fact.occurred_at for fact in replayed)
    left = list(replay.facts("log", database_url, settings))
    assert {encode_fact(fact) for fact in [*replayed, *left]} == {
        encode_fact(fact) for fact in [*IN_MARCH, *IN_APRIL, *left]
    }
    assert len(replayed) == 6
    assert list(replay.facts("log", tmp_path / "facts-2026-04.jsonl.gz", settings)) == lines(
        tmp_path / "facts-2026-04.jsonl.gz"
    )


def test_months_that_are_too_young_and_files_that_exist_are_refused(engine: Engine, tmp_path: Path) -> None:
    fill(engine)
    with pytest.raises(UsageError, match="less than 90 days ago"):
        archived(engine, tmp_path, before="2026-06", quiet_days=90)
    with pytest.raises(UsageError, match="at least 15"):
        archived(engine, tmp_path, quiet_days=14)
    (tmp_path / "facts-2026-03.jsonl.gz").write_bytes(b"precious")
    with pytest.raises(UsageError, match="exists already"):
        archived(engine, tmp_path)
    assert (tmp_path / "facts-2026-03.jsonl.gz").read_bytes() == b"precious"
    assert "over" in subjects(engine)


def test_an_encounter_that_ended_only_lately_stays(engine: Engine, tmp_path: Path) -> None:
    fill(engine)
    [found] = archived(engine, tmp_path, quiet_days=89)
    assert (found.encounters, found.facts, found.file) == (0, 1, str(tmp_path / "facts-2026-03.jsonl.gz"))
    assert "over" in subjects(engine)


def test_a_file_that_was_written_wrong_drops_nothing(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(engine)
    before = rows(engine, tables.fact, "subject", "event_id")
    write = archives._write

    def lossy(file: Path, bodies: Any) -> str:
        return write(file, list(bodies)[1:])

    monkeypatch.setattr(archives, "_write", lossy)
    with pytest.raises(WardwatchError, match="differs from the log"):
        archived(engine, tmp_path)
    assert rows(engine, tables.fact, "subject", "event_id") == before
    assert list(tmp_path.glob("facts-*")) == []
    monkeypatch.undo()
    assert len(archived(engine, tmp_path)) == 1


def test_a_fact_that_comes_in_while_the_archive_is_written_stops_it(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_concurrent_writers(engine):
        pytest.skip("SQLite has one writer")
    fill(engine)
    keep = log_archive.keep_the_rest

    def meanwhile(connection: Any, end: datetime) -> int:
        take_at(engine, JULY, update(51, e="over"))
        return keep(connection, end)

    monkeypatch.setattr(log_archive, "keep_the_rest", meanwhile)
    with pytest.raises(WardwatchError, match="came in meanwhile"):
        archived(engine, tmp_path)
    assert "over" in subjects(engine)
    assert list(tmp_path.glob("facts-*")) == []
    assert rebuild(engine).differed == 0


def test_the_partition_of_an_archived_month_is_gone_and_the_rest_is_in_one_partition(
    engine: Engine, tmp_path: Path
) -> None:
    fill(engine)
    archived(engine, tmp_path, before="2026-05")
    with engine.connect() as connection:
        found = partitions.partitions(connection)
        months = partitions.months(connection)
    if has_concurrent_writers(engine):
        assert "fact_kept" in found
        assert min(months) == Month(2026, 5)
    assert take_at(engine, JULY, *IN_MARCH[3:7]).new_facts == 0


def test_archiving_an_empty_log_does_nothing(engine: Engine, tmp_path: Path) -> None:
    assert archived(engine, tmp_path) == []
