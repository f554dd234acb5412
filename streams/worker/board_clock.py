"""The worker's clock: stores the board's time once a second, whatever agents the worker runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from mode import Service
from sqlalchemy import Engine

from schemas.topics import ADT_EVENTS, Heartbeat
from streams.fold.board_clock import ZERO, is_behind
from streams.fold.silence import HOUR, MAX_WEEKS, Rhythm
from streams.store import watermarks
from streams.store.watermarks import Ticked
from streams.worker import metrics
from streams.worker.transactions import Transactions

TICK_S = 1.0
CATCHING_UP_AFTER_S = 3.0
"""Seconds for which records must have been left to read before the worker says that it catches up."""

LEARN_EVERY_S = 600.0
"""Seconds between two readings of how many facts come at each hour."""

NO_ANSWER_AFTER_S = 15.0
"""Seconds without an answer of the database after which it counts as failing."""


class ClockService(Service):
    """Compares once a second what was read with the end of each partition, and stores the board's time.

    Parameters
    ----------
    app : faust.App
        Its consumer knows the partitions of this worker.
    transactions : Transactions
        For the writes.
    wall_clock : callable
        Aware UTC.
    """

    def __init__(self, app: Any, transactions: Transactions, wall_clock: Callable[[], datetime]) -> None:
        super().__init__()
        self._app = app
        self._transactions = transactions
        self._wall_clock = wall_clock
        self._ticked = Ticked(None, {})
        self._asked_at: float | None = None
        self._behind_since: float | None = None
        self._most_unread = 0
        self._unread: dict[int, int | None] = {}
        self._rhythm: Rhythm | None = None
        self._learnt_at = float("-inf")
        self._is_silent = False

    @Service.task
    async def _tick(self) -> None:
        while not self.should_stop:
            self._unread = self.unread()
            caught_up = {partition: left == 0 for partition, left in self._unread.items()}
            self._asked_at = time.monotonic()
            await self._transactions.run(lambda engine, caught_up=caught_up: self._store(engine, caught_up))  # type: ignore[misc]
            self._asked_at = None
            self._note_progress()
            await self.sleep(TICK_S)

    def unread(self) -> dict[int, int | None]:
        """Return how many records of each of this worker's partitions of the feed are left; None if it is unknown."""
        if self._app.producer_only or self._app.consumer is None or not self._app.consumer.started:
            return {}
        consumer = self._app.consumer
        return {tp.partition: consumer.unread(tp) for tp in consumer.assignment() if tp.topic == ADT_EVENTS.name}

    def _store(self, engine: Engine, caught_up: dict[int, bool]) -> None:
        wall = self._wall_clock()
        with engine.begin() as connection:
            self._ticked = ticked = watermarks.tick(connection, caught_up, wall)
            if ticked.clock is None:
                return
            if self._rhythm is None or time.monotonic() - self._learnt_at >= LEARN_EVERY_S:
                now = ticked.clock.at
                counts = watermarks.facts_by_hour(connection, now - MAX_WEEKS * 7 * 24 * HOUR)
                self._rhythm, self._learnt_at = Rhythm(counts, now), time.monotonic()
        metrics.WATERMARK.set(ticked.clock.at.timestamp())
        sent = [mark.sent_at for mark in ticked.marks.values() if mark.sent_at is not None]
        since = ticked.clock.at - max(wall - max(sent, default=wall), ZERO) * ticked.clock.pace
        self._is_silent = self._rhythm.is_unlikely(since, ticked.clock.at)

    def _note_progress(self) -> None:
        """Note since when records have been left, and how many at most."""
        unread = sum(left or 0 for left in self._unread.values())
        wall = self._wall_clock()
        behind = {number for number, mark in self._ticked.marks.items() if is_behind(mark, wall)}
        if not unread or not behind.intersection(self._unread):
            self._behind_since, self._most_unread = None, 0
            return
        self._behind_since = self._behind_since or time.monotonic()
        self._most_unread = max(self._most_unread, unread)

    def fill(self, beat: Heartbeat) -> Heartbeat:
        """Return a heartbeat with what this service knows."""
        wall, (clock, marks) = self._wall_clock(), self._ticked
        unread = sum(left or 0 for left in self._unread.values())
        sent = [mark.sent_at for mark in marks.values() if mark.sent_at is not None]
        return msgspec.structs.replace(
            beat,
            database=self._trouble(),
            board_time=clock.read(wall) if clock else None,
            pace=clock.pace if clock else 0.0,
            unread=unread,
            behind_s=self._behind_s(wall),
            progress=max(1 - unread / self._most_unread, 0.0) if self._most_unread else 0.0,
            last_fact_at=max(sent, default=None),
            silence=self._is_silent,
        )

    def _behind_s(self, wall: datetime) -> float | None:
        since = self._behind_since
        if since is None or time.monotonic() - since < CATCHING_UP_AFTER_S:
            return None
        behind = [mark.sent_at for mark in self._ticked.marks.values() if is_behind(mark, wall) and mark.sent_at]
        return max((wall - min(behind)).total_seconds(), 0.0) if behind else 0.0

    def _trouble(self) -> str:
        waiting_s = 0.0 if self._asked_at is None else time.monotonic() - self._asked_at
        if not self._transactions.failing and waiting_s > NO_ANSWER_AFTER_S:
            return f"no answer for {waiting_s:.0f} s"
        return self._transactions.failing
