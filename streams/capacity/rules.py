"""How full a unit is, and what in it needs a person. Pure.

One rule serves both: what the unit can give. That is its free beds, less the patients who wait in it without a bed;
then come the beds to clean. A unit's level, the line that says it is full, and the severity of what holds beds back
follow from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import NamedTuple

from schemas.events import BedStatus
from schemas.topics import BedOnBoard, CapacityMetrics

LONG_ED_STAY = timedelta(hours=4)
"""Longest stay in an emergency department, and wait of an admitted patient there, that raises no line."""

FEW = 0.05
"""Share of the staffed beds up to which the beds that can be given are few; one bed always is."""

TO_CLEAN = (BedStatus.DIRTY, BedStatus.CLEANING)


class Level(IntEnum):
    """Level of a unit; the browser draws each with its own shape, colour and text."""

    UNKNOWN = 0
    """No staffed beds are known, or only how many beds the feed has shown."""
    NORMAL = 1
    ELEVATED = 2
    """Few beds can be given."""
    HIGH = 3
    """No bed can be given now; one can be once it is clean."""
    FULL = 4
    """No bed can be given, and none will be clean for a next patient."""


class Supply(NamedTuple):
    """What a unit can give. `free` and `to_clean` count beds, `waiting` patients in the unit without a bed."""

    free: int
    to_clean: int
    waiting: int
    unknown: int = 0
    """Staffed beds that neither the feed nor the hospital file names: the unit is never called full."""

    @property
    def now(self) -> int:
        """Beds left for a next patient once those who wait have theirs; below 0 if the free beds do not suffice."""
        return self.free - self.waiting

    @property
    def after_cleaning(self) -> int:
        """The same, once all dirty beds are clean."""
        return self.now + self.to_clean


def supply(metrics: CapacityMetrics) -> Supply:
    """Return what a unit can give.

    Where the feed names no beds, the staffed beds beyond the census count as free.
    """
    if not metrics.beds:
        return Supply(max(0, metrics.staffed_beds - metrics.census), 0, 0)
    unknown = max(0, metrics.staffed_beds - max(len(metrics.beds), metrics.census))
    return Supply(metrics.available, metrics.dirty + metrics.cleaning, metrics.without_bed, unknown)


def level_of(metrics: CapacityMetrics) -> Level:
    """Return the level of a unit by its metrics.

    A unit whose beds are learnt has none: it is often as full as it has ever been, and that does not mean that it has
    no further bed.
    """
    return Level.UNKNOWN if metrics.learnt else level(supply(metrics), metrics.staffed_beds)


def level(can_give: Supply, staffed: int) -> Level:
    """Return the level of a unit.

    Parameters
    ----------
    can_give : Supply
        Of the unit.
    staffed : int
        Its staffed beds, 0 and up; 0 if unknown.

    Examples
    --------
    >>> level(Supply(3, 0, 0), 26).name, level(Supply(1, 0, 0), 26).name
    ('NORMAL', 'ELEVATED')
    >>> level(Supply(1, 2, 1), 26).name, level(Supply(1, 0, 1), 26).name, level(Supply(9, 0, 0), 0).name
    ('HIGH', 'FULL', 'UNKNOWN')
    """
    if not staffed:
        return Level.UNKNOWN
    if can_give.now <= 0:
        return Level.HIGH if can_give.after_cleaning > 0 or can_give.unknown else Level.FULL
    return Level.ELEVATED if can_give.now <= max(1, int(staffed * FEW)) else Level.NORMAL


class Need(StrEnum):
    """What needs a person, in the order in which the lines of one unit are shown."""

    CLAIMED_TWICE = "claimed_twice"
    NO_BED = "no_bed"
    BOARDING = "boarding"
    WITHOUT_BED = "without_bed"
    LATE_CLEANING = "late_cleaning"
    OVERDUE_DISCHARGE = "overdue_discharge"
    LONG_ED_STAY = "long_ed_stay"
    BLOCKED = "blocked"


class Severity(StrEnum):
    """Severity of a line."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Line(NamedTuple):
    """One thing in a unit that needs a person. The beds concerned come with the longest first."""

    need: Need
    severity: Severity
    number: int
    """Of beds or patients."""
    beds: tuple[str, ...] = ()
    longest: timedelta | None = None
    reason: str | None = None
    """As the bed desk reported it, of a blocked bed."""


def lines(
    metrics: CapacityMetrics, now: datetime, *, cleaning_target: timedelta, is_emergency: bool = False
) -> list[Line]:
    """Return what needs a person in a unit.

    Parameters
    ----------
    metrics : CapacityMetrics
        Of the unit.
    now : datetime
        Time of the board, aware UTC.
    cleaning_target : timedelta
        Time in which a bed is to be clean again.
    is_emergency : bool
        Whether the unit is an emergency department.
    """
    return list(_lines(metrics, now, cleaning_target, is_emergency))


def _lines(metrics: CapacityMetrics, now: datetime, target: timedelta, is_emergency: bool) -> Iterator[Line]:
    reached = level_of(metrics)
    # What holds beds back is urgent where there is none to give, and is worth knowing elsewhere.
    holding_back = Severity.WARNING if reached >= Level.HIGH else Severity.INFO
    for bed in metrics.beds:
        if bed.conflicts:
            yield Line(Need.CLAIMED_TWICE, Severity.CRITICAL, len(bed.conflicts) + 1, (bed.bed_id,))
    if reached >= Level.HIGH:
        yield Line(Need.NO_BED, Severity.CRITICAL if reached is Level.FULL else Severity.WARNING, metrics.census)
    if is_emergency:
        boarding = [now - since for since in metrics.boarding_since if now - since > LONG_ED_STAY]
        if boarding:
            yield Line(Need.BOARDING, Severity.WARNING, len(boarding), longest=max(boarding))
    if metrics.beds and metrics.without_bed:
        yield Line(Need.WITHOUT_BED, Severity.WARNING, metrics.without_bed)
    late = [
        (now - bed.since, bed)
        for bed in metrics.beds
        if bed.status in TO_CLEAN and bed.since and now - bed.since > target
    ]
    # Where no hospital file names the facility, its cleaning target is not known.
    yield from _of_beds(Need.LATE_CLEANING, Severity.INFO if metrics.learnt else Severity.WARNING, late)
    overdue = [
        (now - bed.expected_discharge_at, bed)
        for bed in metrics.beds
        if bed.status is BedStatus.OCCUPIED and bed.expected_discharge_at and bed.expected_discharge_at < now
    ]
    yield from _of_beds(Need.OVERDUE_DISCHARGE, holding_back, overdue)
    if is_emergency:
        yield from _long_stays(metrics, now)
    blocked = [
        (now - bed.since if bed.since else timedelta(0), bed) for bed in metrics.beds if bed.status is BedStatus.BLOCKED
    ]
    yield from _of_beds(Need.BLOCKED, holding_back, blocked)


def _of_beds(need: Need, severity: Severity, found: Sequence[tuple[timedelta, BedOnBoard]]) -> Iterator[Line]:
    if found:
        ordered = sorted(found, key=lambda each: (-each[0], each[1].bed_id))
        longest, first = ordered[0]
        yield Line(need, severity, len(found), tuple(bed.bed_id for _, bed in ordered), longest, first.reason)


def _long_stays(metrics: CapacityMetrics, now: datetime) -> Iterator[Line]:
    in_bed = [(now - bed.arrived_at, bed.bed_id) for bed in metrics.beds if bed.arrived_at]
    stays = [*in_bed, *((now - since, "") for since in metrics.waiting_since)]
    long = sorted((each for each in stays if each[0] > LONG_ED_STAY), key=lambda each: (-each[0], each[1]))
    if long:
        beds = tuple(bed_id for _, bed_id in long if bed_id)
        yield Line(Need.LONG_ED_STAY, Severity.INFO, len(long), beds, long[0][0])
