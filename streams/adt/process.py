"""Write one batch of records to the log and the state, in one transaction: read, decide, write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from schemas.events import (
    BED_PREFIX,
    PATIENT_PREFIX,
    EncountersMerged,
    PatientIdentifiersLinked,
    PatientsMerged,
    PatientsUnmerged,
    PatientUpdated,
    digest,
    is_encounter_subject,
)
from streams.adt.changes import decide, letter_key
from streams.adt.records import Batch, Fetch, is_marked, read_batch
from streams.fold.noted import encounter_merges_in
from streams.fold.parts import Link, part_links_of
from streams.store.changes import FactRow, Touched
from streams.store.unit_of_work import UnitOfWork, unit_of_work
from streams.worker.transactions import is_transient

Clock = Callable[[], datetime]


class Outcome(NamedTuple):
    """Counts of what a batch did, for the metrics."""

    facts: int
    new_facts: int
    rejected: int
    encounters_changed: int
    unreadable: int = 0
    """Rejected records that no interface marked as rejected: the feed has changed, or the topic is wrong."""


def ingest(engine: Engine, fetches: Sequence[Fetch], *, clock: Clock) -> Outcome:
    """Write fetches to SQL, in one transaction.

    If SQL rejects a value in the batch (a data error, not an outage), the records are written one by one and the
    rejected ones go to the dead letters.

    Parameters
    ----------
    engine : Engine
        Of the database.
    fetches : sequence of Fetch
        Of one topic, at least one.
    clock : callable
        Wall clock, aware UTC; stamps new facts and dead letters.
    """
    batch = read_batch(fetches)
    try:
        with unit_of_work(engine) as work:
            return process(batch, work, clock())
    except DBAPIError as error:
        if is_transient(error):
            raise
        single = [Fetch([record], fetch.caught_up) for fetch in fetches for record in fetch.records]
        if len(single) > 1:
            outcomes = [ingest(engine, [one], clock=clock) for one in single]
            return Outcome(*(sum(values) for values in zip(*outcomes, strict=True)))
        reason = f"SQL rejected the record: {type(error.orig).__name__}. Shorten or correct the field at the sender."
    with unit_of_work(engine) as work:
        return process(batch._replace(facts={}, rejected=[(single[0].records[0], reason)]), work, clock())


def process(batch: Batch, work: UnitOfWork, received_at: datetime) -> Outcome:
    """Write one batch to the log and the state, in the transaction of `work`.

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
        When another worker changed a row meanwhile; the caller retries the batch.
    """
    unreadable = sum(not is_marked(record) for record, _ in batch.rejected)
    work.lock(batch.partitions, received_at)
    if work.has_archives():
        batch = without_archived(batch, work.archives_of(_encounters_named(batch)))
    new_facts = work.add_facts(_rows(batch, received_at), _links(batch))
    before = work.read(_touched(batch, has_new_facts=new_facts > 0))
    changes = decide(batch, before, received_at)
    work.save(changes)
    return Outcome(len(batch.facts), new_facts, len(batch.rejected), len(changes.encounters), unreadable)


def _rows(batch: Batch, received_at: datetime) -> list[FactRow]:
    return [
        FactRow(fact.subject, fact.source, fact.id, digest(body), fact.occurred_at, received_at, body)
        for body, fact in batch.facts.items()
    ]


def _links(batch: Batch) -> set[Link]:
    links: set[Link] = set()
    for fact in batch.facts.values():
        if found := part_links_of(fact):
            links.update(found)
    return links


def _encounters_named(batch: Batch) -> set[str]:
    """Return the encounters of the batch, and those that its facts merge them into."""
    facts = batch.facts.values()
    return {fact.subject for fact in facts if is_encounter_subject(fact.subject)} | {
        into for _, into in encounter_merges_in(facts)
    }


def without_archived(batch: Batch, archives: Mapping[str, str]) -> Batch:
    """Return the batch with the facts about archived encounters rejected: a fold without the others would be wrong.

    Parameters
    ----------
    batch : Batch
        Facts and rejected records.
    archives : mapping of str to str
        The file that has the facts of each archived encounter.
    """
    facts, rejected = dict(batch.facts), list(batch.rejected)
    for body, fact in batch.facts.items():
        named = (fact.subject, getattr(fact.data, "into", ""))
        encounter_id = next((key for key in named if key in archives), None)
        if encounter_id is not None:
            del facts[body]
            reason = (
                f"Encounter {encounter_id}: its facts are in the archive {archives[encounter_id]}. Restore it with "
                f"`wardwatch log restore`, then replay this dead letter; if the archive has this fact, nothing is lost."
            )
            rejected.append((batch.records[body], reason))
    return batch._replace(facts=facts, rejected=rejected)


def _touched(batch: Batch, *, has_new_facts: bool) -> Touched:
    """Return what must be read; no state if all facts are duplicates."""
    rejected = [letter_key(record) for record, _ in batch.rejected]
    if not has_new_facts:
        return Touched(batch.topic, rejected=rejected)
    facts = batch.facts.values()
    return Touched(
        topic=batch.topic,
        has_new_facts=True,
        encounters={fact.subject for fact in facts if not fact.subject.startswith((PATIENT_PREFIX, BED_PREFIX))},
        merged_into={fact.data.into for fact in facts if type(fact) is EncountersMerged},
        patients={fact.partition_key: fact.subject for fact in facts if fact.subject.startswith(PATIENT_PREFIX)},
        concerns_persons=any(
            type(fact) in (PatientsMerged, PatientsUnmerged)
            or (type(fact) is PatientUpdated and fact.data.died_at is not None)
            for fact in facts
        ),
        links={(fact.partition_key, fact.data.into) for fact in facts if type(fact) is PatientIdentifiersLinked},
        rejected=rejected,
        known_facts=batch.facts,
    )
