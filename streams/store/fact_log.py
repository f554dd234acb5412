"""SQL of the fact log: all facts in a stream, subject by subject, or those about some subjects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, func, select, text

from schemas import tables
from schemas.events import BED_PREFIX, AnyFact, decode_fact
from streams.store import bulk

FETCH = 5_000


def subjects_with_facts(connection: Connection) -> Iterator[tuple[str, list[Any]]]:
    """Yield each subject with all its facts, sorted by subject."""
    column = tables.fact.columns
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("SET LOCAL statement_timeout = '30min'")
        )  # PostgreSQL sorts the whole log before the first row
    query = select(column.subject, column.body).order_by(column.subject)
    rows = connection.execute(query, execution_options={"yield_per": FETCH})
    for subject, group in groupby(rows, key=itemgetter(0)):
        yield subject, [decode_fact(bytes(row[1])) for row in group]


def copy_shared_ids(connection: Connection, into: Table) -> None:
    """Write all ids that a source used for several subjects, or for several reports on one bed; reads the whole log."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = '30min'"))
    fact = tables.fact.columns
    several = func.min(fact.subject) != func.max(fact.subject)
    reports = func.min(fact.subject).startswith(BED_PREFIX) & (func.min(fact.digest) != func.max(fact.digest))
    twice = (
        select(fact.source, fact.event_id)
        .group_by(fact.source, fact.event_id)
        .having((func.count() > 1) & (several | reports))
        .subquery()
    )
    same_id = (fact.source == twice.c.source) & (fact.event_id == twice.c.event_id)
    rows = select(fact.source, fact.event_id, fact.subject).join(twice, same_id).distinct()
    connection.execute(into.insert().from_select(["source", "event_id", "subject"], rows))


def facts_in_log(connection: Connection) -> int:
    """Return the number of facts in the log."""
    return connection.scalar(select(func.count()).select_from(tables.fact)) or 0


def facts_about(
    connection: Connection, subjects: Iterable[str], known: Mapping[bytes, AnyFact] | None = None
) -> dict[str, list[Any]]:
    """Return all facts about each subject.

    Parameters
    ----------
    connection : Connection
        Of the database with the log.
    subjects : iterable of str
        Encounters, `patient:` or `bed:` subjects; those without a fact are missing in the result.
    known : mapping of bytes to fact, optional
        Facts that are decoded already, by body.
    """
    decoded = known or {}
    found: dict[str, list[Any]] = {}
    for subject, body in bulk.select_by_key(connection, "subject, body", tables.fact, "subject", subjects):
        found.setdefault(subject, []).append(decoded.get(body) or decode_fact(body))
    return found
