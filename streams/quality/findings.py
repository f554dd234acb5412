"""Data-quality findings: facts that contradict each other, stays without a discharge, unknown places.

Findings correct nothing: all facts are kept, and the state is the best that follows from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import Connection, case, func, literal, or_, select

from schemas import tables
from schemas.events import BED_PREFIX, PatientClass
from schemas.hospital import Hospital
from schemas.state import Encounter, EncounterStatus, Patient, Problem, decode_encounter, decode_patient
from streams.capacity.beds import PersonClaim, superseded
from streams.quality.kinds import PROBLEMS, WORK_ORDER, Finding, Kind, text_of
from streams.store import watermarks
from streams.store.pending_admissions import open_plans, serving_cancels
from streams.store.people import persons

STALE_AFTER: dict[PatientClass, timedelta] = {
    PatientClass.EMERGENCY: timedelta(hours=24),
    PatientClass.OUTPATIENT: timedelta(hours=24),
    PatientClass.RECURRING: timedelta(hours=24),
    PatientClass.OBSERVATION: timedelta(hours=72),
    PatientClass.PREADMIT: timedelta(days=30),
}
STALE_OTHERWISE = timedelta(days=30)
"""Longest time without a fact about a stay in progress: most late ED discharges are reported the next day."""

PLAN_OVERDUE = timedelta(days=1)
"""Longest time that a plan may stay open after the expected arrival."""

_HERE = literal(EncounterStatus.IN_PROGRESS.value, literal_execute=True)
"""A literal in the statement, not a parameter, so that PostgreSQL uses the partial index."""


def findings(connection: Connection, hospital: Hospital, now: datetime | None = None) -> list[Finding]:
    """Return the whole list in work order.

    Parameters
    ----------
    connection : Connection
        Of the database.
    hospital : Hospital
        Units and beds of the hospital.
    now : datetime or None
        Event time, aware UTC; by default the board's time.
    """
    now = now or board_time(connection, datetime.now(UTC))
    if now is None:
        return []
    return by_kind([*of_state(connection, now), *of_log(connection, hospital)])


def by_kind(found: Iterable[Finding]) -> list[Finding]:
    """Return findings by kind in the order in which people work them off, then by subject."""
    return sorted(found, key=lambda each: (WORK_ORDER[each.kind], each.subject, each.says))


def board_time(connection: Connection, wall: datetime) -> datetime | None:
    """Return the board's time, or else the latest `occurred_at` of a fact."""
    reached = watermarks.board_time(connection, wall)
    return reached or connection.scalar(select(func.max(tables.fact.columns.occurred_at)))


def of_state(connection: Connection, now: datetime) -> Iterator[Finding]:
    """Yield the findings from the current state, without a scan of the log."""
    here = _in_progress(connection)
    yield from _provisional(connection)
    yield from _stale(connection, here, now)
    yield from _stale_plans(connection, now)
    yield from _beds(connection, here)


def of_log(connection: Connection, hospital: Hospital) -> Iterator[Finding]:
    """Yield the findings that need the whole log: reused ids, and places missing in the hospital file."""
    yield from _shared_ids(connection)
    yield from _unknown_places(connection, hospital)


def _place(encounter: Encounter) -> dict[str, str | None]:
    place = encounter.location
    return {
        "facility_id": place.facility_id if place else None,
        "unit_id": place.unit_id if place else None,
        "bed_id": place.bed_id if place else None,
    }


def _in_progress(connection: Connection) -> list[Encounter]:
    column = tables.encounter.columns
    query = select(column.state).where(column.status == _HERE)
    return [decode_encounter(bytes(state)) for state in connection.scalars(query)]


def _provisional(connection: Connection) -> Iterator[Finding]:
    """Yield the problems of encounters and patients, except those that a merge of patients resolves."""
    encounter, patient = tables.encounter.columns, tables.patient.columns
    states = connection.scalars(select(encounter.state).where(encounter.provisional)).all()
    encounters = [decode_encounter(bytes(state)) for state in states]
    states = connection.scalars(select(patient.state).where(patient.provisional)).all()
    patients = [decode_patient(bytes(state)) for state in states]
    found: list[Encounter | Patient] = [*encounters, *patients]
    person_of = persons(connection, {token for each in found for token in _tokens(each)})
    cancelling = {each.patient_token for each in found if Problem.CANCEL_WITHOUT_TARGET in each.problems}
    serving = serving_cancels(connection, persons(connection, cancelling))

    def is_resolved(state: Encounter | Patient, problem: Problem) -> bool:
        """Return whether the facts concern one person under several tokens, which resolves the problem."""
        if problem in (Problem.TWO_PATIENTS, Problem.MERGED_TWICE):
            return len({person_of[token] for token in _tokens(state)}) == 1
        person = person_of[state.patient_token]
        return problem is Problem.CANCEL_WITHOUT_TARGET and any(
            (person, cancel) in serving for cancel in state.withdrawn
        )

    for each in encounters:
        for problem in each.problems:
            if not is_resolved(each, problem):
                kind = Kind.ID_COLLISION if problem is Problem.ID_COLLISION else Kind.FACTS_DO_NOT_FIT
                since = each.admitted_at or each.discharged_at
                yield Finding(kind=kind, subject=each.encounter_id, says=PROBLEMS[problem], since=since, **_place(each))
    for who in patients:
        for problem in who.problems:
            if not is_resolved(who, problem):
                yield Finding(kind=Kind.FACTS_DO_NOT_FIT, subject=who.patient_token, says=PROBLEMS[problem])


def _tokens(state: Encounter | Patient) -> tuple[str, ...]:
    """Return all tokens in the facts of an encounter, or a patient's token and those it was merged into."""
    return (
        (state.patient_token, *state.other_tokens)
        if isinstance(state, Encounter)
        else (state.patient_token, *state.merges)
    )


def _stale(connection: Connection, here: Sequence[Encounter], now: datetime) -> Iterator[Finding]:
    """Yield stays in progress without a recent fact: the discharge may be lost."""
    column, stay = tables.fact.columns, tables.encounter.columns
    may_be_here = or_(stay.status == _HERE, stay.merged_into.is_not(None))
    latest_facts = connection.execute(
        select(column.subject, func.max(column.occurred_at).label("at"))
        .where(column.subject.in_(select(stay.encounter_id).where(may_be_here)), column.occurred_at <= now)
        .group_by(column.subject)
    )
    same_as = _merged_away(connection)
    last: dict[str, datetime] = {}
    for subject, at in latest_facts:
        key = same_as.get(subject, subject)
        last[key] = max(at, last.get(key, at))
    for encounter in here:
        at = last.get(encounter.encounter_id)
        if at is not None and now - at > STALE_AFTER.get(encounter.patient_class, STALE_OTHERWISE):
            says = text_of(Kind.STALE_STAY, patient_class=encounter.patient_class.value)
            subject = encounter.encounter_id
            yield Finding(kind=Kind.STALE_STAY, subject=subject, says=says, since=at, **_place(encounter))


def _merged_away(connection: Connection) -> dict[str, str]:
    """Return the surviving encounter of each one that was merged away."""
    column = tables.encounter.columns
    states = connection.scalars(select(column.state).where(column.merged_into.is_not(None)))
    merged = [decode_encounter(bytes(state)) for state in states]
    return {encounter.encounter_id: encounter.same_as for encounter in merged if encounter.same_as is not None}


def _stale_plans(connection: Connection, now: datetime) -> Iterator[Finding]:
    """Yield plans that still reserve a place although the patient is overdue."""
    plans = connection.execute(select(tables.reservation)).all()
    for plan in open_plans(connection, plans):
        due_at = plan.expected_at + PLAN_OVERDUE if plan.expected_at else plan.since + STALE_OTHERWISE
        if now > due_at:
            yield Finding(
                kind=Kind.STALE_PLAN,
                subject=plan.subject,
                says=text_of(Kind.STALE_PLAN),
                since=plan.expected_at or plan.since,
                facility_id=plan.facility_id,
                unit_id=plan.unit_id,
                bed_id=plan.bed_id,
            )


def _beds(connection: Connection, here: Sequence[Encounter]) -> Iterator[Finding]:
    person_of = persons(connection, {encounter.patient_token for encounter in here})
    in_bed = {
        encounter.encounter_id: (encounter, place)
        for encounter in here
        if (place := encounter.location) is not None and place.left_at is None and place.bed_id
    }
    released_at = superseded(
        PersonClaim(person_of[encounter.patient_token], key, place.arrived_at, encounter.patient_class)
        for key, (encounter, place) in in_bed.items()
    )
    for encounter_id, since in released_at.items():
        says = text_of(Kind.SECOND_BED)
        encounter, _ = in_bed[encounter_id]
        yield Finding(kind=Kind.SECOND_BED, subject=encounter_id, says=says, since=since, **_place(encounter))
    claims: dict[tuple[str, str, str], list[tuple[datetime, str]]] = {}
    for encounter_id, (_, place) in in_bed.items():
        if encounter_id not in released_at:
            bed = (place.facility_id, place.unit_id, place.bed_id or "")
            claims.setdefault(bed, []).append((place.arrived_at, encounter_id))
    for bed, claimants in claims.items():
        if len(claimants) > 1:
            named = ", ".join(sorted(encounter_id for _, encounter_id in claimants))
            says = text_of(Kind.BED_CLAIMED_TWICE, encounters=named)
            since = sorted(claimants)[1][0]
            yield msgspec.structs.replace(_of_place(Kind.BED_CLAIMED_TWICE, says, *bed), since=since)


def _of_place(kind: Kind, says: str, facility_id: str, unit_id: str, bed_id: str | None = None) -> Finding:
    subject = "/".join(name for name in (facility_id, unit_id, bed_id) if name is not None)
    return Finding(kind=kind, subject=subject, says=says, facility_id=facility_id, unit_id=unit_id, bed_id=bed_id)


def _shared_ids(connection: Connection) -> Iterator[Finding]:
    """Yield ids that one source used for facts about different subjects, or for two reports on one bed.

    Two contents under one id about one encounter or one person are found from its state instead.
    """
    column = tables.fact.columns
    on_beds = case((column.subject.startswith(BED_PREFIX), column.digest))
    shared = (
        select(column.source, column.event_id)
        .group_by(column.source, column.event_id)
        .having((func.count(column.subject.distinct()) > 1) | (func.count(on_beds.distinct()) > 1))
        .subquery()
    )
    rows = connection.execute(
        select(column.subject, column.source, column.event_id)
        .join(shared, (column.source == shared.c.source) & (column.event_id == shared.c.event_id))
        .distinct()
        .order_by(column.source, column.event_id, column.subject)
    )
    about: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        about.setdefault((row.source, row.event_id), []).append(row.subject)
    for (source, event_id), subjects in about.items():
        says = text_of(Kind.ID_COLLISION, source=source, event_id=event_id, subjects=", ".join(subjects))
        yield Finding(kind=Kind.ID_COLLISION, subject=subjects[0], says=says)


def _unknown_places(connection: Connection, hospital: Hospital) -> Iterator[Finding]:
    stay, report = tables.unit_stay.columns, tables.bed_status.columns
    stays = select(stay.facility_id, stay.unit_id, stay.bed_id)
    seen = connection.execute(stays.union(select(report.facility_id, report.unit_id, report.bed_id)))
    units: set[tuple[str, str]] = set()
    for row in seen:
        unit = hospital.units.get((row.facility_id, row.unit_id))
        if unit is None:
            units.add((row.facility_id, row.unit_id))
        elif row.bed_id is not None and row.bed_id not in unit.bed_ids:
            says = text_of(Kind.UNKNOWN_BED)
            yield _of_place(Kind.UNKNOWN_BED, says, row.facility_id, row.unit_id, row.bed_id)
    for facility_id, unit_id in units:
        says = text_of(Kind.UNKNOWN_UNIT)
        yield _of_place(Kind.UNKNOWN_UNIT, says, facility_id, unit_id)
