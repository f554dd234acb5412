"""The real parts do what the tests that stand on them take for granted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from schemas.database import make_engine, upgrade
from schemas.errors import BrokerUnavailable
from schemas.events import encode_fact
from schemas.kafka import connection, lag, missing_topics, wait_for_broker
from schemas.settings import Settings, load_settings
from streams.operate.status import READ_BY_WORKERS
from streams.worker.embedded_broker import EmbeddedBroker
from tests.streams.builders import admit
from tests.support.kafka import KafkaBroker
from tests.support.parts import in_ci
from tests.support.postgres import PostgresServer
from tests.support.worker import Worker, drained, environment

ROOT = Path(__file__).parents[2]
TOPIC = "adt.events.v1"


def send(settings: Settings, *values: bytes) -> None:
    producer = KafkaProducer(**connection(settings))
    for value in values:
        producer.send(TOPIC, value, partition=0).get(10)
    producer.close()


def end_offset(settings: Settings) -> int:
    partition = TopicPartition(TOPIC, 0)
    consumer = KafkaConsumer(**connection(settings))
    try:
        return int(consumer.end_offsets([partition])[partition])
    finally:
        consumer.close()


def test_a_fresh_broker_has_empty_topics_whatever_the_test_before_left(fresh_kafka: KafkaBroker) -> None:
    send(fresh_kafka.settings, b"left over")
    fresh_kafka.clear()
    assert missing_topics(fresh_kafka.settings) == []
    assert end_offset(fresh_kafka.settings) == 0


def test_a_killed_broker_comes_back_at_its_address_with_its_records(fresh_kafka: KafkaBroker) -> None:
    address = fresh_kafka.bootstrap
    send(fresh_kafka.settings, b"one", b"two")
    fresh_kafka.kill()
    with pytest.raises(BrokerUnavailable, match="No Kafka broker answers"):
        wait_for_broker(fresh_kafka.settings, timeout_s=0)
    fresh_kafka.restart()
    assert fresh_kafka.bootstrap == address
    assert end_offset(fresh_kafka.settings) == 2


def test_a_database_taken_away_comes_back_with_what_was_committed(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("create table kept (n integer)"))
        connection.execute(text("insert into kept values (7)"))
    postgres.stop_hard()
    assert not postgres.is_running
    with pytest.raises(OperationalError), engine.connect():
        pass
    postgres.start()
    with engine.connect() as connection:
        assert connection.scalar(text("select n from kept")) == 7
    engine.dispose()


def test_the_database_does_not_trade_safety_for_speed(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.new_database().replace("+psycopg", "")) as connection:
        assert connection.execute("show fsync").fetchone() == ("on",)
        assert connection.execute("show synchronous_commit").fetchone() == ("on",)


def test_two_databases_do_not_see_each_other(postgres: PostgresServer) -> None:
    first, second = (make_engine(postgres.new_database()) for _ in range(2))
    with first.begin() as connection:
        connection.execute(text("create table only_here (n integer)"))
    with second.connect() as connection:
        assert connection.scalar(text("select to_regclass('only_here')")) is None
    first.dispose()
    second.dispose()


_SERVERS = """
import os, sys, time
from tests.support.kafka import KafkaBroker
from tests.support.postgres import PostgresServer
with PostgresServer() as postgres, KafkaBroker() as kafka:
    print(postgres._pid(), kafka._process.pid, postgres._folder, kafka._folder, flush=True)
    time.sleep(60)
"""


@pytest.mark.kafka
def test_servers_do_not_outlive_tests_that_were_killed() -> None:
    tests = subprocess.Popen([sys.executable, "-c", _SERVERS], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert tests.stdout is not None
    printed = tests.stdout.readline().split()
    os.kill(tests.pid, signal.SIGKILL)
    tests.wait()
    tests.stdout.close()
    assert len(printed) == 4, "the servers did not start"
    wait_until(lambda: not any(runs(int(pid)) for pid in printed[:2]))
    wait_until(lambda: not any(Path(folder).exists() for folder in printed[2:]))


def runs(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat")
        return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")
    return False


def wait_until(claim: Callable[[], bool], timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def where(broker: Settings) -> Settings:
    """Settings of an empty broker of each kind, and of SQLite with its tables."""
    upgrade(make_engine(broker.sql_url))
    return broker


def test_a_worker_drains_what_was_sent_and_stops_on_sigterm(where: Settings) -> None:
    engine = make_engine(where.sql_url)
    send(where, encode_fact(admit(0, e="E1")), encode_fact(admit(1, "4W/02", e="E2", p="P2")))
    with Worker(where) as worker:
        drained(where, engine, 2, worker)
        assert lag(where, READ_BY_WORKERS) == {"adt.events.v1": 0, "encounters.changed.v1": 0, "units.changed.v1": 0}
        with pytest.raises(AssertionError, match="SQL holds 2 facts, more than the 1 that were sent"):
            drained(where, engine, 1, worker)
        stopped = worker.terminate()
    assert stopped.exit_code == 0
    assert stopped.seconds < 20


def test_a_timeout_shows_how_far_the_worker_came(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = load_settings(
        kafka_bootstrap_servers=embedded_broker.bootstrap, kafka_embedded=True, data_dir=tmp_path, log_level="warning"
    )
    engine = make_engine(settings.sql_url)
    upgrade(engine)
    with Worker(settings, agents="adt,relay") as worker:
        worker.kill()
        with pytest.raises(
            AssertionError, match="All workers have ended, and not all of the 1 facts are done"
        ) as failed:
            drained(settings, engine, 1, worker)
    assert "Worker (adt, relay) at http://127.0.0.1:" in str(failed.value)


def test_a_worker_that_cannot_start_shows_why(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = load_settings(
        kafka_bootstrap_servers=embedded_broker.bootstrap, kafka_embedded=True, data_dir=tmp_path, log_level="warning"
    )
    with pytest.raises(AssertionError, match="ended with 2 before it was ready") as failed, Worker(settings):
        pass
    assert "Run `wardwatch db upgrade`" in str(failed.value)


def test_a_child_gets_the_settings_it_was_given_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARDWATCH_HOSPITAL_FILE", "elsewhere.yaml")
    monkeypatch.setenv("WARDWATCH_WORKER_PORT", "1")
    env = environment(load_settings(worker_port=0, kafka_embedded=True, hospital_file=None))
    assert "WARDWATCH_HOSPITAL_FILE" not in env
    assert (env["WARDWATCH_WORKER_PORT"], env["WARDWATCH_KAFKA_EMBEDDED"]) == ("0", "True")


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("1", True), ("false", False), ("", False)])
def test_a_build_server_is_known_by_its_variable(value: str, expected: bool) -> None:
    assert in_ci({"CI": value}) is expected


def test_without_java_the_tests_that_need_kafka_are_left_out_aloud(tmp_path: Path) -> None:
    done = collect(tmp_path, ci="false")
    assert done.returncode == 0
    assert "tests need a real Kafka broker, and Java is missing: install Java 17 and Maven" in done.stdout
    assert "deselected" in done.stdout
    assert "killed_broker" not in done.stdout


def test_what_is_left_out_is_said_when_several_processes_share_the_tests(tmp_path: Path) -> None:
    done = collect(tmp_path, "--numprocesses=2", "-k", "nothing_is_called_so", ci="false")
    assert done.stdout.count("tests need a real Kafka broker, and Java is missing") == 1


def test_without_java_a_build_fails(tmp_path: Path) -> None:
    done = collect(tmp_path, ci="true")
    assert done.returncode == 1
    assert "CI is set, so no test may be left out" in done.stdout + done.stderr


def collect(empty: Path, *arguments: str, ci: str) -> subprocess.CompletedProcess[str]:
    """Collect this file where nothing is on the PATH; with arguments, run what they choose of it."""
    env = {**os.environ, "PATH": str(empty), "CI": ci, "PYTHONPATH": str(ROOT)}
    chosen = arguments or ("--collect-only",)
    command = [sys.executable, "-m", "pytest", *chosen, "-q", "-p", "no:cacheprovider", __file__]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
