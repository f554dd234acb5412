"""Who lies in which bed, and in what state a bed is: from claims, releases and what housekeeping said.

Pure. At most one patient a bed, whatever came in: of several claims the latest arrival lies there (an earlier one
usually lacks its discharge), the others are named as conflicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.events import BedStatus, BedStatusChanged
from schemas.state import BedState


class Claim(NamedTuple):
    """An encounter that is in a bed from `arrived_at` on."""

    encounter_id: str
    arrived_at: datetime


class BedWord(NamedTuple):
    """The latest word on a bed."""

    status: BedStatus
    since: datetime
    reason: str | None = None


def latest_word(facts: Iterable[BedStatusChanged]) -> BedStatusChanged:
    """Return the fact that counts among those on one bed, whatever their order: the fold of a bed is its maximum."""
    return max(facts, key=lambda fact: (fact.occurred_at, fact.recorded_at, fact.source, fact.id))


def bed_state(
    bed_id: str,
    *,
    claims: Sequence[Claim],
    left_at: datetime | None,
    word: BedWord | None,
    now: datetime,
    assumed_cleaning: timedelta | None,
) -> BedState:
    """Return one bed's state.

    Parameters
    ----------
    bed_id : str
        The bed.
    claims : sequence of Claim
        Encounters in progress in this bed.
    left_at : datetime or None
        When a patient last left it, as far as known.
    word : BedWord or None
        The latest bed status fact.
    now : datetime
        Event time.
    assumed_cleaning : timedelta or None
        Where nobody reports housekeeping: how long after `left_at` the bed counts as available.
    """
    if claims:
        occupant, *others = sorted(claims, key=lambda claim: (claim.arrived_at, claim.encounter_id), reverse=True)
        return BedState(
            bed_id=bed_id,
            status=BedStatus.OCCUPIED,
            since=occupant.arrived_at,
            encounter_id=occupant.encounter_id,
            conflicts=tuple(sorted(claim.encounter_id for claim in others)),
        )
    if word is not None and word.status is not BedStatus.OCCUPIED and (left_at is None or word.since >= left_at):
        return BedState(bed_id=bed_id, status=word.status, since=word.since, reason=word.reason)
    if left_at is None:
        return BedState(bed_id=bed_id, status=BedStatus.AVAILABLE)
    if assumed_cleaning is not None and now >= left_at + assumed_cleaning:
        return BedState(bed_id=bed_id, status=BedStatus.AVAILABLE, since=left_at + assumed_cleaning)
    return BedState(bed_id=bed_id, status=BedStatus.DIRTY, since=left_at)
