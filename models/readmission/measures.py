"""All measures of a set of risks against outcomes, each with an interval by resampling whole patients."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from models.features.columns import Floats
from models.readmission.evaluation import Interval, Ranking, fit_line, log_losses, to_log_odds
from schemas.errors import UsageError

DRAWS = 200
MIN_FOR_CALIBRATION = 10
"""Minimum number of rows of the rarer outcome; with fewer a calibration line means nothing."""
DECISION_THRESHOLDS = (0.05, 0.08, 0.10, 0.12, 0.15, 0.20, 0.25, 0.30)
"""Risks from which on a team might act, for the decision curve."""


class WorkingPoint(msgspec.Struct, frozen=True, kw_only=True):
    """What happens if all stays at or above a threshold raise an alert."""

    threshold: float | None
    """Risk; None where the flags do not come from a risk."""
    share: float
    """Of the stays that are flagged."""
    precision: Interval | None
    """Share of those flagged who were readmitted (PPV)."""
    recall: Interval | None
    """Share of those readmitted who were flagged (sensitivity)."""
    f1: Interval | None


class NetBenefit(msgspec.Struct, frozen=True, kw_only=True):
    """One point of a decision curve: benefit a stay, in true positives, net of false positives at the threshold's odds.

    References
    ----------
    Vickers and Elkin 2006, Medical Decision Making 26:565.
    """

    threshold: float
    model: Interval
    everyone: float
    """If all stays are followed up; 0 if none is."""
    rule: float
    """If those are followed up whom the one-line rule flags."""


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """Measures of one set of risks. None where the rows do not define a measure, such as AUROC without an event."""

    rows: int
    patients: int
    events: int
    mean_risk: float
    auroc: Interval | None
    auprc: Interval | None
    brier: Interval | None
    log_loss: Interval | None
    calibration_slope: Interval | None
    """1 is right; below 1 the risks are too extreme."""
    calibration_intercept: Interval | None
    """In the large, with slope 1; 0 is right, above 0 the risks are too low."""
    working_point: WorkingPoint
    decision_curve: list[NetBenefit] = []


def measure(
    risks: Floats,
    outcomes: Floats,
    patients: npt.NDArray[Any],
    *,
    threshold: float | None,
    seed: int,
    flags: npt.NDArray[np.bool_] | None = None,
    rule: npt.NDArray[np.bool_] | None = None,
    draws: int = DRAWS,
) -> Measures:
    """Return all measures.

    Parameters
    ----------
    risks, outcomes : ndarray, shape (n,)
        Predictions in [0, 1], and 0 or 1; at least one row.
    patients : ndarray, shape (n,)
        Id of the patient of each row. Patients are resampled, not rows.
    threshold : float or None
        Risk from which on a stay is flagged; None with `flags`.
    seed : int
        Of the resampling.
    flags : ndarray of bool, shape (n,), or None
        Which stays are flagged, where that does not follow from a threshold.
    rule : ndarray of bool, shape (n,), or None
        Flags of the one-line rule; with them there is a decision curve.
    draws : int
        Number of resamples. The intervals are the 2.5th and 97.5th percentile.
    """
    if flags is None:
        if threshold is None:
            raise UsageError("The threshold parameter of measure must be a risk where flags are not given. Got None.")
        flags = risks >= threshold
    order = np.lexsort((outcomes, risks, patients.astype(str)))  # the order of the rows must not change a draw
    risks, outcomes, flagged = risks[order], outcomes[order], flags[order].astype(np.float64)
    names, numbers = np.unique(patients[order].astype(str), return_inverse=True)
    found = _Functions(risks, outcomes, flagged, with_curve=rule is not None)
    random = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {name: [] for name in found.by_name}
    with threadpool_limits(limits=1):  # thousands of small products: starting threads for each would take longer
        for _ in range(draws):
            weights = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))
            each = weights[numbers].astype(np.float64)
            for name, function in found.by_name.items():
                drawn[name].append(function(each))
    ones = np.ones_like(risks)
    intervals = {name: _interval(function(ones), drawn[name]) for name, function in found.by_name.items()}
    return Measures(
        rows=len(risks),
        patients=len(names),
        events=int(outcomes.sum()),
        mean_risk=float(risks.mean()),
        auroc=intervals["auroc"],
        auprc=intervals["auprc"],
        brier=intervals["brier"],
        log_loss=intervals["log_loss"],
        calibration_slope=intervals.get("calibration_slope"),
        calibration_intercept=intervals.get("calibration_intercept"),
        working_point=WorkingPoint(
            threshold=threshold,
            share=float(flagged.mean()),
            precision=intervals["precision"],
            recall=intervals["recall"],
            f1=intervals["f1"],
        ),
        decision_curve=[] if rule is None else _curve(intervals, outcomes, rule[order].astype(np.float64)),
    )


def in_words(figure: Interval | None, digits: int = 3) -> str:
    """Return a figure with its interval, for people.

    Examples
    --------
    >>> in_words(Interval(0.6826, 0.6756, 0.6905)), in_words(None)
    ('0.683 (0.676 to 0.691)', 'not defined')
    """
    if figure is None:
        return "not defined"
    return f"{figure.value:.{digits}f} ({figure.low:.{digits}f} to {figure.high:.{digits}f})"


class _Functions:
    """The measures as functions of the rows' weights."""

    def __init__(self, risks: Floats, outcomes: Floats, flags: Floats, *, with_curve: bool) -> None:
        ranking, hits = Ranking(risks, outcomes), flags * outcomes
        self.by_name: dict[str, Callable[[Floats], float]] = {
            "auroc": ranking.auroc,
            "auprc": ranking.auprc,
            "brier": _mean((risks - outcomes) ** 2),
            "log_loss": _mean(log_losses(risks, outcomes)),
            "precision": lambda weights: _ratio(weights @ hits, weights @ flags),
            "recall": lambda weights: _ratio(weights @ hits, weights @ outcomes),
            "f1": lambda weights: _ratio(2.0 * (weights @ hits), weights @ flags + weights @ outcomes),
        }
        if with_curve:
            self.by_name |= {f"net_{at}": _mean(_net_benefits(risks >= at, outcomes, at)) for at in DECISION_THRESHOLDS}
        if min(outcomes.sum(), (1.0 - outcomes).sum()) >= MIN_FOR_CALIBRATION and np.ptp(risks) > 0:
            self._add_calibration(to_log_odds(risks), outcomes)

    def _add_calibration(self, log_odds: Floats, outcomes: Floats) -> None:
        whole, shift = fit_line(log_odds, outcomes), fit_line(log_odds, outcomes, slope=1.0)
        self.by_name["calibration_slope"] = lambda weights: fit_line(log_odds, outcomes, weights, start=whole).slope
        self.by_name["calibration_intercept"] = lambda weights: (
            fit_line(log_odds, outcomes, weights, slope=1.0, start=shift).intercept
        )


def _mean(values: Floats) -> Callable[[Floats], float]:
    return lambda weights: _ratio(weights @ values, weights.sum())


def _ratio(part: Any, whole: Any) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def _net_benefits(flags: npt.NDArray[np.bool_] | Floats, outcomes: Floats, at: float) -> Floats:
    """Return the net benefit of each row at a threshold."""
    found: Floats = flags * (outcomes - (1.0 - outcomes) * at / (1.0 - at))
    return found


def _curve(intervals: dict[str, Interval | None], outcomes: Floats, rule: Floats) -> list[NetBenefit]:
    found = []
    for at in DECISION_THRESHOLDS:
        model = intervals[f"net_{at}"]
        assert model is not None  # a mean over at least one row
        everyone = float(_net_benefits(np.ones_like(outcomes), outcomes, at).mean())
        by_rule = float(_net_benefits(rule, outcomes, at).mean())
        found.append(NetBenefit(threshold=at, model=model, everyone=everyone, rule=by_rule))
    return found


def _interval(value: float, drawn: list[float]) -> Interval | None:
    if np.isnan(value):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no draw defines the measure: the interval is the value
        low, high = np.nanpercentile(drawn, [2.5, 97.5]) if drawn else (value, value)
    return Interval(value, value if np.isnan(low) else float(low), value if np.isnan(high) else float(high))
