"""SQL of encounters: by id, and as the history of a person under all their tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from schemas import tables
from schemas.state import Encounter, decode_encounter
from streams.store import bulk
from streams.store.people import persons

_FETCH = 2_000


def encounters(connection: Connection, encounter_ids: Iterable[str]) -> list[Encounter]:
    """Return the stored encounters with these ids."""
    rows = bulk.select_by_key(connection, "state", tables.encounter, "encounter_id", set(encounter_ids))
    return [decode_encounter(row[0]) for row in rows]


def of_persons(connection: Connection, patient_tokens: Iterable[str]) -> dict[str, list[Encounter]]:
    """Return all encounters of each patient, by the given token, including those under merged tokens."""
    tokens = set(patient_tokens)
    person_of = persons(connection, tokens)
    rows = bulk.select_by_key(connection, "state", tables.encounter, "patient_token", person_of)
    found = _by_person(rows, person_of)
    return {token: found.get(person_of[token], []) for token in tokens}


def of_everyone(connection: Connection) -> dict[str, list[Encounter]]:
    """Return all encounters in the database, by person token."""
    column, alias = tables.encounter.columns, tables.alias.columns
    person_of = {row.patient_token: row.person_token for row in connection.execute(select(*alias))}
    query = select(column.state).order_by(column.patient_token, column.encounter_id)
    return _by_person(connection.execution_options(yield_per=_FETCH).execute(query), person_of)


def _by_person(rows: Iterable[Any], person_of: Mapping[str, str]) -> dict[str, list[Encounter]]:
    found: dict[str, list[Encounter]] = {}
    for row in rows:
        encounter = decode_encounter(row[0])
        found.setdefault(person_of.get(encounter.patient_token, encounter.patient_token), []).append(encounter)
    return found
