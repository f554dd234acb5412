"""The board's time in SQL, and what happens by it without a new fact, on every engine."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Engine

from models.readmission.batch import BatchModel
from schemas import tables
from schemas.events import AnyFact, PatientClass, encode_fact
from schemas.hospital import Hospital, parse_hospital
from schemas.outgoing import PACE_HEADER
from schemas.topics import CapacityMetrics, UnitChanged
from streams.adt.process import ingest
from streams.adt.records import Fetch, Record
from streams.capacity.agent import Capacity
from streams.risk import outcomes, scoring
from streams.store.watermarks import board_time, facts_by_hour, settled_time, stored_clock, tick
from streams.worker.transactions import Transactions
from tests.contracts.test_agents import model as model  # the fixture
from tests.contracts.test_agents import rows, track_index_stays, use
from tests.streams.builders import T0, admit, at, discharge, transfer

SECOND = timedelta(seconds=1)
HOSPITAL: Hospital = parse_hospital(
    b"""
facilities:
  - facility_id: HG
    name: Harbour General
    time_zone: UTC
    cleaning_minutes: 45
    bed_status_feed: false
    units:
      - {unit_id: 4W, name: Ward, type: medical_surgical, licensed_beds: 2}
""",
    "house.yaml",
)


class Wall:
    """A fake wall clock."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def send(
    engine: Engine,
    *facts: AnyFact,
    delay: timedelta = SECOND,
    pace: bytes | None = None,
    sent_at: datetime | None = None,
    caught_up: bool = True,
) -> None:
    """Take facts as from Kafka: each was sent a while after it was recorded."""
    headers = () if pace is None else ((PACE_HEADER, pace),)
    records = [
        Record(
            "adt.events.v1",
            0,
            number,
            fact.partition_key.encode(),
            encode_fact(fact),
            headers,
            int((sent_at or fact.recorded_at + delay).timestamp() * 1000),
        )
        for number, fact in enumerate(facts)
    ]
    ingest(engine, [Fetch(records, caught_up)], clock=lambda: T0)


def ticked(engine: Engine, wall: datetime, *, caught_up: bool = True) -> datetime | None:
    with engine.begin() as connection:
        clock = tick(connection, dict.fromkeys(range(4), caught_up), wall).clock
    return clock and clock.at


def test_the_time_goes_on_from_the_last_fact_and_is_the_same_for_all_who_read_it(engine: Engine) -> None:
    send(engine, admit(0))
    assert ticked(engine, at(1)) == at(1) - SECOND
    with engine.connect() as connection:
        assert stored_clock(connection) == (at(1) - SECOND, at(1), 1.0, False)
        assert board_time(connection, at(1) + 3 * SECOND) == at(1) + 2 * SECOND
        assert settled_time(connection, at(1) + 3 * SECOND) == at(1)


def test_a_fact_from_next_year_does_not_move_the_time_ahead_of_the_wall_clock(engine: Engine) -> None:
    send(engine, admit(0), *(admit(9_000 + n, e=f"x{n}", p="P2") for n in range(9)), sent_at=at(0) + SECOND)
    now = ticked(engine, at(1))
    assert now is not None
    assert at(1) - SECOND <= now <= at(1)


def test_a_restarted_worker_with_a_backlog_holds_the_time_and_never_turns_it_back(engine: Engine) -> None:
    send(engine, admit(0))
    before = ticked(engine, at(1))
    held = ticked(engine, at(5), caught_up=False)
    assert before is not None
    assert held == before + 5 * SECOND  # the time goes on for so long without a worker
    send(engine, transfer(2, "5E/01"), caught_up=False)
    assert ticked(engine, at(5), caught_up=False) == held
    send(engine, discharge(4))
    assert ticked(engine, at(5)) == at(5) - SECOND


def test_a_partition_that_nobody_reads_stops_the_time(engine: Engine) -> None:
    send(engine, admit(0))
    ticked(engine, at(1))
    with engine.begin() as connection:
        tick(connection, {0: True}, at(1) + 4 * SECOND)
        stands = tick(connection, {0: True}, at(2)).clock
        assert stands is not None
        assert tick(connection, {0: True}, at(3)).clock == stands._replace(wall=at(3))


def test_facts_without_a_pace_from_kafka_and_replays_as_fast_as_possible_follow_their_facts(engine: Engine) -> None:
    send(engine, *(admit(hour, e=f"E{hour}") for hour in range(9)), pace=b"max", sent_at=at(9_000))
    assert ticked(engine, at(9_000)) == at(6)
    assert ticked(engine, at(9_000) + 4 * SECOND) == at(6) + 4 * SECOND


def test_a_replay_goes_on_at_the_pace_in_its_header(engine: Engine) -> None:
    send(engine, admit(0), pace=b"600", sent_at=at(9_000))
    assert ticked(engine, at(9_000) + SECOND) == at(0) + 600 * SECOND


def test_facts_are_counted_by_the_hour_of_recording_once(engine: Engine) -> None:
    send(engine, admit(0), transfer(0.5, "5E/01"), admit(2.2, e="E2", p="P2"))
    send(engine, admit(2.2, e="E2", p="P2"))
    send(engine, admit(2.4, e="E3", p="P3"))
    with engine.connect() as connection:
        assert facts_by_hour(connection, at(0)) == {at(0): 2, at(2): 2}
        assert facts_by_hour(connection, at(1)) == {at(2): 2}


def test_an_assumed_cleaning_ends_without_a_new_fact(engine: Engine) -> None:
    send(engine, admit(0, "4W/01"), discharge(1))
    wall = Wall(at(1) + SECOND)
    ticked(engine, wall.now)
    agent = Capacity(Transactions(engine, "test"), HOSPITAL, lambda: None, wall)

    def status() -> str:
        [(raw,)] = rows(engine, tables.unit_capacity, "metrics")
        return msgspec.json.decode(raw, type=CapacityMetrics).beds[0].status.value

    agent.recompute(engine, [UnitChanged(facility_id="HG", unit_id="4W", occurred_at=at(1))])
    assert status() == "dirty"
    wall.now = at(1.74)
    ticked(engine, wall.now)
    assert agent.recompute(engine, []) == 0
    wall.now = at(1.75) + 2 * SECOND
    ticked(engine, wall.now)
    assert agent.recompute(engine, []) == 1
    assert status() == "available"


def test_midnight_is_scored_and_an_outcome_released_in_a_silent_month(engine: Engine, model: BatchModel) -> None:
    stay: list[AnyFact] = [
        admit(0, "4W/01", patient_class=PatientClass.INPATIENT, age_years=71),
        discharge(75),
        admit(90, "4W/02", e="E2", p="P2", patient_class=PatientClass.INPATIENT, age_years=50),
    ]
    send(engine, *stay)
    wall = Wall(at(95))
    ticked(engine, wall.now)
    use(engine, model)
    agent = scoring.Scoring(wall)
    agent.score_changed(engine, {"E1", "E2"})
    while agent.passed_midnights(engine):
        pass
    wall.now = at(96) + 2 * SECOND  # midnight, less the delay of the feed and the time to settle
    ticked(engine, wall.now)
    assert agent.passed_midnights(engine) == 0
    wall.now = at(96) + 4 * SECOND
    ticked(engine, wall.now)
    assert agent.passed_midnights(engine) == 1
    scored = rows(engine, tables.score, "encounter_id", "moment", "as_of")
    assert ("E2", "midnight", at(96)) in scored

    track_index_stays(engine, "E1")
    trainer, due = outcomes.OutcomeTrainer(wall), (3 + 31 + 2) * 24  # by date, and the lateness
    wall.now = at(due) + 2 * SECOND
    ticked(engine, wall.now)
    assert trainer.release_due(engine) == 0
    wall.now = at(due) + 4 * SECOND
    ticked(engine, wall.now)
    assert trainer.release_due(engine) == 1
    assert rows(engine, tables.label, "encounter_id", "readmitted_30d") == [("E1", False)]
