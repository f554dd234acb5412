"""Movements with an id of their own (ZBE of IHE PAM): reported, reported again with other content, or cancelled."""

from __future__ import annotations

from collections.abc import Sequence

from streams.fold.correction_state import CorrectionState
from streams.fold.effects import FactOrEffect, source_of

MovementKey = tuple[str, str]
"""The source, and its id of the movement."""


def movement_of(fact: FactOrEffect) -> MovementKey | None:
    """Return the movement that a fact reports or cancels, None where it names none."""
    movement: str | None = getattr(fact.data, "movement", None)
    return None if movement is None else (source_of(fact).source, movement)


def movements_of(facts: Sequence[FactOrEffect]) -> dict[int, MovementKey]:
    """Return the movement of each fact that names one, by its position."""
    return {
        position: (source_of(fact).source, movement)
        for position, fact in enumerate(facts)
        if (movement := getattr(fact.data, "movement", None)) is not None
    }


def note_movement(state: CorrectionState, position: int, movement: MovementKey) -> None:
    """Let the fact take the place of the one that reported the same movement before."""
    before = state.movements.get(movement)
    if before is not None:
        state.removed.add(before)
        if before in state.located:
            state.located.remove(before)
    state.movements[movement] = position
