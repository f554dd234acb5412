"""Where the patient is after a cancel: PV1-3 of A12, A13, A32 and A33."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from msgspec import UNSET

from schemas.events import (
    ArrivalCancelled,
    DepartureCancelled,
    DischargeCancelled,
    EncounterUpdated,
    TransferCancelled,
    UpdateDetails,
)
from streams.fold.effective_facts import EffectiveFacts, in_order
from streams.fold.effects import Effect, location_of, source_of

_WITH_LOCATION_AFTERWARDS = frozenset({TransferCancelled, DischargeCancelled, DepartureCancelled, ArrivalCancelled})

_RIGHT_AFTER = timedelta(microseconds=1)
"""The cancel comes first, and then the location that it gives; a cancel with a number is followed by it anyway."""


def locations_of_cancels(effective: EffectiveFacts) -> EffectiveFacts:
    """Add an update for each cancel that gives a location: the patient is there from when the cancel was recorded."""
    if _WITH_LOCATION_AFTERWARDS.isdisjoint(map(type, effective.facts)):
        return effective
    afterwards = [
        Effect(
            kind=EncounterUpdated,
            occurred_at=fact.recorded_at,
            recorded_at=fact.recorded_at + _RIGHT_AFTER if source_of(fact).sequence is UNSET else fact.recorded_at,
            data=UpdateDetails(location=location),
            source_fact=source_of(fact),
        )
        for fact in effective.facts
        if type(fact) in _WITH_LOCATION_AFTERWARDS and (location := location_of(fact)) is not None
    ]
    if not afterwards:
        return effective
    return msgspec.structs.replace(effective, facts=in_order([*effective.facts, *afterwards]))
