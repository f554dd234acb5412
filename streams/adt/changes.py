"""Decide what one batch changes: from the stored state and the facts to the rows to write, without IO.

Encounters, patients and beds are folded, merged tokens are resolved to persons, and the changes are announced to the
other agents.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from schemas.events import BedStatusChanged, digest
from schemas.state import Encounter, EncounterStatus, Patient, UnitStay
from schemas.topics import DEAD_LETTERS, ENCOUNTERS_CHANGED, UNITS_CHANGED, EncounterChanged, UnitChanged, unit_key
from streams.adt.records import Batch, Record
from streams.fold.bed import latest_report
from streams.fold.encounter import fold
from streams.fold.event_time import PartitionMark, advance, keep_samples
from streams.fold.merges import links_of, merges_of, resolve_persons
from streams.fold.noted import encounter_merges_in, places_named, unreadable_in
from streams.fold.parts import Link, PartsFolded, fold_connected
from streams.fold.patient import fold_patient
from streams.store.changes import AliasChanges, Before, Change, Changes, DeadLetter, LetterKey, People, Unit
from streams.store.outbox import Message, encode_headers

REASON_HEADER = "wardwatch-reason"
ORIGIN_HEADER = "wardwatch-origin"
HOUR, NEVER = timedelta(hours=1), datetime.min.replace(tzinfo=UTC)

_encode = msgspec.json.Encoder().encode


class _Reassigned(NamedTuple):
    """Effect of patient merges and unmerges."""

    aliases: AliasChanges | None = None
    tokens: frozenset[str] = frozenset()
    """All tokens whose person changed, with their old and new persons."""
    persons: Mapping[str, str] = {}
    """Person of each token in the merge group, after the batch."""


def decide(batch: Batch, before: Before, received_at: datetime) -> Changes:
    """Return all that a batch changes.

    Parameters
    ----------
    batch : Batch
        Facts and rejected records.
    before : Before
        What the database holds about all that the batch touches; empty if all facts of the batch are duplicates.
    received_at : datetime
        Wall clock, aware UTC; stamps dead letters.
    """
    letters = _dead_letters(batch, before.known_letters, received_at)
    watermarks = _watermarks(batch, before.watermarks)
    if not before.has_new_facts:
        return Changes(
            batch.topic, dead_letters=letters, watermarks=watermarks, messages=_rejections(letters, batch.rejected)
        )
    encounters, part_links = _encounters(before)
    patients = _patients(before)
    beds = _beds(batch)
    reassigned = _reassign(before.people, patients) if before.people is not None else _Reassigned()
    return Changes(
        topic=batch.topic,
        encounters=encounters,
        patients=patients,
        beds=beds,
        aliases=reassigned.aliases,
        places=places_named(batch.facts.values()),
        encounter_merges=encounter_merges_in(batch.facts.values()),
        unreadable=unreadable_in(batch.facts.values()),
        dead_letters=letters,
        watermarks=watermarks,
        part_links=part_links,
        hours=_hours(batch),
        messages=[
            *_announcements(batch, before, encounters, patients, beds, reassigned),
            *_rejections(letters, batch.rejected),
        ],
    )


def _encounters(before: Before) -> tuple[list[Change[Encounter]], Mapping[Link, bool]]:
    """Fold the touched encounters; delete an encounter that has no fact left after an unmerge, or became a part."""
    folded, part_links = fold_connected(before.merge_groups) if before.merge_groups else PartsFolded({}, {})
    for encounter_id, facts in before.facts.items():
        encounter = fold(facts)
        if encounter is not None:
            folded[encounter_id] = encounter
    changed = [
        Change(stored, encounter)
        for encounter_id, encounter in folded.items()
        for stored in (before.encounters.get(encounter_id),)
        if stored is None or stored.state != encounter
    ]
    deleted: list[Change[Encounter]] = [
        Change(before.encounters[encounter_id], None)
        for encounter_id in before.merge_groups
        if encounter_id in before.encounters and encounter_id not in folded
    ]
    return changed + deleted, part_links


def _patients(before: Before) -> list[Change[Patient]]:
    changed = []
    for facts in before.patient_facts:
        patient = fold_patient(facts)
        stored = before.patients.get(patient.patient_token) if patient else None
        if patient is not None and (stored is None or stored.state != patient):
            changed.append(Change(stored, patient))
    return changed


def _beds(batch: Batch) -> list[BedStatusChanged]:
    """Return the latest fact of the batch on each bed."""
    by_bed: dict[str, list[BedStatusChanged]] = {}
    for fact in batch.facts.values():
        if type(fact) is BedStatusChanged:
            by_bed.setdefault(fact.subject, []).append(fact)
    return [latest_report(facts) for facts in by_bed.values()]


def _reassign(people: People, patients: Sequence[Change[Patient]]) -> _Reassigned:
    """Resolve the merges and links after the batch, and compare the persons with the stored aliases."""
    states = [change.after for change in patients if change.after is not None]
    merges, links = dict(people.merges), dict(people.links)
    for state in states:
        merges.pop(state.patient_token, None)
        links.pop(state.patient_token, None)
    after = resolve_persons(merges | merges_of(states), links | links_of(states))
    aliases = people.aliases
    changed = {token for token in people.tokens if aliases.get(token) != after.get(token)}
    return _Reassigned(
        aliases=AliasChanges(
            gone=sorted(set(aliases).difference(after)),
            written=sorted(item for item in after.items() if aliases.get(item[0]) != item[1]),
        ),
        tokens=frozenset(changed)
        .union(aliases.get(token, token) for token in changed)
        .union(after.get(token, token) for token in changed),
        persons={token: after.get(token, token) for token in people.tokens},
    )


def _announcements(
    batch: Batch,
    before: Before,
    encounters: Sequence[Change[Encounter]],
    patients: Sequence[Change[Patient]],
    beds: Iterable[BedStatusChanged],
    reassigned: _Reassigned,
) -> list[Message]:
    """Return the messages to the other agents: one per changed encounter, one per unit to recompute."""
    units: set[Unit] = {(fact.data.location.facility_id, fact.data.location.unit_id) for fact in beds}
    past: set[Unit] = set()
    since: dict[Unit, datetime] = {}
    messages = []
    for change in encounters:
        after = _state_after(change)
        if _only_observed(change.before, after):
            continue
        messages.append(_encounter_message(encounter_changed(after)))
        touched = _units_touched(change.before, after)
        units |= touched
        past |= _units_whose_past_changed(change.before, after)
        _note_since(since, touched, _moved_since(change.before, after))
    for patient in patients:
        units |= _units_reserved(patient.before) | _units_reserved(patient.after)
    units |= _waiting_units(before, _awaited_or_withdrawn(encounters, patients) | reassigned.tokens, reassigned.persons)
    others = _encounters_of(reassigned.tokens, before.people, encounters)
    dead = _tokens_of_dead(patients, reassigned.persons).difference(reassigned.tokens)
    known = {change.after.encounter_id for change in encounters if change.after is not None}
    for encounter in _encounters_of(dead, before.people, encounters):
        if encounter.encounter_id not in known:
            messages.append(_encounter_message(encounter_changed(encounter)))
    if not units and not others:
        return messages
    at = max(fact.occurred_at for fact in batch.facts.values())
    for encounter in others:
        messages.append(_encounter_message(encounter_changed(encounter, identity_changed_at=at)))
        touched = _units_touched(None, encounter)
        units |= touched
        _note_since(since, touched, _moved_since(None, encounter))
    for facility_id, unit_id in sorted(units):
        unit = (facility_id, unit_id)
        hint = UnitChanged(
            facility_id=facility_id,
            unit_id=unit_id,
            occurred_at=at,
            past_changed=unit in past,
            since=since.get(unit),
        )
        messages.append(Message(UNITS_CHANGED.name, unit_key(facility_id, unit_id).encode(), _encode(hint)))
    return messages


def _only_observed(old: Encounter | None, new: Encounter) -> bool:
    """Return whether only observations changed: no place, no moment of scoring and no outcome depends on them."""
    if old is None or not (new.observations or old.observations):
        return False
    return msgspec.structs.replace(old, observations=new.observations) == new


def _tokens_of_dead(patients: Iterable[Change[Patient]], persons: Mapping[str, str]) -> set[str]:
    """Return all tokens of the persons whose death became known, or turned out to be an error."""
    changed = {
        persons.get(change.after.patient_token, change.after.patient_token)
        for change in patients
        if change.after is not None and (change.before.died_at if change.before else None) != change.after.died_at
    }
    return changed | {token for token, person in persons.items() if person in changed}


def encounter_changed(encounter: Encounter, *, identity_changed_at: datetime | None = None) -> EncounterChanged:
    """Return the message that announces an encounter's new state, or that its patient became another person."""
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


def _encounter_message(change: EncounterChanged) -> Message:
    return Message(ENCOUNTERS_CHANGED.name, change.patient_token.encode(), _encode(change))


def _state_after(change: Change[Encounter]) -> Encounter:
    """Return the state to announce: a deleted encounter is announced as cancelled."""
    if change.after is not None:
        return change.after
    assert change.before is not None
    return Encounter(
        encounter_id=change.before.encounter_id,
        patient_token=change.before.patient_token,
        status=EncounterStatus.CANCELLED,
    )


def _encounters_of(
    tokens: Collection[str], people: People | None, changes: Iterable[Change[Encounter]]
) -> list[Encounter]:
    """Return the encounters of these tokens after the batch, sorted by id."""
    if people is None:
        return []
    found = {encounter.encounter_id: encounter for encounter in people.encounters}
    for change in changes:
        if change.after is not None:
            found[change.after.encounter_id] = change.after
        elif change.before is not None:
            found.pop(change.before.encounter_id, None)
    return [found[key] for key in sorted(found) if found[key].patient_token in tokens]


def _units_touched(old: Encounter | None, new: Encounter) -> set[Unit]:
    """Return the units whose board may have changed."""
    units = {(stay.facility_id, stay.unit_id) for stay in new.unit_stays}
    if old is not None:
        units.update((stay.facility_id, stay.unit_id) for stay in old.unit_stays)
        if old.reservation is not None:
            units.add((old.reservation.facility_id, old.reservation.unit_id))
    if new.reservation is not None:
        units.add((new.reservation.facility_id, new.reservation.unit_id))
    return units


def _units_whose_past_changed(old: Encounter | None, new: Encounter) -> set[Unit]:
    """Return the units in which a stay that had ended was corrected or removed."""
    ended = {stay for stay in old.unit_stays if stay.left_at is not None} if old else set()
    return {(stay.facility_id, stay.unit_id) for stay in ended.difference(new.unit_stays)} if ended else set()


def _moved_since(old: Encounter | None, new: Encounter) -> datetime | None:
    """Return the earliest time from which an encounter's places differ; None if they do not."""
    before, after = old.unit_stays if old else (), new.unit_stays
    for one, other in zip(before, after, strict=False):
        if one != other:
            return _differ_since(one, other)
    rest = before[len(after) :] or after[len(before) :]
    return rest[0].arrived_at if rest else None


def _differ_since(one: UnitStay, other: UnitStay) -> datetime:
    begins, other_begins = one.arrived_at, other.arrived_at
    if begins != other_begins or one.unit_id != other.unit_id or one.facility_id != other.facility_id:
        return min(begins, other_begins)
    ends, other_ends = one.left_at, other.left_at
    if ends == other_ends:
        return begins
    if ends is None or other_ends is None:
        return ends or other_ends or begins
    return min(ends, other_ends)


def _note_since(since: dict[Unit, datetime], units: Iterable[Unit], at: datetime | None) -> None:
    if at is not None:
        for unit in units:
            since[unit] = min(at, since.get(unit, at))


def _units_reserved(patient: Patient | None) -> set[Unit]:
    places = [item.place for item in (patient.pending if patient else ())]
    return {(place.facility_id, place.unit_id) for place in places if place}


def _awaited_or_withdrawn(
    encounters: Iterable[Change[Encounter]], patients: Iterable[Change[Patient]]
) -> frozenset[str]:
    """Return the patients whose plans end or are restored by an admission or a cancel, whatever unit is planned."""
    admitted = {
        after.patient_token
        for change in encounters
        for after in (_state_after(change),)
        if _ends_plans(change.before) != _ends_plans(after)
    }
    withdrawn = {
        change.after.patient_token
        for change in patients
        if change.after is not None and (change.before.withdrawn if change.before else ()) != change.after.withdrawn
    }
    return frozenset(admitted | withdrawn)


def _ends_plans(encounter: Encounter | None) -> tuple[object, ...]:
    if encounter is None:
        return (None, None, ())
    admission = (encounter.admitted_at, encounter.patient_class) if encounter.admitted_at else (None, None)
    return (*admission, encounter.withdrawn)


def _waiting_units(before: Before, tokens: Collection[str], reassigned: Mapping[str, str]) -> set[Unit]:
    """Return the units where a plan without a visit number reserves a place for one of these persons."""

    def person(token: str) -> str:
        return reassigned.get(token) or before.persons.get(token, token)

    persons = {person(token) for token in tokens} if before.waiting_plans else set()
    return {plan.unit for plan in before.waiting_plans if person(plan.patient_token) in persons}


def _dead_letters(batch: Batch, known: Collection[LetterKey], received_at: datetime) -> list[DeadLetter]:
    """Return the rejected records that are not yet stored as dead letters, without duplicates."""
    letters: dict[LetterKey, DeadLetter] = {}
    for record, reason in batch.rejected:
        key = letter_key(record)
        if key not in known and key not in letters:
            letters[key] = DeadLetter(
                record.topic,
                *key,
                received_at,
                reason,
                record.key,
                record.value,
                encode_headers(record.headers),
            )
    return list(letters.values())


def letter_key(record: Record) -> LetterKey:
    """Return the key of a dead letter within its topic: partition, offset and digest of its value."""
    return (record.partition, record.offset, digest(record.value or b""))


def _rejections(letters: Iterable[DeadLetter], rejected: Iterable[tuple[Record, str]]) -> list[Message]:
    """Return the messages for the dead-letter topic: records as received, plus headers with reason and origin."""
    headers = {(record.partition, record.offset): record.headers for record, _ in rejected}
    messages = []
    for letter in letters:
        marked = [
            *headers[letter.partition, letter.offset],
            (REASON_HEADER, letter.reason.encode()),
            (ORIGIN_HEADER, f"{letter.topic}/{letter.partition}/{letter.offset}".encode()),
        ]
        messages.append(Message(DEAD_LETTERS.name, letter.key, letter.value, encode_headers(marked)))
    return messages


def _watermarks(batch: Batch, known: Mapping[int, PartitionMark]) -> dict[int, PartitionMark]:
    """Return the watermark of each partition after the batch."""
    marks = {}
    for partition, read in batch.partitions.items():
        mark = known.get(partition, PartitionMark((), False))
        marks[partition] = mark._replace(
            heads=advance(mark.heads, read.times.values()),
            caught_up=read.caught_up,
            samples=keep_samples(mark.samples, read.samples) if read.samples else mark.samples,
            sent_at=read.sent_at or mark.sent_at,
        )
    return marks


def _hours(batch: Batch) -> dict[tuple[datetime, int], int]:
    """Return how many facts of the batch were recorded in each hour; facts that were known already count as well."""
    counts: dict[tuple[datetime, int], int] = {}
    for partition, read in batch.partitions.items():
        begin = end = NEVER
        for time in read.times.values():
            if not begin <= time < end:  # few facts begin another hour than the one before
                begin = time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
                end = begin + HOUR
            counts[begin, partition] = counts.get((begin, partition), 0) + 1
    return counts
