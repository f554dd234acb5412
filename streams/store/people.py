"""SQL of persons: tokens that merges connect, and the person of each token."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, select

from schemas import tables
from schemas.state import decode_patient
from streams.fold.merges import MergeOrder, merges_of
from streams.store import bulk


def deaths(connection: Connection, tokens: Iterable[str]) -> dict[str, datetime]:
    """Return when the persons of these tokens died, by the given token; without those who are not reported dead."""
    wanted = set(tokens)
    person_of = persons(connection, wanted)
    rows = bulk.select_by_key(connection, "state", tables.patient, "patient_token", person_of)
    died: dict[str, datetime] = {}
    for patient in (decode_patient(row[0]) for row in rows):
        if patient.died_at is not None:
            person = person_of[patient.patient_token]
            died[person] = min(patient.died_at, died.get(person, patient.died_at))
    return {token: died[person_of[token]] for token in wanted if person_of[token] in died}


class MergeGroup(NamedTuple):
    """Tokens that merges, unmerges or links connect, and the merges and links that are in force."""

    tokens: set[str]
    merges: dict[str, tuple[str, MergeOrder]]
    """Target and time of each merge, by merged token."""
    links: dict[str, list[str]]
    """Tokens of the chosen numbers, by token of a further number."""


def persons(connection: Connection, tokens: Iterable[str]) -> dict[str, str]:
    """Return the person of each token and of all other tokens of these persons; an unmerged token is its own person."""
    wanted = set(tokens)
    found = {token: token for token in wanted}
    if not wanted:
        return found
    found.update(aliases(connection, "patient_token", wanted))
    found.update(aliases(connection, "person_token", set(found.values())))
    found.update({person: person for person in found.values()})
    return found


def aliases(connection: Connection, key: str, values: Iterable[str]) -> list[tuple[str, str]]:
    """Return (token, person) of the rows of `alias` whose `key` column has one of the values."""
    rows = bulk.select_by_key(connection, "patient_token, person_token", tables.alias, key, values)
    return [(token, person) for token, person in rows]


def merge_group(connection: Connection, tokens: Collection[str]) -> MergeGroup:
    """Return all tokens that merges or links connect to these, directly or through others."""
    column, link = tables.patient.columns, tables.patient_link.columns
    connected: set[str] = set()
    merges: dict[str, tuple[str, MergeOrder]] = {}
    links: dict[str, list[str]] = {}
    reached = set(persons(connection, tokens))
    while reached:
        connected |= reached
        rows = connection.execute(
            select(column.patient_token, column.state).where(
                column.merged_into.is_not(None),
                column.patient_token.in_(reached) | column.merged_into.in_(reached),
            )
        )
        found = merges_of(decode_patient(row.state) for row in rows)
        merges |= found
        ends = {end for token, (into, _) in found.items() for end in (token, into)}
        linked = select(link.patient_token, link.linked_to).where(
            link.patient_token.in_(reached) | link.linked_to.in_(reached)
        )
        for token, into in connection.execute(linked):
            links.setdefault(token, []).append(into)
            ends |= {token, into}
        reached = ends - connected
    return MergeGroup(connected, merges, links)


def save_aliases(connection: Connection, gone: Collection[str], written: Iterable[tuple[str, str]]) -> None:
    """Delete the aliases of unmerged tokens (`gone`) and write (token, person) of merged ones."""
    if gone:
        connection.execute(delete(tables.alias).where(tables.alias.columns.patient_token.in_(gone)))
    bulk.insert(connection, tables.alias, sorted(written), on_conflict="update")
