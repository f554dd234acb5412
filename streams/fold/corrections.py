"""Cancels, repeated locations and corrected times, found in the order in which facts were recorded.

A sender knows what it has recorded so far and no more. So a cancel concerns a fact that was recorded before it; when
that happened is no guide, as a cancel may carry the time of what it cancels (HL7 EVN-6). And an update that repeats the
location that was recorded last is not a move, even when the transfer that it repeats is cancelled afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from operator import eq, le
from typing import Any, NamedTuple

from schemas.events import (
    Details,
    EncounterDeleted,
    EncounterUpdated,
    Location,
    PatientAdmitted,
    PatientDischarged,
    UpdateDetails,
)
from streams.fold.cancels import decide_late_cancel, named_targets, note_cancel
from streams.fold.corrected_times import decide_late_correction, note_beginning, note_corrected_time
from streams.fold.correction_state import CorrectionState
from streams.fold.effective_facts import EffectiveFacts
from streams.fold.effects import Effect, FactOrEffect, kinds_of
from streams.fold.fact_kinds import ADMISSIONS, CANCELS, MAY_REPEAT_LOCATION, WITH_LOCATION
from streams.fold.movements import movements_of, note_movement
from streams.fold.repeated_locations import note_location
from streams.fold.sequence import has_sequence, in_sequence


class Corrections(NamedTuple):
    """Which facts are cancelled, repeated or corrected by others, by their position."""

    removed: Collection[int]
    """Cancelled, or void with what was cancelled."""
    repeated_locations: Collection[int]
    """Facts whose location does not count: it repeats the one before, or was cancelled."""
    voided_updates: Collection[int]
    """Updates of a stay that was cancelled: neither their location nor their class counts."""
    corrected_times: dict[int, datetime]
    """The time of a fact according to the latest correction."""
    cancelled: Collection[type]
    """Kinds of fact of which at least one was cancelled."""
    unmatched_cancels: Collection[int]
    """Cancels for which no fact was found."""


NO_CORRECTIONS = Corrections((), (), (), {}, (), ())


def find_corrections(effective: EffectiveFacts) -> Corrections:
    """Find which facts are cancelled, repeated or corrected by others.

    Returns
    -------
    Corrections
        `NO_CORRECTIONS` itself where no fact concerns another.

    Notes
    -----
    * A cancel concerns the fact that it names; or else the one of its time (EVN-6); or else the one of its kind that
      was recorded last. Only where none of the kind was recorded before it, the latest that happened before it. A fact
      or a cancel that was sent again under another id is one with the first.
    * After a cancelled discharge the patient is here: all discharges since the last admission are removed. After a
      cancelled admission the patient is not here as an inpatient: all admissions since the last discharge are removed,
      and what was recorded of the stay meanwhile is void. After a cancelled plan there is no plan of its kind.
    * A cancel of a movement concerns the fact that reported that movement last. Of two facts about one movement the one
      recorded last counts.
    * A location that an update, a class change, tracking or leave repeats is not a move.
    """
    facts = effective.facts
    kinds: Sequence[type] = list(map(type, facts))
    present = set(kinds)
    if Effect in present:
        kinds = kinds_of(facts)
        present = set(kinds)
    if present.isdisjoint(CANCELS) and not _may_correct(facts, kinds):
        return NO_CORRECTIONS
    state = CorrectionState(facts, kinds, {} if present.isdisjoint(CANCELS) else named_targets(facts, kinds))
    rank, by_kind, named = state.rank, state.by_kind, state.named_targets
    movements = movements_of(facts)
    for order, position in enumerate(_as_recorded(facts)):  # most facts concern no other: few steps for them
        kind = kinds[position]
        rank[position] = order
        if kind in CANCELS:
            note_cancel(state, position)
            continue
        if kind in WITH_LOCATION:
            data = facts[position].data
            if position in movements:
                note_movement(state, position, movements[position])
            if kind in ADMISSIONS and isinstance(data, Details) and data.begun_at is not None:
                note_beginning(state, position, data.begun_at)
            location: Location | None = getattr(data, "location", None)
            if location is not None and position not in named:
                note_location(state, position, kind, location)
            if kind is EncounterUpdated and isinstance(data, UpdateDetails):
                if data.admitted_at is not None:
                    note_corrected_time(state, position, PatientAdmitted, data.admitted_at)
                if data.discharged_at is not None:
                    note_corrected_time(state, position, PatientDischarged, data.discharged_at)
        elif position in movements:
            note_movement(state, position, movements[position])
        elif kind is EncounterDeleted:
            state.located.clear()
        by_kind[kind].append(position)
    for position in state.undecided_cancels:
        decide_late_cancel(state, position)
    for position, kind, time in state.times_without_fact:
        decide_late_correction(state, position, kind, time)
    return Corrections(
        state.removed,
        state.repeated_locations,
        state.voided_updates,
        {
            position: time
            for position, time in state.corrected_times.items()
            if position not in state.removed and time != facts[position].occurred_at
        },
        state.cancelled_kinds,
        state.unmatched_cancels,
    )


def _may_correct(facts: Sequence[FactOrEffect], kinds: Sequence[type]) -> bool:
    """Return whether a fact may repeat a location or correct a time."""
    for fact, kind in zip(facts, kinds, strict=True):
        data: Any = fact.data
        if kind in MAY_REPEAT_LOCATION:
            if data.location is not None or data.movement is not None:
                return True
            if kind is EncounterUpdated and (data.admitted_at is not None or data.discharged_at is not None):
                return True
        elif kind in ADMISSIONS:
            if data.begun_at is not None or data.movement is not None:
                return True
        elif getattr(data, "movement", None) is not None:
            return True
    return False


def _as_recorded(facts: Sequence[FactOrEffect]) -> Sequence[int]:
    """Return the positions of the facts in the order of recording, and where that is one, of sending."""
    times = [fact.recorded_at for fact in facts]
    in_order = all(map(le, times, times[1:]))
    positions: Sequence[int] = range(len(times)) if in_order else sorted(range(len(times)), key=times.__getitem__)
    recorded = times if in_order else [times[position] for position in positions]
    if not any(map(eq, recorded, recorded[1:])) or not has_sequence(facts):
        return positions
    sent = in_sequence([facts[position] for position in positions], lambda fact: fact.recorded_at)
    return [positions[place] for place in sent]
