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
from schemas.events import (
    MAY_CONCERN_PATIENT,
    AnyFact,
    BedStatusChanged,
    EncountersMerged,
    PatientsMerged,
    PatientsUnmerged,
    PatientUpdated,
    bed_subject,
    decode_fact,
    digest,
    encode_fact,
    patient_subject,
)
from schemas.outgoing import REJECTED_HEADER
from schemas.state import Encounter, EncounterStatus, Patient
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
from streams.patients import fold_patient
from streams.unit_of_work import (
    DeadLetter,
    FactRow,
    Message,
    StoredEncounter,
    StoredPatient,
    UnitOfWork,
    encode_headers,
)
from streams.visits import concerns_identity, fold_tied, merged_into
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
    unreadable: int = 0
    """Of the rejected, those that no interface has marked: a changed feed, or the wrong topic."""


_Unit = tuple[str, str]
_PATIENT = patient_subject("")
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
                _check_headers(record.headers)
                fact = decode_fact(record.value or b"")
                check_subject(fact)
            except FactRejected as error:
                rejected.append((record, str(error)))
                continue
            body = encode_fact(fact)
            facts[body] = fact
            times[body] = fact.occurred_at
    return Batch(fetches[0].records[0].topic, partitions, facts, rejected)


def _check_headers(headers: Sequence[tuple[str, bytes]]) -> None:
    for name, value in headers or ():
        if name == REJECTED_HEADER:
            raise FactRejected(value.decode(errors="replace"))


def _is_marked(record: Record) -> bool:
    return any(name == REJECTED_HEADER for name, _ in record.headers or ())


def check_subject(fact: AnyFact) -> None:
    """Refuse a fact whose subject does not go with its kind.

    Raises
    ------
    FactRejected
        Naming what does not fit.
    """
    if isinstance(fact, BedStatusChanged):
        if fact.data.location.bed_id is None:
            raise FactRejected("A bed status without a bed - at `$.data.location.bed_id`")
        if fact.subject != bed_subject(fact.data.location):
            raise FactRejected("The subject of a bed status must be bed:facility/unit/bed - at `$.subject`")
    elif fact.subject.startswith("bed:"):
        raise FactRejected("A patient's fact with a bed as its subject - at `$.subject`")
    elif isinstance(fact, PatientUpdated | PatientsMerged | PatientsUnmerged):
        if fact.subject != patient_subject(fact.partition_key):
            raise FactRejected("The subject of a person's fact must be patient:partitionkey - at `$.subject`")
    elif fact.subject.startswith(_PATIENT) and not (
        isinstance(fact, MAY_CONCERN_PATIENT) and fact.subject == patient_subject(fact.partition_key)
    ):
        raise FactRejected("A fact about an encounter with a patient as its subject - at `$.subject`")


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
    changed, gone = _fold_encounters(batch, work) if new_facts else ([], [])
    patients = _fold_patients(batch, work) if new_facts else []
    beds = _latest_on_beds(batch) if new_facts else []
    work.save_encounters(changed)
    work.forget_encounters(gone)
    changed += [(old, _nothing_known(old.encounter)) for old in gone]
    work.save_patients(patients)
    work.save_bed_words(beds)
    regrouped = _regroup(patients, work)
    others = work.encounters_of(regrouped) if regrouped else []
    letters = _reject(batch, work, received_at)
    waiting = work.units_waiting_for(_awaited_or_no_longer(changed, patients) | regrouped)
    work.add_messages([*_messages(batch, changed, patients, beds, others, waiting), *letters])
    _advance_watermarks(batch, work)
    unreadable = sum(not _is_marked(record) for record, _ in batch.rejected)
    return Outcome(len(rows), new_facts, len(batch.rejected), len(changed), unreadable)


def _fold_encounters(
    batch: Batch, work: UnitOfWork
) -> tuple[list[tuple[StoredEncounter | None, Encounter]], list[StoredEncounter]]:
    """Return what changed, and what is no more: a number that only a merge gave facts to, which counts no longer."""
    touched = {
        fact.subject
        for fact in batch.facts.values()
        if not isinstance(fact, BedStatusChanged) and not fact.subject.startswith(_PATIENT)
    }
    if not touched:
        return [], []
    into = {fact.data.into for fact in batch.facts.values() if isinstance(fact, EncountersMerged)}
    tied_before = work.tied(touched | into)
    stored = work.encounters(touched | into | tied_before)  # before the facts: a change in between shows by the version
    about = {key: _facts(bodies, batch.facts) for key, bodies in work.facts_about(touched).items()}
    tied = _tied(batch, work, stored, about, tied_before)
    folded = fold_tied(tied) if tied else {}
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
    touched = {fact.partition_key: fact.subject for fact in batch.facts.values() if fact.subject.startswith(_PATIENT)}
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
    return work.regroup(merged) if merged else set()


def _merge_of(patient: Patient | None) -> tuple[object, object]:
    """Whom a token was merged into, and when: of merges in a circle the time decides."""
    return (patient.merged_into, patient.merge_order) if patient else (None, None)


def _latest_on_beds(batch: Batch) -> list[BedStatusChanged]:
    by_bed: dict[str, list[BedStatusChanged]] = {}
    for fact in batch.facts.values():
        if isinstance(fact, BedStatusChanged):
            by_bed.setdefault(fact.subject, []).append(fact)
    return [latest_word(facts) for facts in by_bed.values()]


def _facts(bodies: list[bytes], known: dict[bytes, AnyFact]) -> list[Any]:
    return [known.get(body) or decode_fact(body) for body in bodies]


def _messages(
    batch: Batch,
    changed: list[tuple[StoredEncounter | None, Encounter]],
    patients: list[tuple[StoredPatient | None, Patient]],
    beds: list[BedStatusChanged],
    others: list[Encounter],
    waiting: set[_Unit],
) -> list[Message]:
    units: set[_Unit] = {(fact.data.location.facility_id, fact.data.location.unit_id) for fact in beds}
    past: set[_Unit] = set()
    messages = []
    for old, new in changed:
        messages.append(Message(ENCOUNTERS_CHANGED.name, new.patient_token.encode(), _encode(encounter_changed(new))))
        units |= _units_touched(old.encounter if old else None, new)
        past |= _units_whose_past_changed(old.encounter if old else None, new)
    for before, after in patients:
        units |= _units_reserved(before.patient if before else None) | _units_reserved(after)
    units |= waiting
    if not units and not others:
        return messages
    at = max(fact.occurred_at for fact in batch.facts.values())
    for encounter in others:
        change = encounter_changed(encounter, identity_changed_at=at)
        messages.append(Message(ENCOUNTERS_CHANGED.name, encounter.patient_token.encode(), _encode(change)))
        units |= _units_touched(None, encounter)
    for facility_id, unit_id in sorted(units):
        past_changed = (facility_id, unit_id) in past
        hint = UnitChanged(facility_id=facility_id, unit_id=unit_id, occurred_at=at, past_changed=past_changed)
        messages.append(Message(UNITS_CHANGED.name, unit_key(facility_id, unit_id).encode(), _encode(hint)))
    return messages


def encounter_changed(encounter: Encounter, *, identity_changed_at: datetime | None = None) -> EncounterChanged:
    """Return the message that announces an encounter's new state, or that its patient is somebody else now."""
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
        identity_changed_at=identity_changed_at,
    )


def _units_touched(old: Encounter | None, new: Encounter) -> set[_Unit]:
    """Return the units whose board may look different now."""
    units = {(stay.facility_id, stay.unit_id) for stay in new.stays}
    if old is not None:
        units.update((stay.facility_id, stay.unit_id) for stay in old.stays)
        if old.reservation is not None:
            units.add((old.reservation.facility_id, old.reservation.unit_id))
    if new.reservation is not None:
        units.add((new.reservation.facility_id, new.reservation.unit_id))
    return units


def _units_whose_past_changed(old: Encounter | None, new: Encounter) -> set[_Unit]:
    """Return the units in which a stay had ended that is not so any more: somebody corrected the past."""
    ended = {stay for stay in old.stays if stay.left_at is not None} if old else set()
    return {(stay.facility_id, stay.unit_id) for stay in ended.difference(new.stays)} if ended else set()


def _awaited_or_no_longer(
    changed: Sequence[tuple[StoredEncounter | None, Encounter]],
    patients: Sequence[tuple[StoredPatient | None, Patient]],
) -> set[str]:
    """Return the patients whose plans end, or hold again, by an admission or a cancel; their beds may be anywhere."""
    came = {
        new.patient_token for old, new in changed if _ends_plans(old.encounter if old else None) != _ends_plans(new)
    }
    off = {new.patient_token for old, new in patients if (old.patient.withdrawn if old else ()) != new.withdrawn}
    return came | off


def _ends_plans(encounter: Encounter | None) -> tuple[object, ...]:
    if encounter is None:
        return (None, None, ())
    admission = (encounter.admitted_at, encounter.patient_class) if encounter.admitted_at else (None, None)
    return (*admission, encounter.withdrawn)


def _units_reserved(patient: Patient | None) -> set[_Unit]:
    places = [item.place for item in (patient.pending if patient else ())]
    return {(place.facility_id, place.unit_id) for place in places if place}


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
