"""Measures, against scikit-learn and small cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from models.readmission.evaluation import Ranking, fit_line, log_losses, patient_bootstrap, to_log_odds, to_risk

RANDOM = np.random.default_rng(5)
RISKS = np.round(RANDOM.random(400), 2)  # rounded, so that there are ties
OUTCOMES = (RANDOM.random(400) < RISKS).astype(float)
WEIGHTS = RANDOM.integers(0, 4, 400).astype(float)


def test_four_patients_have_the_auroc_and_auprc_that_one_counts_on_paper() -> None:
    ranking = Ranking(np.array([0.9, 0.5, 0.5, 0.1]), np.array([1.0, 1.0, 0.0, 0.0]))
    # Pairs: 0.9 beats both; 0.5 ties with one and beats the other: (2 + 1.5) of 4.
    assert ranking.auroc(np.ones(4)) == pytest.approx(3.5 / 4)
    # Precision 1 at the first event, 2 of 3 where the second is flagged.
    assert ranking.auprc(np.ones(4)) == pytest.approx((1 + 2 / 3) / 2)


def test_rank_measures_equal_those_of_scikit_learn_with_ties_and_weights() -> None:
    ranking = Ranking(RISKS, OUTCOMES)
    assert ranking.auroc(WEIGHTS) == pytest.approx(roc_auc_score(OUTCOMES, RISKS, sample_weight=WEIGHTS))
    assert ranking.auprc(WEIGHTS) == pytest.approx(average_precision_score(OUTCOMES, RISKS, sample_weight=WEIGHTS))


def test_without_both_outcomes_there_is_no_auroc() -> None:
    assert np.isnan(Ranking(RISKS, np.zeros(400)).auroc(np.ones(400)))


def test_log_odds_and_risks_are_inverses_even_at_the_ends() -> None:
    assert to_risk(to_log_odds(np.array([0.2, 0.5, 0.9]))) == pytest.approx([0.2, 0.5, 0.9])
    assert np.isfinite(to_log_odds(np.array([0.0, 1.0]))).all()
    assert to_risk(np.array([-5_000.0, 5_000.0])) == pytest.approx([0.0, 1.0])


def test_log_loss_of_a_coin_is_log_2() -> None:
    assert log_losses(np.array([0.5, 0.5]), np.array([0.0, 1.0])) == pytest.approx([0.693147, 0.693147], abs=1e-6)


def test_the_line_equals_the_unpenalised_logistic_regression_of_scikit_learn() -> None:
    log_odds = to_log_odds(np.clip(RISKS, 0.02, 0.98))
    other = LogisticRegression(C=np.inf, tol=1e-10).fit(log_odds[:, None], OUTCOMES, WEIGHTS)
    line = fit_line(log_odds, OUTCOMES, WEIGHTS)
    assert line.slope == pytest.approx(other.coef_[0, 0], abs=1e-4)
    assert line.intercept == pytest.approx(other.intercept_[0], abs=1e-4)


def test_risks_that_are_too_low_by_one_in_log_odds_have_intercept_one() -> None:
    # Half of the patients return; the model predicts 0.268941, that is log-odds -1.
    log_odds = to_log_odds(np.full(100, 0.26894142))
    came = np.tile([0.0, 1.0], 50)
    line = fit_line(log_odds, came, slope=1.0)
    assert line.slope == 1.0
    assert line.intercept == pytest.approx(1.0, abs=1e-6)


def test_a_line_through_equal_risks_is_finite() -> None:
    line = fit_line(np.zeros(10), np.array([1.0] + [0.0] * 9))
    assert np.isfinite(line).all()
    assert to_risk(line(np.zeros(1))) == pytest.approx([0.1], abs=1e-6)


def test_intervals_hold_the_figure_and_are_wider_when_fewer_patients_give_the_rows() -> None:
    each_alone = patient_bootstrap(RISKS, OUTCOMES, np.arange(400), seed=1)
    few = patient_bootstrap(RISKS, OUTCOMES, np.arange(400) // 20, seed=1)
    for name in ("auroc", "auprc", "brier"):
        assert each_alone[name].low < each_alone[name].value < each_alone[name].high
    assert each_alone["brier"].value == pytest.approx(float(np.mean((RISKS - OUTCOMES) ** 2)))
    # Twenty copies of each row under one patient carry no more than one: the interval stays as wide.
    copies = np.repeat(np.arange(400), 5)
    copied = patient_bootstrap(RISKS[copies], OUTCOMES[copies], copies, seed=1)
    width = each_alone["auroc"].high - each_alone["auroc"].low
    assert copied["auroc"].high - copied["auroc"].low == pytest.approx(width, rel=0.25)
    assert few["auroc"].value == each_alone["auroc"].value


def test_the_same_seed_gives_the_same_intervals() -> None:
    patients = np.arange(400)
    assert patient_bootstrap(RISKS, OUTCOMES, patients, seed=4) == patient_bootstrap(RISKS, OUTCOMES, patients, seed=4)
