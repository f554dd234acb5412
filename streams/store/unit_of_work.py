"""One transaction on the fact log and the derived state: all SQL of the `adt` agent.

A batch reads everything that it needs (`read`), then writes everything that it changes (`save`). Decisions are made
elsewhere. Both engines behave alike: tests/contracts runs the same suite on SQLite and PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Table, delete, select, tuple_
from sqlalchemy.exc import IntegrityError

from schemas import tables
from schemas.errors import WriteConflict
from schemas.events import BedStatusChanged
from schemas.partitions import Month
from schemas.state import Encounter, Patient, decode_encounter, decode_patient
from streams.fold.merged_encounters import concerns_identity, merged_into
from streams.fold.parts import Link
from streams.store import bulk, locks, log_archive, notes
from streams.store import partitions as log_partitions
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
from streams.store.parts import add_links, connected_by_parts, save_links
from streams.store.pending_admissions import waiting_plans
from streams.store.people import aliases, merge_group, persons, save_aliases
from streams.store.rows import (
    Row,
    bed_row,
    encounter_row,
    link_rows,
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

    def lock(self, partitions: Iterable[int], received_at: datetime) -> None:
        """Wait until no other transaction writes facts of these Kafka partitions, or of the months beside this one."""
        locks.lock_partitions(self.connection, partitions)
        locks.lock_month(self.connection, Month.of(received_at).number)

    def has_archives(self) -> bool:
        """Return whether facts of any encounter were archived; after `lock`."""
        return log_archive.has_archives(self.connection)

    def archives_of(self, encounter_ids: Iterable[str]) -> dict[str, str]:
        """Return the file that has the facts of each of these encounters, if they were archived; after `lock`."""
        return log_archive.archives_of(self.connection, encounter_ids)

    def add_facts(self, rows: Sequence[FactRow], links: Collection[Link] = ()) -> int:
        """Add facts to the log, leave out known ones, note ids that are used twice, and return how many were new.

        A transaction with parts of stays waits for all others: a part may come from another partition than its stay. A
        duplicate within a month is rejected by the key of the month's partition, one of another month is found
        here; `lock` comes first, so that nobody else adds it meanwhile.

        Raises
        ------
        WriteConflict
            When a partition of the log was dropped meanwhile: retry the batch.
        """
        connection = self.connection
        if not rows:
            return 0
        adds_parts = any(link.is_part for link in links)
        (locks.lock if adds_parts else locks.lock_shared)(connection, locks.AdvisoryLock.PARTS)
        add_links(connection, links)
        log_partitions.ensure(connection, [max(row.received_at for row in rows)])
        in_log = notes.keys_with_ids_of(connection, rows)
        notes.add_shared_ids(connection, rows, in_log)
        known = set(in_log)
        new = [row for row in rows if row.key not in known] if known else rows
        try:
            return bulk.insert(connection, tables.fact, new, on_conflict="nothing")
        except IntegrityError as error:
            if not locks.has_concurrent_writers(connection):
                raise
            log_partitions.forget(connection.engine)
            raise WriteConflict("Fact log: a partition is missing. Retry the batch.") from error

    def read(self, touched: Touched) -> Before:
        """Return a snapshot of everything that a batch touches, and lock it for this transaction.

        Encounters and patients are locked, in the order of their keys, before their facts are read, so that a
        concurrent change is detected by its version. The lock of persons is taken before aliases are read.
        """
        encounters, facts, merge_groups = self._encounters(touched)
        patients = self._patients(touched.patients)
        subjects = touched.patients.values()
        patient_facts = facts_about(self.connection, subjects, touched.known_facts) if subjects else {}
        of_persons = (
            touched.concerns_persons
            or any(stored.state.died_at for stored in patients.values())
            or any(token not in patients or into not in patients[token].state.links for token, into in touched.links)
        )
        people = self._people(touched, patient_facts) if of_persons else None
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
        save_links(self.connection, changes.part_links)
        if changes.aliases is not None:
            save_aliases(self.connection, changes.aliases.gone, changes.aliases.written)
        notes.add(self.connection, changes.places, changes.encounter_merges, changes.unreadable)
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
        around = {*touched.encounters, *touched.merged_into}
        group = self._merge_group(around) | connected_by_parts(self.connection, around)
        stored = self._stored({*touched.encounters, *touched.merged_into, *group})
        facts = facts_about(self.connection, touched.encounters, touched.known_facts)
        groups: dict[str, list[Any]] = {}
        reached = {key for key, about in facts.items() if concerns_identity(about)} | group
        while reached:
            stored |= self._stored(reached.difference(stored))
            found = facts_about(self.connection, reached, touched.known_facts)
            groups |= {key: found.get(key, []) for key in reached}
            ends = {merged_into(key, groups[key]) for key in reached} | self._merge_group(reached)
            ends |= connected_by_parts(self.connection, reached)
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
            links=group.links,
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
        self._replace(
            tables.patient_link,
            [link_rows(change.before) if change.before else [] for change, _ in kept],
            [link_rows(after) for _, after in kept],
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
