"""What one batch of records does to the log and to the state: one transaction, the same for every engine.

Insert the facts (known ones fall out), read back all facts of the encounters they touch, fold, compare with what was
stored; the difference is what happened, and it goes to SQL and to the outbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from schemas.errors import FactRejected
from schemas.events import AnyFact, BedStatusChanged, bed_subject, decode_fact, digest, encode_fact
from schemas.state import Encounter, EncounterStatus
from schemas.topics import (
    DEAD_LETTERS,
    ENCOUNTERS_CHANGED,
    UNITS_CHANGED,
    EncounterChanged,
    UnitChanged,
    unit_key,
)
from streams.beds import latest_word
from streams.encounters import fold
from streams.unit_of_work import DeadLetter, FactRow, Message, StoredEncounter, UnitOfWork, encode_headers
from streams.watermarks import PartitionMark, advance

REASON_HEADER = "wardwatch-reason"
ORIGIN_HEADER = "wardwatch-origin"


class Record(NamedTuple):
    """A Kafka record as received."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Fetch(NamedTuple):
    """What one fetch brought of one partition: at least one record, and whether nothing is left behind the last."""

    records: Sequence[Record]
    caught_up: bool


class PartitionRead(NamedTuple):
    """What was read of one partition: the event times of its facts, and whether nothing is left."""

    times: dict[bytes, datetime]
    """By canonical body: the same fact twice is one witness of the time."""
    caught_up: bool


class Batch(NamedTuple):
    """Some fetches, read: facts with their canonical bodies, and what is no fact."""

    topic: str
    partitions: dict[int, PartitionRead]
    facts: dict[bytes, AnyFact]
    """By canonical body, so that an exact duplicate is one entry."""
    rejected: list[tuple[Record, str]]


class Outcome(NamedTuple):
    """What a batch did, for the metrics."""

    facts: int
    new_facts: int
    rejected: int
    encounters_changed: int


_Unit = tuple[str, str]
_encode = msgspec.json.Encoder().encode


def read_batch(fetches: Sequence[Fetch]) -> Batch:
    """Read fetches of one topic; never raises for what is in them."""
    facts: dict[bytes, AnyFact] = {}
    rejected: list[tuple[Record, str]] = []
    partitions: dict[int, PartitionRead] = {}
    for records, caught_up in fetches:
        partition = records[0].partition
        times = partitions[partition].times if partition in partitions else {}
        partitions[partition] = PartitionRead(times, caught_up)
        for record in records:
            try:
                fact = decode_fact(record.value or b"")
                _check_subject(fact)
            except FactRejected as error:
                rejected.append((record, str(error)))
                continue
            body = encode_fact(fact)
            facts[body] = fact
            times[body] = fact.occurred_at
    return Batch(fetches[0].records[0].topic, partitions, facts, rejected)


def _check_subject(fact: AnyFact) -> None:
    if isinstance(fact, BedStatusChanged):
        if fact.data.location.bed_id is None:
            raise FactRejected("A bed status without a bed - at `$.data.location.bed_id`")
        if fact.subject != bed_subject(fact.data.location):
            raise FactRejected("The subject of a bed status must be bed:facility/unit/bed - at `$.subject`")
    elif fact.subject.startswith("bed:"):
        raise FactRejected("A patient's fact with a bed as its subject - at `$.subject`")


def process(batch: Batch, work: UnitOfWork, received_at: datetime) -> Outcome:
    """Bring one batch into the log and the state, in the transaction of `work`.

    Parameters
    ----------
    batch : Batch
        From `read_batch`.
    work : UnitOfWork
        The open transaction; the caller commits it, and only then acknowledges the records.
    received_at : datetime
        Wall clock, aware UTC; stored with new facts.

    Raises
    ------
    ChangedMeanwhile
        The caller takes the batch again.
    """
    work.lock_partitions(batch.partitions)
    rows = [
        FactRow(fact.subject, fact.source, fact.id, digest(body), fact.occurred_at, received_at, body)
        for body, fact in batch.facts.items()
    ]
    new_facts = work.add_facts(rows)
    changed = _fold_encounters(batch, work) if new_facts else []
    beds = _latest_on_beds(batch) if new_facts else []
    work.save_encounters(changed)
    work.save_bed_words(beds)
    letters = _reject(batch, work, received_at)
    work.add_messages([*_messages(batch, changed, beds), *letters])
    _advance_watermarks(batch, work)
    return Outcome(len(rows), new_facts, len(batch.rejected), len(changed))


def _fold_encounters(batch: Batch, work: UnitOfWork) -> list[tuple[StoredEncounter | None, Encounter]]:
    touched = {fact.subject for fact in batch.facts.values() if not isinstance(fact, BedStatusChanged)}
    if not touched:
        return []
    stored = work.encounters(touched)  # before the facts: whoever commits in between is noticed by the version
    changed = []
    for encounter_id, bodies in work.facts_about(touched).items():
        new = fold(_facts(bodies, batch.facts))
        old = stored.get(encounter_id)
        if new is not None and (old is None or old.encounter != new):
            changed.append((old, new))
    return changed


def _latest_on_beds(batch: Batch) -> list[BedStatusChanged]:
    by_bed: dict[str, list[BedStatusChanged]] = {}
    for fact in batch.facts.values():
        if isinstance(fact, BedStatusChanged):
            by_bed.setdefault(fact.subject, []).append(fact)
    return [latest_word(facts) for facts in by_bed.values()]


def _facts(bodies: list[bytes], known: dict[bytes, AnyFact]) -> list[Any]:
    return [known.get(body) or decode_fact(body) for body in bodies]


def _messages(
    batch: Batch, changed: list[tuple[StoredEncounter | None, Encounter]], beds: list[BedStatusChanged]
) -> list[Message]:
    units: set[_Unit] = {(fact.data.location.facility_id, fact.data.location.unit_id) for fact in beds}
    messages = []
    for old, new in changed:
        messages.append(Message(ENCOUNTERS_CHANGED.name, new.patient_token.encode(), _encode(encounter_changed(new))))
        units |= _units_touched(old.encounter if old else None, new)
    if units:
        at = max(fact.occurred_at for fact in batch.facts.values())
        for facility_id, unit_id in sorted(units):
            hint = UnitChanged(facility_id=facility_id, unit_id=unit_id, occurred_at=at)
            messages.append(Message(UNITS_CHANGED.name, unit_key(facility_id, unit_id).encode(), _encode(hint)))
    return messages


def encounter_changed(encounter: Encounter) -> EncounterChanged:
    """Return the message that announces an encounter's new state."""
    place = encounter.location if encounter.status is EncounterStatus.IN_PROGRESS else None
    return EncounterChanged(
        encounter_id=encounter.encounter_id,
        patient_token=encounter.patient_token,
        status=encounter.status,
        patient_class=encounter.patient_class,
        admitted_at=encounter.admitted_at,
        discharged_at=encounter.discharged_at,
        facility_id=place.facility_id if place else None,
        unit_id=place.unit_id if place else None,
        bed_id=place.bed_id if place else None,
    )


def _units_touched(old: Encounter | None, new: Encounter) -> set[_Unit]:
    """Return the units whose board may look different now."""
    before = {(stay.facility_id, stay.unit_id) for stay in (old.stays if old else ())}
    return before | {(stay.facility_id, stay.unit_id) for stay in new.stays}


def _reject(batch: Batch, work: UnitOfWork, received_at: datetime) -> list[Message]:
    letters = [
        DeadLetter(
            record.topic,
            record.partition,
            record.offset,
            digest(record.value or b""),
            received_at,
            reason,
            record.key,
            record.value,
            encode_headers(record.headers),
        )
        for record, reason in batch.rejected
    ]
    headers = {(record.partition, record.offset): record.headers for record, _ in batch.rejected}
    messages = []
    for letter in work.add_dead_letters(letters):
        origin = f"{letter.topic}/{letter.partition}/{letter.offset}"
        marked = [
            *headers[letter.partition, letter.offset],
            (REASON_HEADER, letter.reason.encode()),
            (ORIGIN_HEADER, origin.encode()),
        ]
        messages.append(Message(DEAD_LETTERS.name, letter.key, letter.value, encode_headers(marked)))
    return messages


def _advance_watermarks(batch: Batch, work: UnitOfWork) -> None:
    known = work.watermarks(batch.topic)
    marks = {}
    for partition, (times, caught_up) in batch.partitions.items():
        heads = known[partition].heads if partition in known else ()
        marks[partition] = PartitionMark(advance(heads, times.values()), caught_up)
    work.save_watermarks(batch.topic, marks)
