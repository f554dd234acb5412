"""Training: cross-validate by patient, choose the better of two candidates, calibrate it, and report its quality.

The logistic regression is the base, because its contributions are the reasons. Boosted trees are used only if their log
loss is significantly lower. Every figure of the report is out of fold, calibration included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from models.features.columns import CATEGORICAL_NAMES, NUMERIC_NAMES, Floats, to_frame
from models.labels.rules import DEFAULT, Definition
from models.readmission.batch import BatchModel, Candidate, compile_logistic
from models.readmission.evaluation import (
    Integers,
    Line,
    Ranking,
    fit_line,
    log_losses,
    patient_bootstrap,
    to_log_odds,
    to_risk,
)
from models.readmission.report import TrainingReport
from models.readmission.training_rows import TrainingRows, build_rows, last_word
from schemas.errors import UsageError
from schemas.state import Encounter

FOLDS = 5
MIN_ROWS = 100
MIN_EVENTS = 20
"""Minimum number of rows of the rarer outcome; with fewer a fold may have none."""
RARE = 20
"""Number of rows below which a category is grouped with other rare ones."""
SHRINKAGE = 0.005
"""scikit-learn's C on scaled columns. From 0.002 to 1 it changed the log loss on simulated stays by less than 0.0003;
smaller values bound the contributions of correlated conditions."""
FLATTEST = 0.1
"""Minimum slope of a calibration: 0 or less would flag all patients, or the wrong ones."""
BELOW_ALL = -1.0
MISSING = "missing"
"""The category of a missing value."""
NOISE = 2.0
"""Number of standard errors by which the log loss of boosting must be lower."""


def train(
    histories: Iterable[Sequence[Encounter]],
    *,
    alert_share: float,
    seed: int,
    trained_at: datetime,
    followed_until: datetime | None = None,
    died_at: Mapping[str, datetime] | None = None,
    definition: Definition = DEFAULT,
) -> BatchModel:
    """Train on the index stays of all patients.

    Parameters
    ----------
    histories : iterable of sequences of Encounter
        All encounters of each patient, a sequence for each.
    alert_share : float
        Share of discharges that the team can follow up, in (0, 1]. It sets the threshold.
    seed : int
        Seed of folds, draws and trees: the same seed and histories give the same model.
    trained_at : datetime
        Aware; part of the name of the model.
    followed_until : datetime or None
        Time until which all readmissions are known; None for the latest time in any encounter.
    died_at : mapping of str to datetime or None
        Deaths reported apart from a discharge, by patient token.
    definition : Definition
        What counts as an index stay and as a readmission.

    Returns
    -------
    BatchModel
        With its report; see `BatchModel.report`.

    Raises
    ------
    UsageError
        When an argument is not valid, or there are too few index stays or readmissions.
    """
    if not 0.0 < alert_share <= 1.0:
        raise UsageError(f"The alert_share parameter of train must be in (0, 1]. Got {alert_share} instead.")
    if trained_at.tzinfo is None:
        raise UsageError("The trained_at parameter of train must have a time zone. Got a naive time instead.")
    patients = [list(history) for history in histories]
    until = followed_until or last_word(patients)
    if until is None:
        raise UsageError(_too_few(0, 0))
    rows = build_rows(patients, followed_until=until, seed=seed, died_at=died_at, definition=definition)
    _check_enough(rows)
    frame, folds = to_frame(rows.features), _folds(rows, seed)
    judged = {
        "logistic": _judge(_logistic_pipeline(), frame, rows, folds),
        "boosted": _judge(_boosted_pipeline(seed), frame, rows, folds),
    }
    chosen = "boosted" if _better(judged["boosted"], judged["logistic"], rows) else "logistic"
    logistic = Candidate(_fit(_logistic_pipeline(), frame, rows), judged["logistic"].line)
    boosted = Candidate(_fit(_boosted_pipeline(seed), frame, rows), judged["boosted"].line)
    left = [row for row, here in zip(rows.features, rows.at_discharge, strict=True) if here]
    return BatchModel(
        logistic=logistic,
        boosted=boosted if chosen == "boosted" else None,
        average=compile_logistic(logistic).contributions(left).mean(axis=0),
        base_rate=float(rows.outcomes[rows.at_discharge].mean()),
        report=_report(chosen, judged, rows, alert_share, seed, trained_at, until),
    )


def _too_few(stays: int, readmitted: int) -> str:
    return (
        f"Too little to train on: {stays} index stays with 30 days of follow-up, {readmitted} of them readmitted. "
        f"At least {MIN_ROWS} are needed, {MIN_EVENTS} of them readmitted and {MIN_EVENTS} not. "
        "Replay more history, or train on a simulated hospital with --simulated-days 365."
    )


def _check_enough(rows: TrainingRows) -> None:
    stays = int(rows.at_discharge.sum())
    readmitted = int(rows.outcomes[rows.at_discharge].sum())
    if stays < MIN_ROWS or min(readmitted, stays - readmitted) < MIN_EVENTS:
        raise UsageError(_too_few(stays, readmitted))


def _logistic_pipeline() -> Pipeline:
    numbers = [
        ("impute", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)),
        ("scale", StandardScaler()),
    ]
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE, sparse_output=False)
    classifier = LogisticRegression(C=SHRINKAGE, solver="newton-cholesky")
    return Pipeline([("columns", _columns(Pipeline(numbers), encoder)), ("classify", classifier)])


def _boosted_pipeline(seed: int) -> Pipeline:
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=RARE)
    # Numbers are never below 0, so -1 marks missing ones, even if a whole column is missing.
    numbers = SimpleImputer(strategy="constant", fill_value=BELOW_ALL, keep_empty_features=True)
    # Categories stay numbers: declared as categorical, the trees would contain a function, which is not stored.
    trees = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=50,
        max_leaf_nodes=8,
        min_samples_leaf=40,
        l2_regularization=5.0,
        max_bins=63,
        random_state=seed,
    )
    return Pipeline([("columns", _columns(numbers, encoder)), ("classify", trees)])


def _columns(numbers: Any, encoder: Any) -> ColumnTransformer:
    impute = SimpleImputer(strategy="constant", missing_values=None, fill_value=MISSING, keep_empty_features=True)
    categories = Pipeline([("impute", impute), ("encode", encoder)])
    return ColumnTransformer(
        [("numbers", numbers, list(NUMERIC_NAMES)), ("categories", categories, list(CATEGORICAL_NAMES))]
    )


def _fit(pipeline: Pipeline, frame: pd.DataFrame, rows: TrainingRows, only: Any = slice(None)) -> Pipeline:
    pipeline.fit(frame.iloc[only], rows.outcomes[only], classify__sample_weight=rows.weights[only])
    return pipeline


def _folds(rows: TrainingRows, seed: int) -> Integers:
    """Return the fold of each row: all rows of a patient in one, readmissions spread evenly."""
    left = rows.at_discharge
    patients, outcomes = rows.patients[left], rows.outcomes[left]
    of_patient = np.zeros(int(rows.patients.max()) + 1, dtype=np.int64)
    splitter = StratifiedGroupKFold(n_splits=FOLDS, shuffle=True, random_state=seed)
    for number, (_, held_out) in enumerate(splitter.split(outcomes, outcomes, patients)):
        of_patient[patients[held_out]] = number
    found: Integers = of_patient[rows.patients]
    return found


class _Judged(NamedTuple):
    """Calibration of a candidate, and its calibrated risks, each from models and lines without that patient."""

    line: Line
    risks: Floats
    losses: Floats


def _judge(pipeline: Pipeline, frame: pd.DataFrame, rows: TrainingRows, folds: Integers) -> _Judged:
    log_odds = np.empty(len(folds))
    for fold in range(FOLDS):
        fitted = _fit(pipeline, frame, rows, folds != fold)
        held_out = folds == fold
        log_odds[held_out] = to_log_odds(fitted.predict_proba(frame.iloc[held_out])[:, 1])
    risks = np.empty(len(folds))
    for fold in range(FOLDS):
        others = folds != fold
        line = _calibrate(log_odds[others], rows.outcomes[others], rows.weights[others])
        risks[~others] = to_risk(line(log_odds[~others]))
    return _Judged(_calibrate(log_odds, rows.outcomes, rows.weights), risks, log_losses(risks, rows.outcomes))


def _calibrate(log_odds: Floats, outcomes: Floats, weights: Floats) -> Line:
    """Return the calibration line; without a signal the risks shrink to the base rate and never reverse."""
    line = fit_line(log_odds, outcomes, weights)
    return line if line.slope >= FLATTEST else fit_line(log_odds, outcomes, weights, slope=FLATTEST)


def _better(challenger: _Judged, base: _Judged, rows: TrainingRows) -> bool:
    """Return whether the challenger's log loss at discharge is lower by more than `NOISE` standard errors.

    The error is that of a mean over patients: stays of one patient are not independent.
    """
    left = rows.at_discharge
    gain = (base.losses - challenger.losses)[left]
    by_patient = np.bincount(rows.patients[left], gain - gain.mean())
    return bool(gain.sum() > NOISE * np.sqrt((by_patient**2).sum()))


def _report(
    chosen: str,
    judged: dict[str, _Judged],
    rows: TrainingRows,
    alert_share: float,
    seed: int,
    trained_at: datetime,
    followed_until: datetime,
) -> TrainingReport:
    left, best = rows.at_discharge, judged[chosen]
    risks, outcomes = best.risks[left], rows.outcomes[left]
    intervals = patient_bootstrap(risks, outcomes, rows.patients[left], seed=seed)
    threshold = float(np.quantile(risks, 1.0 - alert_share))
    flagged = risks >= threshold
    log_odds = to_log_odds(risks)
    here = rows.at_admission
    at_admission = Ranking(best.risks[here], rows.outcomes[here]).auroc(np.ones(int(here.sum())))
    return TrainingReport(
        model=f"{chosen}-{trained_at:%Y%m%dT%H%M%S.%f}",
        estimator=chosen,
        trained_at=trained_at,
        followed_until=followed_until,
        rows=len(risks),
        patients=len(np.unique(rows.patients[left])),
        events=int(outcomes.sum()),
        rows_before_discharge=int((~left).sum()),
        auroc=intervals["auroc"],
        auroc_at_admission=at_admission,
        auprc=intervals["auprc"],
        brier=intervals["brier"],
        log_loss=float(best.losses[left].mean()),
        calibration_slope=fit_line(log_odds, outcomes).slope,
        calibration_intercept=fit_line(log_odds, outcomes, slope=1.0).intercept,
        risk_threshold=threshold,
        alert_share=alert_share,
        ppv=float(outcomes[flagged].mean()),
        sensitivity=float(outcomes[flagged].sum() / outcomes.sum()),
        log_loss_by_candidate={name: float(each.losses[left].mean()) for name, each in judged.items()},
        excluded=rows.excluded,
    )
