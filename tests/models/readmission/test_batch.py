"""The batch model: the same as its pipeline, whole after storage, and with reasons that add up."""

from __future__ import annotations

import copy
import pickle
from datetime import date
from typing import Any

import numpy as np
import pytest
import skops.io

from models.features.catalogue import Features
from models.features.columns import COLUMNS, to_frame
from models.readmission.batch import BatchModel, Candidate, compile_logistic
from models.readmission.evaluation import Line, to_risk
from schemas.errors import UsageError


def strange(rows: list[Features]) -> list[Features]:
    """Rows with every kind of gap, and categories that training never saw."""
    first = rows[0]
    gaps: list[Features] = [first | {name: None} for name in first]
    return [*gaps, dict.fromkeys(first), first | {"service": "astrology", "sex": "missing"}, {}]


def test_the_compiled_model_equals_the_scikit_learn_pipeline(trained: BatchModel, rows: list[Features]) -> None:
    some = rows[:300] + strange(rows)
    pipeline, line = trained._logistic
    expected = to_risk(line(pipeline.decision_function(to_frame(some))))
    assert np.abs(trained.predict(some) - expected).max() < 1e-9


def test_contributions_add_up_to_the_log_odds(trained: BatchModel, rows: list[Features]) -> None:
    additive = compile_logistic(trained._logistic)
    parts = additive.contributions(rows[:50])
    assert parts.shape == (50, len(COLUMNS))
    assert additive.log_odds(rows[:50]) == pytest.approx(additive.base + parts.sum(axis=1))


def test_a_row_gets_the_same_risk_alone_as_among_others(
    trained: BatchModel, boosted: BatchModel, rows: list[Features]
) -> None:
    for model in (trained, boosted):
        together = model.predict(rows[:40])
        alone = [float(model.predict([row])[0]) for row in rows[:40]]
        assert together == pytest.approx(alone, abs=1e-12)
        assert ((together > 0) & (together < 1)).all()


def test_no_rows_give_no_risks_and_no_reasons(trained: BatchModel) -> None:
    assert trained.predict([]).shape == (0,)
    assert trained.reasons([]) == []


def test_scoring_leaves_its_input_as_it_was(trained: BatchModel, rows: list[Features]) -> None:
    before = copy.deepcopy(rows[:20])
    trained.explain(rows[:20], 3)
    assert rows[:20] == before


def test_reasons_are_the_largest_contributions_in_words(trained: BatchModel, rows: list[Features]) -> None:
    row = rows[0] | {"condition_heart_failure": 1.0, "length_of_stay_days": 60.0, "age_years": 101.0}
    (reasons,) = trained.reasons([row], k=40)
    sizes = [abs(reason.contribution) for reason in reasons]
    assert sizes == sorted(sizes, reverse=True)
    values = {reason.label: reason.value for reason in reasons}
    assert (values["Length of stay"], values["Age"], values["Heart failure"]) == ("60 days", "101 years", "yes")
    assert trained.reasons([row]) == [reasons[:3]]


def test_what_is_missing_or_absent_is_no_reason(trained: BatchModel, rows: list[Features]) -> None:
    row = rows[0] | {"condition_heart_failure": 0.0, "age_years": None}
    (reasons,) = trained.reasons([row], k=40)
    assert {"condition_heart_failure", "age_years"}.isdisjoint(reason.feature for reason in reasons)


def test_what_raises_the_risk_has_a_positive_sign(trained: BatchModel, rows: list[Features]) -> None:
    short, long = rows[0] | {"length_of_stay_days": 0.2}, rows[0] | {"length_of_stay_days": 60.0}
    lower, higher = trained.predict([short, long])
    parts = [
        next(each.contribution for each in reasons if each.feature == "length_of_stay_days")
        for reasons in trained.reasons([short, long], k=40)
    ]
    assert lower < higher
    assert parts[0] < 0 < parts[1]


def test_contributions_are_relative_to_the_average_patient(trained: BatchModel, rows: list[Features]) -> None:
    parts = compile_logistic(trained._logistic).contributions(rows)
    assert (parts - trained._average).mean(axis=0) == pytest.approx(np.zeros(len(COLUMNS)), abs=1e-9)


@pytest.mark.parametrize("which", ["trained", "boosted"])
def test_a_stored_model_is_the_same_model(which: str, request: pytest.FixtureRequest, rows: list[Features]) -> None:
    model: BatchModel = request.getfixturevalue(which)
    again = BatchModel.from_bytes(model.to_bytes())
    assert (again.name, again.risk_threshold, again.base_rate) == (model.name, model.risk_threshold, model.base_rate)
    assert again.report == model.report
    risks, reasons = model.explain(rows[:50], 3)
    risks_again, reasons_again = again.explain(rows[:50], 3)
    assert risks.tolist() == risks_again.tolist()
    assert reasons == reasons_again


@pytest.mark.parametrize("content", [{"format": 1, "report": date(2026, 1, 1)}, {"format": 1, "x": pytest.approx}])
def test_a_file_with_foreign_types_is_refused_unread(content: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="types that Wardwatch does not write"):
        BatchModel.from_bytes(skops.io.dumps(content))


def test_a_model_of_other_features_is_refused() -> None:
    with pytest.raises(UsageError, match="trained on other features"):
        BatchModel.from_bytes(skops.io.dumps({"format": 1, "columns": ["age_years"]}))


@pytest.mark.parametrize("raw", [b"", b"no model", pickle.dumps({"format": 1})])
def test_bytes_that_are_no_skops_file_are_refused(raw: bytes) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        BatchModel.from_bytes(raw)


def test_a_line_moves_the_compiled_log_odds(trained: BatchModel, rows: list[Features]) -> None:
    pipeline = trained._logistic.pipeline
    plain = compile_logistic(Candidate(pipeline, Line(1.0, 0.0))).log_odds(rows[:10])
    moved = compile_logistic(Candidate(pipeline, Line(2.0, 0.5))).log_odds(rows[:10])
    assert moved == pytest.approx(0.5 + 2.0 * plain)
