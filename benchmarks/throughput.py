"""Events per second: of the yardstick, of the `adt` agent, of two workers, of the whole, and of a bare COPY.

All on one Kafka, one PostgreSQL and the same simulated facts, in one run: the ratios count, not the figures alone.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from sqlalchemy import Engine, Table, func, select

from schemas import kafka, tables
from schemas.database import make_engine, upgrade
from schemas.events import AnyFact, digest, encode_fact
from schemas.hospital import load_hospital
from schemas.settings import Settings, load_settings
from schemas.topics import WORKER_GROUP
from simulators.hospital import simulate
from simulators.publish import Speed, publish
from streams.operate.status import READ_BY_WORKERS
from streams.risk.moments import midnights
from streams.store import partitions
from streams.store.changes import FactRow
from streams.store.watermarks import event_time
from tests.support.kafka import KafkaBroker
from tests.support.postgres import PostgresServer
from tests.support.worker import environment

START = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT_S = 300.0
BASELINE = "bare Faust agent that only reads, noack_take(1000)"


class Figure(NamedTuple):
    """One row of the table."""

    name: str
    events: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Events a second."""
        return self.events / self.seconds


def measure(events: int) -> list[Figure]:
    """Run everything once on `events` simulated facts."""
    facts = list(islice(simulate(load_hospital(), seed=1, start=START), events))
    with KafkaBroker() as broker, PostgresServer() as postgres, tempfile.TemporaryDirectory() as folder:
        settings = broker.settings
        publish(facts, settings, speed=Speed.parse("max"))
        figures = [_bare(broker.bootstrap, events), _bare(broker.bootstrap, events, turn=2)]
        sqlite = f"sqlite:///{Path(folder) / 'bench.db'}"
        figures.append(_worker(settings, postgres.new_database(), events, "adt, PostgreSQL", ["adt"]))
        figures.append(_worker(settings, sqlite, events, "adt, SQLite", ["adt"]))
        figures.append(
            _worker(settings, postgres.new_database(), events, "adt, two workers, PostgreSQL", ["adt", "adt"])
        )
        both = ["adt", "risk,labels,capacity,relay"]
        figures.append(
            _whole(settings, postgres.new_database(), events, "the whole in one worker, PostgreSQL", ["all"])
        )
        figures.append(_whole(settings, postgres.new_database(), events, "the whole in two workers, PostgreSQL", both))
        figures.append(_copy(postgres.new_database(), facts))
    return figures


def _bare(bootstrap: str, events: int, turn: int = 1) -> Figure:
    _forget_group(bootstrap, "bare")
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.bare_agent", bootstrap, str(events)]
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=LIMIT_S, check=True, text=True)
    return Figure(BASELINE if turn == 1 else f"{BASELINE}, again", events, float(done.stdout.split()[0]))


def _worker(settings: Settings, url: str, events: int, name: str, agents: Sequence[str]) -> Figure:
    engine = migrated(url)
    with _running(settings, url, agents):
        _wait(lambda: _rows(engine, tables.fact) >= events)
    received = tables.fact.columns.received_at
    with engine.connect() as connection:
        first, last = connection.execute(select(func.min(received), func.max(received))).one()
        before_last = connection.scalar(select(func.count()).where(received < last))
    engine.dispose()
    return Figure(name, int(before_last or 0), (last - first).total_seconds())


def _whole(settings: Settings, url: str, events: int, name: str, agents: Sequence[str]) -> Figure:
    """Time from the first fact read to the last score stored; waits until the lag is 0 and the outbox is empty."""
    engine = migrated(url)
    train(settings.model_copy(update={"database_url": url}))
    with _running(settings, url, agents):
        _wait(lambda: _rows(engine, tables.fact) >= events)
        scores, ended = 0, datetime.now(UTC)

        def settled() -> bool:
            nonlocal scores, ended
            if (now := _rows(engine, tables.score)) > scores:
                scores, ended = now, datetime.now(UTC)
            return _settled(settings, engine)

        _wait(settled)
    with engine.connect() as connection:
        first = connection.scalar(select(func.min(tables.fact.columns.received_at)))
    engine.dispose()
    assert first is not None
    return Figure(f"{name} ({scores:,} scores)", events, (ended - first).total_seconds())


def _copy(url: str, facts: Sequence[AnyFact]) -> Figure:
    """PostgreSQL's COPY of the same rows into the same indexed table: what the disk and the index allow."""
    engine = migrated(url)
    bodies = [(fact, encode_fact(fact)) for fact in facts]
    rows = [FactRow(f.subject, f.source, f.id, digest(body), f.occurred_at, START, body) for f, body in bodies]
    started = time.perf_counter()
    with engine.begin() as connection:
        partitions.ensure(connection, [START])
        cursor = connection.connection.cursor()
        types = ["text", "text", "text", "int8", "timestamptz", "timestamptz", "bytea"]
        with cursor.copy("COPY fact FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
    return Figure("PostgreSQL's COPY into the fact table alone", len(rows), time.perf_counter() - started)


def train(settings: Settings) -> None:
    """Train the batch model on 120 simulated days."""
    command = [sys.executable, "-W", "ignore", "-m", "wardwatch", "train", "--simulated-days", "120", "--json"]
    subprocess.run(command, env=environment(settings), check=True, stdout=subprocess.DEVNULL)


def migrated(url: str) -> Engine:
    """Return an engine on a database with all tables."""
    engine = make_engine(url)
    upgrade(engine)
    return engine


@contextmanager
def _running(settings: Settings, url: str, agents: Sequence[str]) -> Iterator[None]:
    _forget_group(settings.kafka_bootstrap_servers, WORKER_GROUP)
    env = environment(settings.model_copy(update={"database_url": url, "log_level": "error"}))
    command = [sys.executable, "-W", "ignore", "-m", "wardwatch", "worker", "--agents"]
    workers = [subprocess.Popen([*command, chosen], env=env, stdout=subprocess.DEVNULL) for chosen in agents]
    try:
        yield
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(60)


def _forget_group(bootstrap: str, group: str) -> None:
    admin = KafkaAdminClient(**kafka.connection(load_settings(kafka_bootstrap_servers=bootstrap)))
    with suppress(KafkaError):  # the group does not exist before the first worker
        admin.delete_groups([group])
    admin.close()


def _rows(engine: Engine, table: Table) -> int:
    with engine.connect().execution_options(read_only=True) as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def _settled(settings: Settings, engine: Engine) -> bool:
    with engine.connect().execution_options(read_only=True) as connection:
        left = connection.scalar(select(func.count()).select_from(tables.outbox))
        reached = event_time(connection)
        scored_until = connection.scalar(select(tables.midnight.columns.scored_until))
    if left or reached is None or scored_until is None or midnights(scored_until, reached):
        return False
    return not any(kafka.lag(settings, READ_BY_WORKERS).values())


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not done within {LIMIT_S:.0f} s.")
        time.sleep(0.25)
