"""SQL of the fact log: all facts in a stream, subject by subject, or those about some subjects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import Connection, func, literal, or_, select, text

from schemas import tables
from schemas.events import AnyFact, EncountersMerged, EncountersUnmerged, decode_fact
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


def merged_encounters(connection: Connection) -> Iterator[set[str]]:
    """Yield each group of encounters that merges, done or undone, connect; most logs hold none."""
    together: dict[str, set[str]] = {}
    for fact in _facts_of_kinds(connection, (EncountersMerged, EncountersUnmerged)):
        ends = (fact.subject, fact.data.into if isinstance(fact, EncountersMerged) else fact.subject)
        one, other = (together.setdefault(key, {key}) for key in ends)
        if one is not other:
            one |= other
            together |= dict.fromkeys(other, one)
    yield from {id(group): group for group in together.values()}.values()


def _facts_of_kinds(connection: Connection, kinds: Iterable[type]) -> Iterator[Any]:
    """Yield the facts of these kinds; scans all bodies without decoding them."""
    column = tables.fact.columns
    tags = [str(msgspec.inspect.type_info(kind).tag).encode() for kind in kinds]  # type: ignore[attr-defined]
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = '30min'"))
        holds = [func.position(literal(tag).op("IN")(column.body)) > 0 for tag in tags]
    else:
        holds = [func.instr(column.body, tag) > 0 for tag in tags]
    for body in connection.scalars(select(column.body).where(or_(*holds))):
        yield decode_fact(bytes(body))


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
