"""The published risk: batch and online model combined, with risk band and reasons."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from models.features.catalogue import Features
from models.features.columns import Floats
from models.readmission.batch import BatchModel, Reason
from models.readmission.evaluation import to_log_odds, to_risk
from models.readmission.online import OnlineModel

MAX_ONLINE_WEIGHT = 0.3
"""Upper bound of the online model's weight: it is not validated before use, unlike the batch model."""
HALFWAY = 2_000
"""Number of outcomes after which the online model has half of its maximum weight."""


class RiskBand(StrEnum):
    """Band of a risk: high from the threshold on, medium from the base rate on, low below."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class RiskScore(NamedTuple):
    """One score. The three risks are probabilities of a readmission within 30 days, in [0, 1]."""

    batch_risk: float
    online_risk: float
    readmission_risk: float
    band: RiskBand
    reasons: tuple[Reason, ...]


def online_weight(learnt: int) -> float:
    """Return the online model's weight in the blend, in [0, 0.3): grows with the outcomes learnt.

    Examples
    --------
    >>> online_weight(0), online_weight(2_000)
    (0.0, 0.15)
    """
    return MAX_ONLINE_WEIGHT * learnt / (learnt + HALFWAY)


def blend(batch_risks: Floats, online_risks: Floats, learnt: int) -> Floats:
    """Return the weighted mean of the two risks' log-odds, as a risk.

    Parameters
    ----------
    batch_risks, online_risks : ndarray, shape (n,)
        In [0, 1].
    learnt : int
        Outcomes that the online model has learnt from, 0 or more.

    Returns
    -------
    ndarray, shape (n,)
        In [0, 1]; exactly `batch_risks` for an untaught online model.
    """
    weight = online_weight(learnt)
    if weight == 0.0:
        return batch_risks
    return to_risk((1.0 - weight) * to_log_odds(batch_risks) + weight * to_log_odds(online_risks))


class Scorer:
    """Score rows with both models.

    Parameters
    ----------
    batch : BatchModel
        Gives risk, reasons and threshold.
    online : OnlineModel
        Without learnt outcomes it has no weight.
    """

    def __init__(self, batch: BatchModel, online: OnlineModel) -> None:
        self.batch = batch
        self.online = online
        self._high_from, self._medium_from = batch.risk_threshold, batch.base_rate

    def score(self, rows: Sequence[Features], reasons: int = 3) -> list[RiskScore]:
        """Score many rows in one call of each model.

        Parameters
        ----------
        rows : sequence of Features
            May be empty.
        reasons : int
            Maximum number of reasons of each score.
        """
        if not rows:
            return []
        batch_risks, why = self.batch.explain(rows, reasons)
        online_risks = np.fromiter((self.online.predict_one(row) for row in rows), np.float64, len(rows))
        risks = blend(batch_risks, online_risks, self.online.learnt)
        return [
            RiskScore(batch_risk, online_risk, risk, self.band(risk), because)
            for batch_risk, online_risk, risk, because in zip(
                batch_risks.tolist(), online_risks.tolist(), risks.tolist(), why, strict=True
            )
        ]

    def band(self, risk: float) -> RiskBand:
        """Return the band of a risk."""
        if risk >= self._high_from:
            return RiskBand.HIGH
        return RiskBand.MEDIUM if risk >= self._medium_from else RiskBand.LOW
