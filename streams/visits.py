"""Which visit is which: the fold of encounters that merges tie together, by whoever's number their facts came.

Pure. An encounter's own facts say whether it was merged into another one and whether that was undone. Its facts then
count for the other one, so undoing a merge gives back exactly what was before, and a late fact under the old number
finds its way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from schemas.events import EncounterDeleted, EncounterUpdated, UpdateDetails
from schemas.state import Encounter, EncounterStatus, Problem
from streams.encounters import fold
from streams.identity import MergeOrder, merge_order, parents, root
from streams.kinds import BEGINNINGS, OF_IDENTITY
from streams.ordering import in_order, standing


class Merge(NamedTuple):
    """What an encounter was merged into, as last said."""

    into: str
    order: MergeOrder
    recorded_at: datetime


def concerns_identity(facts: Iterable[Any]) -> bool:
    """Say whether one of the facts about an encounter tells which it is, so that others must be known to fold it."""
    return any(type(fact) in OF_IDENTITY for fact in facts)


def merge_of(facts: Iterable[Any], as_of: datetime | None = None) -> Merge | None:
    """Return the merge that stands of those about one encounter, or None."""
    return _identity(facts, as_of)[0]


def _identity(facts: Iterable[Any], as_of: datetime | None) -> tuple[Merge | None, frozenset[Problem]]:
    """Return the merge that stands, and what does not fit among merges and their undoing."""
    said = [fact for fact in facts if type(fact) in OF_IDENTITY]
    if not said:
        return None, frozenset()
    stand = standing(said, as_of)
    merges = [fact for fact in stand.facts if fact.data.into != fact.subject]
    if not merges:
        return None, stand.problems
    return Merge(merges[-1].data.into, merge_order(merges[-1]), merges[-1].recorded_at), stand.problems


def fold_tied(about: Mapping[str, Sequence[Any]], *, as_of: datetime | None = None) -> dict[str, Encounter]:
    """Fold encounters that merges tie together.

    Parameters
    ----------
    about : mapping of str to sequence of AdtEvent
        By encounter, all its facts. All that merges tie to one of them must be there.
    as_of : datetime or None
        Leave out what happened later.

    Returns
    -------
    dict of str to Encounter
        One that was merged away is cancelled and says in `same_as` which has its facts now; so is one of which nothing
        else is known.

    Notes
    -----
    Where the other encounter had begun by its own facts when the merge was said, both were visits: the other one's
    times, places and plans count, and only diagnoses and procedures are added to it. Where it had not, or where that
    was taken back, it is the same visit under another number, and all that was said counts. Of merges in a circle the
    oldest does not count.
    """
    identity = {key: _identity(facts, as_of) for key, facts in about.items()}
    merges = {key: merge for key, (merge, _) in identity.items() if merge is not None}
    parent = parents({key: (merge.into, merge.order) for key, merge in merges.items()})
    united: dict[str, list[Any]] = {key: list(about.get(key, ())) for key in {*about, *parent.values()}}
    for key in _from_the_leaves(parent):
        facts, into = _without_what_was_deleted(key, united[key]), parent[key]
        before = [fact for fact in about.get(into, ()) if fact.recorded_at <= merges[key].recorded_at]
        if any(type(fact) in BEGINNINGS for fact in before):
            had_begun = fold(before)
            if had_begun is not None and had_begun.status is not EncounterStatus.CANCELLED:
                facts = _without_course(facts)
            else:
                united[into] = [fact for fact in united[into] if fact not in before]
        united[into] += facts
    found: dict[str, Encounter] = {}
    for key, facts in united.items():
        encounter = None if key in parent else fold(facts, as_of=as_of)
        if encounter is None:
            told = [fact for fact in about.get(key, ()) if as_of is None or fact.occurred_at <= as_of]
            if not told:
                continue
            token = in_order(told)[0][-1].partition_key
            encounter = Encounter(encounter_id=key, patient_token=token, status=EncounterStatus.CANCELLED)
        merge, problems = identity.get(key, (None, frozenset()))
        found[key] = msgspec.structs.replace(
            encounter,
            encounter_id=key,
            merged_into=merge.into if merge else None,
            same_as=root(parent, key) if key in parent else None,
            problems=tuple(sorted({*encounter.problems, *problems})),
        )
    return found


def _from_the_leaves(parent: Mapping[str, str]) -> list[str]:
    """Return those that were merged away, each after all that were merged into it."""
    below: defaultdict[str, list[str]] = defaultdict(list)
    for key, into in parent.items():
        below[into].append(key)
    order: list[str] = []
    reached = [key for key in below if key not in parent]
    while reached:
        key = reached.pop()
        reached += below[key]
        order += below[key]
    return order[::-1]


def _without_what_was_deleted(key: str, facts: list[Any]) -> list[Any]:
    """Leave out what a deletion of this number makes void, and the deletion: it is none of the other encounter."""
    ordered, _ = in_order(facts)
    last = max(
        (index for index, fact in enumerate(ordered) if type(fact) is EncounterDeleted and fact.subject == key),
        default=-1,
    )
    return ordered[last + 1 :]


def _without_course(facts: Iterable[Any]) -> list[Any]:
    """Return what the facts say of diagnoses and procedures, as updates."""
    return [
        EncounterUpdated(
            id=fact.id,
            source=fact.source,
            subject=fact.subject,
            occurred_at=fact.occurred_at,
            recorded_at=fact.recorded_at,
            partition_key=fact.partition_key,
            data=UpdateDetails(diagnoses=fact.data.diagnoses, procedures=fact.data.procedures),
        )
        for fact in facts
        if getattr(fact.data, "diagnoses", ()) or getattr(fact.data, "procedures", ())
    ]
