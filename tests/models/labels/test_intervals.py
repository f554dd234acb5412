"""Intervals and limits, against published values and counts by hand."""

from __future__ import annotations

import pytest

from models.labels.intervals import Z_95, limits_of_events, wilson


@pytest.mark.parametrize(
    ("events", "number", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_wilson_interval_is_that_of_newcombes_table(events: int, number: int, low: float, high: float) -> None:
    # Newcombe (1998), Two-sided confidence intervals for the single proportion, Statistics in Medicine 17, table I.
    assert wilson(events, number) == pytest.approx((low, high), abs=0.00006)


def test_without_stays_there_is_no_interval() -> None:
    assert wilson(0, 0) is None


def test_if_all_have_the_event_the_interval_reaches_1() -> None:
    found = wilson(20, 20)
    assert found is not None
    assert found == pytest.approx((0.8389, 1.0), abs=0.0001)
    assert found[1] == 1.0


def test_limits_of_a_few_stays_are_exact() -> None:
    # Ten stays of risk 0.5. Of 1024 outcomes 11 have at most 1 event, 56 have at most 2: 1.07% and 5.5%.
    assert limits_of_events([0.5] * 10, 0.025, Z_95) == (2, 8)
    # At most 0 events: 0.098%.
    assert limits_of_events([0.5] * 10, 0.001, 3.09) == (1, 9)


def test_limits_of_unequal_risks_are_exact() -> None:
    # Two stays of 0.1 and 0.9: none 0.09, one 0.82, two 0.09.
    assert limits_of_events([0.1, 0.9], 0.1, Z_95) == (1, 1)
    assert limits_of_events([0.1, 0.9], 0.05, Z_95) == (0, 2)


def test_limits_of_certain_outcomes_are_those_outcomes() -> None:
    assert limits_of_events([0.0, 1.0, 1.0], 0.025, Z_95) == (2, 2)


def test_limits_of_many_stays_are_those_of_the_normal_distribution() -> None:
    # 10,000 stays of risk 0.2: 2,000 expected, standard deviation 40.
    assert limits_of_events([0.2] * 10_000, 0.025, Z_95) == pytest.approx((1_921.6, 2_078.4), abs=0.05)
    exact = limits_of_events([0.2] * 2_000, 0.025, Z_95)  # standard deviation 17.89 around 400
    assert exact == pytest.approx((400 - 35.06, 400 + 35.06), abs=1)
