"""All measures, against values that were worked out by hand or by another program."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, log_loss, roc_auc_score

from models.readmission.evaluation import Interval
from models.readmission.measures import Measures, measure
from schemas.errors import UsageError

PATIENTS = np.array(["a", "b", "c", "d", "e"], dtype=object)


def value(figure: Interval | None) -> float:
    assert figure is not None
    return figure.value


def drawn(rows: int = 400, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    risks = random.uniform(0.02, 0.6, rows)
    outcomes = (random.random(rows) < risks).astype(np.float64)
    return risks, outcomes, np.array([f"p{n}" for n in random.integers(0, rows // 2, rows)], dtype=object)


def test_the_working_point_of_five_stays_by_hand() -> None:
    risks, outcomes = np.array([0.9, 0.6, 0.5, 0.2, 0.1]), np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    at = measure(risks, outcomes, PATIENTS, threshold=0.5, seed=1, draws=20).working_point
    assert at.share == 0.6
    assert value(at.precision) == pytest.approx(2 / 3)
    assert value(at.recall) == pytest.approx(2 / 3)
    assert value(at.f1) == pytest.approx(2 / 3)


def test_the_net_benefit_at_one_fifth_by_hand() -> None:
    risks, outcomes = np.array([0.9, 0.6, 0.5, 0.1, 0.1]), np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    rule = np.array([True, True, False, False, False])
    found = measure(risks, outcomes, PATIENTS, threshold=0.5, seed=1, rule=rule, draws=20)
    at = next(each for each in found.decision_curve if each.threshold == 0.20)
    assert at.model.value == pytest.approx((2 - 1 * 0.25) / 5)
    assert at.everyone == pytest.approx((3 - 2 * 0.25) / 5)
    assert at.rule == pytest.approx((1 - 1 * 0.25) / 5)


def test_the_measures_are_those_of_scikit_learn() -> None:
    risks, outcomes, patients = drawn()
    found = measure(risks, outcomes, patients, threshold=0.4, seed=1, draws=50)
    assert value(found.auroc) == pytest.approx(roc_auc_score(outcomes, risks))
    assert value(found.auprc) == pytest.approx(average_precision_score(outcomes, risks))
    assert value(found.brier) == pytest.approx(brier_score_loss(outcomes, risks))
    assert value(found.log_loss) == pytest.approx(log_loss(outcomes, risks))
    assert value(found.working_point.f1) == pytest.approx(f1_score(outcomes, risks >= 0.4))
    for each in (found.auroc, found.auprc, found.brier, found.calibration_slope, found.working_point.recall):
        assert each is not None
        assert each.low < each.value < each.high


def test_risks_that_are_twice_as_extreme_have_a_slope_of_one_half() -> None:
    risks, outcomes, patients = drawn(rows=4_000)
    twice = 1.0 / (1.0 + np.exp(-2.0 * np.log(risks / (1.0 - risks))))
    one = measure(risks, outcomes, patients, threshold=0.4, seed=1, draws=2)
    two = measure(twice, outcomes, patients, threshold=0.4, seed=1, draws=2)
    assert value(two.calibration_slope) == pytest.approx(value(one.calibration_slope) / 2, rel=1e-6)


def test_rows_of_one_patient_make_the_interval_wide() -> None:
    risks, outcomes, _ = drawn(rows=500)
    alone = np.array([f"p{n}" for n in range(500)], dtype=object)
    copies = (np.tile(risks, 8), np.tile(outcomes, 8))
    single = measure(risks, outcomes, alone, threshold=0.4, seed=1, draws=200).auroc
    eightfold = measure(*copies, np.tile(alone, 8), threshold=0.4, seed=1, draws=200).auroc
    assert single is not None
    assert eightfold is not None
    # Eight copies of each stay add no information: an interval by rows would be narrower by a factor of 2.8.
    assert eightfold.high - eightfold.low == pytest.approx(single.high - single.low, rel=0.02)


def test_the_order_of_the_rows_changes_nothing() -> None:
    risks, outcomes, patients = drawn()
    order = np.random.default_rng(5).permutation(len(risks))
    first = measure(risks, outcomes, patients, threshold=0.4, seed=3, draws=20)
    second = measure(risks[order], outcomes[order], patients[order], threshold=0.4, seed=3, draws=20)
    assert value(second.auroc) == pytest.approx(value(first.auroc), abs=1e-12)
    assert second.auroc is not None
    assert first.auroc is not None
    assert second.auroc.low == pytest.approx(first.auroc.low, abs=1e-12)


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_one_stay_has_a_brier_score_and_no_auroc(outcome: float) -> None:
    found = measure(np.array([0.3]), np.array([outcome]), PATIENTS[:1], threshold=0.5, seed=1)
    assert value(found.brier) == pytest.approx((0.3 - outcome) ** 2)
    assert found.auroc is None
    assert found.calibration_slope is None
    assert found.working_point.precision is None


def test_flags_or_a_threshold_are_needed() -> None:
    with pytest.raises(UsageError, match="threshold parameter of measure"):
        measure(np.array([0.3]), np.array([1.0]), PATIENTS[:1], threshold=None, seed=1)


def test_flags_may_come_from_a_rule_instead_of_a_threshold() -> None:
    risks, outcomes = np.array([0.2, 0.2, 0.1, 0.1, 0.1]), np.array([1.0, 0.0, 1.0, 0.0, 0.0])
    flags = np.array([True, True, False, False, False])
    found: Measures = measure(risks, outcomes, PATIENTS, threshold=None, flags=flags, seed=1, draws=20)
    assert found.working_point.threshold is None
    assert value(found.working_point.precision) == 0.5
