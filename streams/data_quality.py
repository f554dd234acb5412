"""What a person must look at: facts that do not fit, stays that never ended, places nobody knows.

Nothing is mended here, and nothing is hidden: the facts are kept, the state is the best that follows from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, func, select

from schemas import tables
from schemas.events import PatientClass
from schemas.hospital import Hospital
from schemas.state import Encounter, EncounterStatus, Problem, decode_encounter, decode_patient
from streams import people_store
from streams.beds import PersonClaim, superseded

STALE_AFTER: dict[PatientClass, timedelta] = {
    PatientClass.EMERGENCY: timedelta(hours=24),
    PatientClass.OUTPATIENT: timedelta(hours=24),
    PatientClass.RECURRING: timedelta(hours=24),
    PatientClass.OBSERVATION: timedelta(hours=72),
    PatientClass.PREADMIT: timedelta(days=30),
}
STALE_OTHERWISE = timedelta(days=30)
"""How long a stay in progress may be silent: most discharges from an ED that come late come the next day."""


class Kind(StrEnum):
    """Why something is on the list."""

    FACTS_DO_NOT_FIT = "facts_do_not_fit"
    STALE_STAY = "stale_stay"
    SECOND_BED = "second_bed"
    BED_CLAIMED_TWICE = "bed_claimed_twice"
    UNKNOWN_UNIT = "unknown_unit"
    UNKNOWN_BED = "unknown_bed"
    ID_COLLISION = "id_collision"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to look at. `subject` is an encounter, a patient token, a unit or a bed."""

    kind: Kind
    subject: str
    says: str
    since: datetime | None = None


def findings(connection: Connection, hospital: Hospital, now: datetime | None = None) -> list[Finding]:
    """Return the list, by kind and subject.

    Parameters
    ----------
    connection : Connection
        Of the database.
    hospital : Hospital
        Which units and beds there are.
    now : datetime or None
        Event time; the latest that any fact tells of when not given.
    """
    fact = tables.fact.columns
    now = now or connection.scalar(select(func.max(fact.occurred_at)))
    if now is None:
        return []
    here = _in_progress(connection)
    found = [
        *_provisional(connection),
        *_shared_ids(connection),
        *_stale(connection, here, now),
        *_beds(connection, here),
        *_unknown_places(connection, hospital),
    ]
    return sorted(found, key=lambda each: (each.kind, each.subject, each.says))


def _in_progress(connection: Connection) -> list[Encounter]:
    column = tables.encounter.columns
    query = select(column.state).where(column.status == EncounterStatus.IN_PROGRESS.value)
    return [decode_encounter(bytes(state)) for state in connection.scalars(query)]


def _provisional(connection: Connection) -> Iterable[Finding]:
    column = tables.encounter.columns
    states = connection.scalars(select(column.state).where(column.provisional)).all()
    encounters = [decode_encounter(bytes(state)) for state in states]
    tokens = {token for each in encounters for token in (each.patient_token, *each.other_tokens)}
    people = people_store.persons(connection, tokens)
    for encounter in encounters:
        one_person = len({people[token] for token in (encounter.patient_token, *encounter.other_tokens)}) == 1
        for problem in encounter.problems:
            if problem is Problem.TWO_PATIENTS and one_person:
                continue  # two tokens that were merged
            kind = Kind.ID_COLLISION if problem is Problem.ID_COLLISION else Kind.FACTS_DO_NOT_FIT
            since = encounter.admitted_at or encounter.discharged_at
            yield Finding(kind=kind, subject=encounter.encounter_id, says=problem.value, since=since)
    for state in connection.scalars(select(tables.patient.columns.state)):
        patient = decode_patient(bytes(state))
        for problem in patient.problems:
            yield Finding(kind=Kind.FACTS_DO_NOT_FIT, subject=patient.patient_token, says=problem.value)


def _shared_ids(connection: Connection) -> Iterable[Finding]:
    """Yield ids that one source gave to facts about different subjects; all of them were kept and count."""
    column = tables.fact.columns
    shared = (
        select(column.source, column.event_id)
        .group_by(column.source, column.event_id)
        .having(func.count(column.subject.distinct()) > 1)
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
        says = f"{source} gave the id {event_id} to facts about {', '.join(subjects)}; all are kept"
        yield Finding(kind=Kind.ID_COLLISION, subject=subjects[0], says=says)


def _stale(connection: Connection, here: Sequence[Encounter], now: datetime) -> Iterable[Finding]:
    """Yield stays in progress of which nothing was heard for long: the discharge may have been lost."""
    column = tables.fact.columns
    subjects = select(tables.encounter.columns.encounter_id).where(
        tables.encounter.columns.status == EncounterStatus.IN_PROGRESS.value
    )
    heard = connection.execute(
        select(column.subject, func.max(column.occurred_at).label("at"))
        .where(column.subject.in_(subjects))
        .group_by(column.subject)
    )
    last = {row.subject: row.at for row in heard}
    for encounter in here:
        at = last.get(encounter.encounter_id)
        longest = STALE_AFTER.get(encounter.patient_class, STALE_OTHERWISE)
        if at is not None and now - at > longest:
            days = (now - at).total_seconds() / 86_400
            says = f"{encounter.patient_class.value}, nothing heard for {days:.1f} days; ask whether the patient left"
            yield Finding(kind=Kind.STALE_STAY, subject=encounter.encounter_id, says=says, since=at)


def _beds(connection: Connection, here: Sequence[Encounter]) -> Iterable[Finding]:
    people = people_store.persons(connection, {encounter.patient_token for encounter in here})
    claims = {
        encounter.encounter_id: (encounter, encounter.location)
        for encounter in here
        if encounter.location is not None and encounter.location.left_at is None and encounter.location.bed_id
    }
    given_up = superseded(
        PersonClaim(people[encounter.patient_token], key, place.arrived_at, encounter.patient_class)
        for key, (encounter, place) in claims.items()
        if place is not None
    )
    for encounter_id, since in given_up.items():
        says = "the patient lies in another bed under another number; this stay was never ended"
        yield Finding(kind=Kind.SECOND_BED, subject=encounter_id, says=says, since=since)
    by_bed: dict[str, list[str]] = {}
    for encounter_id, (_, place) in claims.items():
        if place is not None and encounter_id not in given_up:
            by_bed.setdefault(f"{place.facility_id}/{place.unit_id}/{place.bed_id}", []).append(encounter_id)
    for bed, claimants in by_bed.items():
        if len(claimants) > 1:
            says = f"claimed by {', '.join(sorted(claimants))}"
            yield Finding(kind=Kind.BED_CLAIMED_TWICE, subject=bed, says=says)


def _unknown_places(connection: Connection, hospital: Hospital) -> Iterable[Finding]:
    stay, word = tables.unit_stay.columns, tables.bed_status.columns
    seen = connection.execute(
        select(stay.facility_id, stay.unit_id, stay.bed_id).union(select(word.facility_id, word.unit_id, word.bed_id))
    )
    units: set[tuple[str, str]] = set()
    for row in seen:
        unit = hospital.units.get((row.facility_id, row.unit_id))
        if unit is None:
            units.add((row.facility_id, row.unit_id))
        elif row.bed_id is not None and row.bed_id not in unit.bed_ids:
            subject = f"{row.facility_id}/{row.unit_id}/{row.bed_id}"
            yield Finding(kind=Kind.UNKNOWN_BED, subject=subject, says="the hospital file does not name this bed")
    for facility_id, unit_id in units:
        says = "the hospital file does not name this unit"
        yield Finding(kind=Kind.UNKNOWN_UNIT, subject=f"{facility_id}/{unit_id}", says=says)
