"""Which visit is which: the fold of encounters that merges tie together, by whoever's number their facts came.

Pure. An encounter's own facts say whether it was merged into another one and whether that was undone. Its facts then
count for the other one, so undoing a merge gives back exactly what was before, and a late fact under the old number
finds its way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from schemas.events import EncounterDeleted, EncounterUpdated, UpdateDetails
from schemas.state import Encounter, EncounterStatus, Problem
from streams.fold.effective_facts import effective_facts, in_order
from streams.fold.encounter import fold
from streams.fold.fact_kinds import ENCOUNTER_MERGES
from streams.fold.merges import MergeOrder, merge_order, merge_parents, surviving_id


class Merge(NamedTuple):
    """That one encounter is another from now on."""

    away: str
    into: str
    order: MergeOrder
    recorded_at: datetime


class _Visit:
    """What is known of a visit under all the numbers that it had so far."""

    def __init__(self, facts: Iterable[Any]) -> None:
        self.facts = list(facts)
        self.problems: set[Problem] = set()

    def before(self, at: datetime) -> list[Any]:
        """Return what had been said of it earlier."""
        return [fact for fact in self.facts if fact.recorded_at < at]

    def give_up_course(self, at: datetime, *, voided_updates: bool) -> None:
        """Leave of what was said earlier only diagnoses and procedures, or nothing of what was void."""
        told = (
            [] if voided_updates else [kept for fact in self.before(at) if (kept := _without_course(fact)) is not None]
        )
        self.facts = [*told, *(fact for fact in self.facts if fact.recorded_at >= at)]


def concerns_identity(facts: Iterable[Any]) -> bool:
    """Say whether one of the facts about an encounter tells which it is, so that others must be known to fold it."""
    return any(type(fact) in ENCOUNTER_MERGES for fact in facts)


def merged_into(encounter_id: str, facts: Iterable[Any]) -> str | None:
    """Return what the encounter was merged into, as last said and not taken back."""
    merges, _ = _identity(encounter_id, facts, None)
    return merges[-1].into if merges else None


def fold_merged(about: Mapping[str, Sequence[Any]], *, as_of: datetime | None = None) -> dict[str, Encounter]:
    """Fold encounters that merges tie together.

    Parameters
    ----------
    about : mapping of str to sequence of AdtEvent
        By encounter, all its facts. All that the last merges of each tie to one of them must be there.
    as_of : datetime or None
        Leave out what happened later.

    Returns
    -------
    dict of str to Encounter
        One that was merged away is cancelled and says in `same_as` which has its facts now; so is one of which nothing
        else is known.

    Notes
    -----
    What is said after the merge, under whichever number, is said of the one visit. Of what was said before, the course
    of one counts: of the visit that is in progress and has a place, and where that tells nothing of the one whose
    number stays. The other gives its diagnoses and procedures. Where nothing was known of one of them, or it was the
    same visit already under another number, all that was said counts. Of merges in a circle the oldest does not count,
    and of two merges of one number the later one does.
    """
    identity = {key: _identity(key, facts, as_of) for key, facts in about.items()}
    told = sorted((merge for merges, _ in identity.values() for merge in merges), key=lambda merge: merge.order)
    latest = {merge.away: merge for merge in told}
    parent = merge_parents({key: (merge.into, merge.order) for key, merge in latest.items()})
    visits = {
        key: _Visit(_without_void_deletions(key, about.get(key, ()), latest, parent))
        for key in {*about, *parent, *parent.values()}
    }
    tied, one_before = _Numbers(), _Numbers()
    for merge in latest.values():
        tied.join(merge.away, merge.into)
    for merge in told:
        already_one = tied.are_one(merge.away, merge.into) and one_before.join(merge.away, merge.into)
        if latest[merge.away] is merge and merge.away in parent:
            _unite(visits, merge, already_one=already_one)
    found: dict[str, Encounter] = {}
    for key in {*about, *parent.values()}:
        encounter = None if key in parent else _folded(visits[key], as_of)
        if encounter is None:
            known = [fact for fact in about.get(key, ()) if as_of is None or fact.occurred_at <= as_of]
            if not known:
                continue
            token = in_order(known)[0][-1].partition_key
            encounter = Encounter(encounter_id=key, patient_token=token, status=EncounterStatus.CANCELLED)
        problems = identity[key][1] if key in identity else ()
        found[key] = msgspec.structs.replace(
            encounter,
            encounter_id=key,
            merged_into=latest[key].into if key in latest else None,
            same_as=surviving_id(parent, key) if key in parent else None,
            problems=tuple(sorted({*encounter.problems, *problems})),
        )
    return found


def _identity(key: str, facts: Iterable[Any], as_of: datetime | None) -> tuple[list[Merge], frozenset[Problem]]:
    """Return the merges of one encounter that stand, and what does not fit among them and their undoing."""
    said = [fact for fact in facts if type(fact) in ENCOUNTER_MERGES]
    if not said:
        return [], frozenset()
    effective = effective_facts(said, as_of)
    merges = [
        Merge(key, fact.data.into, merge_order(fact), fact.recorded_at)
        for fact in effective.facts
        if fact.data.into != key
    ]
    return merges, effective.problems


class _Numbers:
    """Which numbers are of one visit, as merges are told one after another."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def join(self, one: str, other: str) -> bool:
        """Note that two numbers are of one visit, and say whether they were already."""
        already = self.are_one(one, other)
        if not already:
            self._parent[surviving_id(self._parent, one)] = surviving_id(self._parent, other)
        return already

    def are_one(self, one: str, other: str) -> bool:
        """Say whether two numbers are of one visit."""
        return surviving_id(self._parent, one) == surviving_id(self._parent, other)


def _unite(visits: dict[str, _Visit], merge: Merge, *, already_one: bool) -> None:
    """Let both numbers mean one visit, with the course of one of them."""
    away, stays, at = visits[merge.away], visits[merge.into], merge.recorded_at
    if away is stays:
        return
    if not already_one and (before := stays.before(at)):
        _choose_course(away, stays, fold(away.before(at)), fold(before), at)
    stays.facts += away.facts
    stays.problems |= away.problems
    for key, visit in visits.items():
        if visit is away:
            visits[key] = stays


def _choose_course(
    away: _Visit, stays: _Visit, was_away: Encounter | None, stayed: Encounter | None, at: datetime
) -> None:
    if was_away is None or stayed is None:
        return
    if _rank(was_away) > _rank(stayed):
        stays.give_up_course(at, voided_updates=_is_void(stayed))
        return
    away.give_up_course(at, voided_updates=_is_void(was_away))
    beds = {(place.facility_id, place.unit_id, place.bed_id) for each in (was_away, stayed) if (place := each.location)}
    told_since = any(
        fact.recorded_at >= at and getattr(fact.data, "location", None) for fact in (*away.facts, *stays.facts)
    )
    if _rank(was_away) == _rank(stayed) == _HERE and len(beds) > 1 and not told_since:
        stays.problems.add(Problem.MERGED_IN_TWO_PLACES)


_HERE = (True, True, True)


def _rank(encounter: Encounter) -> tuple[bool, bool, bool]:
    """Return how much an encounter's course tells: of two visits the one that tells more counts."""
    here = encounter.status is EncounterStatus.IN_PROGRESS
    return (not _is_void(encounter), here, here and bool(encounter.unit_stays))


def _is_void(encounter: Encounter) -> bool:
    return encounter.status is EncounterStatus.CANCELLED


def _folded(visit: _Visit, as_of: datetime | None) -> Encounter | None:
    encounter = fold(visit.facts, as_of=as_of)
    if encounter is None or not visit.problems:
        return encounter
    return msgspec.structs.replace(encounter, problems=(*encounter.problems, *visit.problems))


def _without_void_deletions(
    key: str, facts: Iterable[Any], latest: Mapping[str, Merge], parent: Mapping[str, str]
) -> Iterator[Any]:
    """Yield the facts of a number but for deletions after it went: they delete nothing of the visit."""
    for fact in facts:
        if type(fact) is EncounterDeleted and key in parent and fact.recorded_at >= latest[key].recorded_at:
            continue
        yield fact


def _without_course(fact: Any) -> EncounterUpdated | None:
    """Return what the fact says of diagnoses and procedures, as an update, or None."""
    diagnoses, procedures = getattr(fact.data, "diagnoses", ()), getattr(fact.data, "procedures", ())
    if not diagnoses and not procedures:
        return None
    return EncounterUpdated(
        id=fact.id,
        source=fact.source,
        subject=fact.subject,
        occurred_at=fact.occurred_at,
        recorded_at=fact.recorded_at,
        partition_key=fact.partition_key,
        data=UpdateDetails(diagnoses=diagnoses, procedures=procedures),
    )
