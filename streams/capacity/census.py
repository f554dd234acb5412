"""Census, occupancy and bed counts of a unit. Pure.

A patient counts in a unit from `arrived_at` (inclusive) to `left_at` (exclusive). Occupancy is census / staffed beds
and may exceed 1; a patient without a bed counts in the census, too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from schemas.events import BedStatus
from schemas.hospital import Hospital, UnitType
from schemas.state import BedState
from schemas.topics import BedOnBoard, CapacityMetrics
from schemas.two_people import Generation
from streams.capacity.beds import BedStatusReport, Claim, bed_state
from streams.capacity.learnt import ASSUMED_CLEANING, Seen, bed_order, learnt_beds, type_by_name

HOURS = 24
HOUR = timedelta(hours=1)


class Presence(NamedTuple):
    """One encounter's time in one unit."""

    encounter_id: str
    bed_id: str | None
    arrived_at: datetime
    left_at: datetime | None
    expected_discharge_at: datetime | None = None
    high_risk: bool = False
    generation: Generation = Generation.OTHER
    inpatient_from: datetime | None = None
    """Since when the encounter is an inpatient's; None before it is."""


class UnitFacts(NamedTuple):
    """Input of a unit's metrics."""

    facility_id: str
    unit_id: str
    presences: Sequence[Presence]
    """Presences of the last 24 hours, past and current, without those that `waiting` counts."""
    left_at: dict[str, datetime]
    """When each bed was last left."""
    reports: dict[str, BedStatusReport]
    reservations: Mapping[str, str] = MappingProxyType({})
    """The encounter or patient for whom each bed is reserved."""
    waiting: int = 0
    """Number of visits in progress without a bed that began before the last 24 hours."""
    seen: Seen | None = None
    """What the feed has shown of the unit, where the hospital file does not name its facility."""


def unit_metrics(facts: UnitFacts, hospital: Hospital, as_of: datetime) -> CapacityMetrics:
    """Return a unit's metrics at `as_of` (event time).

    A unit or bed that the hospital file does not name is shown as reported. Such a unit of a facility that the file
    names has no staffed beds, and its occupancy is None; in any other facility, the number of beds is learnt.
    """
    here = [presence for presence in facts.presences if presence.left_at is None]
    beds = _beds(facts, here, hospital, as_of)
    unit = hospital.units.get((facts.facility_id, facts.unit_id))
    staffed = unit.staffed if unit else learnt_beds(len(beds), facts.seen.most) if facts.seen else 0
    is_emergency = unit_type(facts.facility_id, facts.unit_id, hospital) is UnitType.EMERGENCY
    boarding = [max(each.arrived_at, each.inpatient_from) for each in here if each.inpatient_from]
    census = len(here) + facts.waiting
    count = {status: sum(bed.status is status for bed in beds) for status in BedStatus}
    return CapacityMetrics(
        facility_id=facts.facility_id,
        unit_id=facts.unit_id,
        as_of=as_of,
        census=census,
        staffed_beds=staffed,
        occupancy=census / staffed if staffed else None,
        available=count[BedStatus.AVAILABLE],
        dirty=count[BedStatus.DIRTY],
        cleaning=count[BedStatus.CLEANING],
        reserved=count[BedStatus.RESERVED],
        blocked=count[BedStatus.BLOCKED],
        unstaffed=count[BedStatus.UNSTAFFED],
        conflicts=sum(len(bed.conflicts) for bed in beds),
        without_bed=sum(presence.bed_id is None for presence in here) + facts.waiting,
        waiting_since=tuple(sorted(presence.arrived_at for presence in here if presence.bed_id is None)),
        boarding_since=tuple(sorted(boarding)) if is_emergency else (),
        beds=tuple(beds),
        census_by_hour=tuple(hour + facts.waiting for hour in census_by_hour(facts.presences, as_of)),
        learnt=facts.seen is not None,
    )


def unit_type(facility_id: str, unit_id: str, hospital: Hospital) -> UnitType | None:
    """Return the type of a unit; in a facility that the hospital file does not name, a guess by the unit's name."""
    unit = hospital.units.get((facility_id, unit_id))
    if unit is not None:
        return unit.type
    return type_by_name(unit_id) if hospital.facility(facility_id) is None else None


def next_cleaned_at(facts: UnitFacts, metrics: CapacityMetrics, hospital: Hospital) -> datetime | None:
    """Return when the next bed of the unit counts as clean without any message; None where none does.

    It is so in facilities whose feed reports no bed status: there a bed is assumed to be clean some time after it was
    left.
    """
    assumed = _assumed_cleaning(facts, hospital)
    if assumed is None:
        return None
    dirty = [bed.bed_id for bed in metrics.beds if bed.status is BedStatus.DIRTY]
    left = [facts.left_at[bed_id] for bed_id in dirty if bed_id in facts.left_at]
    return min((at + assumed for at in left if at + assumed > metrics.as_of), default=None)


def _assumed_cleaning(facts: UnitFacts, hospital: Hospital) -> timedelta | None:
    if facts.seen is not None:
        return None if facts.seen.reports_beds else ASSUMED_CLEANING
    facility = hospital.facility(facts.facility_id)
    return timedelta(minutes=facility.cleaning_minutes) if facility and not facility.bed_status_feed else None


def _beds(facts: UnitFacts, here: Sequence[Presence], hospital: Hospital, as_of: datetime) -> list[BedOnBoard]:
    unit = hospital.units.get((facts.facility_id, facts.unit_id))
    assumed = _assumed_cleaning(facts, hospital)
    known = unit.bed_ids if unit else ()
    seen = {presence.bed_id for presence in here if presence.bed_id} | set(facts.reports) | set(facts.reservations)
    if facts.seen is not None:
        seen |= set(facts.left_at)
    claims: dict[str, list[Presence]] = {}
    for presence in here:
        if presence.bed_id:
            claims.setdefault(presence.bed_id, []).append(presence)
    by_encounter = {presence.encounter_id: presence for presence in here}
    beds = [
        _on_board(
            bed_state(
                bed_id,
                claims=[
                    Claim(presence.encounter_id, presence.arrived_at, presence.generation)
                    for presence in claims.get(bed_id, ())
                ],
                left_at=facts.left_at.get(bed_id),
                report=facts.reports.get(bed_id),
                now=as_of,
                assumed_cleaning=assumed,
                reserved_for=facts.reservations.get(bed_id),
            ),
            by_encounter,
        )
        for bed_id in (*known, *sorted(seen.difference(known), key=bed_order if facts.seen else None))
    ]
    return _within_staffing(beds, unit.staffed) if unit and unit.staffed < len(unit.bed_ids) else beds


def _within_staffing(beds: list[BedOnBoard], staffed: int) -> list[BedOnBoard]:
    """Mark available beds beyond the staffed number as unstaffed, from the last bed of the unit."""
    taken = sum(bed.status in (BedStatus.OCCUPIED, BedStatus.RESERVED) for bed in beds)
    left = max(staffed - taken, 0)
    shown = []
    for bed in beds:
        if bed.status is BedStatus.AVAILABLE:
            left -= 1
            if left < 0:
                bed = msgspec.structs.replace(bed, status=BedStatus.UNSTAFFED)
        shown.append(bed)
    return shown


def _on_board(bed: BedState, by_encounter: dict[str, Presence]) -> BedOnBoard:
    occupant = by_encounter.get(bed.encounter_id) if bed.encounter_id else None
    return BedOnBoard(
        bed_id=bed.bed_id,
        status=bed.status,
        since=bed.since,
        reason=bed.reason,
        encounter_id=bed.encounter_id,
        conflicts=bed.conflicts,
        reserved_for=bed.reserved_for,
        arrived_at=occupant.arrived_at if occupant else None,
        expected_discharge_at=occupant.expected_discharge_at if occupant else None,
        high_risk=occupant.high_risk if occupant else False,
    )


def census_by_hour(presences: Collection[Presence], as_of: datetime) -> tuple[int, ...]:
    """Return the census at each full hour of the 24 before `as_of`, oldest first.

    Examples
    --------
    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    >>> census_by_hour([Presence("E1", None, noon - 3 * HOUR, noon - HOUR)], noon)[-4:]
    (1, 1, 0, 0)
    """
    last = as_of.replace(minute=0, second=0, microsecond=0)
    first = last - (HOURS - 1) * HOUR
    changes = [0] * (HOURS + 1)
    for presence in presences:
        changes[_first_hour_from(presence.arrived_at, first)] += 1
        if presence.left_at is not None:
            changes[_first_hour_from(presence.left_at, first)] -= 1
    census, total = [], 0
    for change in changes[:HOURS]:
        total += change
        census.append(total)
    return tuple(census)


def _first_hour_from(time: datetime, first: datetime) -> int:
    """Return the index of the first full hour at or after `time`."""
    return min(max(-((first - time) // HOUR), 0), HOURS)
