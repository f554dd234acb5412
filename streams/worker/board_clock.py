"""The worker's clock: stores the board's time once a second, whatever agents the worker runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from mode import Service
from sqlalchemy import Engine

from schemas.topics import ADT_EVENTS
from streams.fold.board_clock import BoardClock
from streams.store import watermarks
from streams.worker import metrics
from streams.worker.transactions import Transactions

TICK_S = 1.0


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
        self.clock: BoardClock | None = None
        """The board's time as it was stored last."""

    @Service.task
    async def _tick(self) -> None:
        while not self.should_stop:
            unread = self.unread()
            caught_up = {partition: left == 0 for partition, left in unread.items()}
            await self._transactions.run(lambda engine, caught_up=caught_up: self._store(engine, caught_up))  # type: ignore[misc]
            await self.sleep(TICK_S)

    def unread(self) -> dict[int, int | None]:
        """Return how many records of each of this worker's partitions of the feed are left; None if it is unknown."""
        if self._app.producer_only or self._app.consumer is None or not self._app.consumer.started:
            return {}
        consumer = self._app.consumer
        return {tp.partition: consumer.unread(tp) for tp in consumer.assignment() if tp.topic == ADT_EVENTS.name}

    def _store(self, engine: Engine, caught_up: dict[int, bool]) -> None:
        with engine.begin() as connection:
            self.clock = watermarks.tick(connection, caught_up, self._wall_clock())
        if self.clock is not None:
            metrics.WATERMARK.set(self.clock.at.timestamp())
