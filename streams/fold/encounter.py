"""The one idea: an encounter is the fold of the set of its facts.

`fold` sorts the facts by what happened, drops what was cancelled, and applies the rest. It does no IO and knows no
arrival order, so duplicates, late facts and replays cannot matter. The worker, the rebuild, the as-of query and the
tests all call this one function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from schemas.events import (
    AdmissionCancelled,
    AdmissionPending,
    AdtEvent,
    DischargeDetails,
    DischargePending,
    EncounterDeleted,
    EncounterMoved,
    EncounterUpdated,
    LeaveEnded,
    LeaveStarted,
    Location,
    PatientAdmitted,
    PatientArrived,
    PatientClassChanged,
    PatientDeparted,
    PatientDischarged,
    PatientPreadmitted,
    PatientRegistered,
    PatientTransferred,
    PendingAdmissionCancelled,
    PreadmissionCancelled,
    TransferPending,
)
from schemas.state import Encounter, Problem, UnitStay
from streams.fold.effective_facts import EffectiveFacts, effective_facts
from streams.fold.encounter_builder import EncounterBuilder, in_utc
from streams.fold.fact_kinds import ADMISSIONS, CANCELS, ENCOUNTER_MERGES
from streams.fold.merges import MergeOrder, merge_order, resolve_merges
from streams.fold.pending_admissions import withdrawals


def fold(facts: Iterable[AdtEvent], *, as_of: datetime | None = None) -> Encounter | None:
    """Return the encounter that the facts amount to, whatever their order and however often each is given.

    Parameters
    ----------
    facts : iterable of AdtEvent
        All facts of one encounter; merges of encounters are left to `streams.fold.merged_encounters`.
    as_of : datetime or None
        Leave out what happened later; cancels and corrections that were said later count all the same.

    Returns
    -------
    Encounter or None
        None when there is no fact, or none had happened by then. What does not fit is named in `problems`; no fact is
        dropped in silence.

    Notes
    -----
    What counts, and in what order, is in `streams.fold.effective_facts` and `streams.fold.corrections`. An update whose
    location differs from what was said before is a transfer. A patient who is admitted again under the same number
    after a discharge is here again: the latest word counts. A deletion makes void what was said before it.

    Examples
    --------
    >>> fold([]) is None
    True
    """
    given = [fact for fact in facts if type(fact) not in ENCOUNTER_MERGES]
    if not given:
        return None
    effective = effective_facts(given, as_of)
    if as_of is not None and not effective.facts and not _was_taken_back(given, effective, as_of):
        return None
    tokens, token = (
        {fact.partition_key for fact in given if as_of is None or fact.occurred_at <= as_of},
        _token(effective),
    )
    if len(tokens) > 1 and (whose := _moved(given, effective)):
        tokens, token = {whose.get(each, each) for each in tokens}, whose.get(token, token)
    state = EncounterBuilder(effective.latest.subject, token)
    state.problems.update(effective.problems)
    state.note_tokens(tokens)
    if effective.unmatched_cancels:
        state.withdrawn = withdrawals(
            fact for fact in effective.unmatched_cancels if as_of is None or fact.occurred_at <= as_of
        )
    state.taken_back = not effective.cancelled.isdisjoint(_BEGINS_OR_PLANS)
    for fact in effective.facts:
        _APPLY[type(fact)](state, fact)
    if effective.facts and all(type(fact) is EncounterMoved for fact in effective.facts):
        state.cancelled = True  # whose it is alone brings nobody here
        state.problem(Problem.NO_ADMISSION)
    return state.encounter()


_BEGINS_OR_PLANS = frozenset({*ADMISSIONS, PatientPreadmitted, AdmissionPending})


def _token(effective: EffectiveFacts) -> str:
    """Return under which token the encounter was reported last, by a fact that stands if there is one."""
    latest = next((fact for fact in reversed(effective.facts) if type(fact) not in CANCELS), effective.latest)
    return str(latest.partition_key)


def _moved(given: Iterable[AdtEvent], effective: EffectiveFacts) -> dict[str, str]:
    """Return, for each token from which the visit was moved, the patient whose it is.

    It is moved from all under whom it was reported until then: that may be one person under several numbers.
    """
    whose: dict[str, tuple[str, MergeOrder]] = {}
    for move in (fact for fact in effective.facts if type(fact) is EncounterMoved):
        before = {fact.partition_key for fact in given if fact.recorded_at <= move.recorded_at}
        for token in before.union([move.data.moved_from]).difference([move.partition_key]):
            whose[token] = (move.partition_key, merge_order(move))
    return resolve_merges(whose)


def _was_taken_back(facts: Iterable[AdtEvent], effective: EffectiveFacts, as_of: datetime) -> bool:
    """Say whether all that had happened by then are cancels, and what they took back."""
    return bool(effective.cancelled or effective.unmatched_cancels) and any(fact.occurred_at <= as_of for fact in facts)


def _plan(state: EncounterBuilder, fact: PatientPreadmitted | AdmissionPending) -> None:
    if state.admitted_at is not None or state.discharged_at is not None or state.unit_stays:
        state.problem(Problem.PLANNED_AFTER_ADMISSION)
        return
    state.note(fact, fact.data)
    state.planned = True
    state.deleted = state.cancelled = False
    state.expected_admission_at = in_utc(fact.data.expected_at)
    state.reserve(fact, fact.data.location, fact.data.expected_at)


def _admit(state: EncounterBuilder, fact: PatientAdmitted | PatientRegistered) -> None:
    state.note(fact, fact.data)
    registered = isinstance(fact, PatientRegistered)
    if state.discharged_at is not None:
        reopened = state.admitted_at is not None
        state.problem(Problem.ADMITTED_AFTER_DISCHARGE if reopened else Problem.DISCHARGED_BEFORE_ADMISSION)
        state.discharged_at = state.discharge_disposition = None
    elif registered and state.admitted_at not in (None, fact.occurred_at):
        state.problem(Problem.REGISTERED_TWICE)
    elif not registered and state.admitted_by not in (None, fact.occurred_at):
        state.problem(Problem.ADMITTED_TWICE)
    elif state.admitted_at is None and state.unit_stays:
        state.problem(Problem.MOVED_BEFORE_ADMISSION)
    if state.admitted_at is None:
        state.admitted_at = fact.occurred_at
    if not registered and state.admitted_by is None:
        state.admitted_by = fact.occurred_at
    state.deleted = state.cancelled = state.planned = False
    state.reservation = state.expected_admission_at = None
    if fact.data.location is not None:
        state.move(fact.data.location, fact.occurred_at)


def _change_class(state: EncounterBuilder, fact: PatientClassChanged) -> None:
    state.note(fact, fact.data)
    if state.deleted:
        state.problem(Problem.REPORTED_AFTER_DELETION)
    if fact.data.location is not None:
        _move(state, fact.data.location, fact.occurred_at)


def _transfer(state: EncounterBuilder, fact: PatientTransferred) -> None:
    state.note(fact, fact.data)
    if fact.data.location is None:
        state.problem(Problem.TRANSFER_WITHOUT_LOCATION)
    else:
        _move(state, fact.data.location, fact.occurred_at)
        state.reservation = None


def _move(state: EncounterBuilder, location: Location, at: datetime) -> None:
    state.planned = False
    if state.discharged_at is not None:
        state.problem(Problem.MOVED_AFTER_DISCHARGE)
    elif state.deleted:
        state.problem(Problem.REPORTED_AFTER_DELETION)
    else:
        state.cancelled = False
        state.move(location, at)


def _track(state: EncounterBuilder, fact: PatientDeparted | PatientArrived) -> None:
    """Tracking moves the patient without a transfer; a temporary place leaves the bed as it is."""
    state.note(fact, fact.data)
    if fact.data.location is not None:
        _move(state, fact.data.location, fact.occurred_at)
    if fact.data.temporary_location is not None and state.discharged_at is None:
        there = fact.data.temporary_location
        state.temporary_place = UnitStay(
            facility_id=there.facility_id,
            unit_id=there.unit_id,
            arrived_at=fact.occurred_at,
            room=there.room,
            bed_id=there.bed_id,
        )
    elif isinstance(fact, PatientArrived):
        state.temporary_place = None


def _start_leave(state: EncounterBuilder, fact: LeaveStarted) -> None:
    state.note(fact, fact.data)
    if state.here:
        state.on_leave_since = fact.occurred_at
    else:
        state.problem(Problem.LEAVE_WHILE_NOT_HERE)


def _end_leave(state: EncounterBuilder, fact: LeaveEnded) -> None:
    state.note(fact, fact.data)
    if state.on_leave_since is None:
        state.problem(Problem.RETURN_WITHOUT_LEAVE)
    state.on_leave_since = None
    if fact.data.location is not None:
        _move(state, fact.data.location, fact.occurred_at)


def _expect_transfer(state: EncounterBuilder, fact: TransferPending) -> None:
    state.note(fact, fact.data)
    if state.here:
        state.reserve(fact, fact.data.location, fact.data.expected_at)
    else:
        state.problem(Problem.PENDING_WHILE_NOT_HERE)


def _expect_discharge(state: EncounterBuilder, fact: DischargePending) -> None:
    state.note(fact, fact.data)
    if not state.here:
        state.problem(Problem.PENDING_WHILE_NOT_HERE)
    elif fact.data.expected_at is not None:
        state.expected_discharge_at = fact.data.expected_at.astimezone(UTC)


def _cancel(state: EncounterBuilder, fact: AdtEvent) -> None:  # noqa: ARG001
    """Nobody is here or will come, unless something else that stands says so."""
    state.cancelled = state.admitted_at is None and not state.planned


def _ignore(state: EncounterBuilder, fact: AdtEvent) -> None:
    """Whose the visit is, is told beside its course."""


def _delete(state: EncounterBuilder, fact: EncounterDeleted) -> None:  # noqa: ARG001
    state.forget()
    state.deleted = True


def _discharge(state: EncounterBuilder, fact: PatientDischarged) -> None:
    state.note(fact, fact.data)
    _note_disposition(state, fact.data)
    state.planned = False
    if state.deleted:
        state.problem(Problem.REPORTED_AFTER_DELETION)
        return
    if state.discharged_at is not None:
        if state.discharged_at != fact.occurred_at:
            state.problem(Problem.DISCHARGED_TWICE)
        return
    state.discharged_at = fact.occurred_at
    state.leave(fact.occurred_at)


def _update(state: EncounterBuilder, fact: EncounterUpdated) -> None:
    data = fact.data
    state.note(fact, data)
    if state.discharged_at is not None:
        _note_disposition(state, data)
    elif state.planned:
        if data.location is not None:
            state.reserve(fact, data.location, state.expected_admission_at)
    elif state.deleted:
        state.problem(Problem.REPORTED_AFTER_DELETION)
    elif _tells_of_the_past(state, fact):
        state.discharged_at = in_utc(data.discharged_at)
        _note_disposition(state, data)
    elif data.location is not None and state.cancelled:
        state.problem(Problem.REPORTED_AFTER_CANCELLATION)
    elif data.location is not None:
        state.move(data.location, fact.occurred_at)


def _tells_of_the_past(state: EncounterBuilder, fact: EncounterUpdated) -> bool:
    """Say whether all that is known of the visit is an update, perhaps a bill, after its end: it claims no bed."""
    left_at = fact.data.discharged_at
    return left_at is not None and left_at <= fact.occurred_at and state.admitted_at is None and not state.unit_stays


def _note_disposition(state: EncounterBuilder, details: DischargeDetails) -> None:
    if details.discharge_disposition is not None:
        state.discharge_disposition = details.discharge_disposition


_APPLY: dict[type, Callable[[EncounterBuilder, Any], None]] = {
    PatientPreadmitted: _plan,
    AdmissionPending: _plan,
    PatientRegistered: _admit,
    PatientAdmitted: _admit,
    PatientClassChanged: _change_class,
    PatientTransferred: _transfer,
    PatientDeparted: _track,
    PatientArrived: _track,
    LeaveStarted: _start_leave,
    LeaveEnded: _end_leave,
    EncounterUpdated: _update,
    TransferPending: _expect_transfer,
    DischargePending: _expect_discharge,
    PatientDischarged: _discharge,
    AdmissionCancelled: _cancel,
    PreadmissionCancelled: _cancel,
    PendingAdmissionCancelled: _cancel,
    EncounterDeleted: _delete,
    EncounterMoved: _ignore,
}
