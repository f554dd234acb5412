"""All SQL of who is who: the merges, and the person that each token belongs to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, text

from schemas import tables
from schemas.events import PatientClass, patient_subject
from schemas.state import Encounter, Patient, PlanWithdrawn, decode_encounter, decode_patient
from streams import bulk_sql
from streams.beds import PASSING
from streams.identity import MergeOrder, resolve
from streams.plans import takes_back

PEOPLE_LOCK = 46

NO_ADMISSION = PASSING | {PatientClass.EMERGENCY}
"""Classes of patients who are here without having been admitted to a bed of a ward."""


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
    rows = bulk_sql.select_by_key(connection, "patient_token, person_token", tables.alias, key, values)
    return [(token, person) for token, person in rows]


def units_waiting_for(connection: Connection, tokens: Collection[str]) -> set[tuple[str, str]]:
    """Return the units with a place kept for one of these persons, by a plan that names no visit."""
    plan = tables.reservation.columns
    rows = connection.execute(
        select(plan.patient_token, plan.facility_id, plan.unit_id).where(plan.subject.startswith(patient_subject("")))
    ).all()
    if not rows:
        return set()
    people = persons(connection, {*tokens, *(row.patient_token for row in rows)})
    meant = {people[token] for token in tokens}
    return {(row.facility_id, row.unit_id) for row in rows if people[row.patient_token] in meant}


def open_plans(connection: Connection, plans: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Return the rows of `reservation` that still hold.

    One that waits on a patient ends when the person is admitted or the plan is taken back, under whatever token.
    """
    waiting = {plan.patient_token for plan in plans if plan.subject == patient_subject(plan.patient_token)}
    if not waiting:
        return list(plans)
    people = persons(connection, waiting)
    admitted = _last_admissions(connection, waiting, people)
    withdrawn = _withdrawn(connection, people)
    return [
        plan
        for plan in plans
        if plan.subject != patient_subject(plan.patient_token)
        or (
            admitted.get(plan.patient_token, plan.since) <= plan.since
            and (plan.patient_token, plan.position) not in withdrawn
        )
    ]


def _withdrawn(connection: Connection, people: Mapping[str, str]) -> set[tuple[str, int]]:
    """Return the plans that wait on these people and were taken back, by token and position."""
    patients, said = _announced_and_withdrawn(connection, people)
    return {
        (patient.patient_token, position)
        for patient in patients
        for position, plan in enumerate(plan for plan in patient.pending if plan.place is not None)
        if any(takes_back(cancel, plan) for cancel in said.get(people[patient.patient_token], ()))
    }


def serving_cancels(connection: Connection, people: Mapping[str, str]) -> set[tuple[str, PlanWithdrawn]]:
    """Return the cancels that take back a plan announced under another number, by the person concerned."""
    patients, said = _announced_and_withdrawn(connection, people)
    return {
        (people[patient.patient_token], cancel)
        for patient in patients
        for plan in patient.pending
        for cancel in said.get(people[patient.patient_token], ())
        if takes_back(cancel, plan)
    }


def _announced_and_withdrawn(
    connection: Connection, people: Mapping[str, str]
) -> tuple[list[Patient], dict[str, list[PlanWithdrawn]]]:
    """Return what waits on these tokens, and the cancels of each person."""
    patients = [
        decode_patient(row[0])
        for row in bulk_sql.select_by_key(connection, "state", tables.patient, "patient_token", people)
    ]
    encounter = tables.encounter.columns
    provisional = connection.scalars(
        select(encounter.state).where(encounter.patient_token.in_(sorted(people)), encounter.provisional)
    )
    said: dict[str, list[PlanWithdrawn]] = {}
    states: list[Encounter | Patient] = [*patients, *map(decode_encounter, provisional)]
    for found in states:
        said.setdefault(people[found.patient_token], []).extend(found.withdrawn)
    return patients, said


def _last_admissions(connection: Connection, tokens: Collection[str], people: Mapping[str, str]) -> dict[str, datetime]:
    """Return when each of these patients, under whatever token, last came to stay: a visit by day ends no plan."""
    encounter = tables.encounter.columns
    rows = connection.execute(
        select(encounter.patient_token, func.max(encounter.admitted_at).label("admitted_at"))
        .where(encounter.patient_token.in_(sorted(people)), encounter.admitted_at.is_not(None))
        .where(encounter.patient_class.not_in(sorted(NO_ADMISSION)))
        .group_by(encounter.patient_token)
    )
    last: dict[str, datetime] = {}
    for row in rows:
        person = people[row.patient_token]
        last[person] = max(row.admitted_at, last.get(person, row.admitted_at))
    return {token: last[people[token]] for token in tokens if people[token] in last}


def tied(connection: Connection, tokens: Collection[str]) -> set[str]:
    """Return all tokens that merges, done or undone, tie to these."""
    return _component(connection, set(tokens))[0] | set(persons(connection, tokens))


def regroup(connection: Connection, tokens: Collection[str]) -> set[str]:
    """Work out anew who is who around tokens whose merges changed, and return all tokens whose person is another now.

    Merges that hang together are read as a whole, under a lock, so that two workers cannot each miss the other's.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": PEOPLE_LOCK})
    around, merges = _component(connection, set(persons(connection, tokens)))
    before = dict(_aliases(connection, "patient_token", around))
    after = resolve(merges)
    changed = {token for token in around if before.get(token) != after.get(token)}
    gone = sorted(set(before).difference(after))
    if gone:
        connection.execute(delete(tables.alias).where(tables.alias.columns.patient_token.in_(gone)))
    rows: list[Any] = sorted(item for item in after.items() if before.get(item[0]) != item[1])
    bulk_sql.insert(connection, tables.alias, rows, on_conflict="update")
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
