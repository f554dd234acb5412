"""State and occupant of each bed, from claims, departures, plans and bed status reports. Pure.

A bed has at most one occupant. If several encounters claim it, the latest arrival is the occupant, because an earlier
one usually lacks its discharge; the others are reported as conflicts. A mother and her newborn share a bed: she is its
occupant. A patient is in one place: see `superseded`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from schemas.events import BedStatus, PatientClass
from schemas.state import BedState
from schemas.two_people import Generation, are_couplet
from streams.fold.bed import PASSING


class Claim(NamedTuple):
    """An encounter that is in a bed from `arrived_at` on."""

    encounter_id: str
    arrived_at: datetime
    generation: Generation = Generation.OTHER
    """Whether the patient may share the bed as a newborn, or with one."""


class PersonStay(NamedTuple):
    """A place of a person according to one of their encounters: a bed, or a unit without one."""

    person: str
    encounter_id: str
    patient_class: PatientClass
    arrived_at: datetime
    left_at: datetime | None = None
    """None: the encounter has the person there still."""
    placed_at: datetime | None = None
    """When the sender put the person there, where `arrived_at` is dated back."""


class BedStatusReport(NamedTuple):
    """Latest status of a bed, as housekeeping or the bed desk reported it."""

    status: BedStatus
    since: datetime
    reason: str | None = None


def superseded(stays: Iterable[PersonStay]) -> dict[str, datetime]:
    """Return the encounters that gave up their last place because the same person was elsewhere later, and since when.

    A person is in one place. The later stay counts, and an overnight stay takes precedence over a visit by day. What
    was given up stays so when the later stay ends: the person has left. The encounter stays in progress and is listed
    as a data-quality finding.

    Parameters
    ----------
    stays : iterable of PersonStay
        All places of these persons, those that ended included; of one encounter at most one has not ended.

    Examples
    --------
    >>> from datetime import UTC
    >>> one, two, three = (datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (1, 2, 3))
    >>> ward = PersonStay("P", "E2", PatientClass.INPATIENT, two, left_at=three)
    >>> superseded([PersonStay("P", "E1", PatientClass.EMERGENCY, one), ward]) == {"E1": two}
    True
    """
    by_person: dict[str, list[PersonStay]] = {}
    for stay in stays:
        by_person.setdefault(stay.person, []).append(stay)
    given_up: dict[str, datetime] = {}
    for of_one in by_person.values():
        for stay in of_one:
            since = [at for other in of_one if (at := _given_up_at(stay, other)) is not None]
            if stay.left_at is None and since:
                given_up[stay.encounter_id] = min(since)
    return given_up


def _given_up_at(stay: PersonStay, other: PersonStay) -> datetime | None:
    """Return when a stay was given up for another one; None where it was not."""
    if other.encounter_id == stay.encounter_id or _strength(other) < _strength(stay):
        return None
    if other.left_at is not None and other.left_at <= stay.arrived_at:
        return None
    return max(stay.arrived_at, other.arrived_at)


def _strength(stay: PersonStay) -> tuple[bool, datetime, str]:
    return (stay.patient_class not in PASSING, stay.placed_at or stay.arrived_at, stay.encounter_id)


def bed_state(
    bed_id: str,
    *,
    claims: Sequence[Claim],
    left_at: datetime | None,
    report: BedStatusReport | None,
    now: datetime,
    assumed_cleaning: timedelta | None,
    reserved_for: str | None = None,
) -> BedState:
    """Return the state of one bed.

    A claim takes precedence over a bed status report, and a report over a reservation.

    Parameters
    ----------
    bed_id : str
        The bed.
    claims : sequence of Claim
        Encounters in progress in this bed.
    left_at : datetime or None
        When a patient last left it; None if unknown.
    report : BedStatusReport or None
        The latest bed status fact.
    now : datetime
        Event time, aware UTC.
    assumed_cleaning : timedelta or None
        How long after `left_at` the bed counts as available, where no bed status is reported; else None.
    reserved_for : str or None
        The encounter or patient for whom a plan reserves the bed.
    """
    bed = _without_plan(
        bed_id, claims=claims, left_at=left_at, report=report, now=now, assumed_cleaning=assumed_cleaning
    )
    if reserved_for is None:
        return bed
    status = BedStatus.RESERVED if bed.status is BedStatus.AVAILABLE else bed.status
    return msgspec.structs.replace(bed, status=status, reserved_for=reserved_for)


def _without_plan(
    bed_id: str,
    *,
    claims: Sequence[Claim],
    left_at: datetime | None,
    report: BedStatusReport | None,
    now: datetime,
    assumed_cleaning: timedelta | None,
) -> BedState:
    if claims:
        occupant, *others = sorted(claims, key=lambda claim: (claim.arrived_at, claim.encounter_id), reverse=True)
        if are_couplet(claim.generation for claim in claims):
            occupant = next(claim for claim in claims if claim.generation is Generation.MOTHER)
            others = []
        return BedState(
            bed_id=bed_id,
            status=BedStatus.OCCUPIED,
            since=occupant.arrived_at,
            encounter_id=occupant.encounter_id,
            conflicts=tuple(sorted(claim.encounter_id for claim in others)),
        )
    if report is not None and (left_at is None or report.since >= left_at):
        # The report may say occupied: then the bed desk reports an occupant, but no encounter claims the bed.
        return BedState(bed_id=bed_id, status=report.status, since=report.since, reason=report.reason)
    if left_at is None:
        return BedState(bed_id=bed_id, status=BedStatus.AVAILABLE)
    if assumed_cleaning is not None and now >= left_at + assumed_cleaning:
        return BedState(bed_id=bed_id, status=BedStatus.AVAILABLE, since=left_at + assumed_cleaning)
    return BedState(bed_id=bed_id, status=BedStatus.DIRTY, since=left_at)
