"""Kills, rebalances and outages under load: each fact once in SQL, the same encounters, nothing left in the outbox."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import islice

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError

from schemas import tables
from schemas.events import AnyFact
from schemas.hospital import load_hospital
from schemas.settings import Settings
from simulators.hospital import simulate
from simulators.publish import Speed, publish
from tests.chaos.witness import Witness, expected_encounters, sent_facts, stored_encounters, stored_facts, until
from tests.support.kafka import KafkaBroker
from tests.support.postgres import PostgresServer
from tests.support.worker import Worker, drained

FACTS = 100_000
START = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def facts() -> list[AnyFact]:
    return list(islice(simulate(load_hospital(), seed=3, start=START), FACTS))


def held(sql: Engine) -> int:
    try:
        with sql.connect() as connection:
            return connection.scalar(select(func.count()).select_from(tables.fact)) or 0
    except DBAPIError:
        return -1


def reached(sql: Engine, share: float) -> None:
    until(lambda: held(sql) >= share * FACTS, f"{share:.0%} of the facts in SQL")


def check(sql: Engine, facts: list[AnyFact]) -> None:
    assert stored_facts(sql) == sent_facts(facts)
    assert stored_encounters(sql) == expected_encounters(facts)


def test_kills_a_stop_and_a_second_worker_lose_and_double_nothing(
    settings: Settings, sql: Engine, facts: list[AnyFact]
) -> None:
    half = FACTS // 2
    publish(facts[:half], settings, speed=Speed.parse("max"))
    with Witness(settings, sql) as witness, ExitStack() as stack:
        for share in (0.1, 0.25):
            worker = stack.enter_context(Worker(settings))
            reached(sql, share)
            worker.kill()
        worker = stack.enter_context(Worker(settings))
        second = stack.enter_context(Worker(settings))  # a worker drains the first half faster than another one starts
        feed = threading.Thread(target=publish, args=(facts[half:], settings), kwargs={"speed": Speed.parse("max")})
        feed.start()
        reached(sql, 0.55)
        assert second.terminate().exit_code == 0
        reached(sql, 0.6)
        assert worker.terminate().exit_code == 0
        assert held(sql) < FACTS, "the load was over before the disturbances were; send more facts"
        last = stack.enter_context(Worker(settings))
        feed.join()
        drained(settings, sql, FACTS, last, timeout_s=120)
    assert witness.moments > 20
    check(sql, facts)


def test_the_database_away_and_the_broker_killed_lose_and_double_nothing(
    settings: Settings, sql: Engine, facts: list[AnyFact], fresh_kafka: KafkaBroker, postgres: PostgresServer
) -> None:
    publish(facts, settings, speed=Speed.parse("max"))
    with Witness(settings, sql) as witness, Worker(settings) as worker:
        reached(sql, 0.15)
        postgres.stop_hard()
        time.sleep(15)
        assert worker.exit_code is None, "the worker must wait for the database, not end"
        postgres.start()
        reached(sql, 0.45)
        fresh_kafka.kill()
        time.sleep(3)
        fresh_kafka.restart()
        drained(settings, sql, FACTS, worker, timeout_s=180)
    assert witness.moments > 20
    check(sql, facts)
