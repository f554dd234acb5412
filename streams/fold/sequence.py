"""Order of facts that one source recorded at one instant: the order in which it sent them.

Times have seconds or only minutes, and two moves within one are two facts with one time. The source then gives a number
(`Fact.sequence`): MSH-13 or MSH-10 of HL7.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

from msgspec import UNSET

from streams.fold.effects import Effect, FactOrEffect, source_of


def in_sequence(facts: Sequence[FactOrEffect], tie: Callable[[FactOrEffect], Hashable]) -> list[int]:
    """Return the positions of the facts, with those of one tie in the order of their numbers.

    They change places among themselves only, so facts without a number stay where they are. The effect of a fact comes
    right after it.

    Parameters
    ----------
    facts : sequence of FactOrEffect
        In the order that holds without numbers.
    tie : callable
        What facts whose numbers decide have in common, besides their source.
    """
    positions = list(range(len(facts)))
    tied: defaultdict[Hashable, list[int]] = defaultdict(list)
    for position, fact in enumerate(facts):
        source = source_of(fact)
        if source.sequence is not UNSET:
            tied[source.source, tie(fact)].append(position)
    for places in tied.values():
        if len(places) > 1:
            in_order = sorted(places, key=lambda position: _number(facts[position]))
            for place, position in zip(places, in_order, strict=True):
                positions[place] = position
    return positions


def has_sequence(facts: Sequence[FactOrEffect]) -> bool:
    """Return whether a source gave numbers to its facts; without them there is nothing to order."""
    return any(source_of(fact).sequence is not UNSET for fact in facts)


def _number(fact: FactOrEffect) -> tuple[int, bool]:
    return int(source_of(fact).sequence or 0), type(fact) is Effect
