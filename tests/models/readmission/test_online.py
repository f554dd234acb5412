"""The online model: starts from the base rate, learns in order, and survives storage bit for bit."""

from __future__ import annotations

import copy
import json
import math

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from models.features.catalogue import Features
from models.readmission.online import OnlineModel
from schemas.errors import UsageError

Discharges = list[tuple[Features, bool, float]]


def taught(discharges: Discharges) -> OnlineModel:
    model = OnlineModel.untaught(0.14)
    for row, outcome, _ in discharges:
        model.learn_one(row, outcome)
    return model


def test_an_untaught_model_predicts_the_base_rate_for_everybody(rows: list[Features]) -> None:
    model = OnlineModel.untaught(0.14)
    assert [model.predict_one(row) for row in rows[:20]] == pytest.approx([0.14] * 20, abs=1e-12)
    assert model.predict_one({}) == pytest.approx(0.14)
    assert model.learnt == 0
    assert model.rolling_auroc is model.rolling_log_loss is None


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.2, math.nan])
def test_a_base_rate_that_is_none_is_an_error(rate: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        OnlineModel.untaught(rate)


def test_it_learns_to_rank_and_to_beat_the_base_rate(discharges: Discharges) -> None:
    model = taught(discharges)
    outcomes = [outcome for _, outcome, _ in discharges[-1_000:]]
    rate = sum(outcomes) / len(outcomes)
    assert model.learnt == len(discharges)
    assert model.rolling_auroc is not None
    assert model.rolling_auroc > 0.62
    assert model.rolling_log_loss is not None
    assert model.rolling_log_loss < log_loss(outcomes, [rate] * len(outcomes))


def test_the_rolling_figures_are_of_risks_said_before_learning(discharges: Discharges) -> None:
    model, predicted = OnlineModel.untaught(0.14), []
    for row, outcome, _ in discharges[:1_500]:
        predicted.append(model.predict_one(row))
        model.learn_one(row, outcome)
    outcomes = [outcome for _, outcome, _ in discharges[500:1_500]]
    assert model.rolling_auroc == pytest.approx(roc_auc_score(outcomes, predicted[500:]), abs=1e-9)
    assert model.rolling_log_loss == pytest.approx(log_loss(outcomes, predicted[500:]), abs=1e-9)


def test_the_same_order_gives_the_same_bytes(discharges: Discharges) -> None:
    assert taught(discharges[:200]).to_bytes() == taught(discharges[:200]).to_bytes()


@pytest.mark.parametrize("at", [0, 1, 150])
def test_save_load_learn_equals_learn(discharges: Discharges, at: int) -> None:
    without = taught(discharges[:300])
    through = OnlineModel.from_bytes(taught(discharges[:at]).to_bytes())
    for row, outcome, _ in discharges[at:300]:
        through.learn_one(row, outcome)
    assert through.to_bytes() == without.to_bytes()
    assert through.predict_one(discharges[400][0]) == without.predict_one(discharges[400][0])


def test_its_state_is_plain_json_with_the_moments_of_what_it_saw(discharges: Discharges) -> None:
    some = discharges[:300]
    state = json.loads(taught(some).to_bytes())
    ages = [row["age_years"] for row, _, _ in some if row["age_years"] is not None]
    assert state["learnt"] == 300
    assert state["counts"]["age_years"] == len(ages)
    assert state["means"]["age_years"] == pytest.approx(np.mean(np.array(ages, dtype=float)))
    assert state["variances"]["age_years"] == pytest.approx(np.var(np.array(ages, dtype=float)))
    assert "condition_heart_failure" in state["weights"]


def test_learning_leaves_its_input_as_it_was(discharges: Discharges) -> None:
    before = copy.deepcopy(discharges[0][0])
    taught(discharges[:1]).predict_one(discharges[0][0])
    assert discharges[0][0] == before


def test_features_may_come_and_go(discharges: Discharges) -> None:
    model = taught(discharges[:100])
    some: Features = {"age_years": 60.0, "service": "a service that is new", "a_feature_of_tomorrow": 3.0}
    model.learn_one(some, True)
    model.learn_one({}, False)
    assert 0.0 < model.predict_one(some) < 1.0
    assert 0.0 < model.predict_one({}) < 1.0


def test_predicting_teaches_nothing(discharges: Discharges) -> None:
    model = taught(discharges[:50])
    before = model.to_bytes()
    for row, _, _ in discharges[50:100]:
        model.predict_one(row)
    assert model.to_bytes() == before


def test_a_number_far_out_counts_no_more_than_a_large_one(discharges: Discharges) -> None:
    model = taught(discharges[:300])
    row = discharges[0][0]
    assert model.predict_one(row | {"age_years": 1e9}) == model.predict_one(row | {"age_years": 1e12})


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"format": 1}', b"\x80\x04}"])
def test_bytes_that_are_no_state_are_refused(raw: bytes) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        OnlineModel.from_bytes(raw)


def test_a_state_of_another_format_is_refused() -> None:
    state = json.loads(OnlineModel.untaught(0.1).to_bytes()) | {"format": 99}
    with pytest.raises(UsageError, match="format 99"):
        OnlineModel.from_bytes(json.dumps(state).encode())
