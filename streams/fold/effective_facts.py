"""Which facts count, at what time, and in what order: before any of them is applied.

Pure, and a function of the set: duplicates fall out, cancels take facts back, later corrections move the time of an
admission or a discharge. What is left is sorted by what happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import msgspec

from schemas.events import (
    AdmissionCancelled,
    AnyFact,
    ArrivalCancelled,
    DepartureCancelled,
    DischargeCancelled,
    EncounterUpdated,
    PatientAdmitted,
    PatientClassChanged,
    PatientDischarged,
    PendingAdmissionCancelled,
    PreadmissionCancelled,
    TransferCancelled,
    UpdateDetails,
    encode_fact,
)
from schemas.state import Problem
from streams.fold.corrections import NO_CORRECTIONS, Corrections, find_corrections
from streams.fold.fact_kinds import ADMISSIONS, CANCELS, MAY_REPEAT_LOCATION, MOVES, PRECEDENCE
from streams.fold.resource_versions import has_version_of_two_contents, without_earlier_versions

_MARKS = frozenset({AdmissionCancelled, PreadmissionCancelled, PendingAdmissionCancelled})
"""Cancels that say that nobody is here or will come: what is said of the visit after them is read in their light."""

_SAYS_PLACE = frozenset({TransferCancelled, DischargeCancelled, DepartureCancelled, ArrivalCancelled})
"""Cancels whose place is where the patient is afterwards."""

_RIGHT_AFTER = timedelta(microseconds=1)
"""A cancel is heard before the place that it says."""

_ANCHORS = frozenset({*MOVES, PatientClassChanged, PatientDischarged})

_F = TypeVar("_F", bound=AnyFact)
_Key = tuple[datetime, int, datetime, str, str]


class EffectiveFacts(NamedTuple):
    """What stands after cancels and corrections."""

    facts: list[Any]
    """In the order in which they apply."""
    latest: Any
    """The last of all facts, cancels included."""
    cancelled: frozenset[type]
    """Kinds of fact of which one at least was taken back."""
    unmatched_cancels: Sequence[Any]
    """Cancels of what was not reported."""
    problems: frozenset[Problem]


def effective_facts(facts: Iterable[AnyFact], as_of: datetime | None = None) -> EffectiveFacts:
    """Return the facts that stand, in their order.

    Parameters
    ----------
    facts : iterable of AnyFact
        At least one, all of one subject.
    as_of : datetime or None
        Leave out what happened later, after cancels and corrections.

    Notes
    -----
    The order is `occurred_at`, then `PRECEDENCE`, then `recorded_at`, then source and id. What a cancel takes back,
    whose place is only a repetition, and what an update corrects is told by the order in which it was said
    (`streams.fold.corrections`). A correction that would put an admission or a discharge on the other side of another
    move is refused, and named, unless it was on the wrong side before.
    """
    ordered, collision = in_order(facts)
    latest = ordered[-1]
    effective = without_earlier_versions(ordered)
    if effective is not ordered:
        collision = collision or has_version_of_two_contents(ordered)
        ordered = _sorted(effective)
    ordered = _with_places_of_cancels(ordered)
    heard = find_corrections(ordered)
    problems = {Problem.ID_COLLISION} | heard.problems if collision else heard.problems
    if heard is NO_CORRECTIONS:
        applied = ordered
    else:
        times = _corrected_times(ordered, heard)
        changed = {*times, *heard.repeated_locations, *heard.voided_updates}
        applied = [
            _stripped(fact, position, heard, times) if position in changed else fact
            for position, fact in enumerate(ordered)
            if position not in heard.removed and (type(fact) not in CANCELS or type(fact) in _MARKS)
        ]
        if times:
            applied.sort(key=_key)
        if len(times) < len(heard.corrections):
            problems = {*problems, Problem.TIMES_OUT_OF_ORDER}
    if as_of is not None:
        applied = [fact for fact in applied if fact.occurred_at <= as_of]
    unmatched_cancels = [ordered[position] for position in heard.unmatched_cancels]
    return EffectiveFacts(applied, latest, frozenset(heard.cancelled), unmatched_cancels, frozenset(problems))


def in_order(facts: Iterable[_F]) -> tuple[list[_F], bool]:
    """Return the distinct facts in their order, and whether one source and id stands over two contents."""
    given = list(facts)
    if len(given) < 2:
        return given, False
    if len({(fact.source, fact.id) for fact in given}) == len(given):
        return _sorted(given), False
    distinct = {encode_fact(fact): fact for fact in given}
    names = {(fact.source, fact.id) for fact in distinct.values()}
    ordered = sorted(distinct.items(), key=lambda item: (_key(item[1]), item[0]))
    return _discharge_first([fact for _, fact in ordered]), len(names) < len(distinct)


def _sorted(facts: Iterable[_F]) -> list[_F]:
    return _discharge_first(sorted(facts, key=_key))


def _key(fact: AnyFact) -> _Key:
    return (fact.occurred_at, PRECEDENCE[type(fact)], fact.recorded_at, fact.source, fact.id)


def _discharge_first(ordered: list[_F]) -> list[_F]:
    """Put a discharge before the admissions of its instant that were recorded after it, where somebody was here."""
    for position, fact in enumerate(ordered):
        if type(fact) is not PatientDischarged:
            continue
        first = position
        while first > 0 and ordered[first - 1].occurred_at == fact.occurred_at:
            first -= 1
        here_before = any(type(other) in ADMISSIONS for other in ordered[:first])
        later = [
            index
            for index in range(first, position)
            if type(ordered[index]) is PatientAdmitted and ordered[index].recorded_at > fact.recorded_at
        ]
        if here_before and later:
            ordered.insert(later[0], ordered.pop(position))
    return ordered


def _with_places_of_cancels(ordered: list[Any]) -> list[Any]:
    """Let a cancel that says where the patient is say so by an update of its own, at the time it was recorded."""
    said = [
        EncounterUpdated(
            id=fact.id,
            source=fact.source,
            subject=fact.subject,
            occurred_at=fact.recorded_at,
            recorded_at=fact.recorded_at + _RIGHT_AFTER,
            partition_key=fact.partition_key,
            data=UpdateDetails(location=fact.data.location),
        )
        for fact in ordered
        if type(fact) in _SAYS_PLACE and fact.data.location is not None
    ]
    return sorted([*ordered, *said], key=_key) if said else ordered


def _stripped(fact: Any, position: int, heard: Corrections, times: Mapping[int, datetime]) -> Any:
    """Return the fact without what says nothing new, at the time that was corrected."""
    if position in times:
        return msgspec.structs.replace(fact, occurred_at=times[position])
    if position in heard.voided_updates:
        return msgspec.structs.replace(fact, data=msgspec.structs.replace(fact.data, location=None, patient_class=None))
    if position in heard.repeated_locations:
        return msgspec.structs.replace(fact, data=msgspec.structs.replace(fact.data, location=None))
    return fact


def _corrected_times(ordered: Sequence[Any], heard: Corrections) -> dict[int, datetime]:
    """Return the corrections that carry no fact past another move, unless that puts right what was out of order."""
    said = {position: time.astimezone(UTC) for position, time in heard.corrections.items()}
    if not said:
        return {}
    anchors = [
        (position, (said.get(position, fact.occurred_at), PRECEDENCE[type(fact)], position))
        for position, fact in enumerate(ordered)
        if position not in heard.removed and _is_anchor(fact, position, heard)
    ]
    beginnings = [position for position, _ in anchors if type(ordered[position]) in ADMISSIONS]
    return {
        position: time
        for position, time in said.items()
        if all(
            other == position
            or (other < position) == (when < (time, PRECEDENCE[type(ordered[position])], position))
            or _puts_right(ordered, position, other, beginnings)
            for other, when in anchors
        )
    }


def _puts_right(ordered: Sequence[Any], position: int, other: int, beginnings: Sequence[int]) -> bool:
    """Say whether the fact at `position` was on the wrong side of the other, which it is carried past.

    An admission was, if it came after what can be true only of somebody admitted, and nobody had been. A discharge was,
    if nobody had been admitted before it, or if the other came after it and nobody had been admitted between.
    """
    if type(ordered[position]) is PatientDischarged:
        first = beginnings[0] if beginnings else len(ordered)
        between = any(position < beginning <= other for beginning in beginnings)
        return position < other and (position < first or not between)
    return other < position and type(ordered[other]) not in ADMISSIONS and beginnings[0] > other


def _is_anchor(fact: Any, position: int, heard: Corrections) -> bool:
    if type(fact) in _ANCHORS:
        return True
    moves = (
        type(fact) in MAY_REPEAT_LOCATION
        and position not in heard.repeated_locations
        and position not in heard.voided_updates
    )
    return moves and fact.data.location is not None
