"""The board's time over hours of a feed, with a fake wall clock."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from streams.fold.board_clock import BoardClock, advance_clock
from streams.fold.event_time import (
    PartitionMark,
    Sample,
    advance,
    decode_samples,
    encode_samples,
    keep_samples,
)

START = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


class Feed:
    """A feed of several partitions and its worker, on a fake wall clock that ticks once a second."""

    def __init__(self, wall: datetime = START, partitions: int = 4) -> None:
        self.wall = wall
        self.step = timedelta()
        """What the machine's clock is wrong by."""
        self.marks = {number: PartitionMark((), True) for number in range(partitions)}
        self.clock: BoardClock | None = None
        self.shown: list[tuple[datetime, datetime]] = []
        self.is_reading = True

    @property
    def machine(self) -> datetime:
        return self.wall + self.step

    def send(self, partition: int, at: datetime, pace: float | None = None, *, read: bool = True) -> None:
        """Put a fact that was recorded at `at` on Kafka, and read it unless the worker is behind."""
        at = min(at, self.machine) if pace is None else at
        mark = self.marks[partition]
        self.marks[partition] = mark._replace(
            heads=advance(mark.heads, [at]),
            samples=keep_samples(mark.samples, [Sample(at, self.machine, pace)]),
            sent_at=self.machine,
            caught_up=read,
        )

    def tick(self) -> datetime | None:
        if self.is_reading:
            self.marks = {number: mark._replace(checked_at=self.machine) for number, mark in self.marks.items()}
        self.clock = advance_clock(self.clock, self.marks.values(), self.machine)
        if self.clock is None:
            return None
        self.shown.append((self.machine, self.clock.at))
        return self.clock.at

    def run(self, seconds: int, send: Callable[[int], None] | None = None) -> datetime | None:
        for second in range(seconds):
            self.wall += SECOND
            if send is not None:
                send(second)
            self.tick()
        return self.clock and self.clock.at

    def is_behind(self) -> bool:
        assert self.clock is not None
        return self.clock.behind

    def never_went_back(self) -> bool:
        return all(sooner[1] <= later[1] for sooner, later in pairwise(self.shown))

    def lags(self) -> list[timedelta]:
        return [wall - at for wall, at in self.shown]


def live(feed: Feed, every_s: int, delay: timedelta, *, seed: int = 1) -> Callable[[int], None]:
    """A hospital's feed: a fact about every so many seconds, on any partition."""
    draws = random.Random(seed)

    def send(_second: int) -> None:
        if draws.random() < 1 / every_s:
            feed.send(draws.randrange(len(feed.marks)), feed.wall - delay)

    return send


def test_at_a_hospitals_pace_the_time_lags_by_the_delay_of_the_feed_and_no_more() -> None:
    feed = Feed()
    feed.send(0, START - 3 * SECOND)
    feed.run(3600, live(feed, 240, 3 * SECOND))
    assert feed.never_went_back()
    assert set(feed.lags()) == {3 * SECOND}


def test_a_feed_with_a_varying_delay_is_followed_within_its_delay() -> None:
    feed, draws = Feed(), random.Random(4)
    feed.send(0, START - 9 * SECOND)

    def send(_second: int) -> None:
        if draws.random() < 0.05:
            feed.send(draws.randrange(4), feed.wall - draws.randrange(1, 60) * SECOND)

    feed.run(3600, send)
    assert feed.never_went_back()
    assert timedelta() <= min(feed.lags())
    assert max(feed.lags()[60:]) <= 60 * SECOND


def test_in_a_silent_night_the_time_goes_on() -> None:
    feed = Feed()
    feed.run(60, live(feed, 5, SECOND))
    shown = feed.clock
    assert shown is not None
    assert feed.run(4 * 3600) == shown.at + 4 * HOUR
    assert feed.never_went_back()


def test_a_silent_partition_delays_nothing() -> None:
    feed = Feed()
    feed.send(3, START - 8 * HOUR)
    feed.run(600, lambda second: feed.send(second % 3, feed.wall - SECOND) if second % 20 == 0 else None)
    assert feed.lags()[-1] == SECOND


def test_a_sender_an_hour_ahead_moves_it_to_the_wall_clock_at_most_and_does_not_stop_it() -> None:
    feed = Feed()

    def send(second: int) -> None:
        if second % 30 == 0:
            feed.send(0, feed.wall - 2 * SECOND)
        if second % 40 == 7:
            feed.send(1, feed.wall + HOUR)

    feed.run(3600, send)
    assert feed.never_went_back()
    assert timedelta() <= min(feed.lags())
    assert max(feed.lags()) <= 2 * SECOND
    assert feed.shown[-1][1] - feed.shown[0][1] >= timedelta(seconds=3595)


def test_a_late_fact_neither_stops_it_nor_turns_it_back() -> None:
    feed = Feed()
    feed.run(300, live(feed, 10, SECOND))

    def late(second: int) -> None:
        feed.send(second % 4, feed.wall - 6 * HOUR)

    feed.run(60, late)
    assert feed.never_went_back()
    feed.run(300, live(feed, 10, SECOND))
    assert feed.lags()[-1] <= 2 * SECOND


def test_a_whole_feed_with_the_clock_of_another_zone_is_followed_by_its_own_clock() -> None:
    feed = Feed()
    feed.send(0, START - HOUR)
    feed.run(600, live(feed, 20, HOUR))
    assert set(feed.lags()) == {HOUR}


def test_after_a_restart_the_time_stands_until_the_backlog_is_read_and_is_then_right() -> None:
    feed = Feed()
    feed.run(600, live(feed, 10, SECOND))
    shown = feed.shown[-1][1]
    feed.wall += 2 * HOUR  # no worker ran
    feed.marks = {number: mark._replace(caught_up=False) for number, mark in feed.marks.items()}
    held = feed.run(30)
    assert held is not None
    assert timedelta() <= held - shown <= 5 * SECOND
    assert feed.is_behind()
    feed.marks = {number: mark._replace(caught_up=True) for number, mark in feed.marks.items()}
    feed.run(1)
    assert feed.never_went_back()
    assert not feed.is_behind()
    assert feed.lags()[-1] == SECOND


def test_without_a_worker_the_time_stands() -> None:
    feed = Feed()
    feed.run(60, live(feed, 5, SECOND))
    feed.is_reading = False
    feed.run(5)
    stands = feed.run(1)
    assert feed.run(3600) == stands


def test_while_catching_up_the_time_is_what_all_partitions_with_records_left_have_reached() -> None:
    feed = Feed()
    for minute in range(30):
        for partition in range(4):
            feed.send(partition, START - 8 * HOUR + minute * MINUTE, pace=1.0, read=False)
    feed.marks = {number: mark._replace(samples=()) for number, mark in feed.marks.items()}
    feed.send(0, START - 8 * HOUR + 31 * MINUTE, pace=1.0, read=False)
    feed.marks[0] = feed.marks[0]._replace(samples=())
    assert feed.run(1) == START - 8 * HOUR + 27 * MINUTE
    assert feed.clock is not None
    assert feed.clock.behind


def test_a_partition_that_is_read_as_it_comes_is_not_behind() -> None:
    feed = Feed()

    def busy(_second: int) -> None:
        for partition in range(4):
            feed.send(partition, feed.wall - SECOND, read=False)

    feed.run(60, busy)
    assert feed.clock is not None
    assert not feed.clock.behind
    assert feed.lags()[-1] == SECOND


@pytest.mark.parametrize("pace", [0.5, 1.0, 10.0, 120.0, 600.0])
def test_a_replay_goes_on_at_its_pace_in_the_past_or_in_the_future(pace: float) -> None:
    feed = Feed()
    begin = datetime(2027, 5, 1, tzinfo=UTC)
    feed.send(0, begin, pace)

    def send(second: int) -> None:
        if second % 3 == 0:
            feed.send(second % 4, begin + (feed.wall - START) * pace, pace)

    feed.run(300, send)
    assert feed.never_went_back()
    at = [at - (begin + (wall - START) * pace) for wall, at in feed.shown]
    assert set(at) == {timedelta()}


def test_a_replay_with_wrong_clocks_is_followed_by_the_right_ones() -> None:
    feed, draws = Feed(), random.Random(3)
    begin = datetime(2026, 1, 1, tzinfo=UTC)

    def send(second: int) -> None:
        wrong = draws.choice((-HOUR, HOUR, 400 * 24 * HOUR)) if draws.random() < 0.2 else timedelta()
        feed.send(second % 4, begin + (feed.wall - START) * 600 + wrong, 600.0)

    feed.run(12, lambda second: feed.send(second % 4, begin + (feed.wall - START) * 600, 600.0))
    feed.run(600, send)
    assert feed.never_went_back()
    assert feed.clock is not None
    assert feed.clock.at == begin + (feed.wall - START) * 600


def test_a_replay_that_has_ended_goes_on_with_the_wall_clock_after_a_while() -> None:
    feed = Feed()
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    feed.run(60, lambda second: feed.send(second % 4, begin + (feed.wall - START) * 600, 600.0))
    at = feed.clock and feed.clock.at
    assert at is not None
    later = feed.run(2 * 3600)
    assert later is not None
    assert 5 * HOUR <= later - at <= 7 * HOUR  # 20 s at 600x, then two hours


def test_a_recording_sent_over_an_interface_is_followed_at_the_pace_at_which_it_comes() -> None:
    feed = Feed()
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    feed.run(120, lambda second: feed.send(second % 4, begin + (feed.wall - START) * 60) if second % 4 == 0 else None)
    assert feed.clock is not None
    assert abs(feed.clock.at - (begin + 120 * MINUTE)) <= 4 * MINUTE
    assert feed.clock.pace == pytest.approx(60.0, rel=0.01)
    feed.run(3600)
    assert feed.clock.pace == 1.0
    assert feed.clock.at < begin + 8 * HOUR


def test_a_backlog_of_a_live_feed_does_not_make_it_a_replay() -> None:
    feed = Feed()
    feed.run(600, live(feed, 10, SECOND))
    feed.run(600)  # the interface engine was away, and sends what it kept
    since = feed.wall - 10 * MINUTE

    def backlog(second: int) -> None:
        for number in range(20):
            feed.send(number % 4, since + (second * 20 + number) * 6 * SECOND)

    feed.run(5, backlog)
    feed.run(600, live(feed, 10, SECOND))
    assert feed.never_went_back()
    assert max(feed.lags()[1:]) <= SECOND


def test_a_recording_published_as_fast_as_possible_ends_at_its_last_facts_and_goes_on_from_there() -> None:
    feed = Feed()
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    feed.marks[0] = PartitionMark(advance((), (begin + hour * HOUR for hour in range(10))), True)
    assert feed.run(1) == begin + 7 * HOUR
    assert feed.run(600) == begin + 7 * HOUR + 10 * MINUTE


@pytest.mark.parametrize("step", [-HOUR, -10 * SECOND, 10 * SECOND, HOUR])
def test_a_step_of_the_machines_clock_never_turns_the_time_back_or_stops_it(step: timedelta) -> None:
    feed = Feed()
    feed.run(120, live(feed, 10, SECOND))
    feed.step = step
    before = feed.clock and feed.clock.at
    after = feed.run(60)
    assert feed.never_went_back()
    assert before is not None
    assert after is not None
    assert after - before >= 29 * SECOND
    feed.run(4 * 3600, live(feed, 10, SECOND))
    assert feed.never_went_back()
    assert feed.clock is not None
    assert abs(min(feed.wall, feed.machine) - feed.clock.at) <= 2 * SECOND


def test_without_facts_there_is_no_time() -> None:
    feed = Feed()
    assert feed.run(10) is None


def test_between_two_ticks_the_time_goes_on_and_without_ticks_only_a_little() -> None:
    clock = BoardClock(START, START, 600.0)
    assert clock.read(START + SECOND) == START + 10 * MINUTE
    assert clock.read(START - HOUR) == START
    assert clock.read(START + HOUR) == START + 50 * MINUTE


def test_samples_are_the_same_after_encoding_and_decoding() -> None:
    samples = (Sample(START, START + SECOND, 600.0), Sample(START, START + 2 * SECOND))
    assert decode_samples(encode_samples(samples)) == samples
    assert decode_samples(None) == ()


def test_the_latest_samples_are_kept() -> None:
    many: Iterable[Sample] = (Sample(START, START + number * SECOND) for number in range(40))
    kept = keep_samples((), many)
    assert [sample.sent_at - START for sample in kept] == [number * SECOND for number in range(24, 40)]
