"""Facts of resources that come in versions, each a snapshot of the stay: what a later version replaces."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, NamedTuple

from schemas.events import EncounterUpdated
from streams.fold.class_history import Snapshot, with_classes_of_their_time
from streams.fold.fact_kinds import ADMISSIONS

_Resource = tuple[str, str]


class _Version(NamedTuple):
    """A version, in the order in which they were written: a number before what is none, and both after nothing said."""

    recorded_at: datetime
    kind: int
    number: int
    text: str


_Told = dict[_Version, list[Any]]
"""The facts of one resource, by version."""


def without_earlier_versions(ordered: list[Any]) -> list[Any]:
    """Leave out what an earlier version of a resource said of times, moves and plans: the latest says all that holds.

    Updates stay, with what they tell of when it was known: diagnoses, and places without a time. They go too once the
    latest version says that nobody has come. The class stays what it was in its time, see `streams.fold.class_history`.

    Parameters
    ----------
    ordered : list of AnyFact
        Of one subject, in the order of what happened.

    Returns
    -------
    list of AnyFact
        In no order; but `ordered` itself where no fact is of a version.
    """
    if not any(getattr(fact.data, "version_of", None) for fact in ordered):
        return ordered
    effective = [fact for fact in ordered if _resource(fact) is None]
    for told in _told(ordered).values():
        *earlier, newest = [Snapshot(version.recorded_at, told[version]) for version in sorted(told)]
        if any(type(fact) in ADMISSIONS for fact in newest.facts):
            effective += [fact for version in earlier for fact in version.facts if type(fact) is EncounterUpdated]
            effective += with_classes_of_their_time([*earlier, newest])
        else:
            effective += newest.facts
    return effective


def has_version_of_two_contents(ordered: list[Any]) -> bool:
    """Say whether one version of a resource came with two contents."""
    digests: dict[tuple[_Resource, str | None], str] = {}
    for fact in ordered:
        resource = _resource(fact)
        if resource is None or fact.data.version_digest is None:
            continue
        digest = fact.data.version_digest
        if digests.setdefault((resource, fact.data.version), digest) != digest:
            return True
    return False


def _told(ordered: list[Any]) -> dict[_Resource, _Told]:
    found: dict[_Resource, _Told] = defaultdict(lambda: defaultdict(list))
    for fact in ordered:
        resource = _resource(fact)
        if resource is not None:
            found[resource][_version(fact)].append(fact)
    return found


def _resource(fact: Any) -> _Resource | None:
    version_of = getattr(fact.data, "version_of", None)
    return None if version_of is None else (fact.source, version_of)


def _version(fact: Any) -> _Version:
    said = fact.data.version
    if said is None:
        return _Version(fact.recorded_at, 0, 0, "")
    if said.isascii() and said.isdecimal():
        return _Version(fact.recorded_at, 1, int(said), "")
    return _Version(fact.recorded_at, 2, 0, said)
