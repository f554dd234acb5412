"""Admissions a day that fill the beds to the target occupancy: Little's law, solved for all unit types at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from schemas.hospital import UnitType
from simulators.profile import HospitalProfile

INPATIENT_TYPES = (
    UnitType.MEDICAL_SURGICAL,
    UnitType.STEP_DOWN,
    UnitType.INTENSIVE_CARE,
    UnitType.SHORT_STAY,
    UnitType.MATERNITY,
    UnitType.PAEDIATRIC,
    UnitType.PSYCHIATRIC,
    UnitType.OTHER,
)
"""Types of unit with overnight inpatients; procedural units have none here."""

Step = tuple[UnitType, float]
"""A unit type, and the length of stay there relative to a stay that begins there."""


def routes(first: UnitType, present: frozenset[UnitType], profile: HospitalProfile) -> list[tuple[float, list[Step]]]:
    """Return the ways through the hospital that begin in one type of unit, each with its probability.

    Parameters
    ----------
    first : UnitType
        Where the stay begins.
    present : frozenset of UnitType
        The types that have staffed beds; a step to any other falls out.
    profile : HospitalProfile
        The shares.

    Returns
    -------
    list of (float, list of Step)
        The probabilities add up to 1.
    """
    ward, icu, step_down = UnitType.MEDICAL_SURGICAL, UnitType.INTENSIVE_CARE, UnitType.STEP_DOWN
    after = profile.length_after_transfer
    if first is icu:
        through, onward = profile.step_down_after_icu_share, profile.ward_after_icu_share
        ways = [
            (through, [(icu, 1.0), (step_down, after), (ward, after)]),
            ((1 - through) * onward, [(icu, 1.0), (ward, after)]),
            ((1 - through) * (1 - onward), [(icu, 1.0)]),
        ]
    elif first is ward:
        worse = profile.deterioration_share
        ways = [(1 - worse, [(ward, 1.0)]), (worse, [(ward, 0.5), (icu, 1.0), (ward, after)])]
    elif first in (step_down, UnitType.SHORT_STAY):
        is_step_down = first is step_down
        onward = profile.ward_after_step_down_share if is_step_down else profile.ward_after_short_stay_share
        ways = [(1 - onward, [(first, 1.0)]), (onward, [(first, 1.0), (ward, after)])]
    else:
        ways = [(1.0, [(first, 1.0)])]
    return [(share, [step for step in steps if step[0] in present]) for share, steps in ways]


def admissions_per_day(beds: Mapping[UnitType, int], profile: HospitalProfile) -> dict[UnitType, float]:
    """Return how many stays a day must begin in each type of unit so that all fill to their target.

    Parameters
    ----------
    beds : mapping of UnitType to int
        Staffed beds; types that hold no inpatients are left out.
    profile : HospitalProfile
        Targets, lengths of stay and routes.

    Returns
    -------
    dict of UnitType to float
        Stays a day, 0 or more. A type that transfers fill already gets 0.

    Notes
    -----
    With ``A[k, j]`` the mean days that a stay beginning in type j spends in type k, ``A @ rate`` are the beds filled.

    Examples
    --------
    >>> profile = HospitalProfile()
    >>> rate = admissions_per_day({UnitType.MATERNITY: 26}, profile)[UnitType.MATERNITY]
    >>> round(rate, 2)  # 26 beds x 0.76 / 2.6 days
    7.6
    """
    types = [kind for kind in INPATIENT_TYPES if beds.get(kind, 0) > 0]
    present = frozenset(types)
    wanted = np.array([beds[kind] * profile.target_occupancy[kind] for kind in types])
    days = np.zeros((len(types), len(types)))
    for column, first in enumerate(types):
        for share, steps in routes(first, present, profile):
            for kind, length in steps:
                days[types.index(kind), column] += share * length * profile.length_of_stay_days[kind]
    active = list(range(len(types)))
    rates = np.zeros(len(types))
    while active:
        solved = np.linalg.solve(days[np.ix_(active, active)], wanted[active])
        if (solved >= 0.0).all():
            rates[active] = solved
            break
        active = [index for index, rate in zip(active, solved, strict=True) if rate > 0.0]
    return {kind: float(rate) for kind, rate in zip(types, rates, strict=True)}
