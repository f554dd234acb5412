"""Corrected times: the PV1-44 and PV1-45 of an update."""

from __future__ import annotations

from datetime import datetime

from schemas.events import PatientAdmitted, PatientRegistered
from streams.fold.correction_state import CorrectionState
from streams.fold.fact_kinds import ADMISSIONS


def note_corrected_time(state: CorrectionState, position: int, kind: type, time: datetime) -> None:
    """Correct the latest recorded fact of a kind, with its repetitions; a registration where no admission is known."""
    targets = state.effective((kind,))
    recorded = state.recorded(kind)
    if not recorded and kind is PatientAdmitted:
        targets = state.effective((PatientRegistered,))
    if not targets:
        if not recorded:
            state.times_without_fact.append((position, kind, time))
        return
    if kind is PatientAdmitted and _is_an_earlier_admission(state, targets[-1], time):
        return
    repetitions = state.same_content(targets, targets[-1])
    if all(state.occurred_at(index) == time for index in repetitions):
        return
    state.corrected_times |= dict.fromkeys(repetitions, time)
    state.located.sort(key=state.order)


def decide_late_correction(state: CorrectionState, position: int, kind: type, time: datetime) -> None:
    """Correct what happened before an update, where no fact of that kind was recorded before it."""
    before = [index for index in state.effective((kind,)) if index < position]
    if before:
        state.corrected_times.setdefault(max(before), time)


def _is_an_earlier_admission(state: CorrectionState, target: int, time: datetime) -> bool:
    """Return whether an earlier admission of the encounter has this time: senders keep the first one in PV1-44."""
    return any(index < target and state.facts[index].occurred_at == time for index in state.effective(ADMISSIONS))
