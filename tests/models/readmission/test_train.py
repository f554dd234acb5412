"""Training on a hospital whose truth is known, and on too little."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from models.features.catalogue import Features
from models.labels.rules import CMS, Definition
from models.readmission.batch import BatchModel
from models.readmission.report import decode_report, encode_report
from models.readmission.train import train
from models.readmission.training_rows import build_rows, last_word
from schemas.errors import UsageError
from schemas.events import PatientClass
from tests.models.builders import day, stay
from tests.models.conftest import TRAINED_AT, Simulated, crossed_histories


def test_no_model_ranks_better_than_the_truth_itself(
    trained: BatchModel, discharges: list[tuple[Features, bool, float]]
) -> None:
    truth = roc_auc_score([outcome for _, outcome, _ in discharges], [risk for _, _, risk in discharges])
    # Above the truth by more than noise is a leak; far below it, something is not learnt.
    assert truth - 0.06 < trained.report.auroc.value < truth + 0.015
    assert trained.report.auroc.value > 0.62


def test_the_report_counts_what_was_trained_on(
    trained: BatchModel, discharges: list[tuple[Features, bool, float]]
) -> None:
    report = trained.report
    assert report.rows == len(discharges)
    assert report.events == sum(outcome for _, outcome, _ in discharges)
    assert trained.base_rate == pytest.approx(report.events / report.rows)
    assert report.patients < report.rows < report.rows_before_discharge <= 2 * report.rows
    assert report.excluded["died"] > 0
    assert report.excluded["follow_up"] > 0


def test_the_threshold_flags_the_share_that_the_team_can_follow_up(trained: BatchModel) -> None:
    report = trained.report
    flagged = report.sensitivity * report.events / report.ppv
    assert flagged / report.rows == pytest.approx(0.10, abs=0.002)
    assert report.ppv > 1.5 * trained.base_rate


def test_risks_out_of_fold_are_calibrated(trained: BatchModel) -> None:
    assert trained.report.calibration_slope == pytest.approx(1.0, abs=0.25)
    assert trained.report.calibration_intercept == pytest.approx(0.0, abs=0.1)


def test_the_report_survives_as_json_and_reads_as_three_lines(trained: BatchModel) -> None:
    report = trained.report
    assert decode_report(encode_report(report)) == report
    assert msgspec.json.decode(encode_report(report))["auroc"]["value"] == report.auroc.value
    assert len(report.summary().splitlines()) == 3


def test_the_logistic_regression_stays_where_boosting_is_no_better(trained: BatchModel) -> None:
    assert trained.report.estimator == "logistic"
    assert trained.name == "logistic-20260601T000000.000000"


def test_boosting_takes_over_where_the_risk_is_no_sum_of_parts(boosted: BatchModel) -> None:
    losses = boosted.report.log_loss_by_candidate
    assert boosted.report.estimator == "boosted"
    assert losses["boosted"] < 0.9 * losses["logistic"]
    assert boosted.report.auroc.value > 0.7


def test_the_same_seed_gives_the_same_model() -> None:
    histories = crossed_histories(200)
    first, second = (train(histories, alert_share=0.1, seed=4, trained_at=TRAINED_AT) for _ in range(2))
    assert first.report == second.report
    rows = build_rows(histories, followed_until=day(200), seed=1).features
    assert first.predict(rows).tolist() == second.predict(rows).tolist()


def test_a_feed_that_never_says_the_service_can_be_learnt_from() -> None:
    silent = [
        [msgspec.structs.replace(each, service=None, admission_type=None) for each in history]
        for history in crossed_histories(200)
    ]
    model = train(silent, alert_share=0.1, seed=4, trained_at=TRAINED_AT)
    row: Features = {"age_years": 80.0, "sex": "male"}
    assert float(model.predict([row | {"service": "cardiology"}])[0]) > 0
    assert not {"service", "admission_type"} & {each.feature for each in model.reasons([row], k=40)[0]}


def test_where_nothing_can_be_learnt_risks_keep_to_the_base_rate_and_the_report_says_so() -> None:
    random = np.random.default_rng(2)
    histories = []
    for number in range(400):
        comes_back = random.random() < 0.2
        first = stay(f"A{number}", 0, random.uniform(1, 9), age_years=int(random.integers(20, 90)))
        histories.append([first, stay(f"B{number}", 20 if comes_back else 100, None)])
    model = train(histories, alert_share=0.1, seed=1, trained_at=TRAINED_AT)
    risks = model.predict(build_rows(histories, followed_until=day(200), seed=1).features)
    assert risks.min() > 0.12
    assert risks.max() < 0.3
    assert model._logistic.line.slope >= 0.1
    assert model.report.auroc.low < 0.5
    assert "no better than chance" in model.report.summary()


def test_too_few_stays_are_an_error_that_counts_them() -> None:
    histories = [[stay(f"E{number}", 0, 4), stay(f"F{number}", 100, None)] for number in range(50)]
    with pytest.raises(UsageError, match=r"50 index stays.*0 of them readmitted.*At least 100.*20 of them readmitted"):
        train(histories, alert_share=0.1, seed=1, trained_at=TRAINED_AT)


def test_nothing_to_train_on_is_an_error() -> None:
    with pytest.raises(UsageError, match="0 index stays"):
        train([], alert_share=0.1, seed=1, trained_at=TRAINED_AT)


def test_one_outcome_alone_is_an_error() -> None:
    histories = [[stay(f"E{number}", 0, 4), stay(f"F{number}", 9, None)] for number in range(150)]
    with pytest.raises(UsageError, match=r"150 index stays.*150 of them readmitted"):
        train(histories, alert_share=0.1, seed=1, trained_at=TRAINED_AT, followed_until=day(60))


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01])
def test_a_share_of_alerts_outside_its_range_is_an_error(share: float) -> None:
    with pytest.raises(UsageError, match="alert_share"):
        train([], alert_share=share, seed=1, trained_at=TRAINED_AT)


def test_a_time_without_a_zone_is_an_error() -> None:
    with pytest.raises(UsageError, match="must have a time zone"):
        train([], alert_share=0.1, seed=1, trained_at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_stay_is_learnt_from_only_once_its_30_days_are_over() -> None:
    history = [stay("E1", 0, 5)]
    ends = day(35 + 16 / 24)  # discharged at 08:00 on day 5: the whole of 30 days ends at the midnight after day 35
    over = build_rows([history], followed_until=ends, seed=1)
    not_over = build_rows([history], followed_until=ends - timedelta(seconds=1), seed=1)
    assert int(over.at_discharge.sum()) == 1
    assert not_over.features == []
    assert not_over.excluded == {"follow_up": 1}


def test_each_stay_gives_a_row_at_discharge_at_admission_and_at_one_of_its_midnights() -> None:
    rows = build_rows([[stay("E1", 0, 5)]], followed_until=day(60), seed=1)
    lengths = [row["length_of_stay_days"] for row in rows.features]
    assert lengths[:2] == [5.0, 0.0]
    # Admitted at 08:00, so its midnights are 16 hours and whole days later, the last before day 5.
    assert lengths[2] in [16 / 24 + number for number in range(5)]
    assert rows.weights.tolist() == [1.0, 0.5, 0.5]
    assert rows.outcomes.tolist() == [0.0, 0.0, 0.0]
    assert rows.patients.tolist() == [0, 0, 0]


def test_a_day_case_has_no_midnight() -> None:
    assert len(build_rows([[stay("E1", 0, 0.5)]], followed_until=day(60), seed=1).features) == 2


def test_another_order_of_patients_gives_the_same_rows(simulated: Simulated) -> None:
    until = last_word(simulated.histories)
    assert until is not None
    some = simulated.histories[:300]
    forth = build_rows(some, followed_until=until, seed=1).features
    back = build_rows(some[::-1], followed_until=until, seed=1).features
    assert sorted(map(repr, forth)) == sorted(map(repr, back))


def test_patients_without_an_index_stay_take_no_number() -> None:
    visit = stay("V", 0, 1, inpatient_from=None, patient_class=PatientClass.EMERGENCY)
    rows = build_rows([[visit], [stay("E1", 0, 5)]], followed_until=day(60), seed=1)
    assert np.unique(rows.patients).tolist() == [0]
    assert rows.excluded == {"not_inpatient": 1}


def test_a_death_in_the_stay_that_was_reported_later_is_no_row() -> None:
    history = [stay("E1", 0, 5, patient_token="old"), stay("E2", 20, 25)]
    rows = build_rows([history], followed_until=day(90), seed=1, died_at={"old": day(24)})
    assert rows.excluded == {"died": 1}
    assert rows.outcomes[rows.at_discharge].tolist() == [1.0]
    after = build_rows([history], followed_until=day(90), seed=1, died_at={"old": day(26)})
    assert after.excluded == {}


def test_rows_are_labelled_by_the_definition_given() -> None:
    history = [stay("E1", 0, 5, age_years=64), stay("E2", 20, 25, age_years=65)]
    rows = build_rows([history], followed_until=day(90), seed=1, definition=Definition(CMS))
    assert rows.excluded == {"under_age": 1}
    assert rows.at_discharge.sum() == 1
