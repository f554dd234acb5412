"""Which facts count, at what time, and in what order: before any of them is applied.

Pure, and a function of the set: duplicates fall out, cancels take facts back, later corrections move the time of an
admission or a discharge. What is left is sorted by what happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

import msgspec

from schemas.events import (
    AdmissionCancelled,
    AdmissionPending,
    AdtEvent,
    AnyFact,
    ArrivalCancelled,
    DepartureCancelled,
    DischargeCancelled,
    DischargePending,
    EncounterDeleted,
    EncounterUpdated,
    LeaveEndCancelled,
    LeaveEnded,
    LeaveStartCancelled,
    LeaveStarted,
    PatientAdmitted,
    PatientArrived,
    PatientClassChanged,
    PatientDeparted,
    PatientDischarged,
    PatientPreadmitted,
    PatientRegistered,
    PatientsMerged,
    PatientsUnmerged,
    PatientTransferred,
    PatientUpdated,
    PendingAdmissionCancelled,
    PendingDischargeCancelled,
    PendingTransferCancelled,
    PreadmissionCancelled,
    TransferCancelled,
    TransferPending,
    encode_fact,
)
from schemas.state import Problem

_IN_ORDER: tuple[type, ...] = (
    PatientsMerged,
    PatientsUnmerged,
    PatientUpdated,
    PatientPreadmitted,
    AdmissionPending,
    PatientRegistered,
    PatientAdmitted,
    PatientClassChanged,
    PatientTransferred,
    PatientDeparted,
    PatientArrived,
    LeaveEnded,
    LeaveStarted,
    EncounterUpdated,
    TransferPending,
    DischargePending,
    PatientDischarged,
    PreadmissionCancelled,
    PendingAdmissionCancelled,
    AdmissionCancelled,
    TransferCancelled,
    DepartureCancelled,
    ArrivalCancelled,
    LeaveEndCancelled,
    LeaveStartCancelled,
    PendingTransferCancelled,
    PendingDischargeCancelled,
    DischargeCancelled,
    EncounterDeleted,
)

PRECEDENCE: dict[type, int] = {kind: position for position, kind in enumerate(_IN_ORDER)}
"""Which fact counts first when several happened at one instant."""

CANCELS: dict[type, tuple[type, ...]] = {
    PreadmissionCancelled: (PatientPreadmitted,),
    PendingAdmissionCancelled: (AdmissionPending,),
    AdmissionCancelled: (PatientAdmitted, PatientRegistered),
    TransferCancelled: (PatientTransferred,),
    DepartureCancelled: (PatientDeparted,),
    ArrivalCancelled: (PatientArrived,),
    LeaveStartCancelled: (LeaveStarted,),
    LeaveEndCancelled: (LeaveEnded,),
    PendingTransferCancelled: (TransferPending,),
    PendingDischargeCancelled: (DischargePending,),
    DischargeCancelled: (PatientDischarged,),
}
"""What each cancel takes back."""

BEGINNINGS = (PatientAdmitted, PatientRegistered)
_MOVES = (PatientAdmitted, PatientRegistered, PatientTransferred)

_F = TypeVar("_F", bound=AnyFact)
_Key = tuple[datetime, int, datetime, str, str]


class Standing(NamedTuple):
    """What stands after cancels and corrections."""

    facts: list[Any]
    """In the order in which they apply."""
    latest: Any
    """The last of all facts, cancels included."""
    cancelled: frozenset[type]
    """Kinds of fact of which one at least was taken back."""
    problems: frozenset[Problem]


def standing(facts: Iterable[AnyFact], as_of: datetime | None = None) -> Standing:
    """Return the facts that stand, in their order.

    Parameters
    ----------
    facts : iterable of AnyFact
        At least one, all of one subject.
    as_of : datetime or None
        Leave out what happened later, after cancels and corrections.

    Notes
    -----
    The order is `occurred_at`, then `PRECEDENCE`, then `recorded_at`, then source and id. A cancel takes back the fact
    it names (those that name one go first), or else the latest of its kind before it, or else the latest that was
    recorded before it. An update that says when the admission or the discharge was moves that fact to this time,
    unless it would jump over another move.
    """
    ordered, collision = in_order(facts)
    problems = {Problem.ID_COLLISION} if collision else set()
    kept, cancelled = _without_cancelled(ordered, problems)
    facts_in_order = _with_corrected_times(kept, problems)
    if as_of is not None:
        facts_in_order = [fact for fact in facts_in_order if fact.occurred_at <= as_of]
    return Standing(facts_in_order, ordered[-1], frozenset(cancelled), frozenset(problems))


def in_order(facts: Iterable[_F]) -> tuple[list[_F], bool]:
    """Return the distinct facts in their order, and whether one source and id stands over two contents."""
    given = list(facts)
    if len(given) < 2:
        return given, False
    if len({(fact.source, fact.id) for fact in given}) == len(given):
        return sorted(given, key=_key), False
    distinct = {encode_fact(fact): fact for fact in given}
    names = {(fact.source, fact.id) for fact in distinct.values()}
    ordered = sorted(distinct.items(), key=lambda item: (_key(item[1]), item[0]))
    return [fact for _, fact in ordered], len(names) < len(distinct)


def _key(fact: AnyFact) -> _Key:
    return (fact.occurred_at, PRECEDENCE[type(fact)], fact.recorded_at, fact.source, fact.id)


def _without_cancelled(ordered: list[Any], problems: set[Problem]) -> tuple[list[Any], set[type]]:
    """Drop the cancels and what they take back."""
    if not any(type(fact) in CANCELS for fact in ordered):
        return ordered, set()
    dropped: set[int] = set()
    cancelled: set[type] = set()
    cancels = [position for position, fact in enumerate(ordered) if type(fact) in CANCELS]
    for position in sorted(cancels, key=lambda position: ordered[position].data.cancels is None):
        kinds = CANCELS[type(ordered[position])]
        dropped.add(position)
        target = _target(ordered, position, kinds, dropped)
        if target is None:
            problems.add(Problem.CANCEL_WITHOUT_TARGET)
        else:
            dropped.add(target)
            cancelled.add(type(ordered[target]))
    return [fact for index, fact in enumerate(ordered) if index not in dropped], cancelled


def _target(ordered: Sequence[Any], position: int, kinds: tuple[type, ...], dropped: set[int]) -> int | None:
    """Return the position of the fact that the cancel at `position` takes back."""
    cancel = ordered[position]
    left = [index for index, fact in enumerate(ordered) if type(fact) in kinds and index not in dropped]
    if cancel.data.cancels:
        left = [index for index in left if ordered[index].id == cancel.data.cancels]
        return left[-1] if left else None
    before = [index for index in left if index < position]
    before = before or [index for index in left if ordered[index].recorded_at < cancel.recorded_at]
    return before[-1] if before else None


def _with_corrected_times(ordered: list[Any], problems: set[Problem]) -> list[Any]:
    """Move admissions and discharges to the times that later updates give them."""
    corrections: dict[int, datetime] = {}
    for position, fact in enumerate(ordered):
        if type(fact) is not EncounterUpdated:
            continue
        for kinds, said in (
            ((PatientAdmitted,), fact.data.admitted_at),
            ((PatientDischarged,), fact.data.discharged_at),
        ):
            if said is not None:
                target = _corrected(ordered, position, kinds)
                if target is not None:
                    corrections[target] = said.astimezone(UTC)
    corrections = {index: time for index, time in corrections.items() if time != ordered[index].occurred_at}
    if not corrections:
        return ordered
    times = [corrections.get(index, fact.occurred_at) for index, fact in enumerate(ordered)]
    moved = []
    for index, fact in enumerate(ordered):
        if index in corrections and not _jumps(ordered, index, times):
            fact = msgspec.structs.replace(fact, occurred_at=times[index])
        elif index in corrections:
            problems.add(Problem.TIMES_OUT_OF_ORDER)
        moved.append(fact)
    return sorted(moved, key=_key)


def _corrected(ordered: Sequence[Any], position: int, kinds: tuple[type, ...]) -> int | None:
    """Return the fact whose time the update at `position` corrects; a first registration stands in for an admission."""
    update = ordered[position]
    before: int | None = None
    recorded_before: int | None = None
    for index, fact in enumerate(ordered):
        if type(fact) in kinds:
            if index < position:
                before = index
            elif fact.recorded_at < update.recorded_at:
                recorded_before = index
    found = before if before is not None else recorded_before
    if found is None and kinds == (PatientAdmitted,):
        return _corrected(ordered, position, (PatientRegistered,))
    return found


def _jumps(ordered: Sequence[AdtEvent], index: int, times: Sequence[datetime]) -> bool:
    """Say whether the correction of one fact would put it on the wrong side of another move."""
    fact, was, now = ordered[index], ordered[index].occurred_at, times[index]
    for other, its_time in zip(ordered, times, strict=True):
        if other is fact:
            continue
        if type(fact) is PatientDischarged:
            if isinstance(other, _MOVES) and now < its_time and other.occurred_at <= was:
                return True
        elif isinstance(other, (PatientTransferred, PatientDischarged)) and now > its_time and other.occurred_at >= was:
            return True
    return False
