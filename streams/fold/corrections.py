"""What each fact meant when it was said: what a cancel takes back, whose place is only repeated, what is corrected.

Pure. A sender knows what it has said so far and no more, so the facts are heard here in the order in which they were
recorded. It is by that order that a cancel finds its fact (what happened is no guide: a cancel may carry the time of
what it cancels, HL7 EVN-6), and that an update which repeats the place said last is no move, even when the transfer it
repeats is cancelled afterwards.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from operator import le
from typing import Any, NamedTuple

from schemas.events import (
    AdmissionCancelled,
    EncounterDeleted,
    EncounterUpdated,
    Location,
    PatientAdmitted,
    PatientDischarged,
    PatientRegistered,
    TransferCancelled,
    UpdateDetails,
)
from schemas.state import Problem
from streams.fold.fact_kinds import (
    ADMISSIONS,
    CANCELS,
    MAY_REPEAT_LOCATION,
    MERGES,
    NEEDS_ADMISSION,
    PLAN_CANCELS,
    PLANS,
    UNMERGES,
    WITH_LOCATION,
)


class Corrections(NamedTuple):
    """What the facts, by their position, say of each other."""

    removed: Collection[int]
    """Taken back, or void with what was taken back."""
    repeated_locations: Collection[int]
    """Their place says nothing new."""
    voided_updates: Collection[int]
    """Updates of a stay that was taken back: neither their place nor their class counts."""
    corrections: dict[int, datetime]
    """The time that was said of a fact last."""
    cancelled: Collection[type]
    """Kinds of which one at least was taken back."""
    unmatched_cancels: Collection[int]
    """Cancels of what was not reported."""
    problems: set[Problem]


NO_CORRECTIONS = Corrections((), (), (), {}, (), (), set())


def find_corrections(ordered: Sequence[Any]) -> Corrections:
    """Return what the facts say of each other.

    Parameters
    ----------
    ordered : sequence of AnyFact
        Distinct, of one subject, in the order of what happened; positions are those in it.

    Returns
    -------
    Heard
        `NO_CORRECTIONS` itself where no fact speaks of another.

    Notes
    -----
    * A cancel takes back the fact that it names; or else the one of its time (EVN-6); or else the one of its kind said
      last. Only where none of the kind was said before it, the latest that happened before it. The same said twice
      under two ids is one: a repeated cancel takes back nothing more, and what it takes back goes with its repetitions.
    * After a cancelled discharge the patient is here: all discharges since the last admission go. After a cancelled
      admission nobody is here as an inpatient: all admissions since the last discharge go, and what was said of the
      stay meanwhile is void. After a cancelled plan there is no plan of its kind.
    * A place that an update, a class change, tracking or leave repeats is no move.
    """
    kinds = set(map(type, ordered))
    if kinds.isdisjoint(CANCELS) and (
        kinds.isdisjoint(MAY_REPEAT_LOCATION) or not any(map(_speaks_of_others, ordered))
    ):
        return NO_CORRECTIONS
    return _CorrectionFinder(ordered).heard()


def _speaks_of_others(fact: Any) -> bool:
    kind = type(fact)
    if kind not in MAY_REPEAT_LOCATION:
        return False
    data = fact.data
    if data.location is not None:
        return True
    return kind is EncounterUpdated and (data.admitted_at is not None or data.discharged_at is not None)


def _as_said(ordered: Sequence[Any]) -> Sequence[int]:
    times = [fact.recorded_at for fact in ordered]
    if all(map(le, times, times[1:])):
        return range(len(times))
    return sorted(range(len(times)), key=times.__getitem__)


class _CorrectionFinder:
    """The state while facts are heard one after another."""

    def __init__(self, ordered: Sequence[Any]) -> None:
        self._ordered = ordered
        self._rank = [-1] * len(ordered)
        """When each fact was said; -1 while it has not been heard."""
        self._said: defaultdict[type, list[int]] = defaultdict(list)
        """The facts heard so far by kind, as they were said, taken back or not."""
        self._places: list[int] = []
        """Of those that stand, the ones that say where the patient is, in the order of what happened."""
        self._named = _named(ordered)
        self._taken_by_name = set(self._named.values())
        self._cancels_heard: set[Any] = set()
        self._left_where: dict[tuple[str, str], Location] = {}
        """By source and id of a cancelled transfer's cancel: the place that was cancelled."""
        self._without_target: list[int] = []
        self._correcting: list[tuple[int, type, datetime]] = []
        self._removed: set[int] = set()
        self._repeated_locations: set[int] = set()
        self._voided_updates: set[int] = set()
        self._corrections: dict[int, datetime] = {}
        self._cancelled: set[type] = set()
        self._unmatched_cancels: list[int] = []

    def heard(self) -> Corrections:
        ordered, said, ranks, named = self._ordered, self._said, self._rank, self._taken_by_name
        for rank, position in enumerate(_as_said(ordered)):  # most facts say nothing of others: few steps for them
            fact = ordered[position]
            kind = type(fact)
            ranks[position] = rank
            if kind in CANCELS:
                self._cancel(position, fact)
                continue
            if kind in WITH_LOCATION:
                if fact.data.location is not None and position not in named:
                    self._hear_place(position, fact, kind)
                if kind is EncounterUpdated:
                    self._correct(position, fact.data)
            elif kind is EncounterDeleted:
                self._places.clear()
            said[kind].append(position)
        for position in self._without_target:
            self._take_what_happened_before(position)
        for position, kind, time in self._correcting:
            before = [index for index in self._standing((kind,)) if index < position]
            if before:
                self._corrections.setdefault(max(before), time)
        corrections = {
            position: time
            for position, time in self._corrections.items()
            if position not in self._removed and time != self._ordered[position].occurred_at
        }
        problems = {Problem.CANCEL_WITHOUT_TARGET} if self._unmatched_cancels else set()
        return Corrections(
            self._removed,
            self._repeated_locations,
            self._voided_updates,
            corrections,
            self._cancelled,
            self._unmatched_cancels,
            problems,
        )

    def _hear_place(self, position: int, fact: Any, kind: type) -> None:
        """Hear where the patient is: news, or only a repetition."""
        if kind in MAY_REPEAT_LOCATION and self._repeated(fact):
            self._repeated_locations.add(position)
        elif self._corrections:
            self._places = sorted([*self._places, position], key=self._happened)
        else:
            insort(self._places, position)

    def _happened(self, position: int) -> tuple[datetime, int]:
        """Return what puts a place before another, by what is known of its time so far."""
        return (self._corrections.get(position) or self._ordered[position].occurred_at, position)

    def _repeated(self, fact: Any) -> bool:
        """Say whether the fact names the place that the sender believed the patient to be in."""
        location = fact.data.location
        if self._places and _same(self._ordered[self._places[-1]].data.location, location):
            return True
        cancelled = self._left_where.get((fact.source, fact.id))
        if cancelled is not None and _same(cancelled, location):
            return True
        return bool(self._named) and any(
            self._rank[target] >= 0 > self._rank[cancel] and _same(self._ordered[target].data.location, location)
            for cancel, target in self._named.items()
            if type(self._ordered[target]) in WITH_LOCATION
        )

    def _heard_of(self, kind: type) -> list[int]:
        """Return what was said of this kind, taken back or not; but what a cancel names is that cancel's alone."""
        return [position for position in self._said.get(kind, ()) if position not in self._taken_by_name]

    def _standing(self, kinds: Iterable[type]) -> list[int]:
        """Return what was said of these kinds and stands, as it was said."""
        of_each = [said for kind in kinds if (said := self._said.get(kind))]
        found = [
            position
            for said in of_each
            for position in said
            if position not in self._removed and position not in self._taken_by_name
        ]
        return found if len(of_each) < 2 else sorted(found, key=self._rank.__getitem__)

    def _cancel(self, position: int, cancel: Any) -> None:
        said = (type(cancel), cancel.occurred_at, cancel.recorded_at, cancel.data)
        if said in self._cancels_heard:
            return
        self._cancels_heard.add(said)
        if position in self._named:
            self._take_back(position, [self._named[position]])
        elif getattr(cancel.data, "cancels", None):
            self._unmatched_cancels.append(position)
        else:
            among = self._may_be_meant(cancel)
            if among:
                self._take_latest(position, among)
            else:
                self._without_target.append(position)

    def _may_be_meant(self, cancel: Any) -> list[int]:
        """Return what was said of the kinds that this cancel takes back, whether it stands or not."""
        found = [position for kind in CANCELS[type(cancel)] for position in self._heard_of(kind)]
        if type(cancel) is TransferCancelled:
            return [position for position in found if self._moved(position)]
        if type(cancel) in UNMERGES and cancel.data.apart_from is not None:
            return [position for position in found if self._ordered[position].data.into == cancel.data.apart_from]
        return found

    def _moved(self, position: int) -> bool:
        fact = self._ordered[position]
        if type(fact) is not EncounterUpdated:
            return True
        return fact.data.location is not None and position not in self._repeated_locations

    def _take_latest(self, position: int, among: Sequence[int]) -> None:
        at = self._ordered[position].occurred_at
        of_its_time = [index for index in among if self._ordered[index].occurred_at == at]
        free = [
            index
            for index in of_its_time or among
            if index not in self._removed and index not in self._taken_by_name and index not in self._voided_updates
        ]
        if free:
            latest = max(free, key=self._rank.__getitem__)
            self._take_back(position, self._with_it(latest))
        elif not of_its_time:
            self._unmatched_cancels.append(position)

    def _with_it(self, target: int) -> list[int]:
        """Return the target and what is taken back with it."""
        fact = self._ordered[target]
        kind = type(fact)
        alike = [index for index in self._standing((kind,)) if self._rank[index] <= self._rank[target]]
        if kind in PLANS:
            return alike
        if kind is PatientDischarged:
            return self._since(alike, target, ADMISSIONS)
        if kind is PatientAdmitted:
            return self._since(alike, target, {PatientDischarged})
        if kind in MERGES:
            return [index for index in alike if self._ordered[index].data.into == fact.data.into]
        return self._repetitions(alike, target)

    def _repetitions(self, alike: Iterable[int], target: int) -> list[int]:
        """Return those of `alike` that say the same as the target, under whatever id."""
        fact = self._ordered[target]
        return [
            index
            for index in alike
            if self._ordered[index].occurred_at == fact.occurred_at and self._ordered[index].data == fact.data
        ]

    def _since(self, alike: Iterable[int], target: int, kinds: Collection[type]) -> list[int]:
        """Return those of `alike` between which and the target nothing of `kinds` happened."""
        between = self._standing(kinds)
        return [
            index for index in alike if not any(min(index, target) < other < max(index, target) for other in between)
        ]

    def _take_what_happened_before(self, position: int) -> None:
        """Take back for a cancel before which nothing of its kind was said."""
        cancel = self._ordered[position]
        standing = set(self._standing(CANCELS[type(cancel)]))
        before = [index for index in self._may_be_meant(cancel) if index < position and index in standing]
        if before:
            self._take_back(position, [max(before)])
            return
        self._unmatched_cancels.append(position)
        if type(cancel) is AdmissionCancelled:
            self._void_what_was_said(position, -1, -1)

    def _take_back(self, position: int, targets: Sequence[int]) -> None:
        cancel = self._ordered[position]
        for target in targets:
            fact = self._ordered[target]
            if type(fact) is EncounterUpdated:
                self._repeated_locations.add(target)
            else:
                self._removed.add(target)
                self._cancelled.add(type(fact))
            if target in self._places:
                self._places.remove(target)
            if type(cancel) is TransferCancelled and fact.data.location is not None:
                self._left_where[cancel.source, cancel.id] = fact.data.location
        if type(cancel) is AdmissionCancelled or type(cancel) in PLAN_CANCELS:
            since = min(self._rank[target] for target in targets)
            self._void_what_was_said(position, since, min(targets))

    def _void_what_was_said(self, position: int, since: int, after: int) -> None:
        """Make void what was said of a stay between its beginning and the cancel of that."""
        of_stay = type(self._ordered[position]) is AdmissionCancelled
        if not of_stay and self._standing(ADMISSIONS):
            return
        until = self._rank[position]
        for kind in NEEDS_ADMISSION if of_stay else (EncounterUpdated,):
            for index in self._said.get(kind, ()):
                if not since < self._rank[index] < until or index < after:
                    continue
                if kind is EncounterUpdated:
                    self._voided_updates.add(index)
                else:
                    self._removed.add(index)
                if index in self._places:
                    self._places.remove(index)

    def _correct(self, position: int, data: UpdateDetails) -> None:
        """Note what an update says of the times of the admission and the discharge."""
        if data.admitted_at is None and data.discharged_at is None:
            return
        for kind, time in ((PatientAdmitted, data.admitted_at), (PatientDischarged, data.discharged_at)):
            if time is None:
                continue
            meant = self._standing((kind,))
            heard_of = self._heard_of(kind)
            if not heard_of and kind is PatientAdmitted:
                meant = self._standing((PatientRegistered,))
            if not meant:
                if not heard_of:
                    self._correcting.append((position, kind, time))
                continue
            if kind is PatientAdmitted and self._is_an_earlier_beginning(meant[-1], time):
                continue
            self._set_time(self._repetitions(meant, meant[-1]), time)

    def _set_time(self, positions: Sequence[int], time: datetime) -> None:
        if all(self._happened(position)[0] == time for position in positions):
            return
        self._corrections |= dict.fromkeys(positions, time)
        self._places.sort(key=self._happened)

    def _is_an_earlier_beginning(self, target: int, time: datetime) -> bool:
        """Say whether the time is that of another beginning of the visit: senders keep the first one (PV1-44)."""
        return any(
            position < target and self._ordered[position].occurred_at == time for position in self._standing(ADMISSIONS)
        )


def _named(ordered: Sequence[Any]) -> dict[int, int]:
    """Return, for each cancel that names a fact, the position of that fact; each is taken once."""
    found: dict[int, int] = {}
    cancels = [
        position
        for position, fact in enumerate(ordered)
        if type(fact) in CANCELS and getattr(fact.data, "cancels", None) is not None
    ]
    for position in cancels:
        cancel = ordered[position]
        meant = [
            index
            for index, fact in enumerate(ordered)
            if fact.id == cancel.data.cancels and type(fact) in CANCELS[type(cancel)] and index not in found.values()
        ]
        if meant:
            found[position] = meant[-1]
    return found


def _same(known: Location | None, said: Location) -> bool:
    """Say whether the place said is the one known; a unit alone is any bed of it."""
    if known is None or known.unit_id != said.unit_id or known.facility_id != said.facility_id:
        return False
    return said.bed_id is None or said.bed_id == known.bed_id
