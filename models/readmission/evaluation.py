"""Evaluation of risks: discrimination, calibration, and their uncertainty by resampling whole patients."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from models.features.columns import Floats

Integers = npt.NDArray[np.int64]
SMALLEST = 1e-12


class Interval(msgspec.Struct, frozen=True):
    """A figure and its 95% interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


class Line(NamedTuple):
    """Calibrated log-odds are `intercept + slope * log_odds`."""

    slope: float
    intercept: float

    def __call__(self, log_odds: Floats) -> Floats:
        """Return the calibrated log-odds."""
        return self.intercept + self.slope * log_odds


def to_log_odds(risks: Floats) -> Floats:
    """Return log(p / (1 - p)); risks of exactly 0 or 1 are moved by 1e-12."""
    kept = np.clip(risks, SMALLEST, 1.0 - SMALLEST)
    found: Floats = np.log(kept / (1.0 - kept))
    return found


def to_risk(log_odds: Floats) -> Floats:
    """Return 1 / (1 + exp(-log_odds)), in [0, 1]."""
    found: Floats = 1.0 / (1.0 + np.exp(-np.clip(log_odds, -700.0, 700.0)))
    return found


def fit_line(
    log_odds: Floats,
    outcomes: Floats,
    weights: Floats | None = None,
    *,
    slope: float | None = None,
    start: Line | None = None,
) -> Line:
    """Fit the logistic recalibration by Newton's method.

    Parameters
    ----------
    log_odds : ndarray, shape (n,)
        Of the model.
    outcomes : ndarray, shape (n,)
        0 or 1, both present.
    weights : ndarray, shape (n,), or None
        0 or more; None for 1 each.
    slope : float or None
        Fixed slope; 1 gives calibration in the large. None: the slope is fitted.
    start : Line or None
        A line close to the result, such as that of other weights: saves steps.

    Returns
    -------
    Line
        A well calibrated model has slope 1 and intercept 0.

    References
    ----------
    Cox 1958, Biometrika 45:562. Platt 1999 (as a means of calibration). Van Calster 2019, BMC Medicine 17:230.
    """
    each = np.ones_like(log_odds) if weights is None else weights
    at = np.array([0.0, 1.0 if slope is None else slope])
    if start is not None:
        at = np.array([start.intercept, start.slope if slope is None else slope])
    design = np.column_stack([np.ones_like(log_odds), log_odds])
    free = design if slope is None else design[:, :1]
    for _ in range(50):
        risks = to_risk(design @ at)
        gradient = free.T @ (each * (outcomes - risks))
        curvature = (free * (each * risks * (1.0 - risks))[:, None]).T @ free
        # A tiny ridge keeps the step finite if all risks are equal and the slope is not identified.
        step = np.linalg.solve(curvature + 1e-9 * np.eye(free.shape[1]), gradient)
        at[: free.shape[1]] += np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < (1e-10 if start is None else 1e-6):
            break
    return Line(slope=float(at[1]), intercept=float(at[0]))


def log_losses(risks: Floats, outcomes: Floats) -> Floats:
    """Return the log loss of each row, in nats."""
    kept = np.clip(risks, SMALLEST, 1.0 - SMALLEST)
    found: Floats = -np.where(outcomes > 0, np.log(kept), np.log1p(-kept))
    return found


class Ranking:
    """Risks sorted once, so that rank measures for many weightings are cheap.

    Parameters
    ----------
    risks, outcomes : ndarray, shape (n,)
        Predictions, and 0 or 1.
    """

    def __init__(self, risks: Floats, outcomes: Floats) -> None:
        self._levels, self._level = np.unique(risks, return_inverse=True)
        self._outcomes = outcomes

    def _by_level(self, weights: Floats) -> tuple[Floats, Floats]:
        size = len(self._levels)
        positive: Floats = np.bincount(self._level, weights * self._outcomes, size).astype(np.float64)
        every: Floats = np.bincount(self._level, weights, size).astype(np.float64)
        return positive, every - positive

    def auroc(self, weights: Floats) -> float:
        """Return the chance that an event has a higher risk than a non-event; ties count half."""
        positive, negative = self._by_level(weights)
        below = np.cumsum(negative) - negative
        pairs = positive.sum() * negative.sum()
        return float((positive * (below + negative / 2.0)).sum() / pairs) if pairs > 0 else float("nan")

    def auprc(self, weights: Floats) -> float:
        """Return the average precision: the mean of the precision at each event, from the highest risk down."""
        positive, negative = (part[::-1] for part in self._by_level(weights))
        hits, flagged = np.cumsum(positive), np.cumsum(positive + negative)
        precision = np.divide(hits, flagged, out=np.zeros_like(hits), where=flagged > 0)
        total = positive.sum()
        return float((precision * positive).sum() / total) if total > 0 else float("nan")


def patient_bootstrap(
    risks: Floats, outcomes: Floats, patients: Integers, *, seed: int, draws: int = 200
) -> dict[str, Interval]:
    """Return AUROC, AUPRC and Brier score with intervals, drawing patients (not rows) with replacement.

    Parameters
    ----------
    risks, outcomes : ndarray, shape (n,)
        Predictions, and 0 or 1.
    patients : ndarray of int, shape (n,)
        Number of the patient of each row, from 0 to the number of patients less 1.
    seed : int
        Seed of the draws.
    draws : int
        Number of resamples.

    Returns
    -------
    dict of str to Interval
        `auroc`, `auprc`, `brier`; the 2.5th and 97.5th percentile of the draws.
    """
    ranking, squares = Ranking(risks, outcomes), (risks - outcomes) ** 2
    measures: dict[str, Callable[[Floats], float]] = {
        "auroc": ranking.auroc,
        "auprc": ranking.auprc,
        "brier": lambda weights: float(weights @ squares / weights.sum()),
    }
    random = np.random.default_rng(seed)
    number = int(patients.max()) + 1
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(draws):
        weights = np.bincount(random.integers(number, size=number), minlength=number)[patients].astype(np.float64)
        for name, measure in measures.items():
            found[name].append(measure(weights))
    ones = np.ones_like(risks)
    intervals = {}
    for name, measure in measures.items():
        low, high = np.nanpercentile(found[name], [2.5, 97.5])
        intervals[name] = Interval(measure(ones), float(low), float(high))
    return intervals
