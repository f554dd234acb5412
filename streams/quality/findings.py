"""Data-quality findings: facts that contradict each other, stays without a discharge, unknown places.

Findings correct nothing: all facts are kept, and the state is the best that follows from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import BindParameter, Connection, and_, bindparam, func, literal, or_, select, text

from schemas import tables
from schemas.events import PatientClass, is_part_subject
from schemas.hospital import Hospital
from schemas.state import Encounter, EncounterStatus, Patient, Problem, decode_encounter, decode_patient
from schemas.two_people import Generation, are_couplet, are_two_people, generation
from streams.quality.kinds import PROBLEMS, WORK_ORDER, Finding, Kind, text_of
from streams.store import bulk, histories, watermarks
from streams.store.parts import stays_of_parts
from streams.store.pending_admissions import open_plans, serving_cancels
from streams.store.people import persons
from streams.store.places import PlacedSince, places_of

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

_NOT_BEGUN = frozenset({EncounterStatus.CANCELLED, EncounterStatus.PLANNED})
SUBJECTS_PER_QUERY = 1_000

_HERE = literal(EncounterStatus.IN_PROGRESS.value, literal_execute=True)
"""A literal in the statement, not a parameter, so that PostgreSQL uses the partial index."""

_IS_MERGED = "merged_into IS NOT NULL"
"""As the partial index has it."""


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
    """Return the board's time, or else the latest time at which a fact was recorded."""
    return watermarks.board_time(connection, wall) or watermarks.latest_fact(connection)


def of_state(connection: Connection, now: datetime) -> Iterator[Finding]:
    """Yield the findings from the current state."""
    here = _in_progress(connection)
    yield from _provisional(connection)
    yield from _stale(connection, here, now)
    yield from _stale_plans(connection, now)
    yield from _waiting_parts(connection)
    yield from _beds(connection, here)
    yield from _two_people(connection, here)


def of_log(connection: Connection, hospital: Hospital) -> Iterator[Finding]:
    """Yield the findings from what was noted of each fact: reused ids, and places missing in the hospital file."""
    yield from _shared_ids(connection)
    yield from _unreadable(connection)
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
    states = connection.scalars(select(encounter.state).where(text("encounter.provisional"))).all()
    encounters = [decode_encounter(bytes(state)) for state in states]
    states = connection.scalars(select(patient.state).where(text("patient.provisional"))).all()
    patients = [decode_patient(bytes(state)) for state in states]
    found: list[Encounter | Patient] = [*encounters, *patients]
    person_of = persons(connection, {token for each in found for token in _tokens(each)})
    cancelling = {each.patient_token for each in found if Problem.CANCEL_WITHOUT_TARGET in each.problems}
    serving = serving_cancels(connection, persons(connection, cancelling))

    def is_resolved(state: Encounter | Patient, problem: Problem) -> bool:
        """Return whether the facts concern one person under several tokens, which resolves the problem."""
        if problem in (Problem.TWO_PATIENTS, Problem.NUMBER_OF_TWO_HOSPITALS, Problem.MERGED_TWICE):
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
    fact, encounter = tables.fact.columns, tables.encounter.columns
    survivor = _numbers(connection, here)
    latest = select(func.max(fact.occurred_at)).where(
        fact.subject == encounter.encounter_id, fact.occurred_at <= bindparam("now", type_=fact.occurred_at.type)
    )
    query = select(encounter.encounter_id, latest.scalar_subquery().label("at"))
    numbers: BindParameter[Any] = bindparam("numbers", expanding=True)
    others = [number for number, key in survivor.items() if number != key]
    part_of = stays_of_parts(connection, [stay.encounter_id for stay in here])
    survivor |= part_of
    last: dict[str, datetime] = {}
    for number, at in [
        *connection.execute(query.where(encounter.status == _HERE), {"now": now}),
        *connection.execute(query.where(encounter.encounter_id.in_(numbers)), {"now": now, "numbers": others}),
        *_latest_facts(connection, sorted(part_of), now),
    ]:
        key = survivor.get(number)
        if key is not None and at is not None:
            last[key] = max(at, last.get(key, at))
    for stay in here:
        at = last.get(stay.encounter_id)
        if at is not None and now - at > STALE_AFTER.get(stay.patient_class, STALE_OTHERWISE):
            says = text_of(Kind.STALE_STAY, patient_class=stay.patient_class.value)
            yield Finding(kind=Kind.STALE_STAY, subject=stay.encounter_id, says=says, since=at, **_place(stay))


def _latest_facts(connection: Connection, parts: Sequence[str], now: datetime) -> Iterator[tuple[str, datetime]]:
    """Yield the time of the latest fact about each part, up to now."""
    column = tables.fact.columns
    for start in range(0, len(parts), SUBJECTS_PER_QUERY):
        subjects = parts[start : start + SUBJECTS_PER_QUERY]
        latest = func.max(column.occurred_at).label("at")
        query = select(column.subject, latest).where(column.subject.in_(subjects), column.occurred_at <= now)
        yield from (tuple(row) for row in connection.execute(query.group_by(column.subject)))


def _numbers(connection: Connection, here: Sequence[Encounter]) -> dict[str, str]:
    """Return all numbers of the encounters in progress, with the encounter that each one is now."""
    found = {encounter.encounter_id: encounter.encounter_id for encounter in here}
    reached = set(found)
    while reached:
        rows = bulk.select_by_key(
            connection, "encounter_id, merged_into", tables.encounter, "merged_into", reached, where=_IS_MERGED
        )
        away = {number: found[into] for number, into in rows if number not in found}
        found |= away
        reached = set(away)
    return found


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


def _waiting_parts(connection: Connection) -> Iterator[Finding]:
    """Yield parts of stays that are not known: the stay is missing, or the parts form a circle."""
    link = tables.part_link.columns
    rows = connection.execute(select(link.name, link.target).where(link.waits)).all()
    whole_of: dict[str, list[str]] = {}
    for row in rows:
        whole_of.setdefault(row.name, []).append(_shown_name(row.target))
    for name, wholes in whole_of.items():
        says = text_of(Kind.PART_WITHOUT_STAY, whole=" or ".join(sorted(wholes)))
        yield Finding(kind=Kind.PART_WITHOUT_STAY, subject=_shown_name(name), says=says)


def _shown_name(name: str) -> str:
    """Return the name of a part or a stay as its sender knows it: `Encounter/` and its id, or the visit number."""
    return f"Encounter/{name.rpartition('/')[2]}" if is_part_subject(name) else name


def _beds(connection: Connection, here: Sequence[Encounter]) -> Iterator[Finding]:
    placed = {
        encounter.encounter_id: (encounter, place)
        for encounter in here
        if (place := encounter.location) is not None and place.left_at is None
    }
    claimed = [PlacedSince(encounter.patient_token, place.arrived_at) for encounter, place in placed.values()]
    released_at = places_of(connection, claimed).released_at
    for encounter_id, since in released_at.items():
        if encounter_id in placed:
            says = text_of(Kind.SECOND_BED)
            encounter, _ = placed[encounter_id]
            yield Finding(kind=Kind.SECOND_BED, subject=encounter_id, says=says, since=since, **_place(encounter))
    claims: dict[tuple[str, str, str], list[tuple[datetime, str]]] = {}
    for encounter_id, (_, place) in placed.items():
        if place.bed_id and encounter_id not in released_at:
            bed = (place.facility_id, place.unit_id, place.bed_id or "")
            claims.setdefault(bed, []).append((place.arrived_at, encounter_id))
    for bed, claimants in claims.items():
        if len(claimants) > 1 and not are_couplet(generation(placed[each][0]) for _, each in claimants):
            named = ", ".join(sorted(encounter_id for _, encounter_id in claimants))
            says = text_of(Kind.BED_CLAIMED_TWICE, encounters=named)
            since = sorted(claimants)[1][0]
            yield msgspec.structs.replace(_of_place(Kind.BED_CLAIMED_TWICE, says, *bed), since=since)


def _two_people(connection: Connection, here: Sequence[Encounter]) -> Iterator[Finding]:
    """Yield newborns, and others who cannot be the same person, under the number of another patient."""
    person_of = persons(connection, {encounter.patient_token for encounter in here})
    by_person: dict[str, dict[str, Encounter]] = {}
    for encounter in here:
        by_person.setdefault(person_of[encounter.patient_token], {})[encounter.encounter_id] = encounter
    newborns = [each.patient_token for each in here if generation(each) is Generation.NEWBORN]
    for token, history in histories.of_persons(connection, newborns).items() if newborns else ():
        by_person[person_of[token]] |= {each.encounter_id: each for each in history if each.status not in _NOT_BEGUN}
    present = {each.encounter_id for each in here}
    for encounters in by_person.values():
        for each in encounters.values() if len(encounters) > 1 else ():
            others = [other for other in encounters.values() if are_two_people(each, other)]
            younger = [other for other in others if (other.age_years or 0) >= (each.age_years or 0)]
            if each.encounter_id in present and younger:
                named = ", ".join(sorted(other.encounter_id for other in younger))
                says = text_of(Kind.TWO_PEOPLE, encounters=named)
                subject, since = each.encounter_id, each.admitted_at
                yield Finding(kind=Kind.TWO_PEOPLE, subject=subject, says=says, since=since, **_place(each))


def _of_place(kind: Kind, says: str, facility_id: str, unit_id: str, bed_id: str | None = None) -> Finding:
    subject = "/".join(name for name in (facility_id, unit_id, bed_id) if name is not None)
    return Finding(kind=kind, subject=subject, says=says, facility_id=facility_id, unit_id=unit_id, bed_id=bed_id)


def _shared_ids(connection: Connection) -> Iterator[Finding]:
    """Yield ids that one source used for facts about different subjects, or for two reports on one bed.

    Two contents under one id about one encounter or one person are found from its state instead.
    """
    note = tables.shared_id.columns
    rows = connection.execute(select(tables.shared_id).order_by(note.source, note.event_id, note.subject))
    about: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        about.setdefault((row.source, row.event_id), []).append(row.subject)
    for (source, event_id), subjects in about.items():
        says = text_of(Kind.ID_COLLISION, source=source, event_id=event_id, subjects=", ".join(subjects))
        yield Finding(kind=Kind.ID_COLLISION, subject=subjects[0], says=says)


def _unreadable(connection: Connection) -> Iterator[Finding]:
    """Yield fields that a source has filled with what is not valid."""
    note = tables.unreadable_field.columns
    for row in connection.execute(select(tables.unreadable_field).order_by(note.source, note.field)):
        says = text_of(Kind.UNREADABLE_FIELD, source=row.source, field=row.field)
        yield Finding(kind=Kind.UNREADABLE_FIELD, subject=f"{row.source} {row.field}", says=says)


def _unknown_places(connection: Connection, hospital: Hospital) -> Iterator[Finding]:
    """Yield facilities, units and beds that the hospital file does not name and that a stay or a bed report has.

    Of a facility that the file does not name at all there is one finding.
    """
    place, stay, report = tables.place.columns, tables.unit_stay.columns, tables.bed_status.columns

    def names(other: Any, order: Any, *conditions: Any) -> Any:
        """Return whether a row names the place; the first row in the order of an index is enough."""
        same_unit = (other.facility_id == place.facility_id) & (other.unit_id == place.unit_id)
        found = select(literal(1)).where(same_unit, *conditions).order_by(order).correlate(tables.place).limit(1)
        return found.scalar_subquery().is_not(None)

    in_use = [
        condition
        for other, order in ((stay, stay.left_at), (report, report.bed_id))
        for condition in (
            and_(place.bed_id != "", names(other, order, other.bed_id == place.bed_id)),
            and_(place.bed_id == "", names(other, order)),
        )
    ]
    facilities: set[str] = set()
    units: set[tuple[str, str]] = set()
    for row in connection.execute(select(tables.place).where(or_(*in_use))):
        unit = hospital.units.get((row.facility_id, row.unit_id))
        if hospital.facility(row.facility_id) is None:
            facilities.add(row.facility_id)
        elif unit is None:
            units.add((row.facility_id, row.unit_id))
        elif row.bed_id and row.bed_id not in unit.bed_ids:
            says = text_of(Kind.UNKNOWN_BED)
            yield _of_place(Kind.UNKNOWN_BED, says, row.facility_id, row.unit_id, row.bed_id)
    for facility_id in facilities:
        says = text_of(Kind.UNKNOWN_FACILITY)
        yield Finding(kind=Kind.UNKNOWN_FACILITY, subject=facility_id, says=says, facility_id=facility_id)
    for facility_id, unit_id in units:
        says = text_of(Kind.UNKNOWN_UNIT)
        yield _of_place(Kind.UNKNOWN_UNIT, says, facility_id, unit_id)
