"""SQL of the monthly partitions of the fact log: which there are, and those of new facts, made ahead.

SQLite has one table and no partitions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, text

from schemas.partitions import KEPT, Month, month_sql
from streams.store import locks

_known: WeakKeyDictionary[Engine, set[Month]] = WeakKeyDictionary()
"""Months whose partitions were found in each database, so that nobody asks for them with each batch."""

_MONTH = re.compile(r"fact_(\d{4})_(\d{2})")


def ensure(connection: Connection, received_at: Iterable[datetime]) -> None:
    """Make the partitions for facts received at these times, and for those of the following month.

    Runs in the caller's transaction; several may do so at once.
    """
    if not locks.has_concurrent_writers(connection):
        return
    wanted = {month for at in received_at for month in (Month.of(at), Month.of(at).next)}
    known = _known.setdefault(connection.engine, set())
    if wanted <= known:
        return
    found = set(months(connection))
    if wanted - found:
        locks.lock(connection, locks.AdvisoryLock.FACT_LOG)
        for month in sorted(wanted.difference(months(connection))):
            for statement in month_sql(month):
                connection.execute(text(statement))
    known |= wanted & found  # what this transaction made may be rolled back


def forget(engine: Engine) -> None:
    """Ask again for the partitions of a database: one of them has gone."""
    _known.pop(engine, None)


def months(connection: Connection) -> list[Month]:
    """Return the months that have a partition, oldest first."""
    names = (_MONTH.fullmatch(name) for name in partitions(connection))
    return sorted(Month(int(found[1]), int(found[2])) for found in names if found)


def partitions(connection: Connection) -> list[str]:
    """Return the names of all partitions of the log; SQLite has none."""
    if not locks.has_concurrent_writers(connection):
        return []
    query = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'fact'::regclass ORDER BY 1")
    return list(connection.scalars(query))


def has_kept(connection: Connection) -> bool:
    """Return whether an archive has left facts of older months in the log."""
    return KEPT in partitions(connection)
