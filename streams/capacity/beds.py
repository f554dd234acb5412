"""State and occupant of each bed, from claims, departures, plans and bed status reports. Pure.

A bed has at most one occupant. If several encounters claim it, the latest arrival is the occupant, because an earlier
one usually lacks its discharge; the others are reported as conflicts. A mother and her newborn share a bed: she is its
occupant. A patient is in one place: see `streams.fold.places`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from schemas.events import BedStatus
from schemas.state import BedState
from schemas.two_people import Generation, are_couplet


class Claim(NamedTuple):
    """An encounter that is in a bed from `arrived_at` on."""

    encounter_id: str
    arrived_at: datetime
    generation: Generation = Generation.OTHER
    """Whether the patient may share the bed as a newborn, or with one."""


class BedStatusReport(NamedTuple):
    """Latest status of a bed, as housekeeping or the bed desk reported it."""

    status: BedStatus
    since: datetime
    reason: str | None = None


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
