"""Kills, rebalances and outages under load: each fact once in SQL, the same encounters, nothing left in the outbox."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError

from schemas import tables
from schemas.database import make_engine, upgrade
from schemas.events import AnyFact
from schemas.hospital import load_hospital
from schemas.settings import Settings, load_settings
from simulators.hospital import simulate
from simulators.publish import Speed, publish
from tests.chaos.witness import Witness, expected_encounters, sent_facts, stored_encounters, stored_facts
from tests.support.kafka import KafkaBroker
from tests.support.postgres import PostgresServer
from tests.support.worker import Worker, drained

FACTS = 100_000
START = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def facts() -> list[AnyFact]:
    return list(islice(simulate(load_hospital(), seed=3, start=START), FACTS))


@pytest.fixture
def house(fresh_kafka: KafkaBroker, postgres: PostgresServer, tmp_path: Path) -> Settings:
    return load_settings(
        kafka_bootstrap_servers=fresh_kafka.bootstrap,
        database_url=postgres.new_database(),
        data_dir=tmp_path,
        log_level="warning",
    )


@pytest.fixture
def sql(house: Settings) -> Iterator[Engine]:
    engine = make_engine(house.sql_url)
    upgrade(engine)
    yield engine
    engine.dispose()


def held(sql: Engine) -> int:
    try:
        with sql.connect() as connection:
            return connection.scalar(select(func.count()).select_from(tables.fact)) or 0
    except DBAPIError:
        return -1


def until(done: Callable[[], bool], what: str, timeout_s: float = 90.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, f"{what} did not come about within {timeout_s:.0f} s"
        time.sleep(0.05)


def reached(sql: Engine, share: float) -> None:
    until(lambda: held(sql) >= share * FACTS, f"{share:.0%} of the facts in SQL")


def check(sql: Engine, facts: list[AnyFact]) -> None:
    assert stored_facts(sql) == sent_facts(facts)
    assert stored_encounters(sql) == expected_encounters(facts)


def test_kills_a_stop_and_a_second_worker_lose_and_double_nothing(
    house: Settings, sql: Engine, facts: list[AnyFact]
) -> None:
    half = FACTS // 2
    publish(facts[:half], house, speed=Speed.parse("max"))
    with Witness(house, sql) as witness, ExitStack() as stack:
        for share in (0.1, 0.25):
            worker = stack.enter_context(Worker(house))
            reached(sql, share)
            worker.kill()
        worker = stack.enter_context(Worker(house))
        second = stack.enter_context(Worker(house))  # a worker drains the first half faster than another one starts
        feed = threading.Thread(target=publish, args=(facts[half:], house), kwargs={"speed": Speed.parse("max")})
        feed.start()
        reached(sql, 0.55)
        assert second.terminate().exit_code == 0
        reached(sql, 0.6)
        assert worker.terminate().exit_code == 0
        assert held(sql) < FACTS, "the load was over before the disturbances were; send more facts"
        last = stack.enter_context(Worker(house))
        feed.join()
        drained(house, sql, FACTS, last, timeout_s=120)
    assert witness.moments > 20
    check(sql, facts)


def test_the_database_away_and_the_broker_killed_lose_and_double_nothing(
    house: Settings, sql: Engine, facts: list[AnyFact], fresh_kafka: KafkaBroker, postgres: PostgresServer
) -> None:
    publish(facts, house, speed=Speed.parse("max"))
    with Witness(house, sql) as witness, Worker(house) as worker:
        reached(sql, 0.15)
        postgres.stop_hard()
        time.sleep(15)
        assert worker.exit_code is None, "the worker must wait for the database, not end"
        postgres.start()
        reached(sql, 0.45)
        fresh_kafka.kill()
        time.sleep(3)
        fresh_kafka.restart()
        drained(house, sql, FACTS, worker, timeout_s=180)
    assert witness.moments > 20
    check(sql, facts)
