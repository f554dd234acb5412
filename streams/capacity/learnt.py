"""What the feed has shown of a unit in a facility that the hospital file does not name. Pure.

The number of its beds is learnt: as many as facts have named, or as many patients as were there at once, if that is
more. It is a lower limit, because a bed that nobody has been in yet is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.hospital import UnitType

DEFAULT_CLEANING_MINUTES = 45
"""Minutes after which a bed counts as clean, where no hospital file says it and nobody reports bed status."""

ASSUMED_CLEANING = timedelta(minutes=DEFAULT_CLEANING_MINUTES)

_TYPES = (
    (UnitType.EMERGENCY, r"\b(ed|er|ae|a&e|emergency.*|casualty)\b"),
    (UnitType.INTENSIVE_CARE, r"\w*icu\b|\b(ccu|itu|intensive|critical)\b"),
    (UnitType.STEP_DOWN, r"step.?down|intermediate|telemetry"),
    (UnitType.MATERNITY, r"maternity|obstetric|labou?r|\bl&d\b|birth"),
    (UnitType.PAEDIATRIC, r"p(a)?ediatric|child"),
    (UnitType.PSYCHIATRIC, r"psych"),
    (UnitType.SHORT_STAY, r"short.?stay|observation|\b(ssu|pacu)\b"),
    (UnitType.PROCEDURAL, r"procedur|\b(or|theatre|cath|endoscopy|dialysis)\b"),
    (UnitType.MEDICAL_SURGICAL, r"med|surg|\bward\b|neuro|cardi|onco|ortho|\d"),
)
"""Guesses by the name of the unit; the first that fits."""


class Move(NamedTuple):
    """An arrival in a unit (`change` 1) or a departure from it (-1). They sort by time, departures first."""

    at: datetime
    change: int


class Seen(NamedTuple):
    """What the feed has shown of a unit, beyond its beds.

    `most` is the largest number of patients who were there at once. `reports_beds` says whether the facility has
    ever reported the status of a bed.
    """

    most: int
    reports_beds: bool


def most_at_once(moves: Iterable[Move], *, after: datetime | None = None, until: datetime | None = None) -> int:
    """Return the largest number of patients at once, 0 or more.

    A patient who leaves at the moment when another arrives makes room for that one.

    Parameters
    ----------
    moves : iterable of Move
        All moves up to `until`, sorted.
    after, until : datetime or None
        Aware UTC. Only the time later than `after`, and not later than `until`, is looked at.

    Examples
    --------
    >>> from datetime import UTC
    >>> one, two, three = (datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (1, 2, 3))
    >>> moves = [Move(one, 1), Move(two, -1), Move(two, 1), Move(three, 1)]
    >>> most_at_once(moves), most_at_once(moves, until=two), most_at_once([Move(one, 1), Move(two, -1)], after=two)
    (2, 1, 0)
    """
    present = most = 0
    for at, change in moves:
        if until is not None and at > until:
            break
        if after is not None and at > after:
            most = max(most, present)  # those who were there when `after` had passed
        present += change
        if after is None or at > after:
            most = max(most, present)
    return max(most, present)


def learnt_beds(named: int, most: int) -> int:
    """Return the number of beds of a unit that the feed has shown, 0 or more.

    Parameters
    ----------
    named : int
        Number of its beds that facts have named.
    most : int
        The largest number of patients who were there at once.
    """
    return max(named, most)


def type_by_name(unit_id: str) -> UnitType | None:
    """Guess the type of a unit from its name; None if the name says nothing.

    Examples
    --------
    >>> type_by_name("Emergency Department").value, type_by_name("CVICU").value, type_by_name("Front")
    ('emergency', 'intensive_care', None)
    """
    name = re.sub(r"[_\-]+", " ", unit_id.lower())
    return next((kind for kind, pattern in _TYPES if re.search(pattern, name)), None)


def bed_order(bed_id: str) -> list[tuple[int, int, str]]:
    """Return a sorting key of bed names: 2 before 10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"[0-9]+|[^0-9]+", bed_id)]
