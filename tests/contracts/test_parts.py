"""Parts of a stay on each engine: one stay on the board, whoever writes first."""

from __future__ import annotations

import threading
import time
from itertools import permutations

import pytest
from sqlalchemy import Engine, delete, select

from schemas import tables
from schemas.events import AnyFact, EncountersMerged
from schemas.state import EncounterStatus
from streams.adt.process import ingest, process
from streams.adt.records import Fetch, Record, read_batch
from streams.operate.as_of import house_as_of, person_as_of
from streams.operate.rebuild import rebuild
from streams.store.unit_of_work import unit_of_work
from tests.contracts.test_processing import NOW, records, rows, state, take
from tests.streams.builders import admit, at, part, said

STAY = admit(0, None, e="F1", version_of="e1")
DEPARTMENT = part(2, "e2", "#e1", ("4W", 1, None))
BED = part(2, "e3", "#e2", ("4W/01", 1, None))


@pytest.mark.parametrize("order", list(permutations([STAY, DEPARTMENT, BED])), ids=str)
def test_three_levels_are_one_stay_in_every_order(engine: Engine, order: tuple[AnyFact, ...]) -> None:
    for fact in order:
        take(engine, fact)
    assert rows(engine, tables.encounter, "encounter_id", "status") == [("F1", "in_progress")]
    assert rows(engine, tables.unit_stay, "encounter_id", "unit_id", "bed_id") == [("F1", "4W", "01")]
    assert rows(engine, tables.part_link, "name", "target", "waits") == [
        ("part:test/e1", "F1", False),
        ("part:test/e2", "part:test/e1", False),
        ("part:test/e3", "part:test/e2", False),
    ]


def test_of_two_workers_that_write_a_stay_and_its_part_at_once_neither_misses_the_other(engine: Engine) -> None:
    bed = part(2, "e3", "#e1", ("4W/01", 1, None), p="P2")
    for first, second in ((STAY, bed), (bed, STAY)):
        with engine.begin() as connection:
            for table in (tables.fact, tables.encounter, tables.unit_stay, tables.part_link):
                connection.execute(delete(table))
        others = [Fetch([in_partition_1(second)], True)]
        thread = threading.Thread(target=ingest, args=(engine, others), kwargs={"clock": lambda: NOW})
        with unit_of_work(engine) as work:
            process(read_batch([Fetch(records([first]), True)]), work, NOW)
            thread.start()
            time.sleep(0.3)
            assert thread.is_alive()
        thread.join(20)
        assert not thread.is_alive()
        assert rows(engine, tables.unit_stay, "encounter_id", "bed_id") == [("F1", "01")]


def in_partition_1(fact: AnyFact) -> Record:
    """The record of a fact in another partition."""
    return records([fact])[0]._replace(partition=1)


def test_a_stay_that_becomes_a_part_is_gone_and_its_bed_is_that_of_the_whole(engine: Engine) -> None:
    take(engine, STAY, admit(1, "4W/01", e="F2", version_of="e2", version="1"))
    take(engine, part(5, "e2", "#e1", ("4W/01", 1, None), version="2"))
    assert rows(engine, tables.encounter, "encounter_id") == [("F1",)]
    assert rows(engine, tables.unit_stay, "encounter_id", "bed_id") == [("F1", "01")]


def test_a_rebuild_finds_parts_and_what_they_are_part_of(engine: Engine) -> None:
    merged = said(EncountersMerged, 10, e="F1", into="F9")
    take(engine, STAY, DEPARTMENT, BED, part(2, "x", "#unknown"), merged)
    assert rebuild(engine).differed == 0
    with engine.begin() as connection:
        connection.execute(delete(tables.part_link))
        connection.execute(delete(tables.unit_stay))
    assert rebuild(engine).differed > 0
    assert rows(engine, tables.unit_stay, "encounter_id", "bed_id") == [("F9", "01")]
    with engine.connect() as connection:
        link = tables.part_link.columns
        assert list(connection.scalars(select(link.name).where(link.waits))) == ["part:test/x"]


def test_as_of_shows_the_stay_with_its_parts(engine: Engine) -> None:
    take(engine, STAY, part(9, "e2", "#e1", ("4W/01", 1, 8)), part(9, "e4", "#e1", ("5E/02", 8, None)))
    for hours, unit_id in ((5, "4W"), (9, "5E")):
        with engine.connect() as connection:
            house = house_as_of(connection, at(hours), known=False)
            person = person_as_of(connection, "P1", at(hours), known=False)
        assert [line.unit_id for line in house.census if line.count] == [unit_id]
        assert house.encounters[EncounterStatus.CANCELLED] == 0
        assert person is not None
        (stay,) = [each for each in person.encounters if each.encounter_id == "F1"]
        assert stay.location is not None
        assert stay.location.unit_id == unit_id
    assert state(engine, "F1").status is EncounterStatus.IN_PROGRESS


def test_a_resource_that_is_both_a_stay_and_a_part_of_its_number_keeps_both_links(engine: Engine) -> None:
    """The two links have one name and one target, whichever came first and whether they came together."""
    stay, odd = admit(0, "4W/02", e="F1", version_of="e1"), part(2, "e1", "F1", ("4W/01", 1, None), p="P2")
    found = []
    orders: list[list[list[AnyFact]]] = [[[stay, odd]], [[stay], [odd]], [[odd], [stay]]]
    for batches in orders:
        with engine.begin() as connection:
            for table in (tables.fact, tables.encounter, tables.unit_stay, tables.part_link):
                connection.execute(delete(table))
        for batch in batches:
            take(engine, *batch)
        found.append((rows(engine, tables.part_link, "target", "is_part"), rows(engine, tables.encounter, "state")))
        assert rebuild(engine).differed == 0
    assert [link for link in found[0][0] if link[0] == "F1"] == [("F1", False), ("F1", True)]
    assert found[0] == found[1] == found[2]
