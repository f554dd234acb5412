"""Real admissions through the whole worker: the MIMIC-IV demo, against a census that pandas counts from the CSV."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine, select

from schemas import tables
from schemas.database import make_engine, upgrade
from schemas.settings import Settings, load_settings
from simulators.publish import Speed, publish
from simulators.replay import facts
from simulators.sources import jsonl
from streams.operate.status import read_status
from tests.support.kafka import KafkaBroker
from tests.support.postgres import PostgresServer
from tests.support.worker import Worker, drained

DEMO = Path(__file__).parents[2].parent / "shared" / "data" / "mimic_iv_demo"
FACTS = 1136
WINDOW_START = pd.Timestamp("2026-01-01", tz="UTC")
WINDOW_DAYS = 28

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DEMO.is_dir(), reason="the MIMIC-IV demo is not at ../shared/data/mimic_iv_demo"),
]


def expected_stays() -> pd.DataFrame:
    """Each row of the ADT table, moved by whole weeks per patient by the rule of the replay, with pandas alone."""
    adt = pd.read_csv(DEMO / "clif_adt.csv.gz", dtype=str)
    for column in ("in_dttm", "out_dttm"):
        adt[column] = pd.to_datetime(adt[column], utc=True)
    last = adt.groupby("patient_id")["in_dttm"].max().sort_index()  # the row without a place, of the last discharge
    target = WINDOW_START + pd.to_timedelta([WINDOW_DAYS * number / len(last) for number in range(len(last))], "D")
    weeks = -((last - pd.Series(target, index=last.index)) // pd.Timedelta(days=7))
    moved = last + weeks * pd.Timedelta(days=7)
    assert (moved >= target).all()
    assert (moved < target + pd.Timedelta(days=7)).all()
    shift = adt["patient_id"].map(weeks) * pd.Timedelta(days=7)
    stays = adt.assign(arrived=adt["in_dttm"] + shift, left=adt["out_dttm"] + shift)
    return stays[stays["location_name"].notna()]


def census_of_every_hour(stays: pd.DataFrame, hours: pd.DatetimeIndex) -> dict[str, list[int]]:
    """Patients per unit at each hour: arrived at or before it, not yet left."""
    found = {}
    for unit, rows in stays.groupby("unit"):
        came = rows["arrived"].sort_values().searchsorted(hours, side="right")
        went = rows["left"].sort_values().searchsorted(hours, side="right")
        found[str(unit)] = [int(number) for number in came - went]
    return found


def check(settings: Settings, engine: Engine) -> None:
    status = read_status(settings, engine)
    assert status.patients == 100
    assert status.encounters == {"planned": 0, "in_progress": 0, "discharged": 275, "cancelled": 0}
    assert (status.facts, status.dead_letters, status.outbox) == (FACTS, 0, 0)

    expected = expected_stays().rename(columns={"location_name": "unit"})
    column = tables.unit_stay.columns
    with engine.connect() as connection:
        query = select(column.unit_id, column.arrived_at, column.left_at)
        rows = [tuple(row) for row in connection.execute(query)]
    stored = pd.DataFrame(rows, columns=["unit", "arrived", "left"])
    hours = pd.date_range(expected["arrived"].min().floor("h"), expected["left"].max().ceil("h"), freq="h")
    assert census_of_every_hour(stored, hours) == census_of_every_hour(expected, hours)


def settings_for(bootstrap: str, embedded: bool, url: str, folder: Path) -> Settings:
    return load_settings(
        kafka_bootstrap_servers=bootstrap,
        kafka_embedded=embedded,
        database_url=url,
        data_dir=folder,
        log_level="warning",
    )


@pytest.fixture(params=["kafka-postgresql", "embedded-sqlite"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    if request.param == "kafka-postgresql":
        kafka: KafkaBroker = request.getfixturevalue("fresh_kafka")
        postgres: PostgresServer = request.getfixturevalue("postgres")
        yield settings_for(kafka.bootstrap, False, postgres.new_database(), tmp_path)
    else:
        broker = request.getfixturevalue("embedded_broker")
        yield settings_for(broker.bootstrap, True, f"sqlite:///{tmp_path / 'wardwatch.db'}", tmp_path)


def test_the_demo_replayed_twice_and_shuffled_gives_the_census_of_the_csv(settings: Settings, tmp_path: Path) -> None:
    engine = make_engine(settings.sql_url)
    upgrade(engine)
    recorded = list(facts("mimic-iv", DEMO, settings))
    assert len(recorded) == FACTS
    with Worker(settings) as worker:
        publish(recorded, settings, speed=Speed.parse("max"))
        drained(settings, engine, FACTS, worker)
        check(settings, engine)

        publish(recorded, settings, speed=Speed.parse("max"))
        drained(settings, engine, FACTS, worker)
        check(settings, engine)

        assert worker.terminate().exit_code == 0
    engine.dispose()


def test_the_demo_with_its_lines_shuffled_gives_the_same(settings: Settings, tmp_path: Path) -> None:
    engine = make_engine(settings.sql_url)
    upgrade(engine)
    recorded = list(facts("mimic-iv", DEMO, settings))
    random.Random(11).shuffle(recorded)
    path = tmp_path / "shuffled.jsonl"
    jsonl.write(recorded, path)
    with Worker(settings) as worker:
        publish(facts("jsonl", path, settings), settings, speed=Speed.parse("max"))
        drained(settings, engine, FACTS, worker)
        check(settings, engine)
    engine.dispose()
