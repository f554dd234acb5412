"""Effects of a batch on SQL: the same suite on SQLite and PostgreSQL (fixture `engine`)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from schemas import tables
from schemas.errors import TooManyRejected, WriteConflict
from schemas.events import AnyFact, PatientClass, encode_fact
from schemas.outgoing import rejected
from schemas.state import EncounterStatus, decode_encounter
from streams.adt.agent import RejectionLimit
from streams.adt.process import Outcome, ingest
from streams.adt.records import Fetch, Record
from streams.store.changes import Change, Changes, Touched
from streams.store.outbox import decode_headers
from streams.store.unit_of_work import unit_of_work
from tests.streams.builders import (
    admit,
    at,
    bed,
    cancel_discharge,
    cancel_transfer,
    discharge,
    transfer,
    update,
)

NOW = at(1000)


def records(facts: Sequence[AnyFact | bytes], start: int = 0) -> list[Record]:
    return [
        Record(
            "adt.events.v1",
            0,
            start + offset,
            b"key" if isinstance(fact, bytes) else fact.partition_key.encode(),
            fact if isinstance(fact, bytes) else encode_fact(fact),
        )
        for offset, fact in enumerate(facts)
    ]


def take(engine: Engine, *facts: AnyFact | bytes, start: int = 0) -> Outcome:
    return ingest(engine, [Fetch(records(facts, start), True)], clock=lambda: NOW)


def rows(engine: Engine, table: Any, *columns: str) -> list[tuple[Any, ...]]:
    wanted = [table.columns[name] for name in columns]
    with engine.connect() as connection:
        return sorted(tuple(row) for row in connection.execute(select(*wanted)))


def state(engine: Engine, encounter_id: str) -> Any:
    column = tables.encounter.columns
    with engine.connect() as connection:
        return decode_encounter(
            connection.execute(select(column.state).where(column.encounter_id == encounter_id)).scalar_one()
        )


def everything(engine: Engine) -> list[Any]:
    """Return the log and the derived state, without versions, which depend on the batches."""
    return [
        rows(engine, tables.fact, "subject", "source", "event_id", "digest", "body"),
        rows(engine, tables.encounter, "encounter_id", "patient_token", "status", "patient_class", "state"),
        rows(engine, tables.unit_stay, "encounter_id", "position", "unit_id", "arrived_at"),
        rows(engine, tables.bed_status, "unit_id", "bed_id", "status", "since"),
    ]


def test_an_admission_is_in_the_log_in_the_state_and_in_the_outbox(engine: Engine) -> None:
    outcome = take(engine, admit(0, "4W/01", patient_class=PatientClass.INPATIENT))
    assert outcome == Outcome(facts=1, new_facts=1, rejected=0, encounters_changed=1)
    assert rows(engine, tables.fact, "subject", "occurred_at", "received_at") == [("E1", at(0), NOW)]
    assert state(engine, "E1").status is EncounterStatus.IN_PROGRESS
    assert rows(engine, tables.unit_stay, "unit_id", "bed_id", "arrived_at", "left_at") == [("4W", "01", at(0), None)]
    assert rows(engine, tables.outbox, "topic", "key") == [
        ("encounters.changed.v1", b"P1"),
        ("units.changed.v1", b"HG/4W"),
    ]


def test_a_duplicate_fact_is_one_row_and_one_message(engine: Engine) -> None:
    take(engine, admit(0), admit(0))
    outcome = take(engine, admit(0))
    assert outcome == Outcome(facts=1, new_facts=0, rejected=0, encounters_changed=0)
    assert len(rows(engine, tables.fact, "subject")) == 1
    assert len(rows(engine, tables.outbox, "id")) == 2


def test_one_id_with_two_contents_is_kept_twice(engine: Engine) -> None:
    take(engine, admit(0, "4W/01", id="same"))
    take(engine, admit(0, "4W/02", id="same"))
    assert rows(engine, tables.fact, "event_id") == [("same",), ("same",)]
    assert state(engine, "E1").problems == ("id_collision",)


def test_a_late_fact_of_an_encounter_is_folded_with_the_stored_ones(engine: Engine) -> None:
    take(engine, admit(0, "ED/01"), discharge(50))
    take(engine, transfer(4, "4W/07"))
    assert rows(engine, tables.unit_stay, "position", "unit_id", "left_at") == [(0, "ED", at(4)), (1, "4W", at(50))]


def test_a_cancelled_transfer_removes_its_unit_stay(engine: Engine) -> None:
    take(engine, admit(0, "4W/01"), transfer(2, "5E/02"))
    take(engine, cancel_transfer(3))
    assert rows(engine, tables.unit_stay, "position", "unit_id", "left_at") == [(0, "4W", None)]


def test_units_that_a_patient_left_or_entered_are_announced(engine: Engine) -> None:
    take(engine, admit(0, "4W/01"))
    with engine.begin() as connection:
        connection.execute(tables.outbox.delete())
    take(engine, transfer(2, "5E/02"))
    assert [key for _, key in rows(engine, tables.outbox, "topic", "key")] == [b"P1", b"HG/4W", b"HG/5E"]


def test_the_latest_report_on_a_bed_counts_in_any_order(engine: Engine) -> None:
    take(engine, bed(5, "4W/01", "available"), bed(3, "4W/01", "cleaning"))
    take(engine, bed(4, "4W/01", "blocked", reason="leak"))
    assert rows(engine, tables.bed_status, "bed_id", "status", "since") == [("01", "available", at(5))]


def test_an_invalid_record_is_one_dead_letter_with_its_bytes_and_reason(engine: Engine) -> None:
    garbage = b"\x00\xff not json"
    record = Record("adt.events.v1", 3, 77, b"k", garbage, [("trace", b"1")])
    for _ in range(2):
        ingest(engine, [Fetch([record], True)], clock=lambda: NOW)
    [(partition, offset, value, reason)] = rows(engine, tables.dead_letter, "partition", "offset", "value", "reason")
    assert (partition, offset, value) == (3, 77, garbage)
    assert reason.startswith("Not valid JSON")
    [(topic, key, body, headers)] = rows(engine, tables.outbox, "topic", "key", "value", "headers")
    assert (topic, key, body) == ("adt.dead-letters.v1", b"k", garbage)
    assert dict(decode_headers(headers)) == {
        "trace": b"1",
        "wardwatch-reason": reason.encode(),
        "wardwatch-origin": b"adt.events.v1/3/77",
    }


def test_an_invalid_record_does_not_affect_the_others_of_its_batch(engine: Engine) -> None:
    outcome = take(engine, admit(0), b"{}", discharge(9), b"")
    assert outcome == Outcome(facts=2, new_facts=2, rejected=2, encounters_changed=1, unreadable=2)


def test_a_failed_transaction_writes_nothing(engine: Engine) -> None:
    class CrashError(Exception):
        pass

    def crash() -> None:
        from streams.adt.process import process
        from streams.adt.records import read_batch

        with unit_of_work(engine) as work:
            process(read_batch([Fetch(records([admit(0)]), True)]), work, NOW)
            raise CrashError

    with pytest.raises(CrashError):
        crash()
    assert everything(engine) == [[], [], [], []]
    assert rows(engine, tables.outbox, "id") == []


def test_a_write_over_a_changed_version_is_a_conflict(engine: Engine) -> None:
    take(engine, admit(0))

    def overtaken() -> None:
        with unit_of_work(engine) as work:
            stored = work.read(Touched("adt.events.v1", has_new_facts=True, encounters={"E1"})).encounters["E1"]
            work.connection.execute(text("UPDATE encounter SET version = version + 1"))
            work.save(Changes("adt.events.v1", encounters=[Change(stored, stored.state)]))

    with pytest.raises(WriteConflict):
        overtaken()


def test_any_order_and_any_batches_give_the_same_rows(engine: Engine) -> None:
    facts: list[AnyFact] = []
    for number in range(12):
        who = {"e": f"E{number}", "p": f"P{number % 5}"}
        facts += [
            admit(number, f"ED/{number:02d}", **who),
            transfer(number + 3, "4W/01", **who),
            update(number + 4, "4W/02", **who),
            transfer(number + 6, "ICU/03", **who),
            cancel_transfer(number + 7, **who),
            discharge(number + 30, **who),
            *([cancel_discharge(number + 31, **who)] if number % 3 == 0 else []),
            bed(number + 40, f"ED/{number:02d}", "cleaning"),
            bed(number + 41, f"ED/{number:02d}", "available"),
        ]
    take(engine, *facts)
    expected = everything(engine)
    shuffler = random.Random(5)
    for _ in range(3):
        with engine.begin() as connection:
            for table in (tables.fact, tables.encounter, tables.unit_stay, tables.bed_status, tables.outbox):
                connection.execute(table.delete())
        disturbed = [*facts, *shuffler.sample(facts, 20)]
        shuffler.shuffle(disturbed)
        while disturbed:
            size = shuffler.randint(1, 15)
            take(engine, *disturbed[:size])
            disturbed = disturbed[size:]
        assert everything(engine) == expected


def test_a_value_that_sql_rejects_is_a_dead_letter_and_the_rest_of_the_batch_is_kept(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        # SQLite accepts any text; a trigger stands in for a rejected value.
        with engine.begin() as connection:
            connection.execute(
                text(
                    "CREATE TRIGGER refuse BEFORE INSERT ON encounter WHEN NEW.encounter_id = 'refused' "
                    "BEGIN SELECT RAISE(ABORT, 'no'); END"
                )
            )
    else:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE encounter ADD CHECK (encounter_id <> 'refused')"))
    outcome = take(engine, admit(0, e="E1"), admit(1, e="refused"), admit(2, e="E2"))
    assert (outcome.new_facts, outcome.rejected) == (2, 1)
    assert rows(engine, tables.fact, "subject") == [("E1",), ("E2",)]
    [(reason,)] = rows(engine, tables.dead_letter, "reason")
    assert reason.startswith("SQL rejected the record")


def test_the_worker_stops_when_most_records_are_rejected() -> None:
    limit = RejectionLimit(share=0.5)
    limit.note(1000, 400)
    with pytest.raises(TooManyRejected, match="WARDWATCH_REJECTED_SHARE_LIMIT"):
        limit.note(1000, 900)


def test_a_few_rejected_records_at_the_start_do_not_stop_the_worker() -> None:
    limit = RejectionLimit(share=0.5)
    for _ in range(150):
        limit.note(1, 1)


def test_a_record_rejected_by_an_interface_is_kept_with_its_reason_and_does_not_stop_the_worker(engine: Engine) -> None:
    sent = rejected(b"MSH|...", "PID-3 is empty", "C1")
    record = Record("adt.events.v1", 0, 0, sent.key, sent.value, sent.headers)
    outcome = ingest(engine, [Fetch([record], True)], clock=lambda: NOW)
    assert (outcome.rejected, outcome.unreadable) == (1, 0)
    assert rows(engine, tables.dead_letter, "reason", "value") == [("PID-3 is empty", b"MSH|...")]
