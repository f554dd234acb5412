"""Levels of a unit by occupancy."""

from __future__ import annotations

from enum import IntEnum

ELEVATED_FROM = 0.90
HIGH_FROM = 0.95
FULL_FROM = 1.0


class Level(IntEnum):
    """Level of a unit; the browser draws each with its own shape, colour and text."""

    UNKNOWN = 0
    NORMAL = 1
    ELEVATED = 2
    HIGH = 3
    FULL = 4


def level_of(occupancy: float | None) -> Level:
    """Return the level of an occupancy.

    Parameters
    ----------
    occupancy : float or None
        census / staffed_beds, 0 and up, may exceed 1; None for a unit without staffed beds.

    Examples
    --------
    >>> level_of(25 / 26).name, level_of(27 / 26).name, level_of(None).name
    ('HIGH', 'FULL', 'UNKNOWN')
    """
    if occupancy is None:
        return Level.UNKNOWN
    if occupancy >= FULL_FROM:
        return Level.FULL
    if occupancy >= HIGH_FROM:
        return Level.HIGH
    return Level.ELEVATED if occupancy >= ELEVATED_FROM else Level.NORMAL
