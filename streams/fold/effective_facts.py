"""The facts that count, on their way through the steps of a fold, and the order in which they apply."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from operator import eq
from typing import cast

import msgspec
from msgspec import UNSET

from schemas.events import PatientAdmitted, PatientDischarged
from schemas.state import Problem
from streams.fold.effects import Effect, FactOrEffect, FoldedFact, kind_of, source_of
from streams.fold.fact_kinds import ADMISSIONS, PRECEDENCE
from streams.fold.sequence import has_sequence, in_sequence

_Order = tuple[datetime, int, datetime, str, str]


class EffectiveFacts(msgspec.Struct, frozen=True, gc=False):
    """The facts that count so far, and what the steps of the fold have found in them."""

    facts: list[FactOrEffect]
    """In the order in which they apply."""
    reported: Sequence[FoldedFact]
    """All distinct facts, cancels included, in the order of what happened."""
    problems: Collection[Problem] = ()
    cancelled: Collection[type] = ()
    """Kinds of fact of which at least one was cancelled."""
    unmatched_cancels: Sequence[FactOrEffect] = ()
    """Cancels for which no fact was found."""
    as_of: datetime | None = None
    """Facts that happened later are left out."""


def distinct_in_order(facts: Iterable[FactOrEffect]) -> EffectiveFacts:
    """Drop duplicates and sort by what happened.

    Parameters
    ----------
    facts : iterable of FactOrEffect
        All of one subject.

    Returns
    -------
    EffectiveFacts
        With `ID_COLLISION` where two facts have the same source and id and different contents; both are kept.

    Notes
    -----
    The order is `occurred_at`, then `PRECEDENCE`, then `recorded_at`, then source and id; of two contents under one id
    that of their JSON. Facts that one source recorded at one instant are in the order of their `sequence`.
    """
    given = list(facts)
    types = set(map(type, given))
    has_effects = Effect in types
    sources = [source_of(fact) for fact in given] if has_effects else cast("list[FoldedFact]", given)
    names = {(fact.source, fact.id) for fact in sources}
    if len(names) == len(given):
        ordered = in_order(given) if PatientDischarged in types else _in_sequence(sorted(given, key=order))
    else:
        distinct: dict[bytes, FactOrEffect] = {}
        for fact in given:
            content = _content(fact)
            if content not in distinct or _sent(fact) < _sent(distinct[content]):
                distinct[content] = fact
        by_content = sorted(distinct.items(), key=lambda item: (order(item[1]), item[0]))
        ordered = _discharge_first(_in_sequence([fact for _, fact in by_content]))
    return EffectiveFacts(
        facts=ordered,
        reported=[source_of(fact) for fact in ordered] if has_effects else cast("list[FoldedFact]", ordered),
        problems=(Problem.ID_COLLISION,) if len(names) < len(ordered) else (),
    )


def up_to(effective: EffectiveFacts, as_of: datetime | None) -> EffectiveFacts:
    """Leave out what happened after `as_of`. Cancels and corrections recorded later have been applied already."""
    if as_of is None:
        return effective
    happened = [fact for fact in effective.facts if fact.occurred_at <= as_of]
    return msgspec.structs.replace(effective, facts=happened, as_of=as_of)


def in_order(facts: Iterable[FactOrEffect]) -> list[FactOrEffect]:
    """Return the facts in the order in which they apply."""
    return _discharge_first(_in_sequence(sorted(facts, key=order)))


def order(fact: FactOrEffect) -> _Order:
    """Return the sort key of a fact; an effect is sorted by its own times and the name of its source fact."""
    if type(fact) is Effect:
        source = fact.source_fact
        return (fact.occurred_at, PRECEDENCE[fact.kind], fact.recorded_at, source.source, source.id)
    return (fact.occurred_at, PRECEDENCE[type(fact)], fact.recorded_at, fact.source, fact.id)


def _in_sequence(ordered: list[FactOrEffect]) -> list[FactOrEffect]:
    """Put facts that one source recorded at one instant, and that happened at one, in the order of their numbers."""
    times = [fact.occurred_at for fact in ordered]
    if not any(map(eq, times, times[1:])) or not has_sequence(ordered):
        return ordered
    positions = in_sequence(ordered, lambda tied: (tied.occurred_at, tied.recorded_at))
    return [ordered[position] for position in positions]


def _sent(fact: FactOrEffect) -> tuple[str, ...]:
    """Return what tells apart two facts of one content: the number with which each was sent."""
    sequence = source_of(fact).sequence
    return () if sequence is UNSET else (sequence,)


def _discharge_first(ordered: list[FactOrEffect]) -> list[FactOrEffect]:
    """Put a discharge before admissions of the same instant that were recorded later, if there was one before."""
    for position, fact in enumerate(ordered):
        if type(fact) is not PatientDischarged:
            continue
        first = position
        while first > 0 and ordered[first - 1].occurred_at == fact.occurred_at:
            first -= 1
        later = [
            index
            for index in range(first, position)
            if kind_of(ordered[index]) is PatientAdmitted and ordered[index].recorded_at > fact.recorded_at
        ]
        if later and not ADMISSIONS.isdisjoint(map(kind_of, ordered[:first])):
            ordered.insert(later[0], ordered.pop(position))
    return ordered


def _content(fact: FactOrEffect) -> bytes:
    """Return all that tells two contents apart, as JSON."""
    of = source_of(fact)
    envelope = (
        kind_of(fact).__name__,
        of.id,
        of.source,
        of.subject,
        fact.occurred_at,
        fact.recorded_at,
        of.partition_key,
    )
    return msgspec.json.encode((*envelope, fact.data))
