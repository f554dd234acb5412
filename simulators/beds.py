"""Beds of one facility: at most one patient a bed, cleaning between patients, and queues when all are full."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import simpy

from schemas.events import BedStatus, Location
from schemas.hospital import Facility, Unit, UnitType
from simulators.clinical import BLOCKED_REASONS
from simulators.clock import Clock
from simulators.draws import Draws
from simulators.profile import HospitalProfile

MIN_TURNAROUND_S = 360
OWN_SPECIALTY = 0.12
"""Preference for the unit of the service, as a share of free beds that another unit must have more."""

LENDERS: dict[UnitType, tuple[UnitType, ...]] = {
    UnitType.MEDICAL_SURGICAL: (UnitType.OTHER, UnitType.SHORT_STAY, UnitType.STEP_DOWN),
    UnitType.OTHER: (UnitType.MEDICAL_SURGICAL,),
    UnitType.SHORT_STAY: (UnitType.MEDICAL_SURGICAL, UnitType.OTHER),
    UnitType.STEP_DOWN: (UnitType.INTENSIVE_CARE, UnitType.MEDICAL_SURGICAL),
}
"""Which types of unit take a patient when those of the right type are full."""

ReportBed = Callable[[Location, BedStatus, str | None], None]


@dataclass(slots=True, eq=False)
class Bed:
    """One staffed bed. `free` is False while a patient, the cleaners or a fault hold it."""

    location: Location
    kind: UnitType
    unit_id: str
    free: bool = True


class Beds:
    """The staffed beds of one facility.

    Parameters
    ----------
    environment : Clock
        The clock, in seconds.
    facility : Facility
        Its units.
    profile : HospitalProfile
        Times and shares.
    draws : Draws
        Randomness.
    report : callable
        Called with (location, status, reason) when housekeeping reports; never for a bed that is occupied.
    """

    def __init__(
        self,
        environment: Clock,
        facility: Facility,
        profile: HospitalProfile,
        draws: Draws,
        report: ReportBed,
    ) -> None:
        self._environment, self._profile, self._draws, self._report = environment, profile, draws, report
        self._cleaning_s = 60.0 * facility.cleaning_minutes
        self._has_status_feed = facility.bed_status_feed
        self._units: dict[UnitType, list[Unit]] = {}
        self._free: dict[str, deque[Bed]] = {}
        self._waiting: dict[UnitType, deque[tuple[simpy.Event, str]]] = {}
        for unit in facility.units:
            if unit.staffed:
                self._units.setdefault(unit.type, []).append(unit)
                self._free[unit.unit_id] = deque(
                    Bed(
                        Location(facility_id=facility.facility_id, unit_id=unit.unit_id, bed_id=bed),
                        unit.type,
                        unit.unit_id,
                    )
                    for bed in unit.bed_ids[: unit.staffed]
                )
        self.staffed = {kind: sum(unit.staffed for unit in units) for kind, units in self._units.items()}
        self._waiting = {kind: deque() for kind in self._units}
        self._choices: dict[tuple[UnitType, str], list[tuple[deque[Bed], int, float]]] = {}

    def take(self, kind: UnitType, service: str) -> Bed | None:
        """Take a free bed of this type, preferably in a unit of the service's specialty; None when all are full."""
        key = (kind, service)
        choices = self._choices.get(key)
        if choices is None:
            stem = service.split()[-1][:5]
            choices = self._choices[key] = [
                (self._free[unit.unit_id], unit.staffed, OWN_SPECIALTY if stem in unit.specialty.casefold() else 0.0)
                for unit in self._units.get(kind, ())
            ]
        best, best_score = None, 0.0
        for free, staffed, bonus in choices:
            score = len(free) / staffed + bonus
            if free and score > best_score:
                best, best_score = free, score
        return None if best is None else self._hold(best)

    def ask(self, kind: UnitType, service: str) -> Bed | simpy.Event:
        """Take a bed of this type or of a type that lends; if there is none, return an event that yields one later."""
        bed = self.take(kind, service) or self._borrow(kind, service)
        if bed is not None:
            return bed
        event = self._environment.event()
        self._waiting[kind].append((event, service))
        return event

    def occupancy(self, kind: UnitType) -> float:
        """Return the share of a type's beds that are not free, 0 to 1; beds in cleaning count as taken."""
        return 1.0 - self._free_beds(kind) / self.staffed[kind]

    def waiting(self, kind: UnitType) -> int:
        """Return the number of patients who wait for a bed of this type."""
        return len(self._waiting[kind])

    def leave(self, bed: Bed) -> None:
        """Release a used bed: it is dirty, gets cleaned, and is then free."""
        low, high = self._profile.dirty_minutes
        self._after(max(MIN_TURNAROUND_S, self._draws.seconds(low, high)), lambda: self._clean(bed))

    def give_back(self, bed: Bed) -> None:
        """Release a bed that was not used: it is free after an inspection by housekeeping."""
        self._after(MIN_TURNAROUND_S if self._has_status_feed else int(self._cleaning_s), lambda: self._available(bed))

    def block_some(self) -> simpy.events.ProcessGenerator:
        """Block empty beds at random times; never ends."""
        count = sum(self.staffed.values())
        rate = self._profile.blocked_per_bed_day * count / 86_400.0
        if rate <= 0.0 or not self._has_status_feed:
            return
        units = [unit for group in self._units.values() for unit in group]
        while True:
            yield self._environment.timeout(1 + int(self._draws.exponential() / rate))
            free = self._free[units[int(self._draws.uniform() * len(units))].unit_id]
            if len(free) > self._profile.overflow_reserve_beds:
                bed = self._hold(free)
                reason = BLOCKED_REASONS[int(self._draws.uniform() * len(BLOCKED_REASONS))]
                self._report(bed.location, BedStatus.BLOCKED, reason)
                hours = self._draws.lognormal(self._profile.blocked_mean_hours, 0.6)
                self._after(MIN_TURNAROUND_S + int(3600 * hours), partial(self._available, bed))

    def _hold(self, free: deque[Bed]) -> Bed:
        bed = free.popleft()
        if not bed.free:
            raise AssertionError(f"Bed {bed.location.unit_id}/{bed.location.bed_id} was assigned twice.")
        bed.free = False
        return bed

    def _borrow(self, kind: UnitType, service: str) -> Bed | None:
        for lender in LENDERS.get(kind, ()):
            if self._spare(lender):
                return self.take(lender, service)
        return None

    def _spare(self, kind: UnitType) -> bool:
        return self._free_beds(kind) > self._profile.overflow_reserve_beds

    def _free_beds(self, kind: UnitType) -> int:
        return sum(len(self._free[unit.unit_id]) for unit in self._units.get(kind, ()))

    def _after(self, seconds: int, action: Callable[[], None]) -> None:
        self._environment.timeout(seconds).callbacks.append(lambda _event: action())

    def _clean(self, bed: Bed) -> None:
        if self._has_status_feed:
            self._report(bed.location, BedStatus.CLEANING, None)
        if bed.kind is UnitType.EMERGENCY:
            target_s = min(60.0 * self._profile.ed_cleaning_minutes, self._cleaning_s)
        else:
            target_s = self._cleaning_s
        low, high = self._profile.cleaning_share_of_target
        took_s = int(target_s * self._draws.between(low, high)) if self._has_status_feed else int(self._cleaning_s)
        self._after(max(MIN_TURNAROUND_S, took_s), lambda: self._available(bed))

    def _available(self, bed: Bed) -> None:
        if self._has_status_feed:
            self._report(bed.location, BedStatus.AVAILABLE, None)
        bed.free = True
        waiting = self._waiting[bed.kind]
        if waiting:
            bed.free = False
            waiting.popleft()[0].succeed(bed)
            return
        self._free[bed.unit_id].append(bed)
        for borrower, lenders in LENDERS.items():
            queue = self._waiting.get(borrower)
            if queue and bed.kind in lenders and self._spare(bed.kind):
                event, service = queue.popleft()
                event.succeed(self.take(bed.kind, service))
                return
