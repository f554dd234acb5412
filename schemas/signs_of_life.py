"""Signs of life: what the dashboard, `/health`, `status`, `doctor` and the demo say about feed, workers and database.

All of them call `sign`, so all say the same words. Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec

from schemas.topics import Heartbeat

STOPPED_AFTER_S = 3.5
"""Seconds without a heartbeat after which a process counts as stopped; it sends one a second."""

FORGOTTEN_AFTER_S = 60.0
"""Seconds after which a stopped worker is no longer named, if others run all of its agents."""

NEEDED = ("adt", "capacity", "relay")
"""Agents without which the board stands still."""

AHEAD_AFTER_S = 300.0
"""Seconds by which the board's time must be ahead of the clock to be named: less is a clock that was set."""

INTERFACES = {"mllp": "MLLP", "http": "HTTP"}


class State(StrEnum):
    """States, the most serious first."""

    BROKER_LOST = "broker_lost"
    DATABASE_FAILING = "database_failing"
    WORKER_STOPPED = "worker_stopped"
    CATCHING_UP = "catching_up"
    INTERFACE_STOPPED = "interface_stopped"
    SILENT = "silent"
    STARTING = "starting"
    LIVE = "live"


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown. `title` changes only with the state, so that a screen reader announces no passing of time."""

    state: str
    title: str
    detail: str

    @property
    def text(self) -> str:
        """Both in one line."""
        return f"{self.title}: {self.detail}" if self.detail else self.title


class Pulse(NamedTuple):
    """The last heartbeat of a process, and its age in seconds."""

    beat: Heartbeat
    age_s: float


def sign(
    pulses: Collection[Pulse],
    *,
    wall: datetime,
    broker_lost: bool = False,
    database: str = "",
    is_starting: bool = False,
) -> Sign:
    """Return the sign.

    Parameters
    ----------
    pulses : collection of Pulse
        The last heartbeat of every process that was heard of.
    wall : datetime
        The wall clock's time, aware UTC.
    broker_lost : bool
        Whether the broker does not answer the caller.
    database : str
        The driver's reason for which the caller cannot read the database; empty if it can.
    is_starting : bool
        Whether the caller has not listened for long enough to hear every process.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> sign([], wall=datetime(2026, 3, 2, tzinfo=UTC), database="connection refused").text
    'Database failing: connection refused. The board shows the last known state'
    """
    if broker_lost:
        return _sign(State.BROKER_LOST, "Broker lost", "Kafka does not answer. The board shows the last known state")
    alive = [pulse.beat for pulse in pulses if pulse.age_s <= STOPPED_AFTER_S and not pulse.beat.stopping]
    workers = [beat for beat in alive if beat.role == "worker"]
    reason = database or next((beat.database for beat in workers if beat.database), "")
    if reason:
        return _sign(
            State.DATABASE_FAILING, "Database failing", f"{reason.rstrip('.')}. The board shows the last known state"
        )
    covered = {agent for beat in workers for agent in beat.agents}
    missing = [agent for agent in NEEDED if agent not in covered]
    lost = [pulse for pulse in pulses if pulse.age_s > STOPPED_AFTER_S and not pulse.beat.stopping]
    lost_workers = [pulse for pulse in lost if pulse.beat.role == "worker" and pulse.age_s <= FORGOTTEN_AFTER_S]
    if missing and is_starting and not lost_workers:
        return _sign(State.STARTING, "Connecting", "waiting for a sign of life of a worker")
    if missing:
        return _sign(
            State.WORKER_STOPPED,
            "Worker stopped",
            f"no worker runs {', '.join(missing)}. The board shows the last known state",
        )
    if lost_workers:
        return _sign(
            State.WORKER_STOPPED,
            "Worker stopped",
            f"{len(lost_workers)} of {len(lost_workers) + len(workers)}; the others take over",
        )
    return _of_the_feed(workers, lost, wall)


def _of_the_feed(workers: Collection[Heartbeat], lost: Collection[Pulse], wall: datetime) -> Sign:
    readers = [beat for beat in workers if "adt" in beat.agents]
    behind = [beat for beat in readers if beat.behind_s is not None]
    if behind:
        age_s = max(beat.behind_s or 0.0 for beat in behind)
        unread = sum(beat.unread for beat in readers)
        progress = min(beat.progress for beat in behind)
        detail = f"{in_words(age_s)} behind, {progress:.0%} read, {unread:,} facts left. The board shows the past"
        return _sign(State.CATCHING_UP, "Catching up", detail)
    sent = [beat.last_fact_at for beat in readers if beat.last_fact_at is not None]
    silent_s = max((wall - max(sent)).total_seconds(), 0.0) if sent else None
    last = "no event yet" if silent_s is None else f"last event {in_words(silent_s)} ago"
    interfaces = [pulse for pulse in lost if pulse.beat.role in INTERFACES]
    if interfaces:
        named = ", ".join(sorted({INTERFACES[pulse.beat.role] for pulse in interfaces}))
        return _sign(State.INTERFACE_STOPPED, "Interface stopped", f"{named}; {last}")
    if any(beat.silence for beat in readers):
        return _sign(State.SILENT, "Feed silent", f"{last}, longer than is likely at this hour")
    return _sign(State.LIVE, "Live", last)


def _sign(state: State, title: str, detail: str) -> Sign:
    return Sign(state=state.value, title=title, detail=detail)


def in_words(seconds: float) -> str:
    """Return a length of time, in its largest unit.

    Examples
    --------
    >>> in_words(12.7), in_words(185), in_words(7_300), in_words(200_000)
    ('12 s', '3 min', '2 h', '2 d')
    """
    if seconds < 60:
        return f"{max(int(seconds), 0)} s"
    if seconds < 3_600:
        return f"{int(seconds // 60)} min"
    return f"{int(seconds // 3_600)} h" if seconds < 172_800 else f"{int(seconds // 86_400)} d"


def ahead(board_time: datetime | None, wall: datetime) -> str:
    """Return by how much the board's time is ahead of the clock, in words.

    Only a simulation or a replay gets there: one that ran faster than the clock, or whose facts have future dates.

    Parameters
    ----------
    board_time : datetime or None
        Aware UTC; None while no fact was read.
    wall : datetime
        The wall clock's time, aware UTC.

    Returns
    -------
    str
        Empty if it is not ahead by more than `AHEAD_AFTER_S`.

    Examples
    --------
    >>> from datetime import UTC, datetime, timedelta
    >>> eight = datetime(2026, 3, 2, 8, tzinfo=UTC)
    >>> ahead(eight + timedelta(hours=10, minutes=5), eight), ahead(eight, eight)
    ('10 h ahead', '')
    """
    seconds = 0.0 if board_time is None else (board_time - wall).total_seconds()
    return f"{in_words(seconds)} ahead" if seconds > AHEAD_AFTER_S else ""
