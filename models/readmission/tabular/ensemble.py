"""Fitted candidates with the weights of their log-odds: one candidate alone, or the stack of all."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from models.readmission.evaluation import to_log_odds, to_risk
from models.readmission.tabular.candidates import CANDIDATES
from models.readmission.tabular.encoder import Matrix, TargetEncoder
from models.sources.stay_table import Floats, StayTable

MIN_RISK = 0.001
"""A forest may say 0; its log-odds would swamp all others."""
STACK_SHRINKAGE = 1.0


class Members:
    """The encoder and the candidates, fitted on one set of stays.

    Parameters
    ----------
    encoder : TargetEncoder
    fitted : dict of str to estimator
        In the order of `CANDIDATES`.
    """

    def __init__(self, encoder: TargetEncoder, fitted: dict[str, Any]) -> None:
        self.encoder, self.fitted = encoder, fitted

    def log_odds(self, table: StayTable) -> Floats:
        """Return the log-odds that each candidate gives to each stay, shape (len(table), candidates)."""
        if not len(table):
            return np.empty((0, len(self.fitted)))
        matrix = self.encoder.transform(table)
        return np.column_stack([_log_odds(model, matrix) for model in self.fitted.values()])


def _log_odds(model: Any, matrix: Matrix) -> Floats:
    risks = np.clip(model.predict_proba(matrix)[:, 1].astype(np.float64), MIN_RISK, 1.0 - MIN_RISK)
    return to_log_odds(risks)


def fit_members(table: StayTable, *, seed: int) -> Members:
    """Fit the encoder and each candidate on all stays of a table."""
    # One thread but for the forest: boosting meets at a barrier thousands of times, and on busy cores two are slower.
    with threadpool_limits(limits=1):
        encoder = TargetEncoder(seed=seed)
        matrix = encoder.fit_transform(table)
        return Members(encoder, {name: make(seed).fit(matrix, table.outcomes) for name, make in CANDIDATES.items()})


class Weights:
    """How the candidates' log-odds become a risk.

    Parameters
    ----------
    of_each : ndarray, shape (candidates,)
        Weight of each candidate's log-odds; 0 leaves it out.
    intercept : float
    """

    def __init__(self, of_each: Floats, intercept: float) -> None:
        self.of_each, self.intercept = of_each, intercept

    def risks(self, log_odds: Floats) -> Floats:
        """Return the risk of each stay from the candidates' log-odds, shape (n, candidates)."""
        return to_risk(log_odds @ self.of_each + self.intercept)


def stack_weights(log_odds: Floats, outcomes: Floats) -> Weights:
    """Return the weights that predict the outcomes best from the candidates' out-of-fold log-odds.

    References
    ----------
    Wolpert 1992, Neural Networks 5:241.
    """
    fitted = LogisticRegression(C=STACK_SHRINKAGE, max_iter=500).fit(log_odds, outcomes)
    return Weights(fitted.coef_[0].astype(np.float64), float(fitted.intercept_[0]))


def alone(place: int) -> Weights:
    """Return the weights of one candidate as it comes, uncalibrated."""
    of_each = np.zeros(len(CANDIDATES))
    of_each[place] = 1.0
    return Weights(of_each, 0.0)
