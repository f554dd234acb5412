"""The published risk is the blend of two, and its band follows the threshold."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from models.features.catalogue import Features
from models.readmission.batch import BatchModel
from models.readmission.online import OnlineModel
from models.readmission.scorer import RiskBand, Scorer, blend, online_weight


def test_an_untaught_online_model_changes_nothing(trained: BatchModel, rows: list[Features]) -> None:
    scores = Scorer(trained, OnlineModel.untaught(trained.base_rate)).score(rows[:100])
    assert [score.readmission_risk for score in scores] == [score.batch_risk for score in scores]
    assert [score.batch_risk for score in scores] == trained.predict(rows[:100]).tolist()
    assert [score.online_risk for score in scores] == pytest.approx([trained.base_rate] * 100)
    assert [score.reasons for score in scores] == trained.reasons(rows[:100])


def test_the_online_weight_grows_with_what_was_learnt_and_never_passes_its_cap() -> None:
    assert online_weight(0) == 0.0
    assert online_weight(2_000) == pytest.approx(0.15)
    assert online_weight(18_000) == pytest.approx(0.27)
    assert online_weight(10**9) < 0.3


def test_the_blend_is_the_weighted_mean_of_the_log_odds() -> None:
    # Odds 1/4 and 4 with weights 0.85 and 0.15: log-odds 1.386294 * (0.15 - 0.85) = -0.970406.
    blended = blend(np.array([0.2]), np.array([0.8]), 2_000)
    assert blended[0] == pytest.approx(1 / (1 + np.exp(0.970406)), abs=1e-6)


def test_two_models_that_agree_are_believed() -> None:
    assert blend(np.array([0.3]), np.array([0.3]), 5_000)[0] == pytest.approx(0.3)


def test_a_taught_online_model_pulls_the_risk_towards_its_own(trained: BatchModel, rows: list[Features]) -> None:
    online = OnlineModel.untaught(0.9)
    for _ in range(50):
        online.learn_one(rows[0], True)
    (score,) = Scorer(trained, online).score(rows[:1])
    assert score.batch_risk < score.readmission_risk < score.online_risk


def test_bands_begin_at_the_base_rate_and_at_the_threshold(trained: BatchModel) -> None:
    scorer = Scorer(trained, OnlineModel.untaught(0.1))
    threshold, base = trained.risk_threshold, trained.base_rate
    assert base < threshold
    assert scorer.band(threshold) is RiskBand.HIGH
    assert scorer.band(threshold - 1e-9) is RiskBand.MEDIUM
    assert scorer.band(base) is RiskBand.MEDIUM
    assert scorer.band(base - 1e-9) is RiskBand.LOW


def test_about_the_share_asked_for_is_high(trained: BatchModel, rows: list[Features]) -> None:
    scores = Scorer(trained, OnlineModel.untaught(trained.base_rate)).score(rows)
    high = sum(score.band is RiskBand.HIGH for score in scores) / len(scores)
    assert high == pytest.approx(0.10, abs=0.03)


def test_no_rows_give_no_scores(trained: BatchModel) -> None:
    assert Scorer(trained, OnlineModel.untaught(0.1)).score([]) == []


def test_reasons_are_written_as_json_by_name(trained: BatchModel, rows: list[Features]) -> None:
    (score,) = Scorer(trained, OnlineModel.untaught(0.1)).score(rows[:1], reasons=2)
    written = msgspec.json.decode(msgspec.json.encode(score.reasons))
    assert len(written) == 2
    assert list(written[0]) == ["feature", "label", "value", "contribution"]
