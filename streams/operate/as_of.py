"""The state at a moment, by one of two clocks: as it was true then, or as it was known then.

True at T: computed from all facts, up to `occurred_at` T. Known at T: computed only from the facts with `recorded_at`
up to T, again up to `occurred_at` T.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, select, union

from schemas import tables
from schemas.events import is_reserved, patient_subject
from schemas.state import Encounter, EncounterStatus, Patient
from streams.fold.encounter import fold
from streams.fold.merges import links_of, merges_of, resolve_persons
from streams.fold.parts import fold_connected
from streams.fold.patient import fold_patient
from streams.fold.pending_admissions import without_withdrawn
from streams.fold.places import stays_of, superseded
from streams.store import bulk
from streams.store.fact_log import facts_about, facts_in_log, subjects_with_facts
from streams.store.notes import connected_by_merges, merge_groups
from streams.store.parts import connected_by_parts, part_groups
from streams.store.people import merge_group
from streams.store.watermarks import event_time

PROGRESS_EVERY = 5_000
"""Facts between two reports of progress."""


class CensusLine(msgspec.Struct, frozen=True, kw_only=True):
    """Encounters in progress in one unit; `unit_id` is None for those without a known location."""

    facility_id: str | None
    unit_id: str | None
    patient_class: str
    count: int


class HouseAsOf(msgspec.Struct, frozen=True, kw_only=True):
    """Census and encounter counts of the hospital at a moment. `as_of` is None for now."""

    as_of: datetime | None
    clock: str
    event_time: datetime | None
    """Event time up to which the whole feed has been read; the state at a later moment may still change."""
    census: list[CensusLine]
    encounters: dict[str, int]


class PersonAsOf(msgspec.Struct, frozen=True, kw_only=True):
    """A patient at a moment: the person, all tokens that belonged to the person, and the encounters."""

    as_of: datetime | None
    clock: str
    person_token: str
    tokens: list[str]
    patients: list[Patient]
    encounters: list[Encounter]


def house_as_of(
    connection: Connection,
    as_of: datetime | None,
    *,
    known: bool,
    on_progress: Callable[[int, int], None] | None = None,
) -> HouseAsOf:
    """Return census and encounter counts at a moment; reads the whole log.

    Parameters
    ----------
    connection : Connection
        Of the database with the fact log.
    as_of : datetime or None
        Aware; None for now.
    known : bool
        True for what was known then, false for what was true then.
    on_progress : callable, optional
        Called with the number of facts read so far and the number of facts in the log.
    """
    census: Counter[tuple[str | None, str | None, str]] = Counter()
    statuses = dict.fromkeys((status.value for status in EncounterStatus), 0)
    here: list[Encounter] = []
    for encounter in _all_encounters(connection, as_of, known, on_progress):
        statuses[encounter.status.value] += 1
        if encounter.status is EncounterStatus.IN_PROGRESS:
            here.append(encounter)
    given_up = _given_up(connection, here, as_of, known)
    for encounter in here:
        if encounter.encounter_id not in given_up:
            place = encounter.location
            unit = (place.facility_id, place.unit_id) if place else (None, None)
            census[*unit, encounter.patient_class.value] += 1
    lines = [
        CensusLine(facility_id=facility_id, unit_id=unit_id, patient_class=patient_class, count=count)
        for (facility_id, unit_id, patient_class), count in sorted(census.items(), key=lambda item: str(item[0]))
    ]
    return HouseAsOf(
        as_of=as_of, clock=_clock(known), event_time=event_time(connection), census=lines, encounters=statuses
    )


def _given_up(
    connection: Connection, here: Collection[Encounter], as_of: datetime | None, known: bool
) -> dict[str, datetime]:
    """Return the encounters in progress whose patient was elsewhere later: a person counts in one place."""
    tokens = merge_group(connection, {encounter.patient_token for encounter in here}).tokens
    _, person_of = _people(connection, tokens, as_of, known)
    of_person: dict[str, list[Encounter]] = {}
    for encounter in _encounters(connection, sorted(tokens), as_of, known):
        token = encounter.patient_token
        of_person.setdefault(person_of.get(token, token), []).append(encounter)
    return superseded(stay for person, found in of_person.items() if len(found) > 1 for stay in stays_of(person, found))


def _all_encounters(
    connection: Connection, as_of: datetime | None, known: bool, on_progress: Callable[[int, int], None] | None
) -> Iterator[Encounter]:
    """Yield all encounters at a moment, without those that were merged into another one then."""
    groups = [*merge_groups(connection), *part_groups(connection)]
    in_groups = {key for together in groups for key in together}
    about: dict[str, list[Any]] = {}
    read = reported = 0
    total = facts_in_log(connection) if on_progress is not None else 0
    for subject, facts in subjects_with_facts(connection):
        read += len(facts)
        if on_progress is not None and read - reported >= PROGRESS_EVERY:
            reported = read
            on_progress(read, total)
        if subject in in_groups:
            about[subject] = facts
        elif not is_reserved(subject):
            encounter = fold(_recorded(facts, as_of, known), as_of=as_of)
            if encounter is not None:
                yield encounter
    yield from _merged(about, as_of, known)


def _merged(about: Mapping[str, Iterable[Any]], as_of: datetime | None, known: bool) -> Iterator[Encounter]:
    recorded = {key: facts for key, all_facts in about.items() if (facts := _recorded(all_facts, as_of, known))}
    for encounter in fold_connected(recorded, as_of=as_of).encounters.values():
        if encounter.same_as is None:
            yield encounter


def person_as_of(connection: Connection, token: str, as_of: datetime | None, *, known: bool) -> PersonAsOf | None:
    """Return one patient at a moment, or None if no fact about the token had occurred by then.

    Only facts about this person's tokens and encounters are read.

    Parameters
    ----------
    connection, as_of, known
        As for `house_as_of`.
    token : str
        Any token of the patient.
    """
    around = merge_group(connection, {token}).tokens
    patients, person_of = _people(connection, around, as_of, known)
    person = person_of.get(token, token)
    tokens = sorted(other for other in around if person_of.get(other, other) == person)
    encounters = _encounters(connection, tokens, as_of, known)
    found = without_withdrawn([patients[other] for other in tokens if other in patients], encounters)
    if not encounters and not found:
        return None
    return PersonAsOf(
        as_of=as_of, clock=_clock(known), person_token=person, tokens=tokens, patients=found, encounters=encounters
    )


def _people(
    connection: Connection, tokens: Iterable[str], as_of: datetime | None, known: bool
) -> tuple[dict[str, Patient], dict[str, str]]:
    """Return the state of each of these tokens at a moment, and the person of those that were merged by then."""
    patients: dict[str, Patient] = {}
    for facts in facts_about(connection, [patient_subject(token) for token in tokens]).values():
        patient = fold_patient(_recorded(facts, as_of, known), as_of=as_of)
        if patient is not None:
            patients[patient.patient_token] = patient
    return patients, resolve_persons(merges_of(patients.values()), links_of(patients.values()))


def tokens_that_begin_with(connection: Connection, prefix: str) -> list[str]:
    """Return all patient tokens that begin with `prefix`, sorted; only the token itself if it is one."""
    columns = (tables.encounter.columns.patient_token, tables.patient.columns.patient_token)
    queries = [select(column).where(column.startswith(prefix, autoescape=True)) for column in columns]
    found = set(connection.scalars(union(*queries)))  # SQLite compares without regard to case
    return [prefix] if prefix in found else sorted(token for token in found if token.startswith(prefix))


def first_fact_at(connection: Connection, token: str, *, known: bool) -> datetime | None:
    """Return when the first fact about a patient was recorded (`known`) or happened; None without facts."""
    tokens = merge_group(connection, {token}).tokens
    rows = bulk.select_by_key(connection, "encounter_id", tables.encounter, "patient_token", tokens)
    subjects = [*(row[0] for row in rows), *(patient_subject(other) for other in tokens)]
    facts = (fact for about in facts_about(connection, subjects).values() for fact in about)
    return min((fact.recorded_at if known else fact.occurred_at for fact in facts), default=None)


def _encounters(connection: Connection, tokens: list[str], as_of: datetime | None, known: bool) -> list[Encounter]:
    rows = bulk.select_by_key(connection, "encounter_id", tables.encounter, "patient_token", tokens)
    ids = {row[0] for row in rows}
    in_merges = connected_by_merges(connection, ids)
    in_groups = in_merges | connected_by_parts(connection, ids | in_merges)
    merged = _merged(facts_about(connection, in_groups), as_of, known)
    found = [encounter for encounter in merged if encounter.patient_token in tokens]
    for facts in facts_about(connection, ids - in_groups).values():
        encounter = fold(_recorded(facts, as_of, known), as_of=as_of)
        if encounter is not None:
            found.append(encounter)
    return sorted(found, key=lambda encounter: encounter.encounter_id)


def _recorded(facts: Iterable[Any], as_of: datetime | None, known: bool) -> list[Any]:
    return [fact for fact in facts if not known or as_of is None or fact.recorded_at <= as_of]


def _clock(known: bool) -> str:
    return "known" if known else "true"
