"""Signs of life as a dashboard hears them; the words are tested in tests/schemas/test_signs_of_life.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.live.feed import FeedClock
from dashboard.live.wire import Feed
from schemas.topics import Heartbeat

WALL = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def beat(process: str = "a:1", **fields: Any) -> Heartbeat:
    values = {"role": "worker", "sent_at": WALL, "agents": ("adt", "capacity", "relay"), **fields}
    return Heartbeat(process=process, **values)


def read(clock: FeedClock, now: float) -> Feed:
    return clock.read(now, WALL)


def test_a_worker_is_named_as_stopped_four_seconds_after_its_last_heartbeat() -> None:
    clock = FeedClock(0.0)
    clock.broker(0.5)
    for second in range(10):
        clock.broker(float(second))
        clock.heartbeat(beat(), float(second))
    clock.broker(13.0)
    assert read(clock, 12.4).state == "live"
    assert read(clock, 12.6).state == "worker_stopped"
    clock.heartbeat(beat("b:2"), 13.0)
    assert read(clock, 13.0).title == "Worker stopped"  # the one that was killed is named for a minute
    clock.broker(70.0)
    clock.heartbeat(beat("b:2"), 70.0)
    assert read(clock, 70.0).state == "live"


def test_a_broker_that_stops_answering_is_lost_and_after_it_is_back_heartbeats_are_waited_for() -> None:
    clock = FeedClock(0.0)
    clock.broker(10.0)
    clock.heartbeat(beat(), 10.0)
    assert read(clock, 14.1).state == "broker_lost"
    clock.broker(90.0)
    assert read(clock, 90.0).state == "starting"
    clock.broker(92.0)
    clock.broker(94.5)
    assert read(clock, 94.5).state == "worker_stopped"


def test_a_broker_that_never_answered_is_waited_for_and_then_lost() -> None:
    clock = FeedClock(100.0)
    assert read(clock, 103.0).state == "starting"
    assert read(clock, 104.5).state == "broker_lost"


def test_a_database_that_fails_is_said_until_it_is_back() -> None:
    clock = FeedClock(0.0)
    clock.broker(1.0)
    clock.heartbeat(beat(), 1.0)
    clock.database("connection refused")
    assert read(clock, 1.0).detail.startswith("connection refused")
    clock.database("")
    assert read(clock, 1.0).state == "live"


def test_a_worker_that_catches_up_shows_the_past() -> None:
    clock = FeedClock(0.0)
    clock.broker(1.0)
    clock.heartbeat(beat(behind_s=7_200.0, unread=10, progress=0.5), 1.0)
    assert (read(clock, 1.0).state, read(clock, 1.0).past) == ("catching_up", True)


def test_ages_are_those_of_the_last_message_and_the_last_answer() -> None:
    clock = FeedClock(0.0)
    assert read(clock, 1.0).message_age_s is None
    clock.message(2.0)
    clock.broker(5.0)
    found = read(clock, 9.0)
    assert found.message_age_s == pytest.approx(7.0)
    assert found.broker_age_s == pytest.approx(4.0)
