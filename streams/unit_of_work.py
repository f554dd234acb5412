"""One transaction of the fact log and what is derived from it. All SQL of the `adt` path is here.

Two engines, one behaviour: tests/contracts runs the same suite on SQLite and PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, delete, select, tuple_

from schemas import tables
from schemas.errors import WardwatchError
from schemas.events import BedStatusChanged, patient_subject
from schemas.state import (
    Encounter,
    Patient,
    Reservation,
    UnitStay,
    decode_encounter,
    decode_patient,
    encode_encounter,
    encode_patient,
)
from streams import bulk_sql, people_store
from streams.watermarks import PartitionMark, decode_heads, encode_heads

PARTITION_LOCK = 42
"""First key of the advisory lock that two writers of one partition queue up on (PostgreSQL)."""


class ChangedMeanwhile(WardwatchError):
    """Another worker changed an encounter between reading and writing it; the transaction is to be taken again."""


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


class Message(NamedTuple):
    """A row of the outbox: what is to be published after the commit."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: bytes | None = None


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


_Reserved = tuple[str, str, Sequence[Reservation | None], Sequence[Reservation | None]]
"""Subject, patient token, places reserved before, and now."""


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
        return bulk_sql.insert(self.connection, tables.fact, rows, on_conflict="nothing")

    def facts_about(self, subjects: Iterable[str]) -> dict[str, list[bytes]]:
        """Return the bodies of all facts about each subject."""
        found: dict[str, list[bytes]] = {}
        for subject, body in bulk_sql.select_by_key(self.connection, "subject, body", tables.fact, "subject", subjects):
            found.setdefault(subject, []).append(body)
        return found

    def encounters(self, encounter_ids: Iterable[str]) -> dict[str, StoredEncounter]:
        """Return the stored encounters of these ids and keep others from changing them meanwhile."""
        rows = bulk_sql.select_by_key(
            self.connection, "encounter_id, version, state", tables.encounter, "encounter_id", encounter_ids, lock=True
        )
        return {
            encounter_id: StoredEncounter(version, decode_encounter(state)) for encounter_id, version, state in rows
        }

    def save_encounters(self, changed: Sequence[tuple[StoredEncounter | None, Encounter]]) -> None:
        """Write new states over the ones that were read.

        Raises
        ------
        ChangedMeanwhile
            When one of them is no longer the one that was read.
        """
        rows = [
            (
                new.encounter_id,
                new.patient_token,
                new.status.value,
                new.patient_class.value,
                new.admitted_at,
                new.discharged_at,
                new.provisional,
                old.version + 1 if old else 1,
                encode_encounter(new),
            )
            for old, new in changed
        ]
        rows.sort()
        if bulk_sql.insert(self.connection, tables.encounter, rows, on_conflict="version") != len(rows):
            raise ChangedMeanwhile("Another worker changed an encounter of this batch; it is taken again.")
        self._save_stays([(old.encounter if old else None, new) for old, new in changed])
        self._save_reservations(
            (new.encounter_id, new.patient_token, [old.encounter.reservation] if old else [], [new.reservation])
            for old, new in changed
        )

    def _save_stays(self, changed: Sequence[tuple[Encounter | None, Encounter]]) -> None:
        rows: list[bulk_sql.Row] = []
        gone: list[tuple[str, int]] = []
        for old, new in changed:
            before: tuple[UnitStay, ...] = old.stays if old else ()
            for position, stay in enumerate(new.stays):
                if position >= len(before) or before[position] != stay:
                    rows.append(
                        (
                            new.encounter_id,
                            position,
                            stay.facility_id,
                            stay.unit_id,
                            stay.bed_id,
                            stay.arrived_at,
                            stay.left_at,
                        )
                    )
            gone.extend((new.encounter_id, position) for position in range(len(new.stays), len(before)))
        bulk_sql.insert(self.connection, tables.unit_stay, rows, on_conflict="update")
        if gone:
            column = tables.unit_stay.columns
            self.connection.execute(
                delete(tables.unit_stay).where(tuple_(column.encounter_id, column.position).in_(gone))
            )

    def _save_reservations(self, changed: Iterable[_Reserved]) -> None:
        rows: list[bulk_sql.Row] = []
        gone: list[str] = []
        for subject, token, before, now in changed:
            old, new = [place for place in before if place], [place for place in now if place]
            if old == new:
                continue
            if len(old) > len(new):
                gone.append(subject)
            rows.extend(
                (
                    subject,
                    position,
                    token,
                    place.facility_id,
                    place.unit_id,
                    place.bed_id,
                    place.since,
                    place.expected_at,
                )
                for position, place in enumerate(new)
            )
        if gone:
            self.connection.execute(
                delete(tables.reservation).where(tables.reservation.columns.subject.in_(sorted(gone)))
            )
        bulk_sql.insert(self.connection, tables.reservation, rows, on_conflict="update")

    def patients(self, tokens: Iterable[str]) -> dict[str, StoredPatient]:
        """Return the stored patients of these tokens and keep others from changing them meanwhile."""
        rows = bulk_sql.select_by_key(
            self.connection, "patient_token, version, state", tables.patient, "patient_token", tokens, lock=True
        )
        return {token: StoredPatient(version, decode_patient(state)) for token, version, state in rows}

    def save_patients(self, changed: Sequence[tuple[StoredPatient | None, Patient]]) -> None:
        """Write new states over the ones that were read.

        Raises
        ------
        ChangedMeanwhile
            When one of them is no longer the one that was read.
        """
        rows = [
            (new.patient_token, new.merged_into, old.version + 1 if old else 1, encode_patient(new))
            for old, new in changed
        ]
        rows.sort()
        if bulk_sql.insert(self.connection, tables.patient, rows, on_conflict="version") != len(rows):
            raise ChangedMeanwhile("Another worker changed a patient of this batch; it is taken again.")
        self._save_reservations(
            (
                patient_subject(new.patient_token),
                new.patient_token,
                [item.place for item in old.patient.pending] if old else [],
                [item.place for item in new.pending],
            )
            for old, new in changed
        )

    def regroup(self, tokens: Collection[str]) -> set[str]:
        """Work out anew who is who around these tokens; return all tokens that this concerns."""
        return people_store.regroup(self.connection, tokens)

    def encounters_of(self, tokens: Iterable[str]) -> list[Encounter]:
        """Return the encounters that were reported under these tokens."""
        rows = bulk_sql.select_by_key(self.connection, "state", tables.encounter, "patient_token", set(tokens))
        return sorted((decode_encounter(row[0]) for row in rows), key=lambda encounter: encounter.encounter_id)

    def save_bed_words(self, latest: Iterable[BedStatusChanged]) -> None:
        """Write the latest fact on each bed, where it is later than the one known: a fold that needs no history."""
        rows = [
            (
                fact.data.location.facility_id,
                fact.data.location.unit_id,
                fact.data.location.bed_id,
                fact.data.status.value,
                fact.occurred_at,
                fact.data.reason,
                fact.recorded_at,
                fact.source,
                fact.id,
            )
            for fact in latest
        ]
        rows.sort(key=lambda row: row[:3])
        bulk_sql.insert(self.connection, tables.bed_status, rows, on_conflict="later")

    def add_messages(self, messages: Sequence[Message]) -> None:
        """Put messages into the outbox."""
        bulk_sql.insert(self.connection, tables.outbox, messages, columns=Message._fields)

    def add_dead_letters(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Keep rejected records and return those that were not there yet."""
        return [
            letter
            for letter in letters
            if bulk_sql.insert(self.connection, tables.dead_letter, [letter], on_conflict="nothing")
        ]

    def watermarks(self, topic: str) -> dict[int, PartitionMark]:
        """Return how far each partition of a topic has come."""
        return read_watermarks(self.connection, topic)

    def save_watermarks(self, topic: str, marks: Mapping[int, PartitionMark]) -> None:
        """Write how far partitions have come."""
        rows = [
            (topic, partition, encode_heads(mark.heads), mark.caught_up) for partition, mark in sorted(marks.items())
        ]
        bulk_sql.insert(self.connection, tables.watermark, rows, on_conflict="update")


@contextmanager
def unit_of_work(engine: Engine) -> Iterator[UnitOfWork]:
    """Open a transaction; it commits when the block ends and rolls back when it raises."""
    with engine.begin() as connection:
        yield UnitOfWork(connection)


def read_watermarks(connection: Connection, topic: str) -> dict[int, PartitionMark]:
    """Return how far each partition of a topic has come."""
    mark = tables.watermark.columns
    rows = connection.execute(select(mark.partition, mark.heads, mark.caught_up).where(mark.topic == topic))
    return {row.partition: PartitionMark(decode_heads(row.heads), row.caught_up) for row in rows}


def encode_headers(headers: Sequence[tuple[str, bytes]] | None) -> bytes | None:
    """Return Kafka headers as SQL keeps them: JSON, values in base64."""
    return msgspec.json.encode(list(headers)) if headers else None


def decode_headers(raw: bytes | None) -> list[tuple[str, bytes]]:
    """Read what `encode_headers` wrote."""
    return msgspec.json.decode(raw, type=list[tuple[str, bytes]]) if raw else []
