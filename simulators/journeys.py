"""The way of one patient through the hospital, as processes on the simulation's clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from typing import Any

from schemas.dispositions import ACUTE_HOSPITAL, EXPIRED, HOME, LEFT_AGAINST_ADVICE
from schemas.events import AdmissionCancelled, DischargeCancelled, Location, PatientClass, TransferCancelled
from schemas.hospital import UnitType
from simulators import departure
from simulators.arrivals import LocalTime
from simulators.beds import Bed, Beds
from simulators.clinical import EMERGENCY_MEDICINE
from simulators.clock import Clock
from simulators.draws import Chooser, Draws
from simulators.population import DAY_S
from simulators.profile import HospitalProfile
from simulators.reporting import Feed
from simulators.visit import Visit
from simulators.volumes import Step

HOUR_S = 3_600
MIN_SEGMENT_S = 6 * HOUR_S
"""Minimum time in one unit, so that the ward can report diagnoses before the patient leaves."""

Process = Generator[Any, Any, None]
"""What simpy runs: a generator of events."""
Asking = Generator[Any, Any, bool]
"""A part of a process that returns a bool."""


class Journeys:
    """Takes patients through one facility.

    Parameters
    ----------
    environment : Clock
        The clock: whole seconds since the start.
    feed, beds, draws, clock, profile : Feed, Beds, Draws, LocalTime, HospitalProfile
        Of the facility.
    routes : mapping of UnitType to Chooser
        Routes through the hospital, by the unit type where a stay begins.
    ed_floor : Location or None
        The emergency department without a bed; None: this facility has none.
    on_left : callable
        Called with (visit, first unit type, disposition) when an inpatient has left.
    """

    def __init__(
        self,
        environment: Clock,
        *,
        feed: Feed,
        beds: Beds,
        draws: Draws,
        clock: LocalTime,
        profile: HospitalProfile,
        routes: Mapping[UnitType, Chooser[list[Step]]],
        ed_floor: Location | None,
        on_left: Callable[[Visit, UnitType, str], None],
    ) -> None:
        self._environment, self._feed, self._beds, self._draws = environment, feed, beds, draws
        self._clock, self._profile, self._routes, self._ed_floor = clock, profile, routes, ed_floor
        self._on_left = on_left

    def home_visit(self, visit: Visit) -> Process:
        """Run an ED visit that ends at home."""
        draws = self._draws
        left_unseen = yield from self._treat(visit)
        if not left_unseen:
            u = draws.uniform()
            how = LEFT_AGAINST_ADVICE if u < 0.02 else ACUTE_HOSPITAL if u < 0.025 else HOME
            visit.report_discharged(self._feed, self._environment.now_s, how, draws)
            self._leave_bed(visit)
            visit.person.remember_ed_visit(visit.began_s)
        visit.person.busy = False

    def emergency_stay(self, visit: Visit, kind: UnitType) -> Process:
        """Run a stay that begins in the emergency department, and waits there for a bed."""
        if self._ed_floor is None:
            yield from self.direct_stay(visit, kind, may_cancel=False)
            return
        yield from self._treat(visit, may_leave=False)
        visit.person.remember_admission(visit.began_s)
        yield from self._through(visit, kind, self._routes[kind].choose(self._draws))

    def direct_stay(self, visit: Visit, kind: UnitType, *, may_cancel: bool = True, under_way: bool = False) -> Process:
        """Run a stay that begins in its ward bed, once one is free; one `under_way` has only its rest before it."""
        bed = yield from self._find(visit, kind)
        now_s = visit.began_s = self._environment.now_s
        visit.bed = bed
        fact_id = visit.report_admitted(self._feed, now_s, PatientClass.INPATIENT, bed.location, visit.reason.service)
        cancelled = may_cancel and not under_way and (yield from self._cancel_admission(visit, fact_id))
        if cancelled:
            visit.person.busy = False
            return
        visit.person.remember_admission(now_s)
        steps = [(kind, 1.0)] if under_way else self._routes[kind].choose(self._draws)
        yield from self._through(visit, kind, steps, under_way=under_way)

    def _treat(self, visit: Visit, *, may_leave: bool = True) -> Asking:
        """Treat the patient in the emergency department, in a bed if one is free; return whether they left unseen."""
        assert self._ed_floor is not None
        draws, feed, environment = self._draws, self._feed, self._environment
        visit.bed = self._beds.take(UnitType.EMERGENCY, EMERGENCY_MEDICINE)
        location = visit.bed.location if visit.bed else self._ed_floor
        fact_id = visit.report_admitted(feed, environment.now_s, PatientClass.EMERGENCY, location, EMERGENCY_MEDICINE)
        if may_leave and (yield from self._cancel_admission(visit, fact_id)):
            return True
        median_s = 60.0 * self._profile.ed_treatment_median_minutes
        whole_s = int(median_s * math.exp(self._profile.ed_treatment_sigma * draws.normal()))
        seen_s = min(draws.seconds(15, 60), whole_s // 2)
        yield environment.timeout(seen_s)
        visit.report_diagnoses(feed, environment.now_s)
        yield environment.timeout(whole_s - seen_s + 1)
        return False

    def _through(self, visit: Visit, kind: UnitType, steps: list[Step], *, under_way: bool = False) -> Process:
        """Stay in one unit after the other, and leave."""
        for number, (unit_type, length) in enumerate(steps):
            if number > 0 or visit.bed is None or visit.bed.kind is UnitType.EMERGENCY:
                yield from self._move(visit, unit_type)
            visit.critical = visit.critical or unit_type is UnitType.INTENSIVE_CARE
            stay_s = self._length_s(visit, unit_type, length, under_way=under_way)
            if number == 0:
                documented_s = self._draws.seconds(40, 240)
                yield self._environment.timeout(documented_s)
                visit.report_diagnoses(self._feed, self._environment.now_s)
                stay_s -= documented_s
            if number < len(steps) - 1:
                yield self._environment.timeout(stay_s)
            else:
                yield from self._leave(visit, kind, stay_s)

    def _length_s(self, visit: Visit, unit_type: UnitType, length: float, *, under_way: bool) -> int:
        profile, draws = self._profile, self._draws
        sigma, spread = profile.length_of_stay_sigma, profile.severity_sigma
        mean_days = length * profile.length_of_stay_days[unit_type]
        mean_days *= math.exp(spread * visit.severity - 0.5 * spread * spread)
        if under_way:
            # Patients already in a bed have long stays (length-biased sampling), of which some part is over.
            days = draws.uniform() * draws.lognormal(mean_days * math.exp(sigma * sigma), sigma)
        else:
            days = self._pressure(unit_type) * draws.lognormal(mean_days, sigma)
        return max(MIN_SEGMENT_S, int(days * DAY_S))

    def _pressure(self, unit_type: UnitType) -> float:
        """Return the factor on the length of stay: below 1 in a busy unit, above 1 in a quiet one."""
        profile = self._profile
        if self._beds.waiting(unit_type):
            return profile.length_when_waiting
        shortest, longest = profile.length_by_occupancy_range
        spare = profile.target_occupancy[unit_type] - self._beds.occupancy(unit_type)
        return min(max(1.0 + profile.length_by_occupancy * spare, shortest), longest)

    def _find(self, visit: Visit, kind: UnitType) -> Generator[Any, Any, Bed]:
        """Wait for a bed, and for transport."""
        found = self._beds.ask(kind, visit.reason.service)
        bed: Bed = found if isinstance(found, Bed) else (yield found)
        yield self._environment.timeout(self._draws.seconds(5, 25))
        return bed

    def _move(self, visit: Visit, kind: UnitType) -> Process:
        """Move to a bed of this type; a small share of transfers is cancelled and repeated later."""
        draws, feed, environment = self._draws, self._feed, self._environment
        bed = yield from self._find(visit, kind)
        fact_id = visit.report_moved(feed, environment.now_s, bed.location)
        if draws.chance(self._profile.transfer_cancelled_share):
            yield environment.timeout(draws.seconds(10, 40))
            feed.cancelled(TransferCancelled, environment.now_s, visit.encounter_id, visit.person.token, fact_id)
            self._beds.give_back(bed)
            yield environment.timeout(draws.seconds(30, 180))
            bed = yield from self._find(visit, kind)
            visit.report_moved(feed, environment.now_s, bed.location)
        self._leave_bed(visit)
        visit.bed = bed

    def _leave(self, visit: Visit, kind: UnitType, stay_s: int) -> Process:
        """Wait until the afternoon of the last day, with the expected discharge reported a day before, and leave."""
        draws, feed, environment = self._draws, self._feed, self._environment
        now_s = environment.now_s
        leaves_s = departure.moment(now_s, stay_s, HOUR_S, self._clock, self._profile, draws)
        announced_s = max(now_s + 60, min(leaves_s - 600, leaves_s - DAY_S + draws.seconds(-240, 240)))
        yield environment.timeout(announced_s - now_s)
        visit.report_expected(feed, announced_s, leaves_s + int(2 * HOUR_S * draws.normal()))
        yield environment.timeout(leaves_s - announced_s)
        how = departure.disposition(
            age_years=visit.person.age_years(leaves_s),
            severity=visit.severity,
            critical=visit.critical,
            length_of_stay_days=(leaves_s - visit.began_s) / DAY_S,
            first_unit=kind,
            draws=draws,
        )
        fact_id = visit.report_discharged(feed, leaves_s, how, draws)
        if how != EXPIRED and draws.chance(self._profile.discharge_cancelled_share):
            yield environment.timeout(draws.seconds(10, 50))
            feed.cancelled(DischargeCancelled, environment.now_s, visit.encounter_id, visit.person.token, fact_id)
            yield environment.timeout(draws.seconds(4 * 60, 24 * 60))
            visit.report_discharged(feed, environment.now_s, how, draws)
        self._leave_bed(visit)
        self._on_left(visit, kind, how)

    def _cancel_admission(self, visit: Visit, fact_id: str) -> Asking:
        """Cancel a small share of admissions, whose bed was then not used; return whether it was cancelled."""
        if not self._draws.chance(self._profile.admission_cancelled_share):
            return False
        yield self._environment.timeout(self._draws.seconds(10, 60))
        now_s = self._environment.now_s
        self._feed.cancelled(AdmissionCancelled, now_s, visit.encounter_id, visit.person.token, fact_id)
        if visit.bed is not None:
            self._beds.give_back(visit.bed)
            visit.bed = None
        return True

    def _leave_bed(self, visit: Visit) -> None:
        if visit.bed is not None:
            self._beds.leave(visit.bed)
            visit.bed = None
