"""The facts that are left after cancels, repeated locations and corrected times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

import msgspec

from schemas.events import (
    AdmissionCancelled,
    Details,
    PatientClassChanged,
    PatientDischarged,
    PendingAdmissionCancelled,
    PreadmissionCancelled,
)
from schemas.state import Problem
from streams.fold.corrections import NO_CORRECTIONS, Corrections
from streams.fold.effective_facts import EffectiveFacts, in_order
from streams.fold.effects import Effect, FactOrEffect, at_time, kinds_of, location_of, with_details
from streams.fold.fact_kinds import ADMISSIONS, CANCELS, MAY_REPEAT_LOCATION, MOVES, PRECEDENCE

_APPLIED_CANCELS = frozenset({AdmissionCancelled, PreadmissionCancelled, PendingAdmissionCancelled})
"""Cancels after which the patient is not here and not expected: they change how later facts are read."""

_ANCHORS = frozenset({*MOVES, PatientClassChanged, PatientDischarged})
"""Kinds of fact that a corrected time may not pass."""


def apply_corrections(effective: EffectiveFacts, corrections: Corrections) -> EffectiveFacts:
    """Drop cancelled facts, repeated locations and voided updates, and move facts to their corrected times.

    A corrected time that would put an admission or a discharge on the other side of another move is refused, and named
    by `TIMES_OUT_OF_ORDER`, unless the fact was on the wrong side before.
    """
    if corrections is NO_CORRECTIONS:
        return effective
    ordered = effective.facts
    times = _accepted_times(ordered, corrections)
    changed = {*times, *corrections.repeated_locations, *corrections.voided_updates}
    facts = [
        _effect(fact, position, corrections, times.get(position)) if position in changed else fact
        for position, fact in enumerate(ordered)
        if position not in corrections.removed and (type(fact) not in CANCELS or type(fact) in _APPLIED_CANCELS)
    ]
    if times:
        facts = in_order(facts)
    problems = set(effective.problems)
    if corrections.unmatched_cancels:
        problems.add(Problem.CANCEL_WITHOUT_TARGET)
    if len(times) < len(corrections.corrected_times):
        problems.add(Problem.TIMES_OUT_OF_ORDER)
    return EffectiveFacts(
        facts=facts,
        reported=effective.reported,
        problems=problems,
        cancelled=corrections.cancelled,
        unmatched_cancels=[ordered[position] for position in corrections.unmatched_cancels],
    )


def _effect(fact: FactOrEffect, position: int, corrections: Corrections, time: datetime | None) -> Effect:
    """Return the effect of a fact at its corrected time, or without what does not count."""
    data = cast("Details", fact.data)  # only admissions, discharges and facts that may give a location are corrected
    if time is not None:
        return at_time(fact, time, data)
    if position in corrections.voided_updates:
        return with_details(fact, msgspec.structs.replace(data, location=None, patient_class=None))
    return with_details(fact, msgspec.structs.replace(data, location=None))


def _accepted_times(ordered: Sequence[FactOrEffect], corrections: Corrections) -> dict[int, datetime]:
    """Return the corrected times that carry no fact past a move, unless that mends the order."""
    times = {position: time.astimezone(UTC) for position, time in corrections.corrected_times.items()}
    if not times:
        return {}
    kinds = kinds_of(ordered)
    anchors = [
        (position, (times.get(position, fact.occurred_at), PRECEDENCE[kinds[position]], position))
        for position, fact in enumerate(ordered)
        if position not in corrections.removed and _is_anchor(fact, kinds[position], position, corrections)
    ]
    admissions = [position for position, _ in anchors if kinds[position] in ADMISSIONS]
    return {
        position: time
        for position, time in times.items()
        if all(
            other == position
            or (other < position) == (when < (time, PRECEDENCE[kinds[position]], position))
            or _mends_order(kinds, position, other, admissions)
            for other, when in anchors
        )
    }


def _mends_order(kinds: Sequence[type], position: int, other: int, admissions: Sequence[int]) -> bool:
    """Return whether the fact at `position` was on the wrong side of the other one, which it is carried past.

    An admission was, if it came after what needs an admission, and there was none before. A discharge was, if there was
    no admission before it, or if the other one came after it without an admission between.
    """
    if kinds[position] is PatientDischarged:
        first = admissions[0] if admissions else len(kinds)
        between = any(position < admission <= other for admission in admissions)
        return position < other and (position < first or not between)
    if kinds[position] not in ADMISSIONS:
        return False
    return other < position and kinds[other] not in ADMISSIONS and admissions[0] > other


def _is_anchor(fact: FactOrEffect, kind: type, position: int, corrections: Corrections) -> bool:
    """Return whether the fact moves the patient, or ends the stay."""
    if kind in _ANCHORS:
        return True
    return (
        kind in MAY_REPEAT_LOCATION
        and position not in corrections.repeated_locations
        and position not in corrections.voided_updates
        and location_of(fact) is not None
    )
