"""The `quality` agent: keeps the list of what a person must look at, so that the dashboard can show it.

It takes no messages: it looks again and again, what follows from the state often, what only the whole log tells
seldom, and never for more than a twentieth of the time. Several workers share one list: who finds it fresh goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from mode import Service
from sqlalchemy import Connection, Engine, delete, select, tuple_

from schemas import tables
from schemas.hospital import Hospital
from streams import bulk_sql
from streams.data_quality import Finding, event_time, of_log, of_state
from streams.transactions import Transactions

EVERY: dict[str, timedelta] = {"state": timedelta(seconds=5), "log": timedelta(minutes=1)}
"""The parts of the list, and how old each may get."""

SHARE = 20
"""A look that took a second is not repeated for this many."""

PAUSE_S = 1.0

_Row = tuple[Any, ...]


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


def look(engine: Engine, hospital: Hospital, part: str, now: datetime) -> tuple[list[Finding], datetime | None] | None:
    """Return one part of the list and up to which event time it tells; None where it is fresh enough."""
    with engine.connect().execution_options(read_only=True) as connection:
        column = tables.finding_look.columns
        looked_at = connection.scalar(select(column.looked_at).where(column.part == part))
        if looked_at is not None and now - looked_at < EVERY[part] * 0.9:
            return None
        until = event_time(connection)
        if until is None:
            return [], None
        return list(of_state(connection, until) if part == "state" else of_log(connection, hospital)), until


def keep(engine: Engine, part: str, found: Sequence[Finding], until: datetime | None, now: datetime) -> None:
    """Write one part of the list over what was there."""
    with engine.begin() as connection:
        stored = _stored(connection, part)
        rows = {row[:4]: row for row in (_row(part, finding) for finding in found)}
        gone = [key for key in stored if key not in rows]
        column = tables.finding.columns
        for start in range(0, len(gone), 500):
            key = tuple_(column.part, column.kind, column.subject, column.says)
            connection.execute(delete(tables.finding).where(key.in_(gone[start : start + 500])))
        changed = sorted((row for key, row in rows.items() if stored.get(key) != row), key=lambda row: row[:4])
        bulk_sql.insert(connection, tables.finding, changed, on_conflict="update")
        bulk_sql.insert(connection, tables.finding_look, [(part, now, until)], on_conflict="update")


def _stored(connection: Connection, part: str) -> dict[_Row, _Row]:
    rows = connection.execute(select(tables.finding).where(tables.finding.columns.part == part))
    return {tuple(row[:4]): tuple(row) for row in rows}


def _row(part: str, finding: Finding) -> _Row:
    return (part, finding.kind.value, *msgspec.structs.astuple(finding)[1:])
