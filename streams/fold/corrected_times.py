"""Corrected times: the PV1-44 and PV1-45 of an update, and the PV1-44 with which a visit begins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from schemas.events import (
    Details,
    PatientAdmitted,
    PatientClass,
    PatientClassChanged,
    PatientDischarged,
    PatientRegistered,
    UpdateDetails,
)
from streams.fold.correction_state import CorrectionState
from streams.fold.fact_kinds import ADMISSIONS, MAY_REPEAT_LOCATION, MOVES

_STATES_CLASS = MOVES | MAY_REPEAT_LOCATION
_A_MINUTE = timedelta(minutes=1)


def note_beginning(state: CorrectionState, position: int, begun_at: datetime) -> None:
    """Let an admission that begins the visit hold from PV1-44.

    Where the visit has begun before, PV1-44 repeats that beginning, and the place and the class hold from the time of
    the event. After a discharge a later PV1-44 is a beginning again.
    """
    discharged_at = max((state.occurred_at(index) for index in state.effective((PatientDischarged,))), default=None)
    if not state.effective(ADMISSIONS) or (discharged_at is not None and begun_at > discharged_at):
        state.corrected_times[position] = begun_at


def note_corrected_time(state: CorrectionState, position: int, kind: type, time: datetime) -> None:
    """Correct the latest recorded fact of a kind, with its repetitions; a registration where no admission is known."""
    targets = state.effective((kind,))
    recorded = state.recorded(kind)
    if kind is PatientAdmitted:
        if not recorded:
            targets = state.effective((PatientRegistered,))
        targets = _beginning(state, targets)
    if not targets:
        if not recorded:
            state.times_without_fact.append((position, kind, time))
        return
    repetitions = state.same_content(targets, targets[-1])
    if all(state.occurred_at(index) == time for index in repetitions):
        return
    if kind is PatientAdmitted and (
        _is_known_beginning(state, targets[-1], time) or _is_own_class_change(state, position, time)
    ):
        return
    state.corrected_times |= dict.fromkeys(repetitions, time)
    state.located.sort(key=state.order)


def decide_late_correction(state: CorrectionState, position: int, kind: type, time: datetime) -> None:
    """Correct what happened before an update, where no fact of that kind was recorded before it."""
    before = [index for index in state.effective((kind,)) if index < position]
    if before:
        state.corrected_times.setdefault(max(before), time)


def _beginning(state: CorrectionState, targets: list[int]) -> list[int]:
    """Return the facts of which the latest is the one whose time a PV1-44 corrects.

    The sender of an inpatient admission that repeats the beginning of the visit means that beginning in PV1-44. The
    sender of a class change that states its own time there means the class change.
    """
    changes = [
        index
        for index in state.effective((PatientClassChanged,))
        if _begun_at(state, index) == state.facts[index].occurred_at
        and (not targets or state.rank[index] > state.rank[targets[-1]])
    ]
    if changes:
        return changes
    if not targets or targets[-1] in state.corrected_times:
        return targets
    begun_at = _begun_at(state, targets[-1])
    if begun_at is None or begun_at == state.facts[targets[-1]].occurred_at:
        return targets
    first = [index for index in state.effective(ADMISSIONS) if _begun_at(state, index) == begun_at]
    return first[:1] or targets


def _is_known_beginning(state: CorrectionState, target: int, time: datetime) -> bool:
    """Return whether PV1-44 only repeats a time at which a stay began: senders keep the first, or take the last."""
    may_be_cut = abs(time - state.occurred_at(target)) >= _A_MINUTE
    return any(
        time == stated or (may_be_cut and state.kinds[index] not in ADMISSIONS and _is_cut(time, stated))
        for index in state.effective(_STATES_CLASS)
        if index != target
        for stated in _times_stated(state, index)
    )


def _is_own_class_change(state: CorrectionState, position: int, time: datetime) -> bool:
    """Return whether an update changes the class and states its own time as the beginning of that class."""
    own = _class_of(state, position)
    if own is None or time != state.facts[position].occurred_at:
        return False
    before = [known for index in state.effective(_STATES_CLASS) if (known := _class_of(state, index)) is not None]
    return bool(before) and before[-1] is not own


def _is_cut(time: datetime, stated: datetime) -> bool:
    """Return whether a time is the stated one without its seconds."""
    return time == stated.replace(second=0, microsecond=0)


def _class_of(state: CorrectionState, position: int) -> PatientClass | None:
    data = state.facts[position].data
    return data.patient_class if isinstance(data, Details | UpdateDetails) else None


def _times_stated(state: CorrectionState, position: int) -> Iterator[datetime]:
    """Yield the times at which the visit, or another class of it, began according to one fact."""
    fact = state.facts[position]
    data = fact.data
    if not isinstance(data, Details) or data.patient_class is None:
        if state.kinds[position] in ADMISSIONS:
            yield fact.occurred_at
        return
    yield fact.occurred_at
    if state.kinds[position] is PatientClassChanged:
        yield fact.recorded_at  # the sender takes the time of its entry
    if data.begun_at is not None:
        yield data.begun_at


def _begun_at(state: CorrectionState, position: int) -> datetime | None:
    data = state.facts[position].data
    return data.begun_at if isinstance(data, Details) else None
