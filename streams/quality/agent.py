"""The `quality` agent: refreshes the list of data-quality findings that the dashboard shows.

It consumes no topic but polls: findings from the state often, findings from the notes on facts seldom, and for at
most a twentieth of the time. Its queries read what is in progress and what was noted when a fact came in, never the
whole log. Several workers share one list: a worker that finds it fresh skips the refresh.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from mode import Service

from schemas.hospital import Hospital
from streams.quality.store import EVERY, keep, look
from streams.worker.transactions import Transactions

MIN_INTERVAL_RATIO = 20
"""A refresh that took one second is repeated after this many seconds at the earliest."""

PAUSE_S = 1.0


class Quality(Service):
    """Refreshes the list and writes what changed.

    Parameters
    ----------
    reading, writing : Transactions
        On SQLite, writing shares the queue of the single writer; reading has its own thread and blocks no other agent.
    hospital : Hospital
        Units and beds of the hospital.
    clock : callable
        Wall clock, aware UTC.
    """

    def __init__(
        self, reading: Transactions, writing: Transactions, hospital: Hospital, clock: Callable[[], datetime]
    ) -> None:
        super().__init__()
        self._reading = reading
        self._writing = writing
        self._hospital = hospital
        self._clock = clock

    @Service.task
    async def _keep(self) -> None:
        due_s = dict.fromkeys(EVERY, 0.0)
        while not self.should_stop:
            for part, every in EVERY.items():
                began_s = time.monotonic()
                if began_s >= due_s[part]:
                    await self._look(part)
                    spent_s = time.monotonic() - began_s
                    due_s[part] = began_s + max(every.total_seconds(), MIN_INTERVAL_RATIO * spent_s)
            await self.sleep(PAUSE_S)

    async def _look(self, part: str) -> None:
        now = self._clock()
        found = await self._reading.run(lambda engine: look(engine, self._hospital, part, now))
        if found is not None:
            await self._writing.run(lambda engine: keep(engine, part, *found, now))
