"""All SQL of who is who: the merges, and the person that each token belongs to."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, delete, select, text

from schemas import tables
from schemas.state import decode_patient
from streams.fold.merges import MergeOrder, resolve_merges
from streams.store import bulk

PEOPLE_LOCK = 46


def persons(connection: Connection, tokens: Iterable[str]) -> dict[str, str]:
    """Return the person of each token, and of all other tokens of these persons; by default a token is its own."""
    wanted = set(tokens)
    found = {token: token for token in wanted}
    if not wanted:
        return found
    found.update(_aliases(connection, "patient_token", wanted))
    found.update(_aliases(connection, "person_token", set(found.values())))
    found.update({person: person for person in found.values()})
    return found


def _aliases(connection: Connection, key: str, values: Iterable[str]) -> list[tuple[str, str]]:
    rows = bulk.select_by_key(connection, "patient_token, person_token", tables.alias, key, values)
    return [(token, person) for token, person in rows]


def tied(connection: Connection, tokens: Collection[str]) -> set[str]:
    """Return all tokens that merges, done or undone, tie to these."""
    return _component(connection, set(tokens))[0] | set(persons(connection, tokens))


def reassign_persons(connection: Connection, tokens: Collection[str]) -> set[str]:
    """Work out anew who is who around tokens whose merges changed, and return all tokens whose person is another now.

    Merges that hang together are read as a whole, under a lock, so that two workers cannot each miss the other's.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": PEOPLE_LOCK})
    around, merges = _component(connection, set(persons(connection, tokens)))
    before = dict(_aliases(connection, "patient_token", around))
    after = resolve_merges(merges)
    changed = {token for token in around if before.get(token) != after.get(token)}
    gone = sorted(set(before).difference(after))
    if gone:
        connection.execute(delete(tables.alias).where(tables.alias.columns.patient_token.in_(gone)))
    rows: list[Any] = sorted(item for item in after.items() if before.get(item[0]) != item[1])
    bulk.insert(connection, tables.alias, rows, on_conflict="update")
    members = {before.get(token, token) for token in changed} | {after.get(token, token) for token in changed}
    return changed | members


def _component(connection: Connection, tokens: set[str]) -> tuple[set[str], dict[str, tuple[str, MergeOrder]]]:
    """Return the tokens that merges tie to these, and the merges."""
    column = tables.patient.columns
    around: set[str] = set()
    merges: dict[str, tuple[str, MergeOrder]] = {}
    reached = set(tokens)
    while reached:
        around |= reached
        rows = connection.execute(
            select(column.patient_token, column.state).where(
                column.merged_into.is_not(None),
                column.patient_token.in_(reached) | column.merged_into.in_(reached),
            )
        )
        ends: set[str] = set()
        for row in rows:
            patient = decode_patient(row.state)
            if patient.merged_into is not None and patient.merge_order is not None:
                merges[row.patient_token] = (patient.merged_into, patient.merge_order)
                ends |= {row.patient_token, patient.merged_into}
        reached = ends - around
    return around, merges
