from __future__ import annotations

import pytest

from dashboard.live.feed import FeedClock, FeedState


def test_a_fresh_message_is_live_and_after_five_seconds_the_feed_is_silent() -> None:
    clock = FeedClock(0.0)
    clock.message(10.0)
    clock.broker(15.0)
    assert clock.read(15.0).state == FeedState.LIVE
    clock.broker(15.1)
    assert clock.read(15.1).state == FeedState.SILENT


def test_a_broker_that_stops_answering_is_lost_and_not_merely_silent() -> None:
    clock = FeedClock(0.0)
    clock.message(10.0)
    assert clock.read(14.0).state == FeedState.LIVE
    assert clock.read(14.1).state == FeedState.BROKER_LOST
    clock.broker(20.0)
    assert clock.read(20.0).state == FeedState.SILENT


def test_a_broker_that_never_answered_is_waited_for_and_then_lost() -> None:
    clock = FeedClock(100.0)
    assert clock.read(103.0).state == FeedState.STARTING
    assert clock.read(104.5).state == FeedState.BROKER_LOST


def test_a_lost_database_is_said_first_and_until_it_is_back() -> None:
    clock = FeedClock(0.0)
    clock.message(1.0)
    clock.database(lost=True)
    assert clock.read(1.0).state == FeedState.DATABASE_LOST
    clock.database(lost=False)
    assert clock.read(1.0).state == FeedState.LIVE


def test_ages_are_those_of_the_last_message_and_the_last_answer() -> None:
    clock = FeedClock(0.0)
    assert clock.read(1.0).message_age_s is None
    clock.message(2.0)
    clock.broker(5.0)
    found = clock.read(9.0)
    assert found.message_age_s == pytest.approx(7.0)
    assert found.broker_age_s == pytest.approx(4.0)
