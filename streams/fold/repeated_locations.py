"""Locations that a fact only repeats: the patient did not move."""

from __future__ import annotations

from bisect import insort

from schemas.events import Location
from streams.fold.correction_state import CorrectionState
from streams.fold.effects import location_of, source_of
from streams.fold.fact_kinds import MAY_REPEAT_LOCATION, WITH_LOCATION


def note_location(state: CorrectionState, position: int, kind: type, location: Location) -> None:
    """Note where a fact puts the patient, or that it only repeats where the sender had put the patient before."""
    if kind in MAY_REPEAT_LOCATION and _is_repeated(state, position, location):
        state.repeated_locations.add(position)
        return
    state.locations[position] = location
    if state.corrected_times:
        state.located = sorted([*state.located, position], key=state.order)
    else:
        insort(state.located, position)


def _is_repeated(state: CorrectionState, position: int, location: Location) -> bool:
    """Return whether the sender had the patient at this location when it recorded the fact.

    It repeats a location too where it is the location of a cancelled transfer in that transfer's own cancel, or that of
    a fact whose cancel names it by id and is recorded later.
    """
    if state.located and _same_place(state.locations[state.located[-1]], location):
        return True
    if state.cancelled_locations:
        source = source_of(state.facts[position])
        if _same_place(state.cancelled_locations.get((source.source, source.id)), location):
            return True
    return bool(state.named_by) and any(
        state.rank[target] >= 0 > state.rank[cancel] and _same_place(location_of(state.facts[target]), location)
        for cancel, target in state.named_by.items()
        if state.kinds[target] in WITH_LOCATION
    )


def _same_place(known: Location | None, reported: Location) -> bool:
    """Return whether two locations are one; a unit without a bed is any bed of it."""
    if known is None or known.unit_id != reported.unit_id or known.facility_id != reported.facility_id:
        return False
    return reported.bed_id is None or reported.bed_id == known.bed_id
