"""Queries of what contradicts each other behind a finding: two facts, or two encounters, as columns of one table."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, select

from schemas import tables
from schemas.events import AnyFact, EncounterFact, decode_fact
from schemas.state import Encounter, decode_encounter
from streams.quality.kinds import Kind
from streams.store.people import persons

COLUMNS_SHOWN = 4
"""Maximum number of contents side by side."""

Side = AnyFact | Encounter


def sides(engine: Engine, kind: str, subject: str, facts: Sequence[AnyFact]) -> list[Side]:
    """Return what stands against each other, at least two; empty where the finding is not a contradiction.

    Parameters
    ----------
    engine : Engine
        The database.
    kind : str
        Of the finding.
    subject : str
        As the finding names it: an encounter, a patient, or a bed as facility/unit/bed.
    facts : sequence of AnyFact
        Facts about the subject.
    """
    with engine.connect().execution_options(read_only=True) as connection:
        if kind == Kind.BED_CLAIMED_TWICE:
            found: list[Side] = list(_claimants(connection, subject))
        elif kind == Kind.SECOND_BED:
            found = list(_of_one_person(connection, subject))
        else:
            found = [*(_under_one_id(connection, facts) or _of_two_patients(facts))]
    return found[:COLUMNS_SHOWN] if len(found) > 1 else []


def _claimants(connection: Connection, place: str) -> list[Encounter]:
    stay, encounter = tables.unit_stay.columns, tables.encounter.columns
    facility_id, _, rest = place.partition("/")
    unit_id, _, bed_id = rest.partition("/")
    query = (
        select(encounter.state)
        .join(tables.unit_stay, stay.encounter_id == encounter.encounter_id)
        .where(stay.facility_id == facility_id, stay.unit_id == unit_id, stay.bed_id == bed_id)
        .where(stay.left_at.is_(None), encounter.status == "in_progress")
        .order_by(stay.arrived_at, encounter.encounter_id)
    )
    return [decode_encounter(bytes(state)) for state in connection.scalars(query)]


def _of_one_person(connection: Connection, encounter_id: str) -> list[Encounter]:
    encounter, alias = tables.encounter.columns, tables.alias.columns
    token = connection.scalar(select(encounter.patient_token).where(encounter.encounter_id == encounter_id))
    if token is None:
        return []
    person = persons(connection, {token})[token]
    merged = connection.scalars(select(alias.patient_token).where(alias.person_token == person))
    query = (
        select(encounter.state)
        .where(encounter.patient_token.in_({token, person, *merged}), encounter.status == "in_progress")
        .order_by(encounter.admitted_at, encounter.encounter_id)
    )
    found = [decode_encounter(bytes(state)) for state in connection.scalars(query)]
    return [each for each in found if each.location is not None and each.location.bed_id]


def _under_one_id(connection: Connection, facts: Sequence[AnyFact]) -> list[AnyFact]:
    """Return the facts under the first id that has several contents, also about other subjects."""
    fact = tables.fact.columns
    for each in facts:
        query = select(fact.body).where(fact.subject == each.subject, fact.source == each.source)
        bodies = list(connection.scalars(query.where(fact.event_id == each.id).order_by(fact.received_at)))
        if len(bodies) > 1:
            return [decode_fact(bytes(body)) for body in bodies]
    return []


def _of_two_patients(facts: Sequence[AnyFact]) -> list[AnyFact]:
    first: dict[str, AnyFact] = {}
    for each in facts:
        if isinstance(each, EncounterFact):
            first.setdefault(each.patient_token, each)
    return list(first.values()) if len(first) > 1 else []
