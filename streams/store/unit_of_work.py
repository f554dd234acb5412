"""One transaction on the fact log and the derived state: all SQL of the `adt` agent.

A batch reads everything that it needs (`read`), then writes everything that it changes (`save`). Decisions are made
elsewhere. Both engines behave alike: tests/contracts runs the same suite on SQLite and PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Table, delete, select, tuple_

from schemas import tables
from schemas.errors import WriteConflict
from schemas.events import BedStatusChanged
from schemas.state import Encounter, Patient, decode_encounter, decode_patient
from streams.fold.merged_encounters import concerns_identity, merged_into
from streams.store import bulk, locks
from streams.store.changes import (
    Before,
    Change,
    Changes,
    DeadLetter,
    FactRow,
    LetterKey,
    People,
    Stored,
    Touched,
)
from streams.store.fact_log import facts_about
from streams.store.outbox import add_messages
from streams.store.pending_admissions import waiting_plans
from streams.store.people import aliases, merge_group, persons, save_aliases
from streams.store.rows import (
    Row,
    bed_row,
    encounter_row,
    patient_row,
    reservations_of_encounter,
    reservations_of_patient,
    stay_rows,
)
from streams.store.watermarks import add_hours, read_watermarks, save_watermarks


class _Encounters(NamedTuple):
    """The parts of `Before` about encounters."""

    encounters: dict[str, Stored[Encounter]]
    facts: dict[str, list[Any]]
    merge_groups: dict[str, list[Any]]


class UnitOfWork:
    """Reads and writes of one batch, in the caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def add_facts(self, rows: Sequence[FactRow], partitions: Iterable[int]) -> int:
        """Add facts to the log, leave out known ones, and return how many were new.

        Waits first until no other transaction writes facts of these Kafka partitions.
        """
        locks.lock_partitions(self.connection, partitions)
        return bulk.insert(self.connection, tables.fact, rows, on_conflict="nothing")

    def read(self, touched: Touched) -> Before:
        """Return a snapshot of everything that a batch touches, and lock it for this transaction.

        Encounters and patients are locked, in the order of their keys, before their facts are read, so that a
        concurrent change is detected by its version. The lock of persons is taken before aliases are read.
        """
        encounters, facts, merge_groups = self._encounters(touched)
        patients = self._patients(touched.patients)
        subjects = touched.patients.values()
        patient_facts = facts_about(self.connection, subjects, touched.known_facts) if subjects else {}
        people = self._people(touched, patient_facts) if touched.merges_patients else None
        plans = waiting_plans(self.connection) if touched.encounters or touched.patients else []
        return Before(
            has_new_facts=touched.has_new_facts,
            encounters=encounters,
            facts=facts,
            merge_groups=merge_groups,
            patients=patients,
            patient_facts=list(patient_facts.values()),
            people=people,
            waiting_plans=plans,
            persons=persons(self.connection, {plan.patient_token for plan in plans}),
            watermarks=read_watermarks(self.connection, touched.topic),
            known_letters=self._known_letters(touched.topic, touched.rejected),
        )

    def save(self, changes: Changes) -> None:
        """Write everything that a batch changes, the outbox last.

        Raises
        ------
        WriteConflict
            When another transaction changed a state after it was read: retry the batch.
        """
        self._save_encounters(changes.encounters)
        self._save_patients(changes.patients)
        self._save_beds(changes.beds)
        if changes.aliases is not None:
            save_aliases(self.connection, changes.aliases.gone, changes.aliases.written)
        bulk.insert(
            self.connection,
            tables.dead_letter,
            changes.dead_letters,
            on_conflict="nothing",
            columns=DeadLetter._fields,
        )
        save_watermarks(self.connection, changes.topic, changes.watermarks)
        add_hours(self.connection, changes.hours)
        add_messages(self.connection, changes.messages)

    def _encounters(self, touched: Touched) -> _Encounters:
        if not touched.encounters:
            return _Encounters({}, {}, {})
        group = self._merge_group({*touched.encounters, *touched.merged_into})
        stored = self._stored({*touched.encounters, *touched.merged_into, *group})
        facts = facts_about(self.connection, touched.encounters, touched.known_facts)
        groups: dict[str, list[Any]] = {}
        reached = {key for key, about in facts.items() if concerns_identity(about)} | group
        while reached:
            stored |= self._stored(reached.difference(stored))
            found = facts_about(self.connection, reached, touched.known_facts)
            groups |= {key: found.get(key, []) for key in reached}
            ends = {merged_into(key, groups[key]) for key in reached} | self._merge_group(reached)
            reached = {end for end in ends if end is not None}.difference(groups)
        return _Encounters(stored, {key: about for key, about in facts.items() if key not in groups}, groups)

    def _merge_group(self, encounter_ids: Collection[str]) -> set[str]:
        """Return all encounters in stored merge groups that include one of these encounters."""
        found: set[str] = set()
        reached = set(encounter_ids)
        while reached:
            ends: set[str] = set()
            for key in ("merged_into", "encounter_id"):
                rows = bulk.select_by_key(
                    self.connection,
                    "encounter_id, merged_into",
                    tables.encounter,
                    key,
                    reached,
                    where="merged_into IS NOT NULL",
                )
                ends.update(end for row in rows for end in row)
            reached = ends - found
            found |= ends
        return found

    def _stored(self, encounter_ids: Collection[str]) -> dict[str, Stored[Encounter]]:
        rows = bulk.select_by_key(
            self.connection, "encounter_id, version, state", tables.encounter, "encounter_id", encounter_ids, lock=True
        )
        return {encounter_id: Stored(version, decode_encounter(state)) for encounter_id, version, state in rows}

    def _patients(self, tokens: Collection[str]) -> dict[str, Stored[Patient]]:
        if not tokens:
            return {}
        rows = bulk.select_by_key(
            self.connection, "patient_token, version, state", tables.patient, "patient_token", tokens, lock=True
        )
        return {token: Stored(version, decode_patient(state)) for token, version, state in rows}

    def _people(self, touched: Touched, patient_facts: Mapping[str, Sequence[Any]]) -> People:
        """Return everything that stored or new patient merges connect to these patients."""
        locks.lock(self.connection, locks.AdvisoryLock.PEOPLE)
        named = {into for facts in patient_facts.values() for fact in facts if (into := _merge_target(fact))}
        group = merge_group(self.connection, {*touched.patients, *named})
        rows = bulk.select_by_key(self.connection, "state", tables.encounter, "patient_token", group.tokens)
        return People(
            tokens=group.tokens,
            aliases=dict(aliases(self.connection, "patient_token", group.tokens)),
            merges=group.merges,
            encounters=[decode_encounter(row[0]) for row in rows],
        )

    def _known_letters(self, topic: str, rejected: Collection[LetterKey]) -> set[LetterKey]:
        if not rejected:
            return set()
        letter = tables.dead_letter.columns
        places = tuple_(letter.partition, letter.offset).in_([key[:2] for key in rejected])
        rows = self.connection.execute(
            select(letter.partition, letter.offset, letter.digest).where(letter.topic == topic, places)
        )
        return {(row.partition, row.offset, row.digest) for row in rows}

    def _save_encounters(self, changes: Sequence[Change[Encounter]]) -> None:
        kept = [(change, change.after) for change in changes if change.after is not None]
        rows = sorted(encounter_row(after, _next_version(change)) for change, after in kept)
        if bulk.insert(self.connection, tables.encounter, rows, on_conflict="version") != len(rows):
            raise WriteConflict("Encounter: another worker changed it. Retry the batch.")
        before = [change.before for change, _ in kept]
        self._replace(
            tables.unit_stay,
            [stay_rows(state) if state else [] for state in before],
            [stay_rows(after) for _, after in kept],
        )
        self._replace(
            tables.reservation,
            [reservations_of_encounter(state) if state else [] for state in before],
            [reservations_of_encounter(after) for _, after in kept],
        )
        gone = [change.before for change in changes if change.after is None and change.before is not None]
        self._delete_encounters([state.encounter_id for state in gone])

    def _delete_encounters(self, ids: Collection[str]) -> None:
        """Delete encounters that have no fact left; their rows were locked by `read`."""
        if ids:
            for key in (
                tables.encounter.columns.encounter_id,
                tables.unit_stay.columns.encounter_id,
                tables.reservation.columns.subject,
            ):
                self.connection.execute(delete(key.table).where(key.in_(ids)))

    def _save_patients(self, changes: Sequence[Change[Patient]]) -> None:
        kept = [(change, change.after) for change in changes if change.after is not None]
        rows = sorted(patient_row(after, _next_version(change)) for change, after in kept)
        if bulk.insert(self.connection, tables.patient, rows, on_conflict="version") != len(rows):
            raise WriteConflict("Patient: another worker changed it. Retry the batch.")
        self._replace(
            tables.reservation,
            [reservations_of_patient(change.before) if change.before else [] for change, _ in kept],
            [reservations_of_patient(after) for _, after in kept],
        )

    def _save_beds(self, latest: Iterable[BedStatusChanged]) -> None:
        """Write the latest fact on each bed if it is later than the stored one; this fold does not need the history."""
        rows = sorted((bed_row(fact) for fact in latest), key=lambda row: row[:3])
        bulk.insert(self.connection, tables.bed_status, rows, on_conflict="later")

    def _replace(self, table: Table, before: Iterable[Sequence[Row]], after: Iterable[Sequence[Row]]) -> None:
        """Write the rows that are new or changed, and delete those that no longer exist.

        Rows are numbered by position, the second column of the key.
        """
        rows: list[Row] = []
        gone: list[Row] = []
        for old, new in zip(before, after, strict=True):
            rows.extend(row for position, row in enumerate(new) if position >= len(old) or old[position] != row)
            gone.extend(row[:2] for row in old[len(new) :])
        bulk.insert(self.connection, table, rows, on_conflict="update")
        if gone:
            key = tuple_(*list(table.columns)[:2])
            self.connection.execute(delete(table).where(key.in_(gone)))


def _next_version(change: Change[Any]) -> int:
    return change.stored.version + 1 if change.stored else 1


def _merge_target(fact: Any) -> str | None:
    return getattr(fact.data, "into", None)


@contextmanager
def unit_of_work(engine: Engine) -> Iterator[UnitOfWork]:
    """Open a transaction; it commits when the block ends and rolls back when the block raises."""
    with engine.begin() as connection:
        yield UnitOfWork(connection)
