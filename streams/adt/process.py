"""What one batch of records does to the log and to the state: one transaction, the same for every engine.

Insert the facts (known ones fall out), read back all facts of the encounters they touch, fold, compare with what was
stored; the difference is what happened, and it goes to SQL and to the outbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from schemas.events import (
    AnyFact,
    BedStatusChanged,
    EncountersMerged,
    decode_fact,
    digest,
    is_patient_subject,
)
from schemas.state import Encounter, EncounterStatus, Patient
from schemas.topics import (
    DEAD_LETTERS,
)
from streams.adt.changes import awaited_or_no_longer, messages
from streams.adt.records import Batch, is_marked
from streams.fold.bed import latest_report
from streams.fold.encounter import fold
from streams.fold.event_time import PartitionMark, advance
from streams.fold.merged_encounters import concerns_identity, fold_merged, merged_into
from streams.fold.patient import fold_patient
from streams.store.outbox import Message, encode_headers
from streams.store.unit_of_work import DeadLetter, FactRow, StoredEncounter, StoredPatient, UnitOfWork

REASON_HEADER = "wardwatch-reason"
ORIGIN_HEADER = "wardwatch-origin"


class Outcome(NamedTuple):
    """What a batch did, for the metrics."""

    facts: int
    new_facts: int
    rejected: int
    encounters_changed: int
    unreadable: int = 0
    """Of the rejected, those that no interface has marked: a changed feed, or the wrong topic."""


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
    WriteConflict
        The caller takes the batch again.
    """
    work.lock_partitions(batch.partitions)
    rows = [
        FactRow(fact.subject, fact.source, fact.id, digest(body), fact.occurred_at, received_at, body)
        for body, fact in batch.facts.items()
    ]
    new_facts = work.add_facts(rows)
    changed, gone = _fold_encounters(batch, work) if new_facts else ([], [])
    patients = _fold_patients(batch, work) if new_facts else []
    beds = _latest_on_beds(batch) if new_facts else []
    work.save_encounters(changed)
    work.forget_encounters(gone)
    changed += [(old, _nothing_known(old.encounter)) for old in gone]
    work.save_patients(patients)
    work.save_bed_reports(beds)
    regrouped = _regroup(patients, work)
    others = work.encounters_of(regrouped) if regrouped else []
    letters = _reject(batch, work, received_at)
    waiting = work.units_waiting_for(awaited_or_no_longer(changed, patients) | regrouped)
    work.add_messages([*messages(batch, changed, patients, beds, others, waiting), *letters])
    _advance_watermarks(batch, work)
    unreadable = sum(not is_marked(record) for record, _ in batch.rejected)
    return Outcome(len(rows), new_facts, len(batch.rejected), len(changed), unreadable)


def _fold_encounters(
    batch: Batch, work: UnitOfWork
) -> tuple[list[tuple[StoredEncounter | None, Encounter]], list[StoredEncounter]]:
    """Return what changed, and what is no more: a number that only a merge gave facts to, which counts no longer."""
    touched = {
        fact.subject
        for fact in batch.facts.values()
        if not isinstance(fact, BedStatusChanged) and not is_patient_subject(fact.subject)
    }
    if not touched:
        return [], []
    into = {fact.data.into for fact in batch.facts.values() if isinstance(fact, EncountersMerged)}
    tied_before = work.tied(touched | into)
    stored = work.encounters(touched | into | tied_before)  # before the facts: a change in between shows by the version
    about = {key: _facts(bodies, batch.facts) for key, bodies in work.facts_about(touched).items()}
    tied = _tied(batch, work, stored, about, tied_before)
    folded = fold_merged(tied) if tied else {}
    for encounter_id, facts in about.items():
        encounter = None if encounter_id in tied else fold(facts)
        if encounter is not None:
            folded[encounter_id] = encounter
    changed = [
        (old, encounter)
        for encounter_id, encounter in folded.items()
        for old in (stored.get(encounter_id),)
        if old is None or old.encounter != encounter
    ]
    return changed, [
        stored[encounter_id] for encounter_id in tied if encounter_id in stored and encounter_id not in folded
    ]


def _nothing_known(encounter: Encounter) -> Encounter:
    return Encounter(
        encounter_id=encounter.encounter_id, patient_token=encounter.patient_token, status=EncounterStatus.CANCELLED
    )


def _tied(
    batch: Batch,
    work: UnitOfWork,
    stored: dict[str, StoredEncounter],
    about: dict[str, list[Any]],
    tied_before: set[str],
) -> dict[str, list[Any]]:
    """Return all facts about each encounter that merges tie to those touched; add to `stored` what is stored of it.

    Encounters that no merge concerns, done or undone, are not in it.
    """
    reached = {key for key, facts in about.items() if concerns_identity(facts)} | tied_before
    tied: dict[str, list[Any]] = {}
    while reached:
        stored |= work.encounters(reached.difference(stored))
        bodies = work.facts_about(reached)
        tied |= {key: _facts(bodies.get(key, []), batch.facts) for key in reached}
        ends = {merged_into(key, tied[key]) for key in reached} | work.tied(reached)
        reached = {end for end in ends if end is not None}.difference(tied)
    return tied


def _fold_patients(batch: Batch, work: UnitOfWork) -> list[tuple[StoredPatient | None, Patient]]:
    touched = {fact.partition_key: fact.subject for fact in batch.facts.values() if is_patient_subject(fact.subject)}
    if not touched:
        return []
    stored = work.patients(touched)
    changed = []
    for bodies in work.facts_about(touched.values()).values():
        new = fold_patient(_facts(bodies, batch.facts))
        old = stored.get(new.patient_token) if new else None
        if new is not None and (old is None or old.patient != new):
            changed.append((old, new))
    return changed


def _regroup(patients: Sequence[tuple[StoredPatient | None, Patient]], work: UnitOfWork) -> set[str]:
    """Work out who is who, and return the tokens of those who are somebody else now."""
    merged = {
        token
        for old, new in patients
        if _merge_of(old.patient if old else None) != _merge_of(new)
        for token in (new.patient_token, new.merged_into, old.patient.merged_into if old else None)
        if token
    }
    return work.reassign_persons(merged) if merged else set()


def _merge_of(patient: Patient | None) -> tuple[object, object]:
    """Whom a token was merged into, and when: of merges in a circle the time decides."""
    return (patient.merged_into, patient.merge_order) if patient else (None, None)


def _latest_on_beds(batch: Batch) -> list[BedStatusChanged]:
    by_bed: dict[str, list[BedStatusChanged]] = {}
    for fact in batch.facts.values():
        if isinstance(fact, BedStatusChanged):
            by_bed.setdefault(fact.subject, []).append(fact)
    return [latest_report(facts) for facts in by_bed.values()]


def _facts(bodies: list[bytes], known: dict[bytes, AnyFact]) -> list[Any]:
    return [known.get(body) or decode_fact(body) for body in bodies]


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
