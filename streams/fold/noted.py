"""What is noted of facts beside the state that they are folded to: the places and the merges that they name. Pure.

The same notes follow from the same facts, in whatever order they came, so a rebuild finds them again.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from msgspec import UNSET

from schemas.events import AnyFact, EncountersMerged, EncountersUnmerged


@cache
def _places_in(details: type) -> tuple[str, ...]:
    """Return the fields of a kind of details that name a place."""
    return tuple(name for name in ("location", "temporary_location") if name in details.__struct_fields__)  # type: ignore[attr-defined]


def places_named(facts: Iterable[AnyFact]) -> set[tuple[str, str, str]]:
    """Return facility, unit and bed of each place in the facts; the bed is empty where only the unit is named.

    Examples
    --------
    >>> places_named([])
    set()
    """
    found = {
        place
        for fact in facts
        for name in _places_in(type(fact.data))
        if (place := getattr(fact.data, name)) is not None
    }
    return {(place.facility_id, place.unit_id, place.bed_id or "") for place in found}


def unreadable_in(facts: Iterable[AnyFact]) -> set[tuple[str, str]]:
    """Return source and field of each field that is filled and not valid."""
    return {(fact.source, field) for fact in facts if fact.unreadable is not UNSET for field in fact.unreadable}


def encounter_merges_in(facts: Iterable[AnyFact]) -> set[tuple[str, str]]:
    """Return encounter and target of each merge of encounters in the facts, undone or not.

    An encounter that is said to be separate again is its own target: it is folded as those are that merges connect.
    """
    return {
        (fact.subject, fact.data.into if type(fact) is EncountersMerged else fact.subject)
        for fact in facts
        if type(fact) is EncountersMerged or type(fact) is EncountersUnmerged
    }
