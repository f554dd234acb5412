"""The patient whose encounter it is, among all tokens under which it was reported."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from schemas.events import EncounterMoved
from streams.fold.effective_facts import EffectiveFacts
from streams.fold.effects import FoldedFact, location_of, source_of
from streams.fold.fact_kinds import CANCELS
from streams.fold.merges import MergeOrder, merge_order, resolve_merges


class Owner(NamedTuple):
    """The patient of an encounter, and the others under whom it was reported."""

    patient_token: str
    other_tokens: AbstractSet[str]
    of_two_hospitals: bool = False
    """Whether two of these patients were reported in places of different facilities only, or by different senders."""


def whose(effective: EffectiveFacts) -> Owner | None:
    """Return the patient under whom the encounter was reported last, or to whom it was moved; None without a fact."""
    if not effective.reported:
        return None
    as_of = effective.as_of
    tokens = {fact.partition_key for fact in effective.reported if as_of is None or fact.occurred_at <= as_of}
    token = _last_token(effective)
    if len(tokens) > 1 and (moved := _moved(effective)):
        tokens, token = {moved.get(each, each) for each in tokens}, moved.get(token, token)
    others = tokens - {token}
    return Owner(token, others, bool(others) and _of_two_hospitals(effective.reported, tokens))


def _of_two_hospitals(reported: Iterable[FoldedFact], tokens: AbstractSet[str]) -> bool:
    """Return whether no facility, or no sender, is common to two of the patients."""
    facilities: dict[str, set[str]] = {}
    senders: dict[str, set[str]] = {}
    for fact in reported:
        if fact.partition_key in tokens:
            senders.setdefault(fact.partition_key, set()).add(fact.source)
            place = location_of(fact)
            if place is not None:
                facilities.setdefault(fact.partition_key, set()).add(place.facility_id)
    return any(
        one.isdisjoint(other)
        for sets in (facilities, senders)
        for one, other in itertools.combinations(sets.values(), 2)
    )


def _last_token(effective: EffectiveFacts) -> str:
    """Return the token of the last effective fact, or of the last cancel where there is no other fact."""
    for fact in reversed(effective.facts):
        if type(fact) not in CANCELS:
            return source_of(fact).partition_key
    return effective.reported[-1].partition_key


def _moved(effective: EffectiveFacts) -> dict[str, str]:
    """Return, for each token from which the encounter was moved, the patient to whom it belongs now.

    A move concerns all tokens under which the encounter was reported until then: one person may have several numbers.
    """
    moved: dict[str, tuple[str, MergeOrder]] = {}
    for move in effective.facts:
        if not isinstance(move, EncounterMoved):
            continue
        before = {fact.partition_key for fact in effective.reported if fact.recorded_at <= move.recorded_at}
        for token in before.union([move.data.moved_from]).difference([move.partition_key]):
            moved[token] = (move.partition_key, merge_order(move))
    return resolve_merges(moved)
