"""What a change of encounters, patients and beds means for others: the messages that announce it.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from schemas.events import (
    BedStatusChanged,
)
from schemas.state import Encounter, EncounterStatus, Patient
from schemas.topics import (
    ENCOUNTERS_CHANGED,
    UNITS_CHANGED,
    EncounterChanged,
    UnitChanged,
    unit_key,
)
from streams.adt.records import Batch
from streams.store.outbox import Message
from streams.store.unit_of_work import StoredEncounter, StoredPatient

_Unit = tuple[str, str]

_encode = msgspec.json.Encoder().encode


def messages(
    batch: Batch,
    changed: list[tuple[StoredEncounter | None, Encounter]],
    patients: list[tuple[StoredPatient | None, Patient]],
    beds: list[BedStatusChanged],
    others: list[Encounter],
    waiting: set[_Unit],
) -> list[Message]:
    """Return the messages that announce what changed, one for each encounter and each unit."""
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
    units = {(stay.facility_id, stay.unit_id) for stay in new.unit_stays}
    if old is not None:
        units.update((stay.facility_id, stay.unit_id) for stay in old.unit_stays)
        if old.reservation is not None:
            units.add((old.reservation.facility_id, old.reservation.unit_id))
    if new.reservation is not None:
        units.add((new.reservation.facility_id, new.reservation.unit_id))
    return units


def _units_whose_past_changed(old: Encounter | None, new: Encounter) -> set[_Unit]:
    """Return the units in which a stay had ended that is not so any more: somebody corrected the past."""
    ended = {stay for stay in old.unit_stays if stay.left_at is not None} if old else set()
    return {(stay.facility_id, stay.unit_id) for stay in ended.difference(new.unit_stays)} if ended else set()


def awaited_or_no_longer(
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
