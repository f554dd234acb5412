"""Facts of resources that come in versions, each a snapshot of the stay: what a later version replaces."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from schemas.events import EncounterUpdated
from streams.kinds import BEGINNINGS

_Resource = tuple[str, str]


def without_earlier_versions(ordered: list[Any]) -> list[Any]:
    """Leave out what an earlier version of a resource said of times, moves and plans: the latest says all that holds.

    Updates stay, with what they tell of when it was known: diagnoses, and places without a time. They go too once the
    latest version says that nobody has come.

    Parameters
    ----------
    ordered : sequence of AnyFact
        Of one subject, in any order; it is kept.
    """
    if not any(getattr(fact.data, "version_of", None) for fact in ordered):
        return ordered
    resources = [_resource(fact) for fact in ordered]
    newest: dict[_Resource, datetime] = {}
    for fact, resource in zip(ordered, resources, strict=True):
        if resource is not None and newest.get(resource, fact.recorded_at) <= fact.recorded_at:
            newest[resource] = fact.recorded_at
    begun = {
        resource
        for fact, resource in zip(ordered, resources, strict=True)
        if resource is not None and type(fact) in BEGINNINGS and fact.recorded_at == newest[resource]
    }
    return [
        fact
        for fact, resource in zip(ordered, resources, strict=True)
        if resource is None
        or fact.recorded_at == newest[resource]
        or (type(fact) is EncounterUpdated and resource in begun)
    ]


def _resource(fact: Any) -> _Resource | None:
    version_of = getattr(fact.data, "version_of", None)
    return None if version_of is None else (fact.source, version_of)
