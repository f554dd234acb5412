"""Resources that come in versions (FHIR Encounter): a later version replaces what an earlier one reported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from schemas.events import EncounterUpdated
from schemas.state import Problem
from streams.fold.class_history import Snapshot, with_class_history
from streams.fold.effective_facts import EffectiveFacts, in_order
from streams.fold.effects import Effect, FactOrEffect, FoldedFact
from streams.fold.fact_kinds import ADMISSIONS

_Resource = tuple[str, str]


class VersionOrder(NamedTuple):
    """A version of a resource, as sort key: no number before numbers before other text."""

    recorded_at: datetime
    kind: int
    number: int
    text: str


_Versions = Mapping[VersionOrder, list[FoldedFact]]
"""The facts of one resource, by version."""


def latest_versions(effective: EffectiveFacts) -> EffectiveFacts:
    """Leave out times, moves and plans of earlier versions of a resource: the latest version is complete.

    Updates of earlier versions stay, as they show when something was known: diagnoses, and places without a time. They
    are left out too where the latest version says that the stay has not begun. The class stays what it was at the time,
    see `streams.fold.class_history`.

    Returns
    -------
    EffectiveFacts
        The same object where no fact is of a version. With `ID_COLLISION` where one version came with two contents.
    """
    for fact in effective.facts:  # a loop is faster than any(), and most encounters have no version
        if getattr(fact.data, "version_of", None):
            return _without_earlier_versions(effective)
    return effective


def _without_earlier_versions(effective: EffectiveFacts) -> EffectiveFacts:
    facts: list[FactOrEffect] = []
    resources: defaultdict[_Resource, defaultdict[VersionOrder, list[FoldedFact]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for fact in effective.facts:
        if type(fact) is Effect or (resource := _resource(fact)) is None:
            facts.append(fact)
        else:
            resources[resource][version_order(fact)].append(fact)
    for versions in resources.values():
        facts += _of_latest_version(versions)
    problems = set(effective.problems)
    if _has_version_of_two_contents(effective.facts):
        problems.add(Problem.ID_COLLISION)
    return msgspec.structs.replace(effective, facts=in_order(facts), problems=problems)


def _of_latest_version(versions: _Versions) -> list[FactOrEffect]:
    """Return the facts of the latest version, and what earlier ones add to it."""
    *earlier, latest = [Snapshot(version.recorded_at, versions[version]) for version in sorted(versions)]
    if not any(type(fact) in ADMISSIONS for fact in latest.facts):
        return list(latest.facts)
    updates = [fact for version in earlier for fact in version.facts if type(fact) is EncounterUpdated]
    return [*updates, *with_class_history([*earlier, latest])]


def _has_version_of_two_contents(facts: Iterable[FactOrEffect]) -> bool:
    digests: dict[tuple[_Resource, str | None], str] = {}
    for fact in facts:
        if type(fact) is Effect or (resource := _resource(fact)) is None:
            continue
        version, digest = _text(fact, "version"), _text(fact, "version_digest")
        if digest is not None and digests.setdefault((resource, version), digest) != digest:
            return True
    return False


def _resource(fact: FoldedFact) -> _Resource | None:
    """Return the resource of which the fact is a version, None where it is of no resource."""
    version_of = _text(fact, "version_of")
    return None if version_of is None else (fact.source, version_of)


def version_order(fact: FoldedFact) -> VersionOrder:
    """Return the sort key of the version that a fact is of."""
    version = _text(fact, "version")
    if version is None:
        return VersionOrder(fact.recorded_at, 0, 0, "")
    if version.isascii() and version.isdecimal():
        return VersionOrder(fact.recorded_at, 1, int(version), "")
    return VersionOrder(fact.recorded_at, 2, 0, version)


def _text(fact: FoldedFact, field: str) -> str | None:
    """Return a field of the details that only some kinds of fact have."""
    found: str | None = getattr(fact.data, field, None)
    return found
