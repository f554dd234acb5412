"""Effects: what a fact changes in a stay, where that differs from the fact as it was reported.

A cancel may say where the patient is afterwards, a correction moves a fact to another time, a repeated location is
left out. The folds then go on with an `Effect` in place of the fact. It has no id of its own and names the fact that
it comes from, so it cannot be mistaken for something that was reported. All other facts are used as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import final

import msgspec

from schemas.events import AdtEvent, Details, Location, PersonFact

FoldedFact = AdtEvent | PersonFact
"""A fact about an encounter or a person."""


@final
class Effect(msgspec.Struct, frozen=True, gc=False):
    """A change to a stay, made by a fact but at another time or with other details than reported."""

    kind: type[FoldedFact]
    """The kind of fact that this is applied as: a cancel's location is applied as an `EncounterUpdated`."""
    occurred_at: datetime
    recorded_at: datetime
    data: Details
    source_fact: FoldedFact
    """The fact as reported."""


FactOrEffect = FoldedFact | Effect


def kind_of(fact: FactOrEffect) -> type[FoldedFact]:
    """Return the kind of fact that this is applied as."""
    return fact.kind if type(fact) is Effect else type(fact)


def kinds_of(facts: Sequence[FactOrEffect]) -> Sequence[type]:
    """Return the kind of each fact, by position."""
    types = list(map(type, facts))
    return [kind_of(fact) for fact in facts] if Effect in types else types


def source_of(fact: FactOrEffect) -> FoldedFact:
    """Return the fact as reported."""
    return fact.source_fact if type(fact) is Effect else fact


def location_of(fact: FactOrEffect) -> Location | None:
    """Return the location that the fact gives, None where it gives none or its kind has no location."""
    location: Location | None = getattr(fact.data, "location", None)
    return location


def with_details(fact: FactOrEffect, data: Details) -> Effect:
    """Return the effect of the fact with other details."""
    if type(fact) is Effect:
        return Effect(fact.kind, fact.occurred_at, fact.recorded_at, data, fact.source_fact)
    return Effect(type(fact), fact.occurred_at, fact.recorded_at, data, fact)


def at_time(fact: FactOrEffect, occurred_at: datetime, data: Details) -> Effect:
    """Return the effect of the fact at another time."""
    if type(fact) is Effect:
        return Effect(fact.kind, occurred_at, fact.recorded_at, data, fact.source_fact)
    return Effect(type(fact), occurred_at, fact.recorded_at, data, fact)
