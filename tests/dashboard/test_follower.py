"""The follower on a real embedded broker, with a listener that notes what it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from dashboard.live.follower import Follower
from schemas.topics import CAPACITY_METRICS, HEARTBEATS, CapacityMetrics, Heartbeat
from tests.dashboard.builders import NOON, bed, metrics, taken
from tests.dashboard.house import Broker, settings_for


class Notes:
    def __init__(self) -> None:
        self.loads = 0
        self.loaded: list[CapacityMetrics] = []
        self.metrics: list[CapacityMetrics] = []
        self.alerts = 0
        self.answers = 0
        self.database_losses: list[str] = []
        self.beats: list[Heartbeat] = []

    def load(self, metrics: list[CapacityMetrics]) -> None:
        self.loaded = metrics
        self.loads += 1

    def accept(self, metrics: list[CapacityMetrics], alerts: int) -> None:
        self.metrics += metrics
        self.alerts += alerts

    def broker_answered(self) -> None:
        self.answers += 1

    def heartbeat(self, beat: Heartbeat) -> None:
        self.beats.append(beat)

    def database_lost(self, reason: str) -> None:
        self.database_losses.append(reason)


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.stop()


@contextmanager
def following(
    tmp_path: Path, broker: Broker, read: Callable[[], list[CapacityMetrics]] = list
) -> Iterator[tuple[Notes, Follower]]:
    notes = Notes()
    follower = Follower(settings_for(tmp_path, broker), read, notes)
    thread = threading.Thread(target=follower.run, daemon=True)
    thread.start()
    try:
        yield notes, follower
    finally:
        follower.stop()
        thread.join(10)
        assert not thread.is_alive()


def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_published_after_the_snapshot_arrives_in_order(tmp_path: Path, broker: Broker) -> None:
    with following(tmp_path, broker) as (notes, _):
        until(lambda: notes.loads == 2)  # once at the start, once when standing at the end of the topics
        sent = [metrics("MED", (bed("01"),) if number % 2 else (taken("01", f"E{number}"),)) for number in range(20)]
        for metric in sent:
            broker.publish(metric)
        broker.announce_alert("E1")
        until(lambda: len(notes.metrics) == 20 and notes.alerts == 1)
        assert notes.metrics == sent
        assert notes.loads == 2


def test_heartbeats_arrive_and_one_that_cannot_be_read_does_no_harm(tmp_path: Path, broker: Broker) -> None:
    with following(tmp_path, broker) as (notes, _):
        until(lambda: notes.loads == 2)
        broker.publish_raw(HEARTBEATS.name, b"x", b"{}")
        broker.beat(database="disk full")
        until(lambda: len(notes.beats) == 1)
        assert notes.beats[0].database == "disk full"
        assert notes.loads == 2


def test_what_was_published_before_is_not_read_again(tmp_path: Path, broker: Broker) -> None:
    broker.publish(metrics("MED", (bed("01"),)))
    with following(tmp_path, broker) as (notes, _):
        until(lambda: notes.answers >= 2)
        broker.publish(metrics("SUR"))
        until(lambda: bool(notes.metrics))
        assert [metric.unit_id for metric in notes.metrics] == ["SUR"]


def test_a_missing_record_makes_it_read_the_snapshot_again(tmp_path: Path, broker: Broker) -> None:
    with following(tmp_path, broker) as (notes, follower):
        until(lambda: notes.loads == 2)
        for partition in follower._expected:
            follower._expected[partition] -= 1  # as if one record of each partition had never come
        broker.publish(metrics("MED"))
        until(lambda: notes.loads == 3)


def test_an_unreadable_message_is_answered_with_the_snapshot(tmp_path: Path, broker: Broker) -> None:
    with following(tmp_path, broker) as (notes, _):
        until(lambda: notes.loads == 2)
        broker.publish_raw(CAPACITY_METRICS.name, b"TH/MED", b'{"unit_id": 3}')
        until(lambda: notes.loads == 3)
        broker.publish(metrics("MED"))
        until(lambda: len(notes.metrics) == 1)


def test_a_silent_broker_still_gives_signs_of_life_and_a_dead_one_gives_none(tmp_path: Path, broker: Broker) -> None:
    with following(tmp_path, broker) as (notes, _):
        until(lambda: notes.answers >= 3)
        broker.stop()
        time.sleep(1.5)
        heard = notes.answers
        time.sleep(1.5)
        assert notes.answers == heard


def test_without_a_broker_the_snapshot_is_there_all_the_same(tmp_path: Path, broker: Broker) -> None:
    broker.stop()
    with following(tmp_path, broker) as (notes, _):
        until(lambda: notes.loads == 1)
        assert notes.answers == 0


def test_a_database_that_is_away_is_said_and_tried_again(tmp_path: Path, broker: Broker) -> None:
    tries = 0

    def read() -> list[CapacityMetrics]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OperationalError("SELECT", {}, ConnectionError("away"))
        return [metrics("MED", as_of=NOON)]

    with following(tmp_path, broker, read) as (notes, _):
        until(lambda: notes.loads >= 1)
        assert notes.database_losses == ["away"]
        assert [metric.unit_id for metric in notes.loaded] == ["MED"]
