"""Parts of a stay (FHIR Encounter.partOf): contacts of departments and beds become moves of the one stay.

The reader of a part knows the name of its whole and no more. So the whole, which may be a part itself, is looked for
among all facts that are connected, whatever their order of arrival. A part of an unknown whole is kept and says nothing
until the whole is known.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from schemas.events import AnyFact, EncounterPartReported, encode_fact, is_part_subject, part_subject
from schemas.state import Encounter, Problem
from streams.fold.effects import FactOrEffect, source_of
from streams.fold.merged_encounters import fold_merged
from streams.fold.observations import with_observations, without_observations
from streams.fold.part_effects import part_effects
from streams.fold.resource_versions import VersionOrder, version_order


class Link(NamedTuple):
    """One name is, or is part of, another: a part's subject, a whole's visit number."""

    name: str
    target: str
    is_part: bool
    """Whether the name is a part of the target; else both mean the same."""


class PartsFolded(NamedTuple):
    """Stays with their parts, and the parts that wait."""

    encounters: dict[str, Encounter]
    links: dict[Link, bool]
    """Of all parts, and whether each waits for its whole."""


class _Joined(NamedTuple):
    visits: dict[str, list[FactOrEffect]]
    tokens: dict[str, set[str]]
    """By visit, the patients of its parts under whom the visit itself was not reported."""
    collisions: set[str]
    """Visits of which a part came with two contents under one version."""
    links: dict[Link, bool]


def part_links_of(fact: AnyFact) -> list[Link]:
    """Return the links between names that a fact makes; most facts make none."""
    if type(fact) is EncounterPartReported:
        token, whole = fact.partition_key, fact.data.part_of
        links = [Link(_number_name(token, number), fact.subject, False) for number in fact.data.numbers]
        if whole is not None:
            links.append(Link(fact.subject, whole, True))
        if whole is not None and not is_part_subject(whole):
            links.append(Link(fact.subject, _number_name(token, whole), False))
        return links
    resource = _resource_of(fact)
    return [] if resource is None else [Link(resource, fact.subject, False)]


def fold_connected(about: Mapping[str, Sequence[Any]], *, as_of: datetime | None = None) -> PartsFolded:
    """Compute the states of encounters that parts or merges connect.

    Parameters
    ----------
    about : mapping of str to sequence of AdtEvent
        By encounter or part, all its facts. All that are connected must be in it.
    as_of : datetime or None
        Ignore what happened later.

    Returns
    -------
    PartsFolded
        Encounters as `fold_merged` returns them; a part has no state of its own.

    Notes
    -----
    * A part puts the patient in its places. Its end is a move back to what is still active, or nothing.
    * A part never changes class, admission or discharge, and counts from the admission of the stay on.
    * A resource may become a part, or cease to be one: its latest version decides.
    """
    course = without_observations(about)
    folded = _fold_course(course, as_of)
    return folded if course is about else folded._replace(encounters=_observed(folded.encounters, about, as_of))


def _observed(
    encounters: dict[str, Encounter], about: Mapping[str, Sequence[Any]], as_of: datetime | None
) -> dict[str, Encounter]:
    """Give each encounter the observations under all numbers that it has had."""
    reports: defaultdict[str, list[Any]] = defaultdict(list)
    for key, facts in about.items():
        if key in encounters:
            reports[encounters[key].same_as or key] += facts
    return {
        key: with_observations(encounter, reports.get(key, ()), as_of) or encounter
        for key, encounter in encounters.items()
    }


def _fold_course(about: Mapping[str, Sequence[Any]], as_of: datetime | None) -> PartsFolded:
    if not any(is_part_subject(key) for key in about):
        return PartsFolded(fold_merged(about, as_of=as_of), {})
    joined = _join(about)
    found = fold_merged(joined.visits, as_of=as_of)
    for visit in sorted({*joined.tokens, *joined.collisions}):
        encounter = found.get(visit)
        key = encounter.same_as or visit if encounter is not None else visit
        if key in found:
            found[key] = _with_problems(found[key], joined.tokens.get(visit, set()), visit in joined.collisions)
    return PartsFolded(found, joined.links)


def _join(about: Mapping[str, Sequence[Any]]) -> _Joined:
    """Give the facts of each part to the stay of which it is a part."""
    visits: dict[str, list[FactOrEffect]] = {
        key: list(facts) for key, facts in about.items() if not is_part_subject(key)
    }
    parts = {key: sorted(facts, key=_order) for key, facts in about.items() if is_part_subject(key) and facts}
    wholes = _wholes(visits)
    void = _leave_one_kind(parts, wholes, visits)
    names = _Names(parts, wholes, visits)
    of_visit: defaultdict[str, list[list[EncounterPartReported]]] = defaultdict(list)
    links: dict[Link, bool] = {}
    for key in sorted(about):
        root = names.root_of(key) if key in parts else None
        if root is not None and key not in void:
            of_visit[root].append(parts[key])
        waits = key in parts and root is None and key not in void and not parts[key][-1].data.void
        links.update((link, waits) for fact in about[key] for link in part_links_of(fact) if link.is_part)
    joined = _Joined(visits, {}, set(), links)
    for visit, its_parts in of_visit.items():
        known = {source_of(fact).partition_key for fact in visits[visit]}
        joined.tokens[visit] = {part[-1].partition_key for part in its_parts if not part[-1].data.void} - known
        if any(_has_two_contents(part) for part in its_parts):
            joined.collisions.add(visit)
        visits[visit] += part_effects(visits[visit], its_parts)
    return joined


_Wholes = Mapping[str, list[tuple[VersionOrder, str, bool]]]
"""By resource: version, visit, and whether it was void, of each fact in which the resource was a whole."""


def _wholes(visits: Mapping[str, Iterable[FactOrEffect]]) -> _Wholes:
    found: defaultdict[str, list[tuple[VersionOrder, str, bool]]] = defaultdict(list)
    for visit, facts in visits.items():
        for fact in map(source_of, facts):
            resource = _resource_of(fact)
            if resource is not None:
                found[resource].append((version_order(fact), visit, _is_void(fact)))
    return found


def _is_void(fact: Any) -> bool:
    return hasattr(fact.data, "reason")  # only a deletion has one


def _leave_one_kind(
    parts: dict[str, list[EncounterPartReported]], wholes: _Wholes, visits: dict[str, list[FactOrEffect]]
) -> set[str]:
    """Let each resource be a part or a whole, as its latest version says; return the parts that are void.

    A resource that was a part and is then deleted without a partOf was a part that is void: its visit number may be
    that of the whole, which goes on.
    """
    void: set[str] = set()
    for resource in sorted(parts.keys() & wholes.keys()):
        latest, _, is_void = max(wholes[resource])
        if version_order(parts[resource][-1]) < latest and not is_void:
            del parts[resource]
            continue
        if version_order(parts[resource][-1]) < latest:
            void.add(resource)
        for visit in {visit for _, visit, _ in wholes[resource]}:
            visits[visit] = [fact for fact in visits[visit] if _resource_of(source_of(fact)) != resource]
    return void


class _Names:
    """Finds the stay of which a part is a part."""

    def __init__(
        self,
        parts: Mapping[str, Sequence[EncounterPartReported]],
        wholes: _Wholes,
        visits: Mapping[str, Sequence[FactOrEffect]],
    ) -> None:
        self._parts, self._wholes, self._visits = parts, wholes, visits
        self._of_number: defaultdict[str, list[str]] = defaultdict(list)
        for key in sorted(parts):
            latest = parts[key][-1]
            for number in latest.data.numbers:
                self._of_number[_number_name(latest.partition_key, number)].append(key)

    def root_of(self, part: str) -> str | None:
        """Return the visit, or None where it is unknown or the parts form a circle."""
        seen: set[str] = set()
        token = ""
        name: str | None = part
        while name is not None and name not in seen:
            seen.add(name)
            if name in self._parts:
                token = self._parts[name][-1].partition_key
                name = self._parts[name][-1].data.part_of
            elif self._visits.get(name):
                return name
            elif name in self._wholes:
                name = max(self._wholes[name])[1]
            else:
                name = next(
                    (key for key in self._of_number.get(_number_name(token, name), ()) if key not in seen), None
                )
        return None


def _number_name(token: str, number: str) -> str:
    """Return the name of the parts of one patient that have a visit number: of others it may be any part's number."""
    return part_subject("number", hashlib.blake2b(f"{token}/{number}".encode(), digest_size=16).hexdigest())


def _resource_of(fact: Any) -> str | None:
    """Return the name of the resource of which a fact about a visit is a version."""
    version_of = getattr(fact.data, "version_of", None)
    return None if version_of is None else part_subject(fact.source, version_of)


def _order(part: EncounterPartReported) -> tuple[VersionOrder, bytes]:
    return version_order(part), encode_fact(part)


def _has_two_contents(part: Sequence[EncounterPartReported]) -> bool:
    digests: dict[str | None, str] = {}
    return any(
        digests.setdefault(fact.data.version, fact.data.version_digest) != fact.data.version_digest
        for fact in part
        if fact.data.version_digest is not None
    )


def _with_problems(encounter: Encounter, tokens: set[str], has_collision: bool) -> Encounter:
    others = {*encounter.other_tokens, *tokens} - {encounter.patient_token}
    problems = {*encounter.problems}
    if tokens - {encounter.patient_token}:
        problems.add(Problem.TWO_PATIENTS)
    if has_collision:
        problems.add(Problem.ID_COLLISION)
    return msgspec.structs.replace(encounter, other_tokens=tuple(sorted(others)), problems=tuple(sorted(problems)))
