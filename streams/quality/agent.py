"""The `quality` agent: keeps the list of what a person must look at, so that the dashboard can show it.

It takes no messages: it looks again and again, what follows from the state often, what only the whole log tells
seldom, and never for more than a twentieth of the time. Several workers share one list: who finds it fresh goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from mode import Service

from schemas.hospital import Hospital
from streams.quality.store import EVERY, keep, look
from streams.worker.transactions import Transactions

SHARE = 20
"""A look that took a second is not repeated for this many."""

PAUSE_S = 1.0


class Quality(Service):
    """Looks, and writes what changed.

    Parameters
    ----------
    reading, writing : Transactions
        On SQLite writing shares the one writer's queue; reading has a thread of its own and holds nobody up.
    hospital : Hospital
        Which units and beds there are.
    clock : callable
        The wall clock, aware UTC.
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
                    due_s[part] = began_s + max(every.total_seconds(), SHARE * spent_s)
            await self.sleep(PAUSE_S)

    async def _look(self, part: str) -> None:
        now = self._clock()
        found = await self._reading.run(lambda engine: look(engine, self._hospital, part, now))
        if found is not None:
            await self._writing.run(lambda engine: keep(engine, part, *found, now))
