"""The board's time: what is "now" where facts are minutes apart. Pure (docs/decisions/0019).

Three things decide: what has been read of each partition (`PartitionMark`), the wall clock, and the time that was
shown before. While records are left to read, the board's time is the time up to which all partitions have been read.
Once they are read to the end, it goes on with the wall clock: a second a second on the feed of a hospital, and at the
pace of the replay in a replay. It never goes back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from streams.fold.event_time import WITNESSES, PartitionMark, Sample, overall

SECOND = timedelta(seconds=1)
ZERO = timedelta()

MAX_CHECK_AGE = timedelta(seconds=5)
"""A partition whose worker has not looked at it for so long counts as one with records left to read."""

MAX_DELAY = timedelta(seconds=2)
"""A partition whose last record was sent so recently counts as read to the end: under load there is always a next."""

MAX_UNATTENDED = timedelta(seconds=5)
"""How long a stored time goes on by itself when no worker renews it."""

KIND_OF = 9
"""The kind of the feed, live or a replay, is that of most of so many latest samples."""

MIN_SAMPLES, MIN_APART = 8, timedelta(seconds=2)
"""To measure the pace of a feed that does not say it: so many samples, in pairs of so much wall time."""

MIN_REPLAY_PACE = 1.5
"""Below it an unannounced feed counts as live, with a delay that varies."""

MIN_REPLAY_AGE = timedelta(seconds=60)
"""An unannounced feed whose facts are newer than this is live at any pace: it made up for an interruption."""

AHEAD_ANNOUNCED, AHEAD_MEASURED = timedelta(seconds=20), timedelta(seconds=5)
USUAL_PAUSES = 10
"""A replay goes on at its pace for so much wall time after its last fact, or for so many of its usual pauses; then at
the wall clock's pace, because it may have ended."""

ONE_REPLAY = timedelta(seconds=60)
"""Samples that are older than the last one by more than this, and by more than the usual pauses, are of a replay
before."""

SLOWER = 0.5
"""Share of the pace at which the time goes on while it is ahead of the feed: it neither goes back nor stops."""


class BoardClock(NamedTuple):
    """The board's time at a moment of the wall clock, and how it goes on from there."""

    at: datetime
    """Event time, aware UTC."""
    wall: datetime
    """The wall clock's time at which that was the board's time."""
    pace: float
    """Seconds of event time per second of the wall clock; 0 while records are left to read."""
    behind: bool = False
    """Whether records are left to read: the board shows the past."""

    def read(self, wall: datetime) -> datetime:
        """Return the board's time at `wall`, not earlier than `at` and not beyond `MAX_UNATTENDED`."""
        elapsed = min(max(wall - self.wall, ZERO), MAX_UNATTENDED)
        return self.at + elapsed * self.pace


class _Target(NamedTuple):
    at: datetime
    pace: float
    is_steering: bool = True
    """Whether the time waits for it when it is ahead; not where facts came as fast as possible, and have ended."""


def is_behind(mark: PartitionMark, wall: datetime) -> bool:
    """Return whether records of this partition are left to read, or nobody reads it."""
    if mark.checked_at is not None and wall - mark.checked_at > MAX_CHECK_AGE:
        return True
    if mark.caught_up:
        return False
    return not mark.samples or wall - mark.samples[-1].sent_at >= MAX_DELAY


def advance_clock(before: BoardClock | None, marks: Collection[PartitionMark], wall: datetime) -> BoardClock | None:
    """Return the board's time at `wall`.

    Parameters
    ----------
    before : BoardClock or None
        The time shown before; None at the first start.
    marks : collection of PartitionMark
        Of all partitions of the feed.
    wall : datetime
        The wall clock's time, aware UTC. It may have been set back since `before`.

    Returns
    -------
    BoardClock or None
        None while too few facts have been read.

    Examples
    --------
    >>> from datetime import UTC
    >>> three = datetime(2026, 3, 2, 3, tzinfo=UTC)
    >>> mark = PartitionMark((), True, (Sample(three, three + 2 * SECOND),))
    >>> advance_clock(None, [mark], three + timedelta(minutes=20)).at.strftime("%H:%M:%S")
    '03:19:58'
    """
    behind = any(is_behind(mark, wall) for mark in marks)
    target = _reached(marks, wall) if behind else _caught_up(marks, wall)
    if before is None:
        return BoardClock(target.at, wall, target.pace, behind) if target else None
    floor = before.read(wall)
    if behind:
        return BoardClock(max(floor, target.at) if target else floor, wall, 0.0, behind)
    if target is None:
        return BoardClock(floor, wall, 1.0)
    if target.at >= floor:
        return BoardClock(target.at, wall, target.pace)
    return BoardClock(floor, wall, SLOWER * target.pace if target.is_steering else target.pace)


def _reached(marks: Collection[PartitionMark], wall: datetime) -> _Target | None:
    """Return the time that all partitions with records left have reached."""
    reached = overall(mark._replace(caught_up=not is_behind(mark, wall)) for mark in marks)
    return _Target(reached, 0.0) if reached else None


def _caught_up(marks: Collection[PartitionMark], wall: datetime) -> _Target | None:
    """Return the time of a feed that was read to its end."""
    reached = overall(mark._replace(caught_up=True) for mark in marks)
    samples = sorted((sample for mark in marks for sample in mark.samples), key=lambda sample: sample.sent_at)
    if not samples:
        return _Target(reached, 1.0, is_steering=False) if reached else None
    latest = samples[-KIND_OF:]
    if 2 * sum(sample.pace is not None for sample in latest) > len(latest):
        return _announced([sample for sample in samples if sample.pace is not None], wall)
    return _unannounced([sample for sample in samples if sample.pace is None], wall)


def _announced(samples: Sequence[Sample], wall: datetime) -> _Target:
    """Return the time of a replay that says its pace; the middle one of its samples, as its faults are simulated."""
    pace = samples[-1].pace
    assert pace is not None
    return _going_on([sample for sample in samples if sample.pace == pace], pace, wall, AHEAD_ANNOUNCED)


def _unannounced(samples: Sequence[Sample], wall: datetime) -> _Target:
    """Return the time of a feed that says no pace: a hospital's, or a recording that somebody sends."""
    if samples[-1].sent_at - samples[-1].at >= MIN_REPLAY_AGE and (pace := _measured_pace(samples)) >= MIN_REPLAY_PACE:
        target = _going_on(samples, pace, wall, AHEAD_MEASURED)
        return target._replace(at=min(target.at, wall))
    delays = sorted(sample.sent_at - sample.at for sample in samples)
    delay = delays[WITNESSES - 1] if len(delays) >= WITNESSES else delays[0]
    return _Target(wall - max(delay, ZERO), 1.0)


def _measured_pace(samples: Sequence[Sample]) -> float:
    """Return the median pace between samples half of the list apart; 1 where there are too few."""
    if len(samples) < MIN_SAMPLES:
        return 1.0
    pairs = zip(samples, samples[len(samples) // 2 :], strict=False)
    paces = [
        (later.at - sooner.at) / (later.sent_at - sooner.sent_at)
        for sooner, later in pairs
        if later.sent_at - sooner.sent_at >= MIN_APART
    ]
    return median(paces) if paces else 1.0


def _going_on(samples: Sequence[Sample], pace: float, wall: datetime, ahead: timedelta) -> _Target:
    """Return the time of a replay, from the middle one of its samples."""
    last = samples[-1].sent_at
    pauses = [later.sent_at - sooner.sent_at for sooner, later in pairwise(samples)]
    usual = USUAL_PAUSES * sorted(pauses)[len(pauses) // 2] if pauses else ZERO
    paced_until = min(wall, last + max(ahead, usual))
    times = sorted(
        sample.at + (paced_until - sample.sent_at) * pace
        for sample in samples
        if last - sample.sent_at <= max(ONE_REPLAY, usual)
    )
    at = times[len(times) // 2] + max(wall - paced_until, ZERO)
    return _Target(at, pace if paced_until == wall else 1.0)
