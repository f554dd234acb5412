"""One transaction of the fact log and what is derived from it. All SQL of the `adt` path is here.

Two engines, one behaviour: tests/contracts runs the same suite on SQLite and PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, Table, delete, tuple_

from schemas import tables
from schemas.errors import WriteConflict
from schemas.events import BedStatusChanged
from schemas.state import Encounter, Patient, decode_encounter, decode_patient
from streams.fold.event_time import PartitionMark, encode_heads
from streams.store import bulk, pending_admissions, people
from streams.store.outbox import Message
from streams.store.rows import (
    Row,
    bed_row,
    encounter_row,
    patient_row,
    reservations_of_encounter,
    reservations_of_patient,
    stay_rows,
)
from streams.store.watermarks import read_watermarks

PARTITION_LOCK = 42
"""First key of the advisory lock that two writers of one partition queue up on (PostgreSQL)."""


class StoredEncounter(NamedTuple):
    """An encounter as it stands in SQL, with the version that the next write must follow."""

    version: int
    encounter: Encounter


class StoredPatient(NamedTuple):
    """A patient as it stands in SQL, with the version that the next write must follow."""

    version: int
    patient: Patient


class FactRow(NamedTuple):
    """A row of the log."""

    subject: str
    source: str
    event_id: str
    digest: int
    occurred_at: datetime
    received_at: datetime
    body: bytes


class DeadLetter(NamedTuple):
    """A record that is no fact, byte for byte, and why."""

    topic: str
    partition: int
    offset: int
    digest: int
    received_at: datetime
    reason: str
    key: bytes | None
    value: bytes | None
    headers: bytes | None


def _stays(encounter: Encounter | None) -> list[Row]:
    return stay_rows(encounter) if encounter else []


def _reserved(encounter: Encounter | None) -> list[Row]:
    return reservations_of_encounter(encounter) if encounter else []


class UnitOfWork:
    """What `processing` may ask of SQL within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def lock_partitions(self, partitions: Iterable[int]) -> None:
        """Let two writers of one partition queue up (a rebalance can bring them together)."""
        if self.connection.dialect.name == "postgresql":
            self.connection.exec_driver_sql(
                "SELECT pg_advisory_xact_lock(%s, partition) FROM unnest(%s::int[]) AS partition",
                (PARTITION_LOCK, sorted(partitions)),
            )

    def add_facts(self, rows: Sequence[FactRow]) -> int:
        """Add facts to the log; known ones fall out. Returns how many were new."""
        return bulk.insert(self.connection, tables.fact, rows, on_conflict="nothing")

    def facts_about(self, subjects: Iterable[str]) -> dict[str, list[bytes]]:
        """Return the bodies of all facts about each subject."""
        found: dict[str, list[bytes]] = {}
        for subject, body in bulk.select_by_key(self.connection, "subject, body", tables.fact, "subject", subjects):
            found.setdefault(subject, []).append(body)
        return found

    def encounters(self, encounter_ids: Iterable[str]) -> dict[str, StoredEncounter]:
        """Return the stored encounters of these ids and keep others from changing them meanwhile."""
        rows = bulk.select_by_key(
            self.connection, "encounter_id, version, state", tables.encounter, "encounter_id", encounter_ids, lock=True
        )
        return {
            encounter_id: StoredEncounter(version, decode_encounter(state)) for encounter_id, version, state in rows
        }

    def tied(self, encounter_ids: Collection[str]) -> set[str]:
        """Return the encounters that merges, as stored, tie to these, and those of these that are tied to others."""
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

    def save_encounters(self, changed: Sequence[tuple[StoredEncounter | None, Encounter]]) -> None:
        """Write new states over the ones that were read.

        Raises
        ------
        WriteConflict
            When one of them is no longer the one that was read.
        """
        rows = [encounter_row(new, old.version + 1 if old else 1) for old, new in changed]
        rows.sort()
        if bulk.insert(self.connection, tables.encounter, rows, on_conflict="version") != len(rows):
            raise WriteConflict("Another worker changed an encounter of this batch; it is taken again.")
        before = [old.encounter if old else None for old, _ in changed]
        after = [new for _, new in changed]
        self._replace(tables.unit_stay, map(_stays, before), map(stay_rows, after))
        self._replace(tables.reservation, map(_reserved, before), map(reservations_of_encounter, after))

    def forget_encounters(self, gone: Sequence[StoredEncounter]) -> None:
        """Take away what nothing is known of any more; the rows were read, and so are locked, in this transaction."""
        ids = [old.encounter.encounter_id for old in gone]
        if ids:
            for key in (
                tables.encounter.columns.encounter_id,
                tables.unit_stay.columns.encounter_id,
                tables.reservation.columns.subject,
            ):
                self.connection.execute(delete(key.table).where(key.in_(ids)))

    def _replace(self, table: Table, before: Iterable[Sequence[Row]], now: Iterable[Sequence[Row]]) -> None:
        """Write rows numbered by position (the second column of the key) that are new or differ; delete the rest."""
        rows: list[Row] = []
        gone: list[Row] = []
        for old, new in zip(before, now, strict=True):
            rows.extend(row for position, row in enumerate(new) if position >= len(old) or old[position] != row)
            gone.extend(row[:2] for row in old[len(new) :])
        bulk.insert(self.connection, table, rows, on_conflict="update")
        if gone:
            key = tuple_(*list(table.columns)[:2])
            self.connection.execute(delete(table).where(key.in_(gone)))

    def patients(self, tokens: Iterable[str]) -> dict[str, StoredPatient]:
        """Return the stored patients of these tokens and keep others from changing them meanwhile."""
        rows = bulk.select_by_key(
            self.connection, "patient_token, version, state", tables.patient, "patient_token", tokens, lock=True
        )
        return {token: StoredPatient(version, decode_patient(state)) for token, version, state in rows}

    def save_patients(self, changed: Sequence[tuple[StoredPatient | None, Patient]]) -> None:
        """Write new states over the ones that were read.

        Raises
        ------
        WriteConflict
            When one of them is no longer the one that was read.
        """
        rows = [patient_row(new, old.version + 1 if old else 1) for old, new in changed]
        rows.sort()
        if bulk.insert(self.connection, tables.patient, rows, on_conflict="version") != len(rows):
            raise WriteConflict("Another worker changed a patient of this batch; it is taken again.")
        before = [reservations_of_patient(old.patient) if old else [] for old, _ in changed]
        self._replace(tables.reservation, before, [reservations_of_patient(new) for _, new in changed])

    def reassign_persons(self, tokens: Collection[str]) -> set[str]:
        """Work out anew who is who around these tokens; return all tokens that this concerns."""
        return people.reassign_persons(self.connection, tokens)

    def encounters_of(self, tokens: Iterable[str]) -> list[Encounter]:
        """Return the encounters that were reported under these tokens."""
        rows = bulk.select_by_key(self.connection, "state", tables.encounter, "patient_token", set(tokens))
        return sorted((decode_encounter(row[0]) for row in rows), key=lambda encounter: encounter.encounter_id)

    def units_waiting_for(self, tokens: Collection[str]) -> set[tuple[str, str]]:
        """Return the units with a place kept for one of these patients, by a plan that names no visit."""
        return pending_admissions.units_waiting_for(self.connection, tokens) if tokens else set()

    def save_bed_reports(self, latest: Iterable[BedStatusChanged]) -> None:
        """Write the latest fact on each bed, where it is later than the one known: a fold that needs no history."""
        rows = [bed_row(fact) for fact in latest]
        rows.sort(key=lambda row: row[:3])
        bulk.insert(self.connection, tables.bed_status, rows, on_conflict="later")

    def add_messages(self, messages: Sequence[Message]) -> None:
        """Put messages into the outbox."""
        bulk.insert(self.connection, tables.outbox, messages, columns=Message._fields)

    def add_dead_letters(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Keep rejected records and return those that were not there yet."""
        return [
            letter
            for letter in letters
            if bulk.insert(
                self.connection, tables.dead_letter, [letter], on_conflict="nothing", columns=DeadLetter._fields
            )
        ]

    def watermarks(self, topic: str) -> dict[int, PartitionMark]:
        """Return how far each partition of a topic has come."""
        return read_watermarks(self.connection, topic)

    def save_watermarks(self, topic: str, marks: Mapping[int, PartitionMark]) -> None:
        """Write how far partitions have come."""
        rows = [
            (topic, partition, encode_heads(mark.heads), mark.caught_up) for partition, mark in sorted(marks.items())
        ]
        bulk.insert(self.connection, tables.watermark, rows, on_conflict="update")


@contextmanager
def unit_of_work(engine: Engine) -> Iterator[UnitOfWork]:
    """Open a transaction; it commits when the block ends and rolls back when it raises."""
    with engine.begin() as connection:
        yield UnitOfWork(connection)
