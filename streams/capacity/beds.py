"""State and occupant of each bed, from claims, departures, plans and bed status reports. Pure.

A bed has at most one occupant. If several encounters claim it, the latest arrival is the occupant, because an earlier
one usually lacks its discharge; the others are reported as conflicts. A patient has at most one bed: see `superseded`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from schemas.events import BedStatus, PatientClass
from schemas.state import BedState
from streams.fold.bed import PASSING


class Claim(NamedTuple):
    """An encounter that is in a bed from `arrived_at` on."""

    encounter_id: str
    arrived_at: datetime


class PersonClaim(NamedTuple):
    """A bed that a person is in, according to one of their encounters."""

    person: str
    encounter_id: str
    arrived_at: datetime
    patient_class: PatientClass


class BedStatusReport(NamedTuple):
    """Latest status of a bed, as housekeeping or the bed desk reported it."""

    status: BedStatus
    since: datetime
    reason: str | None = None


def superseded(claims: Iterable[PersonClaim]) -> dict[str, datetime]:
    """Return the encounters that lose their bed because the same person is in another bed, and since when.

    The latest arrival keeps its bed; an overnight stay takes precedence over a visit by day. The other encounter stays
    in progress and is listed as a data-quality finding; only its bed is released.

    Examples
    --------
    >>> from datetime import UTC
    >>> one, two = (datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (1, 2))
    >>> ward = PersonClaim("P", "E2", two, PatientClass.INPATIENT)
    >>> superseded([PersonClaim("P", "E1", one, PatientClass.EMERGENCY), ward]) == {"E1": two}
    True
    """
    by_person: dict[str, list[PersonClaim]] = {}
    for claim in claims:
        by_person.setdefault(claim.person, []).append(claim)
    given_up: dict[str, datetime] = {}
    for of_one in by_person.values():
        *others, winner = sorted(of_one, key=_strength)
        given_up.update((other.encounter_id, max(other.arrived_at, winner.arrived_at)) for other in others)
    return given_up


def _strength(claim: PersonClaim) -> tuple[bool, datetime, str]:
    return (claim.patient_class not in PASSING, claim.arrived_at, claim.encounter_id)


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
