"""The classes of a stay whose resource tells only that of now: each version has what was known when it was written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from schemas.events import (
    Details,
    EncounterDeleted,
    PatientClass,
    PatientClassChanged,
    PatientDischarged,
    PatientPreadmitted,
)
from streams.fold.fact_kinds import ADMISSIONS, MOVES

_NOBODY_HERE = frozenset({PatientPreadmitted, EncounterDeleted})
"""What a version says of a stay that has not begun."""


class Snapshot(NamedTuple):
    """A version of a resource."""

    recorded_at: datetime
    facts: Sequence[Any]
    """In the order of what happened."""


class _Change(NamedTuple):
    patient_class: PatientClass
    since: datetime
    recorded_at: datetime


def with_classes_of_their_time(versions: Sequence[Snapshot]) -> list[Any]:
    """Return the facts of the latest version, with the classes that the stay had as the versions said them.

    The first class said is that of the beginning. Another one that a later version says has changed since the version
    before: with the first move to another unit that the latest version tells of in that time, or else when it was
    recorded, and no later than the discharge. Where a version tells of its classes itself, it is believed.

    Parameters
    ----------
    versions : sequence of Snapshot
        Of one resource, from the first to the latest, which has a beginning.
    """
    newest = versions[-1].facts
    if len(versions) < 2 or _tells_classes(newest):
        return list(newest)
    first, changes = _classes(versions)
    beginning = next(fact for fact in newest if type(fact) in ADMISSIONS)
    ended_at = [fact.occurred_at for fact in newest if type(fact) is PatientDischarged]
    changed = [
        PatientClassChanged(
            id=beginning.id,
            source=beginning.source,
            subject=beginning.subject,
            occurred_at=max(beginning.occurred_at, min([change.since, *ended_at])),
            recorded_at=change.recorded_at,
            partition_key=beginning.partition_key,
            data=Details(patient_class=change.patient_class),
        )
        for change in changes
    ]
    return [*(_of_class(fact, first) if type(fact) in ADMISSIONS else fact for fact in newest), *changed]


def _classes(versions: Sequence[Snapshot]) -> tuple[PatientClass | None, list[_Change]]:
    """Return the class at the beginning, None where none was said, and the changes."""
    moved_at = list(_moves(versions[-1].facts))
    first: PatientClass | None = None
    changes: list[_Change] = []
    before: datetime | None = None
    for recorded_at, facts in versions:
        beginning = next((fact for fact in facts if type(fact) in ADMISSIONS), None)
        if beginning is None:
            if any(type(fact) in _NOBODY_HERE for fact in facts):
                first, changes, before = None, [], None
            continue
        said, known = beginning.data.patient_class, changes[-1].patient_class if changes else first
        if _tells_classes(facts):
            first, changes = said, list(_told(facts))
        elif known is None:
            first = said
        elif said not in (None, known):
            between = [time for time in moved_at if before is not None and before < time <= recorded_at]
            changes.append(_Change(said, min(between, default=recorded_at), recorded_at))
        before = recorded_at
    return first, changes


def _tells_classes(facts: Sequence[Any]) -> bool:
    """Say whether a version tells of the classes of the past, and not only of that of now."""
    return any(True for _ in _told(facts))


def _told(facts: Sequence[Any]) -> Iterator[_Change]:
    for fact in facts:
        if type(fact) is PatientClassChanged and fact.data.patient_class is not None:
            yield _Change(fact.data.patient_class, fact.occurred_at, fact.recorded_at)


def _moves(facts: Sequence[Any]) -> Iterator[datetime]:
    """Give when the patient came to another unit."""
    unit: tuple[str, str] | None = None
    for fact in facts:
        if type(fact) in MOVES and fact.data.location is not None:
            there = (fact.data.location.facility_id, fact.data.location.unit_id)
            if type(fact) not in ADMISSIONS and there != unit:
                yield fact.occurred_at
            unit = there


def _of_class(beginning: Any, said: PatientClass | None) -> Any:
    return msgspec.structs.replace(beginning, data=msgspec.structs.replace(beginning.data, patient_class=said))
