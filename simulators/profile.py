"""Every rate of the simulated hospital, with its unit in its name and where the number comes from."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.hospital import UnitType


def _target_occupancy() -> dict[UnitType, float]:
    return {
        # 85% is the figure of Bagust 1999, 92% the cap of the NHS in 2020-21: wards run between the two.
        UnitType.MEDICAL_SURGICAL: 0.94,
        UnitType.STEP_DOWN: 0.92,
        UnitType.SHORT_STAY: 0.91,
        UnitType.OTHER: 0.90,
        UnitType.PSYCHIATRIC: 0.92,
        # Small pools that must not fill up run lower (insource.co.uk: 58-64% keeps maternity and paediatrics from
        # being full one day in a thousand); busy ones are fuller.
        UnitType.INTENSIVE_CARE: 0.84,
        UnitType.MATERNITY: 0.76,
        UnitType.PAEDIATRIC: 0.74,
    }


def _length_of_stay_days() -> dict[UnitType, float]:
    return {
        # HCUP statistical brief 246: mean stay 4.6 days, births and maternal stays 2.6; ICU 3.3 (Lilly 2011).
        UnitType.MEDICAL_SURGICAL: 4.6,
        UnitType.STEP_DOWN: 3.4,
        UnitType.SHORT_STAY: 1.6,
        UnitType.INTENSIVE_CARE: 3.3,
        UnitType.MATERNITY: 2.6,
        UnitType.PAEDIATRIC: 3.6,
        UnitType.PSYCHIATRIC: 7.2,
        UnitType.OTHER: 4.6,
    }


def _emergency_share() -> dict[UnitType, float]:
    return {
        # HCUP: about two thirds of adult inpatient stays begin in the emergency department, surgery less.
        UnitType.MEDICAL_SURGICAL: 0.72,
        UnitType.STEP_DOWN: 0.85,
        UnitType.SHORT_STAY: 0.92,
        UnitType.INTENSIVE_CARE: 0.85,
        UnitType.MATERNITY: 0.0,
        UnitType.PAEDIATRIC: 0.80,
        UnitType.PSYCHIATRIC: 0.90,
        UnitType.OTHER: 0.50,
    }


@dataclass(frozen=True, kw_only=True)
class HospitalProfile:
    """Rates of a simulated hospital. The defaults make a busy general hospital with a little noise in its feed."""

    target_occupancy: dict[UnitType, float] = field(default_factory=_target_occupancy)
    """Share of staffed beds that is taken on average, by patients or by their cleaning; arrivals are scaled to reach
    it. Patients alone are some 4 points less: the census of wards settles between 85 and 92%."""
    length_of_stay_days: dict[UnitType, float] = field(default_factory=_length_of_stay_days)
    """Mean days in a unit of this type."""
    emergency_share: dict[UnitType, float] = field(default_factory=_emergency_share)
    """Of the stays that begin in a unit type, the share that comes through the emergency department."""
    length_of_stay_sigma: float = 0.62
    """Of its logarithm (median/mean 0.8, as in HCUP's length of stay tables)."""
    severity_sigma: float = 0.25
    """How much sicker patients stay longer: standard deviation of the logarithm of the factor."""

    persons_per_bed: float = 40.0
    """Few beside a real catchment area (about 400), so that histories build up within a simulated year."""

    ed_admitted_share: float = 0.25
    """CDC NHAMCS: 13-18% of all ED visits in the USA, a quarter and more in hospitals of this size."""
    ed_treatment_median_minutes: float = 160.0
    """CDC NHAMCS: median visit of 2.5-3 h."""
    ed_treatment_sigma: float = 0.45
    ed_cleaning_minutes: float = 12.0

    return_median_days: float = 9.0
    """Half of the returns within 30 days come by then (Dharmarajan 2013: median 10-12 days)."""

    step_down_after_icu_share: float = 0.5
    ward_after_icu_share: float = 0.9
    """Of those who are not moved to step-down first; the others leave from the ICU."""
    ward_after_step_down_share: float = 0.35
    ward_after_short_stay_share: float = 0.12
    deterioration_share: float = 0.03
    """Ward patients who need the ICU on the way (rapid response studies: 2-5%)."""
    length_after_transfer: float = 0.7
    """Length of a stay in the next unit, beside one that begins there."""

    length_by_occupancy: float = 0.6
    """Busy units send patients home earlier (Kc and Terwiesch 2009): the length of stay changes by this share of the
    distance between target and present occupancy, ..."""
    length_by_occupancy_range: tuple[float, float] = (0.85, 1.10)
    """... within these factors, and ..."""
    length_when_waiting: float = 0.8
    """... by this one while a patient waits for a bed there."""
    demand_margin: float = 1.25
    """Demand is above capacity: at the target occupancy the hospital admits 1 of so many patients, ..."""
    demand_by_occupancy: float = 2.5
    """... and this share more or less for each unit of distance from it: ambulances are diverted and appointments
    postponed when it is full. Returns always come."""

    overflow_reserve_beds: int = 2
    """A unit lends a bed to another type of unit while it keeps this many free."""

    dirty_minutes: tuple[float, float] = (6.0, 35.0)
    """Between leaving and the start of cleaning."""
    cleaning_share_of_target: tuple[float, float] = (0.6, 1.3)
    """Of the facility's `cleaning_minutes`."""
    blocked_per_bed_day: float = 0.012
    blocked_mean_hours: float = 8.0

    discharge_hour: float = 14.4
    """Local time around which discharges cluster (median 14:30 in most published series)."""
    discharge_hour_sigma: float = 1.8

    transfer_cancelled_share: float = 0.006
    discharge_cancelled_share: float = 0.006
    admission_cancelled_share: float = 0.004
    """Noise of a real feed: wrong bed, a relapse before leaving, a patient who left before being seen."""
    recording_median_s: float = 25.0
    """Between what happened and its message; at most five minutes."""
    recording_sigma: float = 1.1

    opening_minutes: float = 90.0
    """The simulated hospital opens by moving its first patients in, spread over this time."""


QUIET = HospitalProfile(
    transfer_cancelled_share=0.0, discharge_cancelled_share=0.0, admission_cancelled_share=0.0, blocked_per_bed_day=0.0
)
"""Without cancels and blocked beds."""
