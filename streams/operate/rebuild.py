"""Rebuild all derived state from the fact log: in shadow tables, which are then compared with those in use.

Workers may keep running. Facts that they write meanwhile are folded again under a lock before the comparison. Only
rows that differ are written; if the state is correct, no row is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, MetaData, Table, and_, delete, false, func, or_, select

from schemas import tables
from schemas.events import BedStatusChanged, is_patient_subject, patient_token
from schemas.state import Encounter, decode_encounter, decode_patient
from schemas.topics import ENCOUNTERS_CHANGED, UNITS_CHANGED, UnitChanged, unit_key
from streams.adt.changes import encounter_changed
from streams.fold.bed import latest_report
from streams.fold.encounter import fold
from streams.fold.merges import merges_of, resolve_persons
from streams.fold.noted import encounter_merges_in, places_named, unreadable_in
from streams.fold.parts import fold_connected, part_links_of
from streams.fold.patient import fold_patient
from streams.store import bulk, rows
from streams.store.changes import FactRow
from streams.store.fact_log import copy_shared_ids, facts_about, facts_in_log, subjects_with_facts
from streams.store.locks import lock_tables
from streams.store.notes import groups, keys_with_ids_of, shared_ids
from streams.store.outbox import Message, add_messages
from streams.store.parts import join_groups, part_groups, save_links

DERIVED = (
    tables.encounter,
    tables.part_link,
    tables.unit_stay,
    tables.patient,
    tables.patient_link,
    tables.reservation,
    tables.bed_status,
    tables.alias,
    tables.place,
    tables.encounter_merge,
    tables.unreadable_field,
    tables.shared_id,
)
"""Tables that follow from the log alone. Scores, labels and alerts do not: they record what was issued at the time."""

_NOTES = (tables.place, tables.encounter_merge, tables.unreadable_field, tables.shared_id)
_OF_ENCOUNTERS = (tables.encounter, tables.unit_stay, tables.reservation)
"""Tables whose first column is an encounter."""

SUBJECTS_PER_BATCH = 2_000
"""Subjects whose rows are written in one transaction."""
MARGIN = timedelta(minutes=2)
"""Longest expected time between `received_at` of a fact and the commit of its transaction."""
MAX_KEYS = 10
"""Maximum number of keys in the report of one table."""

_NOTED: dict[bool, bulk.OnConflict | None] = {True: "nothing", False: None}

_encode = msgspec.json.Encoder().encode


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Rows that differed in one table; `keys` names at most `MAX_KEYS` of them."""

    table: str
    missing: int
    extra: int
    changed: int
    keys: list[str]

    @property
    def rows(self) -> int:
        """Number of rows that differed."""
        return self.missing + self.extra + self.changed


class RebuildReport(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a rebuild: facts read, rows that differed, and times in seconds."""

    facts: int
    subjects: int
    differed: int
    differences: list[Difference]
    fold_s: float
    swap_s: float
    facts_per_s: float


class _Rows(NamedTuple):
    """Rows of each derived table for some subjects."""

    encounter: list[rows.Row]
    part_link: set[rows.Row]
    unit_stay: list[rows.Row]
    patient: list[rows.Row]
    patient_link: list[rows.Row]
    reservation: list[rows.Row]
    bed_status: list[rows.Row]
    place: set[rows.Row]
    encounter_merge: set[rows.Row]
    unreadable_field: set[rows.Row]

    @staticmethod
    def empty() -> _Rows:
        return _Rows([], set(), [], [], [], [], [], set(), set(), set())


def rebuild(
    engine: Engine, on_progress: Callable[[int, int], None] | None = None, *, correct: bool = True
) -> RebuildReport:
    """Derive all state from the log and correct the rows that differ.

    Parameters
    ----------
    engine : Engine
        The database; workers may keep writing to it.
    on_progress : callable
        Called with the number of facts folded so far and the number of facts in the log.
    correct : bool
        Correct the rows that differ, and announce that; otherwise only report them.

    Returns
    -------
    RebuildReport
        With `differed` 0 if the state was correct.
    """
    beside = _tables_beside()
    started_at = datetime.now(UTC)
    began_s = time.perf_counter()
    with engine.begin() as connection:
        for table in beside.values():
            table.drop(connection, checkfirst=True)
            table.create(connection)
    try:
        facts, subjects = _fold_all(engine, beside, on_progress)
        with engine.begin() as connection:
            copy_shared_ids(connection, beside["shared_id"])
        folded_s = time.perf_counter()
        with engine.begin() as connection:
            lock_tables(connection, (tables.fact, *DERIVED), timeout_s=60, statement_timeout_s=1_800)
            _catch_up(connection, beside, started_at - MARGIN)
            _fold_connected(connection, beside)
            _save_aliases(connection, beside)
            differences = [_swap(connection, table, beside[table.name], correct=correct) for table in DERIVED]
            if correct:
                _announce(connection, [found for found in differences if found.rows])
    finally:
        with engine.begin() as connection:
            for table in beside.values():
                table.drop(connection, checkfirst=True)
    fold_s, swap_s = folded_s - began_s, time.perf_counter() - folded_s
    return RebuildReport(
        facts=facts,
        subjects=subjects,
        differed=sum(found.rows for found in differences),
        differences=[found for found in differences if found.rows],
        fold_s=round(fold_s, 3),
        swap_s=round(swap_s, 3),
        facts_per_s=round(facts / (fold_s + swap_s), 1) if facts else 0.0,
    )


def _tables_beside() -> dict[str, Table]:
    """Return an empty shadow table for each derived table, by the name of the latter."""
    metadata = MetaData()
    beside = {}
    for table in DERIVED:
        copy = table.to_metadata(metadata, name=f"rebuild_{table.name}")
        copy.indexes.clear()
        copy.primary_key.name = f"pk_{copy.name}"
        beside[table.name] = copy
    return beside


def _fold_all(
    engine: Engine, beside: dict[str, Table], on_progress: Callable[[int, int], None] | None
) -> tuple[int, int]:
    facts = subjects = 0
    with engine.connect().execution_options(read_only=True) as reading:
        total = facts_in_log(reading)
        for batch in _batches(subjects_with_facts(reading)):
            facts += sum(len(about) for _, about in batch)
            subjects += len(batch)
            found = _rows_of(about for _, about in batch)
            with engine.begin() as connection:
                _write(connection, beside, found)
            if on_progress is not None:
                on_progress(facts, total)
    return facts, subjects


def _batches(subjects: Iterator[tuple[str, list[Any]]]) -> Iterator[list[tuple[str, list[Any]]]]:
    batch: list[tuple[str, list[Any]]] = []
    for item in subjects:
        batch.append(item)
        if len(batch) == SUBJECTS_PER_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _rows_of(subjects: Iterable[list[Any]]) -> _Rows:
    """Fold each subject's facts and return the derived rows."""
    found = _Rows.empty()
    for facts in subjects:
        found.place.update(places_named(facts))
        found.encounter_merge.update(encounter_merges_in(facts))
        found.unreadable_field.update(unreadable_in(facts))
        if isinstance(facts[0], BedStatusChanged):
            found.bed_status.append(rows.bed_row(latest_report(facts)))
        elif is_patient_subject(facts[0].subject):
            patient = fold_patient(facts)
            if patient is not None:
                found.patient.append(rows.patient_row(patient, 1))
                found.patient_link.extend(rows.link_rows(patient))
                found.reservation.extend(rows.reservations_of_patient(patient))
        else:
            links = {link for fact in facts for link in part_links_of(fact)}
            found.part_link.update((*link, link.is_part) for link in links)
            encounter = fold(facts)
            if encounter is not None:
                _add_encounter(found, encounter)
    return found


def _write(connection: Connection, beside: dict[str, Table], found: _Rows) -> None:
    for name, values in found._asdict().items():
        noted = isinstance(values, set)  # what several subjects name is noted once
        bulk.insert(connection, beside[name], sorted(values) if noted else values, on_conflict=_NOTED[noted])


def _catch_up(connection: Connection, beside: dict[str, Table], since: datetime) -> None:
    """Fold again the subjects that received facts since the rebuild began."""
    fact = tables.fact
    came = [FactRow(*row) for row in connection.execute(select(fact).where(fact.columns.received_at >= since))]
    shared = shared_ids(came, keys_with_ids_of(connection, came))
    bulk.insert(connection, beside["shared_id"], sorted(shared), on_conflict="nothing")
    late = sorted({row.subject for row in came})
    for start in range(0, len(late), SUBJECTS_PER_BATCH):
        subjects = late[start : start + SUBJECTS_PER_BATCH]
        found = _rows_of(facts_about(connection, subjects).values())
        _delete_encounters(connection, beside, subjects)
        tokens = [patient_token(subject) for subject in subjects if is_patient_subject(subject)]
        for name in ("patient", "patient_link"):
            connection.execute(delete(beside[name]).where(beside[name].columns.patient_token.in_(tokens)))
        bed = beside["bed_status"].columns
        for row in found.bed_status:
            this = and_(bed.facility_id == row[0], bed.unit_id == row[1], bed.bed_id == row[2])
            connection.execute(delete(beside["bed_status"]).where(this))
        _write(connection, beside, found)


def _fold_connected(connection: Connection, beside: dict[str, Table]) -> None:
    """Fold again, together, the encounters that merges or parts connect."""
    merges = groups(tuple(row) for row in connection.execute(select(beside["encounter_merge"])))
    for together in join_groups([*merges, *part_groups(connection, beside["part_link"])]):
        _delete_encounters(connection, beside, together)
        found = _Rows.empty()
        encounters, part_links = fold_connected(facts_about(connection, together))
        for encounter in encounters.values():
            _add_encounter(found, encounter)
        _write(connection, beside, found)
        save_links(connection, part_links, beside["part_link"])


def _delete_encounters(connection: Connection, beside: dict[str, Table], ids: Collection[str]) -> None:
    for name, key in (("encounter", "encounter_id"), ("unit_stay", "encounter_id"), ("reservation", "subject")):
        connection.execute(delete(beside[name]).where(beside[name].columns[key].in_(sorted(ids))))


def _add_encounter(found: _Rows, encounter: Encounter) -> None:
    found.encounter.append(rows.encounter_row(encounter, 1))
    found.unit_stay.extend(rows.stay_rows(encounter))
    found.reservation.extend(rows.reservations_of_encounter(encounter))


def _save_aliases(connection: Connection, beside: dict[str, Table]) -> None:
    column = beside["patient"].columns
    states = connection.scalars(select(column.state).where(column.merged_into.is_not(None)))
    links: dict[str, list[str]] = {}
    for token, _, into in connection.execute(select(beside["patient_link"])):
        links.setdefault(token, []).append(into)
    persons = resolve_persons(merges_of(decode_patient(bytes(state)) for state in states), links)
    bulk.insert(connection, beside["alias"], sorted(persons.items()))


def _swap(connection: Connection, table: Table, other: Table, *, correct: bool) -> Difference:
    """Return what differs between `table` and `other`; with `correct`, make the rows of `table` equal first."""
    key = [column.name for column in table.primary_key.columns]
    content = [column.name for column in table.columns if column.name not in (*key, "version")]
    same_key = and_(*(table.columns[name] == other.columns[name] for name in key))
    differs = or_(false(), *(table.columns[name].is_distinct_from(other.columns[name]) for name in content))
    old_keys, new_keys = ([of.columns[name] for name in key] for of in (table, other))
    gone = ~select(1).select_from(other).where(same_key).correlate(table).exists() & ~_is_archived(table)
    new = ~select(1).select_from(table).where(same_key).correlate(other).exists()
    extra = connection.execute(select(*old_keys).where(gone)).all()
    missing = connection.execute(select(*new_keys).where(new)).all()
    changed = connection.execute(select(*new_keys).select_from(table.join(other, same_key)).where(differs)).all()
    if correct:
        if extra:
            connection.execute(delete(table).where(gone))
        for row in changed:
            this = and_(*(other.columns[name] == value for name, value in zip(key, row, strict=True)))
            values: dict[str, Any] = dict(connection.execute(select(other).where(this)).mappings().one())
            if "version" in table.columns:
                values["version"] = table.columns.version + 1
            here = and_(*(table.columns[name] == value for name, value in zip(key, row, strict=True)))
            connection.execute(table.update().where(here).values(**values))
        if missing:
            names = [column.name for column in table.columns]
            connection.execute(
                table.insert().from_select(names, select(*(other.columns[name] for name in names)).where(new))
            )
    some = [" ".join(str(value) for value in row) for row in (*missing, *extra, *changed)][:MAX_KEYS]
    return Difference(table=table.name, missing=len(missing), extra=len(extra), changed=len(changed), keys=some)


def _is_archived(table: Table) -> ColumnElement[bool]:
    """Return the condition that the log no longer has the facts of which a row was derived."""
    archived = tables.archived_encounter
    if table in _NOTES:
        return select(1).select_from(archived).exists()
    if table in _OF_ENCOUNTERS:
        return select(1).where(archived.columns.encounter_id == next(iter(table.columns))).correlate(table).exists()
    return false()


def _announce(connection: Connection, differences: list[Difference]) -> None:
    """Announce every unit to the other agents, and every encounter if an encounter or alias differed."""
    if not differences:
        return
    stay, fact = tables.unit_stay.columns, tables.fact.columns
    at = connection.scalar(select(func.max(fact.occurred_at)))
    units = connection.execute(select(stay.facility_id, stay.unit_id).distinct()).all()
    messages = [
        Message(
            UNITS_CHANGED.name,
            unit_key(*unit).encode(),
            _encode(UnitChanged(facility_id=unit[0], unit_id=unit[1], occurred_at=at, past_changed=True)),
        )
        for unit in units
    ]
    encounter = tables.encounter.columns
    if any(found.table in ("encounter", "alias") for found in differences):
        for row in connection.execute(select(encounter.state)):
            changed = decode_encounter(bytes(row.state))
            messages.append(
                Message(ENCOUNTERS_CHANGED.name, changed.patient_token.encode(), _encode(encounter_changed(changed)))
            )
    add_messages(connection, messages)
