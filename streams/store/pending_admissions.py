"""SQL of pending admissions without a visit number: which are still open, and where they reserve a place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from schemas import tables
from schemas.events import PATIENT_PREFIX, PatientClass, patient_subject
from schemas.state import Encounter, EncounterStatus, Patient, PlanWithdrawn, decode_encounter, decode_patient
from streams.fold.bed import PASSING
from streams.fold.pending_admissions import takes_back
from streams.store import bulk
from streams.store.changes import WaitingPlan
from streams.store.people import persons

NO_ADMISSION = PASSING | {PatientClass.EMERGENCY}
"""Classes of patients who are in the hospital without an admission to a ward bed."""

_plan = tables.reservation.columns
_WAITING = select(_plan.patient_token, _plan.facility_id, _plan.unit_id).where(
    func.substr(_plan.subject, 1, len(PATIENT_PREFIX)) == PATIENT_PREFIX
)


def waiting_plans(connection: Connection) -> list[WaitingPlan]:
    """Return the places reserved by plans that belong to a patient because they do not have a visit number yet."""
    rows = connection.execute(_WAITING)
    return [WaitingPlan(token, (facility_id, unit_id)) for token, facility_id, unit_id in rows]


def open_plans(connection: Connection, plans: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Return the rows of `reservation` that are still open.

    A plan without a visit number ends when the person is admitted or the plan is cancelled, under any of their tokens.
    A plan under a visit number that never came ends when the person is admitted to that unit under another number.
    """
    overtaken = _overtaken(connection, plans)
    plans = [plan for plan in plans if plan.subject not in overtaken]
    waiting = {plan.patient_token for plan in plans if plan.subject == patient_subject(plan.patient_token)}
    if not waiting:
        return plans
    person_of = persons(connection, waiting)
    admitted = _last_admissions(connection, waiting, person_of)
    withdrawn = _withdrawn(connection, person_of)
    return [
        plan
        for plan in plans
        if plan.subject != patient_subject(plan.patient_token)
        or (
            admitted.get(plan.patient_token, plan.since) <= plan.since
            and (plan.patient_token, plan.position) not in withdrawn
        )
    ]


def _overtaken(connection: Connection, plans: Sequence[Row[Any]]) -> set[str]:
    """Return the planned encounters whose patient came to the planned unit later, under another number."""
    numbered = {plan.subject: plan for plan in plans if plan.subject != patient_subject(plan.patient_token)}
    rows = bulk.select_by_key(connection, "encounter_id, status", tables.encounter, "encounter_id", numbered)
    planned = [numbered[key] for key, status in rows if status == EncounterStatus.PLANNED.value]
    if not planned:
        return set()
    person_of = persons(connection, {plan.patient_token for plan in planned})
    encounter, stay = tables.encounter.columns, tables.unit_stay.columns
    arrivals = connection.execute(
        select(encounter.patient_token, stay.facility_id, stay.unit_id, func.max(stay.arrived_at).label("arrived_at"))
        .join(tables.unit_stay, stay.encounter_id == encounter.encounter_id)
        .where(encounter.patient_token.in_(sorted(person_of)), encounter.patient_class.not_in(sorted(NO_ADMISSION)))
        .group_by(encounter.patient_token, stay.facility_id, stay.unit_id)
    )
    last: dict[tuple[str, str, str], datetime] = {}
    for row in arrivals:
        key = (person_of[row.patient_token], row.facility_id, row.unit_id)
        last[key] = max(row.arrived_at, last.get(key, row.arrived_at))
    return {
        plan.subject
        for plan in planned
        if last.get((person_of[plan.patient_token], plan.facility_id, plan.unit_id), plan.since) > plan.since
    }


def _withdrawn(connection: Connection, person_of: Mapping[str, str]) -> set[tuple[str, int]]:
    """Return the plans that wait on these people and were taken back, by token and position."""
    patients, cancels_of = _announced_and_withdrawn(connection, person_of)
    return {
        (patient.patient_token, position)
        for patient in patients
        for position, plan in enumerate(plan for plan in patient.pending if plan.place is not None)
        if any(takes_back(cancel, plan) for cancel in cancels_of.get(person_of[patient.patient_token], ()))
    }


def serving_cancels(connection: Connection, person_of: Mapping[str, str]) -> set[tuple[str, PlanWithdrawn]]:
    """Return the cancels that take back a plan announced under another number, by the person concerned."""
    patients, cancels_of = _announced_and_withdrawn(connection, person_of)
    return {
        (person_of[patient.patient_token], cancel)
        for patient in patients
        for plan in patient.pending
        for cancel in cancels_of.get(person_of[patient.patient_token], ())
        if takes_back(cancel, plan)
    }


def _announced_and_withdrawn(
    connection: Connection, person_of: Mapping[str, str]
) -> tuple[list[Patient], dict[str, list[PlanWithdrawn]]]:
    """Return the stored patients of these tokens, which hold the plans, and the cancels of each person."""
    patients = [
        decode_patient(row[0])
        for row in bulk.select_by_key(connection, "state", tables.patient, "patient_token", person_of)
    ]
    encounter = tables.encounter.columns
    provisional = connection.scalars(
        select(encounter.state).where(encounter.patient_token.in_(sorted(person_of)), encounter.provisional)
    )
    cancels_of: dict[str, list[PlanWithdrawn]] = {}
    states: list[Encounter | Patient] = [*patients, *map(decode_encounter, provisional)]
    for found in states:
        cancels_of.setdefault(person_of[found.patient_token], []).extend(found.withdrawn)
    return patients, cancels_of


def _last_admissions(
    connection: Connection, tokens: Collection[str], person_of: Mapping[str, str]
) -> dict[str, datetime]:
    """Return when each of these patients, under whatever token, last came to stay: a visit by day ends no plan."""
    encounter = tables.encounter.columns
    rows = connection.execute(
        select(encounter.patient_token, func.max(encounter.admitted_at).label("admitted_at"))
        .where(encounter.patient_token.in_(sorted(person_of)), encounter.admitted_at.is_not(None))
        .where(encounter.patient_class.not_in(sorted(NO_ADMISSION)))
        .group_by(encounter.patient_token)
    )
    last: dict[str, datetime] = {}
    for row in rows:
        person = person_of[row.patient_token]
        last[person] = max(row.admitted_at, last.get(person, row.admitted_at))
    return {token: last[person_of[token]] for token in tokens if person_of[token] in last}
