"""Reading the fact log as a whole: subject by subject, in a stream, on both engines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, func, select, text

from schemas import tables
from schemas.events import decode_fact
from streams import bulk_sql

FETCH = 5_000


def subjects_with_facts(connection: Connection) -> Iterator[tuple[str, list[Any]]]:
    """Yield each subject with all its facts, by subject."""
    column = tables.fact.columns
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = '30min'"))  # the sort comes before the first row
    query = select(column.subject, column.body).order_by(column.subject)
    rows = connection.execution_options(yield_per=FETCH).execute(query)
    for subject, group in groupby(rows, key=itemgetter(0)):
        yield subject, [decode_fact(bytes(row[1])) for row in group]


def facts_in_log(connection: Connection) -> int:
    """Return how many facts the log holds."""
    return connection.scalar(select(func.count()).select_from(tables.fact)) or 0


def facts_about(connection: Connection, subjects: Iterable[str]) -> dict[str, list[Any]]:
    """Return all facts about each of some subjects."""
    found: dict[str, list[Any]] = {}
    for subject, body in bulk_sql.select_by_key(connection, "subject, body", tables.fact, "subject", subjects):
        found.setdefault(subject, []).append(decode_fact(bytes(body)))
    return found
