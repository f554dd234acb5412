"""End of a stay: the discharge disposition, and the time of day."""

from __future__ import annotations

from schemas.dispositions import (
    ACUTE_HOSPITAL,
    EXPIRED,
    HOME,
    HOME_HEALTH,
    HOSPICE_FACILITY,
    HOSPICE_HOME,
    LEFT_AGAINST_ADVICE,
    NURSING_FACILITY,
)
from schemas.hospital import UnitType
from simulators.arrivals import LocalTime
from simulators.draws import Draws
from simulators.profile import HospitalProfile

YOUNG_AGE_YEARS = 50
DEATH_SHARE_AT_70 = 0.013
"""Of ward patients of medium severity; with the factors below about 2% of all stays, as in HCUP."""


def disposition(
    *, age_years: int, severity: float, critical: bool, length_of_stay_days: float, first_unit: UnitType, draws: Draws
) -> str:
    """Draw the UB-04 discharge status.

    Parameters
    ----------
    age_years, severity, critical, length_of_stay_days : int, float, bool, float
        Of the stay: `severity` is standard normal; `critical` is True after intensive care.
    first_unit : UnitType
        Mothers and children go home.
    draws : Draws
        Randomness.

    Returns
    -------
    str
        01, 02, 03, 06, 07, 20, 50 or 51.
    """
    if first_unit in (UnitType.MATERNITY, UnitType.PAEDIATRIC):
        return HOME_HEALTH if draws.chance(0.03) else HOME
    death = DEATH_SHARE_AT_70 * 2.0 ** ((age_years - 70) / 14.0) * 2.2**severity * (4.0 if critical else 1.0)
    u = draws.uniform()
    if u < min(death, 0.6):
        return EXPIRED
    u = draws.uniform()
    old = max(0.0, min(1.0, (age_years - YOUNG_AGE_YEARS) / 35.0))
    long = min(1.0, length_of_stay_days / 8.0)
    for code, share in (
        (LEFT_AGAINST_ADVICE, 0.022 - 0.014 * old),
        (ACUTE_HOSPITAL, 0.018),
        (HOSPICE_HOME, 0.014 * old),
        (HOSPICE_FACILITY, 0.014 * old),
        (NURSING_FACILITY, 0.02 + 0.22 * old * (0.4 + long)),
        (HOME_HEALTH, 0.06 + 0.18 * old),
    ):
        if u < share:
            return code
        u -= share
    return HOME


def moment(now_s: int, stay_s: int, shortest_s: int, clock: LocalTime, profile: HospitalProfile, draws: Draws) -> int:
    """Return the time of discharge: the afternoon hour of discharge that is nearest to `now_s + stay_s`.

    Parameters
    ----------
    now_s, stay_s, shortest_s : int
        Seconds of the simulation: now, the length drawn, and the least.
    clock : LocalTime
        The facility's wall clock.
    profile : HospitalProfile
        The hour around which discharges cluster.
    draws : Draws
        Randomness.
    """
    hour = profile.discharge_hour + profile.discharge_hour_sigma * draws.normal()
    leaves_s = clock.next_at(now_s + stay_s, int(3_600 * hour) % 86_400)
    return leaves_s if leaves_s - now_s >= shortest_s else now_s + max(stay_s, shortest_s)
