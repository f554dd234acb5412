"""One simulated facility: arrivals, stays and returns."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from schemas.dispositions import EXPIRED
from schemas.events import AdmissionType, BedStatus, Location
from schemas.hospital import Facility, UnitType
from simulators import arrivals, clinical, community, volumes
from simulators.beds import Beds
from simulators.clinical import Reason
from simulators.clock import Clock
from simulators.community import Community, Weight
from simulators.draws import Chooser, Draws
from simulators.journeys import Journeys
from simulators.population import DAY_S, Person, readmission_probability
from simulators.profile import HospitalProfile
from simulators.reporting import Feed
from simulators.visit import Visit

RETURN_DAYS = (1.0, 28.5)
"""Returns fall between: never on the day of the discharge, and in bed before day 30 is over."""
REST_DAYS = 31
"""No new illness before: within 30 days only the risk of return decides."""
MIN_PERSONS = 200

OWN_PEOPLE: dict[UnitType, Weight] = {
    UnitType.PAEDIATRIC: community.child_weight,
    UnitType.MATERNITY: community.birth_weight,
}
"""Weights of units that take only certain people."""
STAYS_WITH_ITS_KIND = (UnitType.PAEDIATRIC, UnitType.MATERNITY, UnitType.PSYCHIATRIC)


class DischargeTruth(NamedTuple):
    """True risk and outcome of an inpatient who left alive.

    `readmission_probability` in (0, 1) is that of an unplanned return within 30 days; `returns` is what was drawn.
    """

    encounter_id: str
    discharged_at: datetime
    readmission_probability: float
    returns: bool


class FacilitySimulation:
    """The processes of one facility.

    Parameters
    ----------
    environment : Clock
        The clock: whole seconds since `start`.
    facility : Facility
        Units and beds.
    seed, index : int
        Of the random numbers; `index` is the facility's place in the hospital.
    start : datetime
        Second 0, aware UTC.
    profile : HospitalProfile
        Rates.
    on_discharge : callable or None
        Called with the `DischargeTruth` of each inpatient who leaves alive.
    """

    def __init__(
        self,
        environment: Clock,
        facility: Facility,
        *,
        seed: int,
        index: int,
        start: datetime,
        profile: HospitalProfile,
        on_discharge: Callable[[DischargeTruth], None] | None,
    ) -> None:
        self._environment, self._profile, self._on_discharge = environment, profile, on_discharge
        self._facility_id = facility.facility_id
        self._run = f"{seed}-{_run_name(start)}"
        self._numbers = 0
        self._returned = 0
        self._reasons: dict[tuple[Reason, ...], Chooser[Reason]] = {}
        self._draws = Draws(np.random.default_rng([seed, index]))
        self._clock = arrivals.LocalTime(start, facility.time_zone)
        self.feed = Feed(f"simulator/{facility.facility_id}/{self._run}", start, profile, self._draws)
        self._beds = Beds(environment, facility, profile, self._draws, self._report_bed)
        size = int(profile.persons_per_bed * sum(self._beds.staffed.values()))
        self._people = Community(self._run, facility.facility_id, max(MIN_PERSONS, size), self._draws)
        per_day = volumes.admissions_per_day(self._beds.staffed, profile)
        present = frozenset(per_day)
        ed = next((unit for unit in facility.units if unit.type is UnitType.EMERGENCY), None)
        self._journeys = Journeys(
            environment,
            feed=self.feed,
            beds=self._beds,
            draws=self._draws,
            clock=self._clock,
            profile=profile,
            routes={kind: _chooser(volumes.routes(kind, present, profile)) for kind in per_day},
            ed_floor=Location(facility_id=facility.facility_id, unit_id=ed.unit_id) if ed else None,
            on_left=self._left,
        )
        environment.process(self._open(per_day))
        environment.process(self._beds.block_some())
        self._start_arrivals(per_day, has_ed=ed is not None)

    def _start_arrivals(self, per_day: dict[UnitType, float], *, has_ed: bool) -> None:
        share = self._profile.emergency_share
        emergency = {kind: rate * share[kind] for kind, rate in per_day.items() if share[kind] > 0.0}
        elective = {
            kind: rate * (1.0 - share[kind]) for kind, rate in per_day.items() if kind is not UnitType.MATERNITY
        }
        births = per_day.get(UnitType.MATERNITY, 0.0)
        every, margin = sum(emergency.values()), self._profile.demand_margin
        if every > 0.0:
            self._emergency_kind = Chooser(list(emergency), list(emergency.values()))
            self._arrivals(arrivals.ED, margin * every, self._emergency_arrives)
        if sum(elective.values()) > 0.0:
            self._elective_kind = Chooser(list(elective), list(elective.values()))
            self._arrivals(arrivals.ELECTIVE, margin * sum(elective.values()), self._elective_arrives)
        if has_ed:
            home_per_stay = 1.0 / self._profile.ed_admitted_share - 1.0
            self._arrivals(arrivals.ED, home_per_stay * every, self._walk_in_arrives)
        self._arrivals(arrivals.BIRTH, margin * births, self._birth_arrives)

    def _has_room(self, kind: UnitType) -> bool:
        """Return whether one more patient is admitted: always when occupancy is low, rarely when it is high."""
        profile, beds = self._profile, self._beds
        taken = beds.occupancy(kind) + beds.waiting(kind) / beds.staffed[kind]
        spare = profile.target_occupancy[kind] - taken
        return self._draws.chance(1.0 / profile.demand_margin + profile.demand_by_occupancy * spare)

    def _arrivals(self, shape: arrivals.Shape, per_day: float, arrive: Callable[[], None]) -> None:
        self._environment.process(arrivals.poisson(self._environment, self._draws, self._clock, shape, per_day, arrive))

    def _emergency_arrives(self) -> None:
        kind = self._emergency_kind.choose(self._draws)
        if not self._has_room(kind):
            return
        if self._returned > 0:  # Returning patients take the place of new ones.
            self._returned -= 1
            return
        weight = OWN_PEOPLE.get(kind, community.illness_weight)
        self._take_in(weight, clinical.EMERGENCY_REASONS[kind], AdmissionType.EMERGENCY, kind)

    def _walk_in_arrives(self) -> None:
        who = self._people.choose(community.ed_weight, self._environment.now_s, rested=False)
        if who is not None:
            visit = self._visit(who, clinical.HOME_REASONS, AdmissionType.EMERGENCY)
            self._environment.process(self._journeys.home_visit(visit))

    def _elective_arrives(self) -> None:
        kind = self._elective_kind.choose(self._draws)
        if self._has_room(kind):
            weight = OWN_PEOPLE.get(kind, community.elective_weight)
            self._take_in(weight, clinical.ELECTIVE_REASONS[kind], AdmissionType.ELECTIVE, kind)

    def _take_in(self, weight: Weight, reasons: tuple[Reason, ...], how: AdmissionType, kind: UnitType) -> None:
        """Start the stay of a rested person chosen by weight; emergencies begin in the emergency department."""
        who = self._people.choose(weight, self._environment.now_s, rested=True)
        if who is not None:
            visit = self._visit(who, reasons, how)
            emergency = how is AdmissionType.EMERGENCY
            begin = self._journeys.emergency_stay if emergency else self._journeys.direct_stay
            self._environment.process(begin(visit, kind))

    def _birth_arrives(self) -> None:
        who = self._people.choose(community.birth_weight, self._environment.now_s, rested=True)
        if who is not None and self._has_room(UnitType.MATERNITY):
            visit = self._visit(who, clinical.BIRTH_REASONS, AdmissionType.URGENT)
            self._environment.process(self._journeys.direct_stay(visit, UnitType.MATERNITY))

    def _open(self, per_day: dict[UnitType, float]) -> Generator[Any, Any, None]:
        """Admit the first patients: about the later census, each in the middle of a stay."""
        target, staffed = self._profile.target_occupancy, self._beds.staffed
        kinds = [kind for kind in per_day for _ in range(int(staffed[kind] * target[kind]))]
        for kind in kinds:
            yield self._environment.timeout(int(60.0 * self._profile.opening_minutes / len(kinds)))
            weight = OWN_PEOPLE.get(kind, community.illness_weight)
            who = self._people.choose(weight, self._environment.now_s, rested=True)
            if who is None:
                continue
            if kind is UnitType.MATERNITY:
                visit = self._visit(who, clinical.BIRTH_REASONS, AdmissionType.URGENT)
            else:
                visit = self._visit(who, clinical.EMERGENCY_REASONS[kind], AdmissionType.EMERGENCY)
            self._environment.process(self._journeys.direct_stay(visit, kind, under_way=True))

    def _visit(self, who: Person, reasons: tuple[Reason, ...], how: AdmissionType) -> Visit:
        who.busy = True
        self._numbers += 1
        chooser = self._reasons.get(reasons)
        if chooser is None:
            chooser = self._reasons[reasons] = Chooser(reasons, [reason.weight for reason in reasons])
        return Visit(
            encounter_id=f"{self._facility_id}-{self._run}-{self._numbers:06d}",
            person=who,
            reason=chooser.choose(self._draws),
            admission_type=how,
            began_s=self._environment.now_s,
            severity=self._draws.normal(),
        )

    def _left(self, visit: Visit, kind: UnitType, disposition: str) -> None:
        """Draw whether an inpatient who has left returns, and start the return."""
        now_s, who = self._environment.now_s, visit.person
        if disposition == EXPIRED:
            self._people.bury(who, now_s)
            return
        who.busy = False
        who.rests_until_s = now_s + REST_DAYS * DAY_S
        probability = readmission_probability(who, visit.stay(now_s, disposition))
        returns = self._draws.chance(probability)
        if returns:
            self._environment.process(self._return(who, kind))
        if self._on_discharge is not None:
            at = self.feed.at(now_s)
            self._on_discharge(DischargeTruth(visit.encounter_id, at, probability, returns))

    def _return(self, who: Person, kind: UnitType) -> Generator[Any, Any, None]:
        """Come back within 30 days, as an emergency."""
        now_s, draws = self._environment.now_s, self._draws
        shortest, longest = RETURN_DAYS
        days = longest
        while days >= longest:
            days = shortest + (self._profile.return_median_days - shortest) / 0.6 * draws.exponential()
        due_s = self._clock.next_at(now_s + int(days * DAY_S), arrivals.ED.second_of_day(draws))
        due_s = min(max(due_s, now_s + int(shortest * DAY_S)), now_s + int(longest * DAY_S))
        yield self._environment.timeout(due_s - now_s)
        while who.busy:  # In the emergency department for something else.
            yield self._environment.timeout(3_600)
        if kind not in STAYS_WITH_ITS_KIND:
            kind = self._emergency_kind.choose(draws)
        self._returned += 1
        visit = self._visit(who, clinical.EMERGENCY_REASONS[kind], AdmissionType.EMERGENCY)
        yield from self._journeys.emergency_stay(visit, kind)

    def _report_bed(self, location: Location, status: BedStatus, reason: str | None) -> None:
        self.feed.bed(self._environment.now_s, location, status, reason)


def _run_name(start: datetime) -> str:
    """Return the second of the start in base 36: two runs of one seed are two hospitals, with numbers of their own."""
    return np.base_repr(int(start.timestamp()), 36)


def _chooser(ways: list[tuple[float, list[volumes.Step]]]) -> Chooser[list[volumes.Step]]:
    return Chooser([steps for _, steps in ways], [share for share, _ in ways])
