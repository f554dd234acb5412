"""One function says how feed, workers, broker and database are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.signs_of_life import Pulse, Sign, sign
from schemas.topics import Heartbeat

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ALL = ("adt", "risk", "labels", "capacity", "quality", "relay")


def pulse(process: str = "a:1", role: str = "worker", age_s: float = 0.5, **more: Any) -> Pulse:
    agents = ALL if role == "worker" else ()
    values = {"agents": agents, "last_fact_at": NOW - timedelta(minutes=3), **more}
    return Pulse(Heartbeat(process=process, role=role, sent_at=NOW, **values), age_s)


def read(*pulses: Pulse, **more: Any) -> Sign:
    return sign(pulses, wall=NOW, **more)


def test_a_feed_that_is_read_to_its_end_is_live_however_long_ago_the_last_event_was() -> None:
    assert read(pulse()).text == "Live: last event 3 min ago"
    assert read(pulse(last_fact_at=NOW - timedelta(hours=5))).text == "Live: last event 5 h ago"
    assert read(pulse(last_fact_at=None)).text == "Live: no event yet"


def test_a_silence_that_is_not_likely_at_this_hour_is_named() -> None:
    found = read(pulse(silence=True))
    assert (found.state, found.text) == (
        "silent",
        "Feed silent: last event 3 min ago, longer than is likely at this hour",
    )


def test_a_worker_without_a_heartbeat_has_stopped() -> None:
    assert read(pulse(age_s=3.4)).state == "live"
    found = read(pulse(age_s=3.6))
    assert found.text == ("Worker stopped: no worker runs adt, capacity, relay. The board shows the last known state")


def test_a_worker_that_says_goodbye_has_stopped_at_once() -> None:
    assert read(pulse(stopping=True)).state == "worker_stopped"


def test_one_of_two_workers_that_was_killed_is_named_for_a_minute() -> None:
    assert read(pulse(), pulse("b:2", age_s=5)).text == "Worker stopped: 1 of 2; the others take over"
    assert read(pulse(), pulse("b:2", age_s=61)).state == "live"
    assert read(pulse(), pulse("b:2", age_s=5, stopping=True)).state == "live"


def test_agents_may_be_spread_over_workers() -> None:
    reader, writer = pulse(agents=("adt", "relay")), pulse("b:2", agents=("capacity",))
    assert read(reader, writer).state == "live"
    assert read(reader).detail.startswith("no worker runs capacity.")


def test_a_failing_database_is_named_with_the_drivers_reason() -> None:
    found = read(pulse(database="database or disk is full"))
    assert found.text == "Database failing: database or disk is full. The board shows the last known state"
    assert read(pulse(), database="connection refused").state == "database_failing"


def test_a_lost_broker_comes_first_because_nothing_else_can_be_known() -> None:
    assert read(pulse(age_s=60), broker_lost=True, database="disk full").state == "broker_lost"


def test_catching_up_says_how_far_behind_and_how_much_is_done() -> None:
    found = read(pulse(behind_s=7_300.0, unread=12_000, progress=0.4))
    assert found.text == "Catching up: 2 h behind, 40% read, 12,000 facts left. The board shows the past"


def test_an_interface_that_was_killed_is_named_and_one_that_was_stopped_is_not() -> None:
    found = read(pulse(), pulse("c:3", "mllp", age_s=9))
    assert (found.state, found.text) == ("interface_stopped", "Interface stopped: MLLP; last event 3 min ago")
    assert read(pulse(), pulse("c:3", "mllp", age_s=9, stopping=True)).state == "live"


def test_before_anything_could_be_heard_nothing_is_said() -> None:
    assert read(is_starting=True).state == "starting"
    assert read().state == "worker_stopped"


@pytest.mark.parametrize("seconds", [1, 30])
def test_the_title_does_not_change_while_time_passes(seconds: int) -> None:
    later = NOW + timedelta(seconds=seconds)
    assert sign([pulse()], wall=later).title == sign([pulse()], wall=NOW).title == "Live"


def test_a_clock_that_was_set_back_gives_no_negative_age() -> None:
    assert read(pulse(last_fact_at=NOW + timedelta(hours=1))).detail == "last event 0 s ago"
