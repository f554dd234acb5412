"""The fact log on every engine: rebuild, state at a past moment, dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, text

from schemas import events, tables
from schemas.errors import FactRejected, UsageError
from schemas.events import AnyFact, PatientClass, encode_fact
from schemas.outgoing import rejected
from schemas.settings import Settings
from streams.adt.process import ingest
from streams.adt.records import Fetch, Record
from streams.operate.as_of import HouseAsOf, house_as_of, person_as_of, tokens_that_begin_with
from streams.operate.dead_letters import read_again
from streams.operate.rebuild import rebuild
from streams.store import fact_log
from streams.store.dead_letters import LetterName, contents, letters, settle, unsettled
from tests.conftest import MakeSettings
from tests.contracts.test_processing import NOW, everything, rows, take
from tests.streams.builders import (
    admit,
    at,
    bed,
    cancel_admission,
    cancel_discharge,
    discharge,
    merge,
    of_patient,
    place,
    said,
    transfer,
    unmerge,
    update,
)
from tests.streams.ingest.hl7.messages import message

INPATIENT = PatientClass.INPATIENT
FACTS: list[AnyFact] = [
    admit(0, "ED/01", patient_class=PatientClass.EMERGENCY),
    transfer(5, "4W/02", patient_class=INPATIENT),
    discharge(50),
    cancel_discharge(51),
    admit(1, "4W/01", e="E2", p="P2", patient_class=INPATIENT),
    said(events.TransferPending, 3, "ICU/01", e="E2", p="P2"),
    admit(2, "5E/01", e="E3", p="P3"),
    cancel_admission(4, e="E3", p="P3"),
    merge(6, "P2", "P1"),
    of_patient(events.AdmissionPending, 7, "P4", location=events.Location(facility_id="HG", unit_id="5E", bed_id="02")),
    bed(8, "4W/03", "blocked", "leak"),
    bed(9, "4W/03", "available"),
]


def state(engine: Engine) -> list[Any]:
    more = [rows(engine, tables.patient, "patient_token", "merged_into", "state")]
    more += [rows(engine, tables.alias, "patient_token", "person_token")]
    more += [rows(engine, tables.reservation, "subject", "position", "unit_id", "bed_id")]
    return [*everything(engine), *more]


def test_a_rebuild_of_a_correct_state_finds_no_difference(engine: Engine) -> None:
    take(engine, *FACTS)
    before = state(engine)
    report = rebuild(engine)
    assert (report.facts, report.differed, report.differences) == (len(FACTS), 0, [])
    assert state(engine) == before


def test_a_rebuild_corrects_and_reports_missing_extra_and_changed_rows(engine: Engine) -> None:
    take(engine, *FACTS)
    before = state(engine)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM unit_stay WHERE encounter_id = 'E1' AND position = 1"))
        connection.execute(text("UPDATE encounter SET status = 'cancelled' WHERE encounter_id = 'E1'"))
        connection.execute(text("INSERT INTO alias VALUES ('P3', 'P1')"))
        connection.execute(text("UPDATE bed_status SET status = 'dirty'"))
        connection.execute(text("DELETE FROM reservation"))
        connection.execute(tables.outbox.delete())
    report = rebuild(engine)
    found = {each.table: (each.missing, each.extra, each.changed) for each in report.differences}
    assert found == {
        "encounter": (0, 0, 1),
        "unit_stay": (1, 0, 0),
        "alias": (0, 1, 0),
        "bed_status": (0, 0, 1),
        "reservation": (2, 0, 0),
    }
    assert report.differed == 6
    assert state(engine) == before
    assert {topic for (topic,) in rows(engine, tables.outbox, "topic")} == {"encounters.changed.v1", "units.changed.v1"}
    assert rebuild(engine).differed == 0


def test_a_rebuild_corrects_what_is_noted_of_facts(engine: Engine) -> None:
    take(engine, *FACTS, admit(1, "4W/05", e="E8", id="x"), said(events.EncountersMerged, 2, e="E8", into="E1", id="x"))
    take(engine, admit(3, "4W/06", e="E7", p="P7", id="x"))
    noted = (tables.place, tables.shared_id, tables.encounter_merge)
    before = [rows(engine, table, *table.columns.keys()) for table in noted]
    assert [len(found) for found in before] == [9, 2, 1]
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO place VALUES ('HG', 'nowhere', '')"))
        connection.execute(tables.shared_id.delete())
        connection.execute(tables.encounter_merge.delete())
    found = {each.table: (each.missing, each.extra, each.changed) for each in rebuild(engine).differences}
    assert found == {"place": (0, 1, 0), "shared_id": (2, 0, 0), "encounter_merge": (1, 0, 0)}
    assert [rows(engine, table, *table.columns.keys()) for table in noted] == before


def test_a_rebuild_that_only_checks_reports_the_same_and_changes_nothing(engine: Engine) -> None:
    take(engine, *FACTS)
    with engine.begin() as connection:
        connection.execute(text("UPDATE encounter SET status = 'cancelled' WHERE encounter_id = 'E1'"))
        connection.execute(text("DELETE FROM reservation"))
        connection.execute(text("INSERT INTO alias VALUES ('P3', 'P1')"))
        connection.execute(tables.outbox.delete())
    before = state(engine)
    report = rebuild(engine, correct=False)
    found = {each.table: (each.missing, each.extra, each.changed) for each in report.differences}
    assert found == {"encounter": (0, 0, 1), "alias": (0, 1, 0), "reservation": (2, 0, 0)}
    assert state(engine) == before
    assert rows(engine, tables.outbox, "topic") == []
    assert rebuild(engine).differed == 4


def test_a_prefix_of_a_token_finds_the_tokens_that_begin_so(engine: Engine) -> None:
    take(engine, *FACTS, admit(30, "5E/09", e="E9", p="P_1"), admit(31, "5E/10", e="E10", p="PX1"))
    with engine.connect() as connection:
        assert tokens_that_begin_with(connection, "P1") == ["P1"]
        assert tokens_that_begin_with(connection, "P_") == ["P_1"], "a wildcard of SQL is an ordinary character"
        assert tokens_that_begin_with(connection, "p") == []
        assert tokens_that_begin_with(connection, "P") == ["P1", "P2", "P3", "P4", "PX1", "P_1"]


def test_facts_written_during_a_rebuild_are_in_the_rebuilt_state(engine: Engine) -> None:
    take(engine, *FACTS)
    came = False

    def meanwhile(_done: int, _total: int) -> None:
        nonlocal came
        if not came:
            came = True
            late: list[AnyFact] = [discharge(60, id="late"), admit(30, "5E/09", e="E9", p="P9"), unmerge(40, "P2")]
            records = [Record("adt.events.v1", 0, 100 + n, b"k", encode_fact(fact)) for n, fact in enumerate(late)]
            ingest(engine, [Fetch(records, True)], clock=lambda: datetime.now(at(0).tzinfo))

    if engine.dialect.name == "sqlite":
        take(engine, discharge(60, id="late"))
        assert rebuild(engine).differed == 0
        return
    report = rebuild(engine, meanwhile)
    assert came
    assert report.differed == 0
    assert ("E9", "in_progress") in rows(engine, tables.encounter, "encounter_id", "status")


def house(engine: Engine, hours: float | None, *, known: bool = False) -> HouseAsOf:
    with engine.connect() as connection:
        return house_as_of(connection, None if hours is None else at(hours), known=known)


def census(found: HouseAsOf) -> dict[tuple[str | None, str], int]:
    return {(line.unit_id, line.patient_class): line.count for line in found.census}


def test_the_state_now_is_that_of_the_tables(engine: Engine) -> None:
    take(engine, *FACTS)
    found = house(engine, None)
    assert found.encounters == {"planned": 0, "in_progress": 2, "discharged": 0, "cancelled": 1}
    assert census(found) == {("4W", "inpatient"): 1}  # two encounters of one person


def test_the_true_state_at_a_moment_includes_later_cancels_and_corrections(engine: Engine) -> None:
    take(engine, *FACTS, update(70, admitted_at=at(-3)))
    assert census(house(engine, -4)) == {}
    assert census(house(engine, -2)) == {("ED", "emergency"): 1}  # the correction, recorded at 70
    assert census(house(engine, 3)) == {("ED", "emergency"): 1, ("4W", "inpatient"): 1}  # E3 was cancelled
    assert house(engine, 3).encounters["cancelled"] == 1
    assert census(house(engine, 5.5)) == {("4W", "inpatient"): 2}  # two persons until the merge
    assert census(house(engine, 50.5)) == {("4W", "inpatient"): 1}  # the discharge was cancelled


def test_the_known_state_at_a_moment_excludes_facts_recorded_later(engine: Engine) -> None:
    take(engine, *FACTS, update(70, admitted_at=at(-3)))
    assert census(house(engine, -2, known=True)) == {}
    assert census(house(engine, 3, known=True))["5E", "unknown"] == 1  # its cancel came at 4
    assert house(engine, 50.5, known=True).encounters["discharged"] == 1


def test_a_patient_at_a_moment_has_the_encounters_of_the_person_then(engine: Engine) -> None:
    take(engine, *FACTS)
    with engine.connect() as connection:
        before, after = (person_as_of(connection, "P2", at(hours), known=False) for hours in (5, 10))
        unknown = person_as_of(connection, "P9", None, known=False)
    assert before is not None
    assert (before.person_token, [encounter.encounter_id for encounter in before.encounters]) == ("P2", ["E2"])
    assert after is not None
    assert (after.person_token, after.tokens) == ("P1", ["P1", "P2"])
    assert [encounter.encounter_id for encounter in after.encounters] == ["E1", "E2"]
    assert unknown is None


def test_a_patient_at_a_moment_has_an_encounter_whose_merge_was_undone_later(engine: Engine) -> None:
    take(engine, admit(0, "4W/01", e="E1"), admit(1, "4W/02", e="E2", p="P2"))
    take(engine, said(events.EncountersMerged, 5, e="E2", p="P2", into="E1"))
    take(engine, said(events.EncountersUnmerged, 9, e="E2", p="P2"))
    with engine.connect() as connection:
        then, later = (person_as_of(connection, "P1", at(hours), known=True) for hours in (6, 10))
    assert then is not None
    assert later is not None
    assert [(each.encounter_id, each.problems) for each in then.encounters] == [("E1", ("merged_in_two_places",))]
    assert [(each.encounter_id, each.problems) for each in later.encounters] == [("E1", ())]


def test_a_patient_at_a_moment_is_read_without_the_facts_of_others(engine: Engine) -> None:
    take(engine, *FACTS, *(admit(n / 10, f"5E/{n:02}", e=f"X{n}", p=f"Q{n}") for n in range(10, 40)))
    with engine.connect() as connection, decoded_facts() as decoded:
        found = person_as_of(connection, "P3", None, known=False)
    assert found is not None
    assert [each.encounter_id for each in found.encounters] == ["E3"]
    assert len(decoded) == 2


def test_the_state_of_the_hospital_at_a_moment_reports_its_progress(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(engine, *FACTS)
    monkeypatch.setattr("streams.operate.as_of.PROGRESS_EVERY", 4)
    seen: list[tuple[int, int]] = []
    with engine.connect() as connection:
        house_as_of(connection, None, known=False, on_progress=lambda done, of: seen.append((done, of)))
    assert [of for _, of in seen] == [len(FACTS)] * len(seen)
    assert len(seen) >= 2
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@contextmanager
def decoded_facts() -> Iterator[list[bytes]]:
    """Collect the bodies of the facts that are decoded meanwhile."""
    found: list[bytes] = []

    def decode(body: bytes) -> AnyFact:
        found.append(body)
        return events.decode_fact(body)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fact_log, "decode_fact", decode)
        yield found


def test_a_patient_at_a_moment_has_the_plans_that_are_open_then(engine: Engine) -> None:
    take(engine, of_patient(events.AdmissionPending, 0, "P3", location=place("4W/02")), merge(1, "P3", "P4"))
    take(engine, of_patient(events.PendingAdmissionCancelled, 5, "P4"))
    with engine.connect() as connection:
        moments = [person_as_of(connection, "P4", at(hours), known=False) for hours in (4, 6)]
    assert [[len(each.pending) for each in person.patients] for person in moments if person] == [[1, 0], [0, 0]]


def test_dead_letters_are_listed_shown_replayed_and_settled(engine: Engine, settings: MakeSettings) -> None:
    given: Settings = settings()
    raw = message(visit="")
    sent = rejected(raw, "No visit number", "C1")
    records = [
        Record("adt.events.v1", 1, 7, sent.key, sent.value, sent.headers),
        Record("adt.events.v1", 2, 9, b"k", b"{}"),
    ]
    ingest(engine, [Fetch([record], True) for record in records], clock=lambda: NOW)
    with engine.begin() as connection:
        listed = {letter.name: letter.reason for letter in letters(connection, settled=False, limit=10)}
        assert listed["adt.events.v1/1/7"] == "No visit number"
        name = LetterName.parse("adt.events.v1/1/7")
        assert contents(connection, name).value == raw
        with pytest.raises(FactRejected, match="PV1-19"):
            read_again(raw, given)
        with pytest.raises(FactRejected, match="resourceType"):
            read_again(b'{"resourceType": "Patient"}', given)
        (record,) = read_again(message(visit="V9"), given).records
        assert msgspec.json.decode(record.value)["subject"] == "V9"
        settle(connection, [name], "fixed", NOW)
        assert unsettled(connection) == [LetterName("adt.events.v1", 2, 9)]
        assert len(letters(connection, settled=True, limit=10)) == 2
        with pytest.raises(UsageError, match="no dead letter has this name"):
            contents(connection, LetterName("adt.events.v1", 0, 0))


@pytest.mark.parametrize("name", ["x", "a/b/c", "a/1", "a/-1/2", "a/0/9223372036854775808", "\udcff/0/0"])
def test_an_invalid_name_of_a_dead_letter_is_an_error(name: str) -> None:
    with pytest.raises(UsageError, match="dead-letters list"):
        LetterName.parse(name)


def test_a_person_counts_in_one_unit_of_the_census_then(engine: Engine) -> None:
    take(engine, admit(0, "ED/01", e="E1"), admit(4, "4W/01", e="I1"), discharge(24, e="I1"))

    def units_at(hour: float) -> list[str | None]:
        with engine.connect() as connection:
            return [line.unit_id for line in house_as_of(connection, at(hour), known=False).census]

    assert [units_at(hour) for hour in (3, 5, 30)] == [["ED"], ["4W"], []]
