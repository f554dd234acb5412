"""The fact log by months: no fact twice, whenever it comes in again, and a partition for each month."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import IntegrityError

from schemas import events, tables
from schemas.database import _alembic, make_engine, upgrade
from schemas.events import AnyFact, digest, encode_fact
from schemas.partitions import Month
from streams.adt.process import Outcome, ingest
from streams.adt.process import _rows as fact_rows
from streams.adt.records import Fetch, Record, read_batch
from streams.operate.rebuild import rebuild
from streams.store import partitions
from streams.store.locks import has_concurrent_writers
from streams.store.unit_of_work import UnitOfWork, unit_of_work
from streams.worker.transactions import is_transient
from tests.contracts.test_processing import rows
from tests.streams.builders import admit, at, bed, discharge, said, transfer, update
from tests.support.postgres import PostgresServer

MARCH = datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC)
APRIL = MARCH + timedelta(seconds=2)


@pytest.fixture
def postgresql(postgres: PostgresServer) -> Iterator[Engine]:
    if not postgres.is_running:
        postgres.start()
    engine = make_engine(postgres.new_database())
    upgrade(engine)
    yield engine
    engine.dispose()


def take_at(engine: Engine, when: datetime, *facts: AnyFact, partition: int = 0) -> Outcome:
    records = [Record("adt.events.v1", partition, offset, b"k", encode_fact(fact)) for offset, fact in enumerate(facts)]
    return ingest(engine, [Fetch(records, True)], clock=lambda: when)


def test_a_fact_that_comes_again_in_another_month_is_one_fact(engine: Engine) -> None:
    facts: list[AnyFact] = [admit(0), bed(1, "4W/02", "dirty"), discharge(9)]
    assert take_at(engine, MARCH, *facts).new_facts == 3
    for months in range(1, 14):
        assert take_at(engine, MARCH + timedelta(days=31 * months), *facts).new_facts == 0
    assert take_at(engine, MARCH - timedelta(days=90), *facts).new_facts == 0
    assert len(rows(engine, tables.fact, "digest")) == 3
    assert rows(engine, tables.shared_id, "event_id") == []


def test_facts_of_an_encounter_in_two_months_are_folded_together(engine: Engine) -> None:
    take_at(engine, MARCH, admit(0, "ED/01"))
    take_at(engine, APRIL, transfer(5, "4W/02"))
    assert rows(engine, tables.unit_stay, "unit_id", "left_at") == [("4W", None), ("ED", at(5))]


def test_an_id_of_another_month_is_noted(engine: Engine) -> None:
    take_at(engine, MARCH, admit(0, id="x"))
    take_at(engine, APRIL, admit(0, e="E2", p="P2", id="x"))
    assert rows(engine, tables.shared_id, "event_id", "subject") == [("x", "E1"), ("x", "E2")]


def test_the_partition_of_the_next_month_is_made_ahead(postgresql: Engine) -> None:
    take_at(postgresql, MARCH, admit(0))
    with postgresql.connect() as connection:
        assert {Month(2026, 3), Month(2026, 4)} <= set(partitions.months(connection))
    take_at(postgresql, APRIL, update(1))
    with postgresql.connect() as connection:
        assert Month(2026, 5) in partitions.months(connection)
        assert [found for (found,) in connection.execute(text("SELECT count(*) FROM fact_2026_04"))] == [1]


def test_no_partition_takes_what_belongs_to_none(postgresql: Engine) -> None:
    values = {"subject": "E1", "source": "s", "event_id": "1", "digest": 1, "occurred_at": MARCH, "body": b"{}"}
    with postgresql.begin() as connection, pytest.raises(IntegrityError, match="no partition"):
        connection.execute(insert(tables.fact).values(**values, received_at=datetime(1990, 1, 1, tzinfo=UTC)))


def test_a_partition_that_was_dropped_meanwhile_is_made_again(postgresql: Engine) -> None:
    for hour in range(2):
        take_at(postgresql, MARCH, update(hour))
    with postgresql.begin() as connection:
        connection.execute(text("DROP TABLE fact_2026_03"))
    with pytest.raises(Exception, match="a partition is missing"):
        take_at(postgresql, MARCH, update(5))
    assert take_at(postgresql, MARCH, update(5)).new_facts == 1


def test_a_batch_that_is_rolled_back_takes_its_partition_with_it(postgresql: Engine) -> None:
    with unit_of_work(postgresql) as work:
        partitions.ensure(work.connection, [datetime(2031, 5, 1, tzinfo=UTC)])
        work.connection.rollback()
    assert take_at(postgresql, datetime(2031, 5, 2, tzinfo=UTC), admit(0)).new_facts == 1


def test_workers_that_write_the_same_facts_at_once_around_the_end_of_a_month_write_each_once(
    postgresql: Engine,
) -> None:
    """Four workers, each with all facts, in other Kafka partitions, half of them with a clock two seconds behind."""
    batches = [[admit(n, e=f"E{n}", p=f"P{n}"), update(n + 0.5, e=f"E{n}", p=f"P{n}")] for n in range(60)]
    failed: list[BaseException] = []
    ready = threading.Barrier(4)

    def work(number: int) -> None:
        when = MARCH if number % 2 else APRIL
        ready.wait()
        for batch in batches:
            try:
                retried(lambda batch=batch: take_at(postgresql, when, *batch, partition=number))
            except BaseException as error:  # noqa: BLE001
                failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    keys = rows(postgresql, tables.fact, "subject", "source", "event_id", "digest")
    assert len(keys) == 120
    assert len(set(keys)) == 120
    assert {encounter for (encounter,) in rows(postgresql, tables.encounter, "encounter_id")} == {
        f"E{n}" for n in range(60)
    }


def test_a_worker_waits_for_one_that_still_writes_the_month_before(postgresql: Engine) -> None:
    """Without the lock of the months the fact would be in both: the first transaction cannot be seen by the second."""
    fact = admit(0)
    done = threading.Event()

    def later() -> None:
        retried(lambda: take_at(postgresql, APRIL, fact, partition=2))
        done.set()

    take_at(postgresql, APRIL, update(1, e="E9"))
    with postgresql.connect() as connection:
        work = UnitOfWork(connection)
        batch = read_batch([Fetch([Record("adt.events.v1", 0, 0, b"k", encode_fact(fact))], True)])
        work.lock([0], MARCH)
        assert work.add_facts(fact_rows(batch, MARCH)) == 1
        thread = threading.Thread(target=later)
        thread.start()
        assert not done.wait(1.0)
        connection.commit()
    thread.join()
    assert rows(postgresql, tables.fact, "subject") == [("E1",), ("E9",)]


def retried(work: Any) -> Any:
    """Run it again after a transient error, as a worker does."""
    while True:
        try:
            return work()
        except Exception as error:
            if not is_transient(error):
                raise


def test_a_log_without_partitions_is_migrated_with_its_facts(database_url: str) -> None:
    """The migration before made the log; its facts are in it; the migration moves them and notes what they name."""
    engine = make_engine(database_url)
    command.upgrade(_alembic(engine), "0005")
    facts: list[AnyFact] = [admit(0, "9Z/01", id="x"), admit(1, "4W/02", e="E2", p="P2", id="x"), discharge(9)]
    facts.append(said(events.EncountersMerged, 2, e="E2", p="P2", into="E1"))
    with engine.begin() as connection:
        for number, fact in enumerate(facts):
            body = encode_fact(fact)
            connection.execute(
                insert(tables.fact).values(
                    subject=fact.subject,
                    source=fact.source,
                    event_id=fact.id,
                    digest=digest(body),
                    occurred_at=fact.occurred_at,
                    received_at=MARCH + timedelta(days=20 * number),
                    body=body,
                )
            )
    before = rows(engine, tables.fact, *tables.fact.columns.keys())
    upgrade(engine)
    assert rows(engine, tables.fact, *tables.fact.columns.keys()) == before
    assert rows(engine, tables.place, "facility_id", "unit_id", "bed_id") == [("HG", "4W", "02"), ("HG", "9Z", "01")]
    assert rows(engine, tables.shared_id, "event_id", "subject") == [("x", "E1"), ("x", "E2")]
    assert rows(engine, tables.encounter_merge, "encounter_id", "merged_into") == [("E2", "E1")]
    assert take_at(engine, APRIL, *facts).new_facts == 0
    if has_concurrent_writers(engine):
        with engine.connect() as connection:
            found = connection.execute(text("SELECT count(*) FROM fact_2026_05")).scalar_one()
        assert found == 2
    rebuild(engine)
    assert rebuild(engine).differed == 0
    engine.dispose()
