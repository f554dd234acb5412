from __future__ import annotations

import pytest

from schemas.hospital import UnitType
from simulators.profile import HospitalProfile
from simulators.volumes import admissions_per_day, routes

WARD, ICU, STEP_DOWN = UnitType.MEDICAL_SURGICAL, UnitType.INTENSIVE_CARE, UnitType.STEP_DOWN


def test_one_unit_fills_by_littles_law() -> None:
    profile = HospitalProfile(target_occupancy={WARD: 0.9}, length_of_stay_days={WARD: 4.5}, deterioration_share=0.0)
    assert admissions_per_day({WARD: 20}, profile) == {WARD: pytest.approx(20 * 0.9 / 4.5)}


def test_transfers_count_where_they_end() -> None:
    profile = HospitalProfile(
        target_occupancy={WARD: 0.9, ICU: 0.8},
        length_of_stay_days={WARD: 4.0, ICU: 2.0},
        deterioration_share=0.0,
        ward_after_icu_share=1.0,
        step_down_after_icu_share=0.0,
        length_after_transfer=0.5,
    )
    rates = admissions_per_day({WARD: 40, ICU: 10}, profile)
    # ICU: 10 x 0.8 / 2 = 4 a day, who then fill 4 x 2 = 8 ward beds; (40 x 0.9 - 8) / 4 = 7 more a day.
    assert rates == {WARD: pytest.approx(7.0), ICU: pytest.approx(4.0)}


def test_a_type_that_transfers_overfill_gets_no_stays_of_its_own() -> None:
    rates = admissions_per_day({WARD: 2, ICU: 40}, HospitalProfile())
    assert rates[WARD] == 0.0
    assert rates[ICU] > 0.0


@pytest.mark.parametrize("first", list(UnitType))
def test_the_ways_of_each_type_add_up(first: UnitType) -> None:
    present = frozenset({WARD, ICU, STEP_DOWN, first})
    ways = routes(first, present, HospitalProfile())
    assert sum(share for share, _ in ways) == pytest.approx(1.0)
    assert all(steps[0][0] is first for _, steps in ways)


def test_a_unit_type_that_is_missing_is_no_step() -> None:
    assert routes(ICU, frozenset({ICU}), HospitalProfile())[0][1] == [(ICU, 1.0)]
