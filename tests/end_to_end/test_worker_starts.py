"""A worker starts without preparation, and shows the reason when it cannot continue."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from kafka import KafkaProducer

from schemas.database import make_engine, upgrade
from schemas.events import encode_fact
from schemas.kafka import connection
from schemas.settings import load_settings
from schemas.topics import ADT_EVENTS
from simulators.publish import Speed, publish
from streams.app import AGENTS
from streams.worker.embedded_broker import EmbeddedBroker
from tests.streams.builders import admit
from tests.support.worker import Worker, drained


def test_a_worker_makes_its_data_directory_however_deep(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = load_settings(
        kafka_bootstrap_servers=embedded_broker.bootstrap,
        kafka_embedded=True,
        database_url=f"sqlite:///{tmp_path / 'wardwatch.db'}",
        data_dir=tmp_path / "not" / "there" / "yet",
    )
    engine = make_engine(settings.sql_url)
    upgrade(engine)
    with Worker(settings) as worker:
        publish([admit(0)], settings, speed=Speed.parse("max"))
        drained(settings, engine, 1, worker)
        assert worker.terminate().exit_code == 0
    engine.dispose()


@pytest.mark.parametrize("agent", AGENTS)
def test_each_agent_runs_alone(agent: str, embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = load_settings(
        kafka_bootstrap_servers=embedded_broker.bootstrap,
        kafka_embedded=True,
        database_url=f"sqlite:///{tmp_path / 'wardwatch.db'}",
        data_dir=tmp_path,
    )
    upgrade(make_engine(settings.sql_url))
    with Worker(settings, agents=agent) as worker:
        time.sleep(1.0)  # a crash of its services would come within a second
        assert worker.is_ready()
        assert worker.terminate().exit_code == 0, worker.log
        assert "Traceback" not in worker.log


def test_a_worker_that_stops_for_a_flood_of_garbage_says_so(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    settings = load_settings(
        kafka_bootstrap_servers=embedded_broker.bootstrap,
        kafka_embedded=True,
        database_url=f"sqlite:///{tmp_path / 'wardwatch.db'}",
        data_dir=tmp_path,
    )
    engine = make_engine(settings.sql_url)
    upgrade(engine)
    producer = KafkaProducer(**connection(settings))
    for number in range(2_000):
        producer.send(ADT_EVENTS.name, b"junk" if number else encode_fact(admit(0)), key=b"%d" % number)
    producer.flush()
    producer.close()
    worker = Worker(settings)
    worker.start()
    deadline = time.monotonic() + 40
    while worker.exit_code is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert worker.exit_code == 1
    assert "TooManyRejected" in worker.log
    engine.dispose()
