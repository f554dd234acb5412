"""Hub of one process: its snapshot and its watchers. Runs on the event loop; other threads post to it.

A change is pushed at once if the last push is `PUSH_INTERVAL_S` ago; otherwise changes are batched until then. A tab
holds at most one unsent message: a slow watcher gets a snapshot instead of a queue.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from dashboard.live.board import BoardState
from dashboard.live.delta import changes, merged
from dashboard.live.feed import FeedClock
from dashboard.live.wire import Board, Feed, Push, UnitChange
from schemas.hospital import Hospital
from schemas.signs_of_life import ahead
from schemas.topics import CapacityMetrics, Heartbeat

PUSH_INTERVAL_S = 0.05
"""Minimum seconds between two pushes. Dash loses the first of two pushes of one property within 2 ms."""

TOGETHER_S = 0.01
"""Delay of a push, in seconds: units of one computation arrive from several partitions and share one push."""

PULSE_S = 1.0
"""Seconds without a push after which a heartbeat is pushed."""

MAX_UNTOLD_S = 1.5
"""Longest time in seconds for which the board's time goes on after a heartbeat; they come once a second."""

OVERLAP_S = 1.0
"""A delta repeats the steps of this many seconds: Dash drops messages that arrive while a tab is busy."""

_encode = msgspec.json.Encoder().encode


def utc_now() -> datetime:
    """Return the time of the wall clock, aware UTC."""
    return datetime.now(UTC)


class _Told(NamedTuple):
    """The board's time as a heartbeat said it, its pace, and when that was by the monotonic clock."""

    time: datetime
    pace: float
    at: float


class _Pushed(NamedTuple):
    seq: int
    board: Board


class _Step(NamedTuple):
    """Changes of one push."""

    at: float
    units: tuple[UnitChange, ...]
    summary: bool


class Watcher:
    """One browser tab: its unsent message, and whether it missed one."""

    def __init__(self, snapshot: Callable[[], str]) -> None:
        self._snapshot = snapshot
        self._waiting: str | None = None
        self._behind = False
        self._filled = asyncio.Event()

    def offer(self, message: str) -> None:
        """Keep a message for the tab. If one is unsent already, the tab needs a snapshot."""
        self._behind = self._behind or self._waiting is not None
        self._waiting = message
        self._filled.set()

    async def next(self) -> str:
        """Return the next message: a snapshot when more than one was missed."""
        await self._filled.wait()
        message, behind = self._waiting, self._behind
        self._waiting, self._behind = None, False
        self._filled.clear()
        return self._snapshot() if behind or message is None else message


class Hub:
    """Keeps the snapshot and pushes changes.

    Parameters
    ----------
    hospital : Hospital
        The hospital file: names, order and staffed beds of the units.
    build : str
        Version of the server's code; a browser that was loaded from another one reloads.
    clock : callable
        Monotonic seconds.
    wall_clock : callable
        Aware UTC.
    """

    def __init__(
        self,
        hospital: Hospital,
        build: str,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.build = build
        self._wall_clock = wall_clock
        self._is_past = False
        self._told: _Told | None = None
        self.epoch = uuid.uuid4().hex[:12]
        self._clock = clock
        self._state = BoardState(hospital)
        self._feed = FeedClock(clock())
        self._pushed = _Pushed(0, self._state.draw())
        self._pushed_at = 0.0
        self._steps: deque[_Step] = deque()
        self._alerts = 0
        self._changed = asyncio.Event()
        self._watchers: set[Watcher] = set()

    @property
    def watchers(self) -> int:
        """How many browser tabs are connected."""
        return len(self._watchers)

    @property
    def board(self) -> Board:
        """The board as it was last pushed. Immutable, so any thread may read it."""
        return self._pushed.board

    @property
    def alerts(self) -> int:
        """How many messages on alerts were seen."""
        return self._alerts

    @property
    def event_time(self) -> datetime | None:
        """The board's time."""
        self._advance()
        return self._state.event_time

    def feed(self) -> Feed:
        """Return how old the board is, and whether its time is ahead of the clock."""
        wall = self._wall_clock()
        feed = self._feed.read(self._clock(), wall)
        return msgspec.structs.replace(feed, ahead=ahead(self._state.event_time, wall))

    def metrics(self, facility_id: str, unit_id: str) -> CapacityMetrics | None:
        """Return the latest metrics of a unit."""
        return self._state.metrics((facility_id, unit_id))

    def load(self, metrics: Iterable[CapacityMetrics]) -> None:
        """Replace everything by the snapshot from SQL."""
        self._state.replace(metrics)
        self._feed.database("")
        self._alerts += 1  # missed messages may have been about alerts
        self._changed.set()

    def database_lost(self, reason: str) -> None:
        """Note that the snapshot could not be read, and the driver's reason."""
        self._feed.database(reason)

    def heartbeat(self, beat: Heartbeat) -> None:
        """Record a heartbeat; a worker's says the board's time."""
        self._feed.heartbeat(beat, self._clock())
        if beat.board_time is not None and not beat.stopping:
            self._told = _Told(beat.board_time, beat.pace, self._clock())
            self._advance()

    def _advance(self) -> None:
        """Let the board's time go on from the last heartbeat to now, for as long as heartbeats come."""
        if self._told is not None:
            elapsed_s = min(self._clock() - self._told.at, MAX_UNTOLD_S)
            self._state.set_time(self._told.time + timedelta(seconds=elapsed_s * self._told.pace))

    def broker_answered(self) -> None:
        """Record an answer of the broker."""
        self._feed.broker(self._clock())

    def accept(self, metrics: Iterable[CapacityMetrics], alerts: int) -> None:
        """Apply what the broker sent: metrics of units in order, and the number of messages about alerts."""
        self._feed.message(self._clock())
        for metric in metrics:
            self._state.apply(metric)
        self._alerts += alerts
        self._changed.set()

    @contextmanager
    def watch(self) -> Iterator[Watcher]:
        """Register a browser tab. It gets what is pushed from now on."""
        watcher = Watcher(self.snapshot)
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def snapshot(self) -> str:
        """Return the whole board as one message that the next deltas continue. Safe on any thread."""
        pushed = self._pushed
        return self._message(pushed.seq, board=pushed.board)

    async def run(self) -> None:
        """Push changes, or a heartbeat if there are none, until cancelled."""
        while True:
            try:
                await asyncio.wait_for(self._changed.wait(), PULSE_S)
            except TimeoutError:
                if self._is_as_pushed():
                    self._offer(self._message(self._pushed.seq))
                else:
                    self._push()
                continue
            await asyncio.sleep(max(TOGETHER_S, self._pushed_at + PUSH_INTERVAL_S - self._clock()))
            self._changed.clear()
            self._push()

    def _is_as_pushed(self) -> bool:
        """Return whether neither time nor the signs of life have changed what the board shows."""
        self._advance()
        return self._state.is_at(self._pushed.board.event_time) and self.feed().past == self._is_past

    def _push(self) -> None:
        now = self._clock()
        self._advance()
        self._is_past = self.feed().past
        board = self._state.draw(past=self._is_past)
        seq, old = self._pushed.seq + 1, self._pushed.board
        self._pushed, self._pushed_at = _Pushed(seq, board), now
        differing = changes(old, board)
        if differing is None:
            self._steps.clear()
            self._offer(self.snapshot())
            return
        self._steps.append(_Step(now, differing, board.summary != old.summary))
        while self._steps[0].at < now - OVERLAP_S:
            self._steps.popleft()
        if self._watchers:
            self._offer(
                self._message(
                    seq,
                    delta=True,
                    since=seq - len(self._steps),
                    units=merged(step.units for step in self._steps),
                    summary=board.summary if any(step.summary for step in self._steps) else None,
                    event_time=board.event_time,
                )
            )

    def _message(self, seq: int, **content: object) -> str:
        push = Push(
            epoch=self.epoch,
            build=self.build,
            seq=seq,
            sent_ms=int(time.time() * 1000),
            feed=self.feed(),
            alerts=self._alerts,
            **content,  # type: ignore[arg-type]
        )
        return _encode(push).decode()

    def _offer(self, message: str) -> None:
        for watcher in self._watchers:
            watcher.offer(message)
