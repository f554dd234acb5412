"""State of the search for corrections: what the facts recorded so far amount to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from schemas.events import Location
from streams.fold.effects import FactOrEffect

CancelContent = tuple[type, datetime, datetime, object]


class CorrectionState:
    """State of `find_corrections` after the facts recorded so far.

    Facts are identified by their position in the order of what happened.
    """

    __slots__ = (
        "by_kind",
        "cancelled_kinds",
        "cancelled_locations",
        "corrected_times",
        "facts",
        "kinds",
        "located",
        "locations",
        "movements",
        "named_by",
        "named_targets",
        "rank",
        "removed",
        "repeated_locations",
        "seen_cancels",
        "times_without_fact",
        "undecided_cancels",
        "unmatched_cancels",
        "voided_updates",
    )

    def __init__(self, facts: Sequence[FactOrEffect], kinds: Sequence[type], named_by: dict[int, int]) -> None:
        self.facts = facts
        self.kinds = kinds
        self.named_by = named_by
        """By position of each cancel that names a fact by its id: the position of that fact."""
        self.named_targets = set(named_by.values())
        self.rank = [-1] * len(facts)
        """The place of each fact in the order of recording; -1 while the fact has not been recorded."""
        self.by_kind: defaultdict[type, list[int]] = defaultdict(list)
        """Facts recorded so far, cancelled or not, in the order of recording."""
        self.located: list[int] = []
        """Facts recorded so far that put the patient somewhere and are not cancelled, in the order of what happened."""
        self.locations: dict[int, Location] = {}
        """The location that each of them gives."""
        self.movements: dict[tuple[str, str], int] = {}
        """By source and id of each movement (ZBE-1): the fact that reported it last."""
        self.seen_cancels: dict[CancelContent, int] = {}
        self.cancelled_locations: dict[tuple[str, str], Location] = {}
        """By source and id of the cancel of a transfer: the location that it cancelled."""
        self.undecided_cancels: list[int] = []
        """Cancels before which no fact of their kind was recorded."""
        self.times_without_fact: list[tuple[int, type, datetime]] = []
        """Corrected times before which no fact of that kind was recorded: the update's position, the kind, the time."""
        self.removed: set[int] = set()
        self.repeated_locations: set[int] = set()
        self.voided_updates: set[int] = set()
        self.corrected_times: dict[int, datetime] = {}
        self.cancelled_kinds: set[type] = set()
        self.unmatched_cancels: list[int] = []

    def recorded(self, kind: type) -> list[int]:
        """Return the facts of a kind recorded so far, cancelled or not, except those that a cancel names by id."""
        return [position for position in self.by_kind.get(kind, ()) if position not in self.named_targets]

    def effective(self, kinds: Iterable[type]) -> list[int]:
        """Return the facts of these kinds recorded so far that are not cancelled, in the order of recording."""
        of_each = [positions for kind in kinds if (positions := self.by_kind.get(kind))]
        found = [
            position
            for positions in of_each
            for position in positions
            if position not in self.removed and position not in self.named_targets
        ]
        return found if len(of_each) < 2 else sorted(found, key=self.rank.__getitem__)

    def occurred_at(self, position: int) -> datetime:
        """Return when a fact happened, as corrected so far."""
        return self.corrected_times.get(position) or self.facts[position].occurred_at

    def order(self, position: int) -> tuple[datetime, int]:
        """Return the sort key of a fact in the order of what happened, as corrected so far."""
        return (self.occurred_at(position), position)

    def same_content(self, among: Iterable[int], target: int) -> list[int]:
        """Return those that report the same as the target at the same time, under whatever id."""
        fact = self.facts[target]
        return [
            index
            for index in among
            if self.facts[index].occurred_at == fact.occurred_at and self.facts[index].data == fact.data
        ]
