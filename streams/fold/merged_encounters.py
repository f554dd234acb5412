"""The fold of encounters that are connected by merges, under whatever number their facts came.

An encounter's own facts show whether it was merged into another one and whether that was undone. Its facts then count
for the other one, so undoing a merge restores exactly the state before, and a late fact under the old number is applied
to the right encounter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from schemas.events import (
    AdtEvent,
    DischargeCancelled,
    EncounterDeleted,
    EncountersMerged,
    EncounterUpdated,
    PatientClassChanged,
    PatientDischarged,
    UpdateDetails,
)
from schemas.state import Encounter, EncounterStatus, Problem
from streams.fold.applied_corrections import apply_corrections
from streams.fold.corrections import find_corrections
from streams.fold.effective_facts import distinct_in_order, up_to
from streams.fold.effects import Effect, FactOrEffect, location_of, source_of
from streams.fold.encounter import fold
from streams.fold.fact_kinds import ENCOUNTER_MERGES
from streams.fold.merges import MergeOrder, merge_order, merge_parents, surviving_id


class Merge(NamedTuple):
    """One encounter is part of another one from now on."""

    away: str
    into: str
    order: MergeOrder
    recorded_at: datetime


class _Visit:
    """The facts of an encounter under all the numbers that it has had so far."""

    def __init__(self, facts: Iterable[FactOrEffect]) -> None:
        self.facts = list(facts)
        self.problems: set[Problem] = set()

    def before(self, at: datetime) -> list[FactOrEffect]:
        """Return the facts that were recorded earlier."""
        return [fact for fact in self.facts if fact.recorded_at < at]

    def drop_course(self, at: datetime, *, void: bool) -> None:
        """Keep only diagnoses and procedures of the facts recorded earlier, or nothing where the stay was void."""
        kept = [] if void else [effect for fact in self.before(at) if (effect := _without_course(fact)) is not None]
        self.facts = [*kept, *(fact for fact in self.facts if fact.recorded_at >= at)]


def concerns_identity(facts: Iterable[AdtEvent]) -> bool:
    """Return whether one of the facts is a merge or unmerge, so that the fold needs other encounters' facts too."""
    return any(type(fact) in ENCOUNTER_MERGES for fact in facts)


def merged_into(encounter_id: str, facts: Iterable[AdtEvent]) -> str | None:
    """Return what the encounter was merged into last, leaving out merges that were undone."""
    merges, _ = _identity(encounter_id, facts, None)
    return merges[-1].into if merges else None


def fold_merged(about: Mapping[str, Sequence[Any]], *, as_of: datetime | None = None) -> dict[str, Encounter]:
    """Compute the states of encounters that are connected by merges.

    Parameters
    ----------
    about : mapping of str to sequence of FactOrEffect
        By encounter, all its facts. All encounters that their merges connect must be in it.
    as_of : datetime or None
        Ignore what happened later.

    Returns
    -------
    dict of str to Encounter
        An encounter that was merged into another one is cancelled, and its `same_as` names the one that has its facts
        now. An encounter of which nothing else is known is cancelled too.

    Notes
    -----
    Facts recorded after the merge, under either number, count for the remaining encounter. Of the facts recorded
    before, only one encounter's course counts: the one that is in progress and has a place, or else the one whose
    number remains. The other one contributes diagnoses and procedures. Where nothing was known of one of them, or both
    numbers meant the same encounter before, all facts count. The oldest merge of a circle is ignored, and of two merges
    of one number the later one counts.
    """
    identity = {key: _identity(key, facts, as_of) for key, facts in about.items()}
    in_time = sorted(
        (merge for merges, _ in identity.values() for merge in merges), key=lambda merge: (merge.order, merge.away)
    )
    latest = {merge.away: merge for merge in in_time}
    parent = merge_parents({key: (merge.into, merge.order) for key, merge in latest.items()})
    visits = {
        key: _Visit(_without_void_deletions(key, about.get(key, ()), latest, parent))
        for key in {*about, *parent, *parent.values()}
    }
    connected, joined_before = _Numbers(), _Numbers()
    for merge in latest.values():
        connected.join(merge.away, merge.into)
    for merge in in_time:
        already_one = connected.are_one(merge.away, merge.into) and joined_before.join(merge.away, merge.into)
        if latest[merge.away] is merge and merge.away in parent:
            _unite(visits, merge, already_one=already_one)
    found: dict[str, Encounter] = {}
    for key in {*about, *parent.values()}:
        encounter = None if key in parent else _folded(visits[key], as_of)
        if encounter is None:
            known = [fact for fact in about.get(key, ()) if as_of is None or fact.occurred_at <= as_of]
            if not known:
                continue
            token = distinct_in_order(known).reported[-1].partition_key
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


def _identity(key: str, facts: Iterable[AdtEvent], as_of: datetime | None) -> tuple[list[Merge], Collection[Problem]]:
    """Return the merges of one encounter that were not undone, and the problems among merges and unmerges."""
    effective = distinct_in_order(fact for fact in facts if type(fact) in ENCOUNTER_MERGES)
    effective = apply_corrections(effective, find_corrections(effective))
    effective = up_to(effective, as_of)
    merges = [
        Merge(key, fact.data.into, merge_order(fact), fact.recorded_at)
        for fact in effective.facts
        if isinstance(fact, EncountersMerged) and fact.data.into != key
    ]
    return merges, effective.problems


class _Numbers:
    """The numbers that mean one encounter, while merges are applied one after another."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def join(self, one: str, other: str) -> bool:
        """Note that two numbers mean one encounter; return whether they did already."""
        already = self.are_one(one, other)
        if not already:
            self._parent[surviving_id(self._parent, one)] = surviving_id(self._parent, other)
        return already

    def are_one(self, one: str, other: str) -> bool:
        """Return whether two numbers mean one encounter."""
        return surviving_id(self._parent, one) == surviving_id(self._parent, other)


def _unite(visits: dict[str, _Visit], merge: Merge, *, already_one: bool) -> None:
    """Make both numbers mean one encounter, with the course of one of them."""
    away, into, at = visits[merge.away], visits[merge.into], merge.recorded_at
    if away is into:
        return
    if not already_one and (before := into.before(at)):
        _choose_course(away, into, fold(away.before(at)), fold(before), at)
    into.facts += _of_going_on(away.facts, into.facts, merge)
    into.problems |= away.problems
    for key, visit in visits.items():
        if visit is away:
            visits[key] = into


def _of_going_on(away: Sequence[FactOrEffect], into: Sequence[FactOrEffect], merge: Merge) -> Iterator[FactOrEffect]:
    """Yield the facts of a former number that count where the stay goes on in another class (A06, A07).

    The end of the former visit is not the end of the stay: neither one recorded before, nor one in the former class.
    An update in the former class shows the former visit, not where the patient is now.
    """
    changes = [fact for fact in into if type(fact) is PatientClassChanged and fact.recorded_at == merge.recorded_at]
    change = changes[0] if changes else None
    for fact in away:
        if change is None or type(fact) not in _OF_THE_FORMER_VISIT:
            yield fact
            continue
        former_class = getattr(fact.data, "patient_class", None) not in (None, change.data.patient_class)
        if fact.recorded_at <= change.recorded_at:
            if type(fact) is EncounterUpdated:
                yield fact
            elif (effect := _without_course(fact)) is not None:
                yield effect
        elif not former_class or fact.occurred_at < change.occurred_at:
            yield fact
        elif (effect := _without_course(fact)) is not None:
            yield effect


_OF_THE_FORMER_VISIT = frozenset({PatientDischarged, DischargeCancelled, EncounterUpdated})


def _choose_course(
    away: _Visit, into: _Visit, away_state: Encounter | None, into_state: Encounter | None, at: datetime
) -> None:
    """Drop the course of one of two encounters, and note a problem where both have a patient in a different place."""
    if away_state is None or into_state is None:
        return
    if _rank(away_state) > _rank(into_state):
        into.drop_course(at, void=_is_void(into_state))
        return
    away.drop_course(at, void=_is_void(away_state))
    beds = {
        (place.facility_id, place.unit_id, place.bed_id)
        for state in (away_state, into_state)
        if (place := state.location)
    }
    located_since = any(fact.recorded_at >= at and location_of(fact) is not None for fact in (*away.facts, *into.facts))
    if _rank(away_state) == _rank(into_state) == _IN_A_PLACE and len(beds) > 1 and not located_since:
        into.problems.add(Problem.MERGED_IN_TWO_PLACES)


_IN_A_PLACE = (True, True, True)


def _rank(encounter: Encounter) -> tuple[bool, bool, bool]:
    """Return how much is known of an encounter's course: of two encounters the course of the higher rank counts."""
    in_progress = encounter.status is EncounterStatus.IN_PROGRESS
    return (not _is_void(encounter), in_progress, in_progress and bool(encounter.unit_stays))


def _is_void(encounter: Encounter) -> bool:
    return encounter.status is EncounterStatus.CANCELLED


def _folded(visit: _Visit, as_of: datetime | None) -> Encounter | None:
    encounter = fold(visit.facts, as_of=as_of)
    if encounter is None or not visit.problems:
        return encounter
    return msgspec.structs.replace(encounter, problems=(*encounter.problems, *visit.problems))


def _without_void_deletions(
    key: str, facts: Iterable[AdtEvent], latest: Mapping[str, Merge], parent: Mapping[str, str]
) -> Iterator[AdtEvent]:
    """Yield the facts of a number without deletions after it was merged: they do not delete the other encounter."""
    for fact in facts:
        if type(fact) is EncounterDeleted and key in parent and fact.recorded_at >= latest[key].recorded_at:
            continue
        yield fact


def _without_course(fact: FactOrEffect) -> Effect | None:
    """Return an update with only the diagnoses and procedures of the fact, None where it has none."""
    diagnoses, procedures = getattr(fact.data, "diagnoses", ()), getattr(fact.data, "procedures", ())
    if not diagnoses and not procedures:
        return None
    return Effect(
        kind=EncounterUpdated,
        occurred_at=fact.occurred_at,
        recorded_at=fact.recorded_at,
        data=UpdateDetails(diagnoses=diagnoses, procedures=procedures),
        source_fact=source_of(fact),
    )
