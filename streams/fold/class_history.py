"""The classes of a stay over time, from versions of a resource that each state only the class at their time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from schemas.events import (
    Details,
    EncounterDeleted,
    PatientAdmitted,
    PatientClass,
    PatientClassChanged,
    PatientDischarged,
    PatientPreadmitted,
    PatientRegistered,
)
from streams.fold.effects import Effect, FactOrEffect, FoldedFact, location_of, with_details
from streams.fold.fact_kinds import ADMISSIONS, MOVES

_NOT_BEGUN = frozenset({PatientPreadmitted, EncounterDeleted})
"""Kinds of fact in a version of a stay that has not begun."""

_Admission = PatientAdmitted | PatientRegistered


class Snapshot(NamedTuple):
    """A version of a resource."""

    recorded_at: datetime
    facts: Sequence[FoldedFact]
    """In the order of what happened."""


class _ClassChange(NamedTuple):
    patient_class: PatientClass
    since: datetime
    recorded_at: datetime


def with_class_history(versions: Sequence[Snapshot]) -> list[FactOrEffect]:
    """Return the facts of the latest version, with the classes that the stay had according to all versions.

    The class at the beginning is the first one stated. A different class in a later version is a change. Its time is
    the first move to another unit between the two versions, or else the time when the later version was recorded, but
    not after the discharge. A version with a history of classes of its own is taken as it is.

    Parameters
    ----------
    versions : sequence of Snapshot
        Of one resource, from the first to the latest; the latest has an admission.
    """
    latest = versions[-1].facts
    if len(versions) < 2 or _has_class_history(latest):
        return list(latest)
    first, changes = _classes(versions)
    admission = next(fact for fact in latest if isinstance(fact, _Admission))
    ended_at = [fact.occurred_at for fact in latest if type(fact) is PatientDischarged]
    changed = [
        Effect(
            kind=PatientClassChanged,
            occurred_at=max(admission.occurred_at, min([change.since, *ended_at])),
            recorded_at=change.recorded_at,
            data=Details(patient_class=change.patient_class),
            source_fact=admission,
        )
        for change in changes
    ]
    return [*(_with_class(fact, first) if isinstance(fact, _Admission) else fact for fact in latest), *changed]


def _classes(versions: Sequence[Snapshot]) -> tuple[PatientClass | None, list[_ClassChange]]:
    """Return the class at the beginning, None where none was stated, and the changes."""
    moved_at = list(_moves(versions[-1].facts))
    first: PatientClass | None = None
    changes: list[_ClassChange] = []
    before: datetime | None = None
    for recorded_at, facts in versions:
        admission = next((fact for fact in facts if isinstance(fact, _Admission)), None)
        if admission is None:
            if any(type(fact) in _NOT_BEGUN for fact in facts):
                first, changes, before = None, [], None
            continue
        stated, known = admission.data.patient_class, changes[-1].patient_class if changes else first
        if _has_class_history(facts):
            first, changes = stated, list(_class_history(facts))
        elif known is None:
            first = stated
        elif stated is not None and stated is not known:
            between = [time for time in moved_at if before is not None and before < time <= recorded_at]
            changes.append(_ClassChange(stated, min(between, default=recorded_at), recorded_at))
        before = recorded_at
    return first, changes


def _has_class_history(facts: Sequence[FoldedFact]) -> bool:
    """Return whether a version states the classes of the past, and not only the present one."""
    return any(True for _ in _class_history(facts))


def _class_history(facts: Sequence[FoldedFact]) -> Iterator[_ClassChange]:
    for fact in facts:
        if isinstance(fact, PatientClassChanged) and fact.data.patient_class is not None:
            yield _ClassChange(fact.data.patient_class, fact.occurred_at, fact.recorded_at)


def _moves(facts: Sequence[FoldedFact]) -> Iterator[datetime]:
    """Yield the times at which the patient came to another unit."""
    unit: tuple[str, str] | None = None
    for fact in facts:
        if type(fact) in MOVES and (location := location_of(fact)) is not None:
            moved_to = (location.facility_id, location.unit_id)
            if type(fact) not in ADMISSIONS and moved_to != unit:
                yield fact.occurred_at
            unit = moved_to


def _with_class(admission: _Admission, patient_class: PatientClass | None) -> FactOrEffect:
    if admission.data.patient_class is patient_class:
        return admission
    return with_details(admission, msgspec.structs.replace(admission.data, patient_class=patient_class))
