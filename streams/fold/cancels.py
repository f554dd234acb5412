"""Cancels: which facts each of them removes, and what becomes void with those."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from schemas.events import (
    AdmissionCancelled,
    EncountersMerged,
    EncountersUnmerged,
    EncounterUpdated,
    PatientAdmitted,
    PatientDischarged,
    PatientsMerged,
    PatientsUnmerged,
    TransferCancelled,
)
from streams.fold.correction_state import CorrectionState
from streams.fold.effects import FactOrEffect, location_of, source_of
from streams.fold.fact_kinds import ADMISSIONS, CANCELS, MERGES, NEEDS_ADMISSION, PLAN_CANCELS, PLANS
from streams.fold.movements import movement_of


def named_targets(facts: Sequence[FactOrEffect], kinds: Sequence[type]) -> dict[int, int]:
    """Return, for each cancel that names a fact by its id, the position of that fact; each fact is taken once."""
    found: dict[int, int] = {}
    for position, cancel in enumerate(facts):
        if kinds[position] not in CANCELS or (cancelled_id := _named_by(cancel)) is None:
            continue
        targets = [
            index
            for index, fact in enumerate(facts)
            if kinds[index] in CANCELS[kinds[position]]
            and source_of(fact).id == cancelled_id
            and index not in found.values()
        ]
        if targets:
            found[position] = targets[-1]
    return found


def note_cancel(state: CorrectionState, position: int) -> None:
    """Remove what a cancel cancels: the fact that it names, or the one of its time, or the latest recorded of its kind.

    A cancel that was sent twice, under two ids, is one cancel, unless what it cancels was recorded again meanwhile.
    """
    cancel = state.facts[position]
    content = (state.kinds[position], cancel.occurred_at, cancel.recorded_at, cancel.data)
    before = state.seen_cancels.get(content)
    state.seen_cancels[content] = position
    if before is not None and not _recorded_between(state, before, position):
        return
    if (movement := movement_of(cancel)) is not None:
        target = state.movements.pop(movement, None)
        if target is not None:
            _remove(state, position, [target])
        elif unnamed := _of_its_time(state, position):
            _remove_latest(state, position, unnamed)
        else:
            state.unmatched_cancels.append(position)
    elif position in state.named_by:
        _remove(state, position, [state.named_by[position]])
    elif _named_by(cancel):
        state.unmatched_cancels.append(position)
    elif candidates := _candidates(state, position):
        _remove_latest(state, position, candidates)
    else:
        state.undecided_cancels.append(position)


def _recorded_between(state: CorrectionState, before: int, position: int) -> bool:
    """Return whether a fact that the two cancels may concern was recorded between them."""
    ranks = (state.rank[index] for index in state.effective(CANCELS[state.kinds[position]]))
    return any(state.rank[before] < rank < state.rank[position] for rank in ranks)


def decide_late_cancel(state: CorrectionState, position: int) -> None:
    """Remove what happened before a cancel, where no fact of its kind was recorded before it."""
    effective = set(state.effective(CANCELS[state.kinds[position]]))
    before = [index for index in _candidates(state, position) if index < position and index in effective]
    if before:
        _remove(state, position, [max(before)])
        return
    state.unmatched_cancels.append(position)
    if state.kinds[position] is AdmissionCancelled:
        _void_stay(state, position, recorded_after=-1, not_before=-1)


def _of_its_time(state: CorrectionState, position: int) -> list[int]:
    """Return the candidates that happened at the time of a cancel and name no movement themselves."""
    at = state.facts[position].occurred_at
    return [
        index
        for index in _candidates(state, position)
        if state.facts[index].occurred_at == at and movement_of(state.facts[index]) is None
    ]


def _named_by(cancel: FactOrEffect) -> str | None:
    """Return the id that a cancel names."""
    named: str | None = getattr(cancel.data, "cancels", None)
    return named


def _candidates(state: CorrectionState, position: int) -> list[int]:
    """Return the facts recorded so far of the kinds that this cancel cancels, whether cancelled already or not."""
    kind, cancel = state.kinds[position], state.facts[position]
    found = [index for each in CANCELS[kind] for index in state.recorded(each)]
    if kind is TransferCancelled:
        return [index for index in found if _is_transfer(state, index)]
    if isinstance(cancel, PatientsUnmerged | EncountersUnmerged) and cancel.data.apart_from is not None:
        return [index for index in found if _merged_into(state.facts[index]) == cancel.data.apart_from]
    return found


def _is_transfer(state: CorrectionState, position: int) -> bool:
    """Return whether a transfer, or an update, moved the patient."""
    if state.kinds[position] is not EncounterUpdated:
        return True
    return location_of(state.facts[position]) is not None and position not in state.repeated_locations


def _merged_into(fact: FactOrEffect) -> str | None:
    return fact.data.into if isinstance(fact, PatientsMerged | EncountersMerged) else None


def _remove_latest(state: CorrectionState, position: int, candidates: Sequence[int]) -> None:
    """Remove the latest recorded candidate of the cancel's time, or else of any time."""
    cancelled_at = state.facts[position].occurred_at
    of_its_time = [index for index in candidates if state.facts[index].occurred_at == cancelled_at]
    free = [
        index
        for index in of_its_time or candidates
        if index not in state.removed and index not in state.named_targets and index not in state.voided_updates
    ]
    if free:
        _remove(state, position, _with_repetitions(state, max(free, key=state.rank.__getitem__)))
    elif not of_its_time:
        state.unmatched_cancels.append(position)


def _with_repetitions(state: CorrectionState, target: int) -> list[int]:
    """Return the target and what is cancelled with it.

    * Of plans, all of its kind.
    * Of discharges, all since the last admission; of admissions, all since the last discharge.
    * Of merges, those into the same patient or encounter.
    * Of all others, those that report the same.
    """
    kind = state.kinds[target]
    alike = [index for index in state.effective((kind,)) if state.rank[index] <= state.rank[target]]
    if kind in PLANS:
        return alike
    if kind is PatientDischarged:
        return _without_between(state, alike, target, ADMISSIONS)
    if kind is PatientAdmitted:
        return _without_between(state, alike, target, (PatientDischarged,))
    if kind in MERGES:
        into = _merged_into(state.facts[target])
        return [index for index in alike if _merged_into(state.facts[index]) == into]
    return state.same_content(alike, target)


def _without_between(state: CorrectionState, alike: Iterable[int], target: int, kinds: Collection[type]) -> list[int]:
    """Return those of `alike` that no fact of `kinds` separates from the target."""
    between = state.effective(kinds)
    return [index for index in alike if not any(min(index, target) < other < max(index, target) for other in between)]


def _remove(state: CorrectionState, position: int, targets: Sequence[int]) -> None:
    """Remove the targets; of an update only its location."""
    kind = state.kinds[position]
    for target in targets:
        if state.kinds[target] is EncounterUpdated:
            state.repeated_locations.add(target)
        else:
            state.removed.add(target)
            state.cancelled_kinds.add(state.kinds[target])
        if target in state.located:
            state.located.remove(target)
        if kind is TransferCancelled and (location := location_of(state.facts[target])) is not None:
            cancel = source_of(state.facts[position])
            state.cancelled_locations[cancel.source, cancel.id] = location
    if kind is AdmissionCancelled or kind in PLAN_CANCELS:
        _void_stay(
            state,
            position,
            recorded_after=min(state.rank[target] for target in targets),
            not_before=min(targets),
        )


def _void_stay(state: CorrectionState, position: int, *, recorded_after: int, not_before: int) -> None:
    """Void what was recorded of a stay between its beginning and the cancel of that."""
    of_stay = state.kinds[position] is AdmissionCancelled
    if not of_stay and state.effective(ADMISSIONS):
        return
    until = state.rank[position]
    for kind in NEEDS_ADMISSION if of_stay else (EncounterUpdated,):
        for index in state.by_kind.get(kind, ()):
            if not recorded_after < state.rank[index] < until or index < not_before:
                continue
            if kind is EncounterUpdated:
                state.voided_updates.add(index)
            else:
                state.removed.add(index)
            if index in state.located:
                state.located.remove(index)
