"""The online model: a River logistic regression that learns from one outcome at a time.

It starts from the base rate of the batch model and predicts that rate for every patient until it has learnt. Numbers
are scaled by their running moments, missing ones add nothing, categories and flags are 0 or 1. Its state is JSON.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

import msgspec
from river import linear_model, metrics, optim, preprocessing

from models.features.catalogue import CATEGORICAL, NUMERIC, Features
from schemas.errors import UsageError

FORMAT = 1
RATE = 0.05
RATE_POWER = 0.4
"""The n-th outcome is learnt with the rate `RATE / n**RATE_POWER`, which decreases but never reaches 0."""
INTERCEPT_RATE = 0.01
L2 = 1e-4
FARTHEST = 4.0
"""Standard deviations at which a scaled number is clipped: the first moments of a stream are inaccurate."""
WINDOW = 1_000
"""Number of outcomes in the rolling figures."""

_metrics: Any = metrics  # River is typed in part only
_SCALED = tuple((feature.name, feature.curved) for feature in NUMERIC if feature.kind == "numeric")
_FLAGS = tuple(feature.name for feature in NUMERIC if feature.kind == "flag")
_CATEGORIES = tuple(feature.name for feature in CATEGORICAL)


class OnlineState(msgspec.Struct, frozen=True, kw_only=True):
    """State of the online model, as stored."""

    format: int
    learnt: int
    base_rate: float
    intercept: float
    weights: dict[str, float]
    counts: dict[str, int]
    means: dict[str, float]
    variances: dict[str, float]
    window: list[tuple[bool, float]]
    """Outcome, and the risk predicted before it was learnt; oldest first."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(OnlineState)


class OnlineModel:
    """Logistic regression that learns readmission from outcomes as they are released.

    Parameters
    ----------
    base_rate : float
        Risk that it predicts until it has learnt, in (0, 1).

    Examples
    --------
    >>> model = OnlineModel.untaught(0.12)
    >>> round(model.predict_one({"age_years": 90.0}), 6)
    0.12
    """

    def __init__(self, base_rate: float) -> None:
        if not 0.0 < base_rate < 1.0:
            raise UsageError(
                f"The base_rate parameter of OnlineModel must be between 0 and 1. Got {base_rate} instead."
            )
        self.base_rate = base_rate
        self._learnt = 0
        self._scaler: Any = preprocessing.StandardScaler()
        self._regression: Any = linear_model.LogisticRegression(
            optimizer=optim.SGD(optim.schedulers.InverseScaling(RATE, RATE_POWER)),
            l2=L2,
            intercept_init=math.log(base_rate / (1.0 - base_rate)),
            intercept_lr=optim.schedulers.InverseScaling(INTERCEPT_RATE, RATE_POWER),
        )
        self._window: deque[tuple[bool, float]] = deque(maxlen=WINDOW)

    @classmethod
    def untaught(cls, base_rate: float) -> OnlineModel:
        """Return a model that has learnt nothing and predicts `base_rate` for every patient."""
        return cls(base_rate)

    @property
    def learnt(self) -> int:
        """Number of outcomes learnt."""
        return self._learnt

    @property
    def rolling_log_loss(self) -> float | None:
        """Log loss in nats over the last outcomes, each scored before it was learnt; None before the first."""
        if not self._window:
            return None
        metric: Any = _metrics.LogLoss()
        for outcome, risk in self._window:
            metric.update(outcome, risk)
        return float(metric.get())

    @property
    def rolling_auroc(self) -> float | None:
        """AUROC over the same outcomes; None until both have been seen."""
        if len({outcome for outcome, _ in self._window}) < 2:
            return None
        metric: Any = _metrics.RollingROCAUC(window_size=WINDOW)
        for outcome, risk in self._window:
            metric.update(outcome, risk)
        return float(metric.get())

    def predict_one(self, features: Features) -> float:
        """Return the risk of one row.

        Parameters
        ----------
        features : Features
            Missing names, and names unknown to the model, add nothing.

        Returns
        -------
        float
            In [0, 1].
        """
        return self._risk(self._inputs(features, _numbers(features)))

    def learn_one(self, features: Features, readmitted: bool) -> None:
        """Learn one outcome; its prediction before that counts for the rolling figures."""
        numbers = _numbers(features)
        self._window.append((readmitted, self._risk(self._inputs(features, numbers))))
        self._scaler.learn_one(numbers)
        self._regression.learn_one(self._inputs(features, numbers), readmitted)
        self._learnt += 1

    def _risk(self, inputs: dict[str, float]) -> float:
        return float(self._regression.predict_proba_one(inputs)[True])

    def _inputs(self, features: Features, numbers: dict[str, float]) -> dict[str, float]:
        inputs = {
            name: min(max(scaled, -FARTHEST), FARTHEST) for name, scaled in self._scaler.transform_one(numbers).items()
        }
        for name in _FLAGS:
            if features.get(name):
                inputs[name] = 1.0
        for name in _CATEGORIES:
            value = features.get(name)
            if value is not None:
                inputs[f"{name}={value}"] = 1.0
        return inputs

    def to_bytes(self) -> bytes:
        """Return the state as JSON: the same learning in the same order gives the same bytes."""
        scaler = self._scaler
        state = OnlineState(
            format=FORMAT,
            learnt=self._learnt,
            base_rate=self.base_rate,
            intercept=float(self._regression.intercept),
            weights={name: float(value) for name, value in sorted(self._regression.weights.items())},
            counts={name: int(value) for name, value in sorted(scaler.counts.items())},
            means={name: float(scaler.means[name]) for name in sorted(scaler.counts)},
            variances={name: float(scaler.vars[name]) for name in sorted(scaler.counts)},
            window=list(self._window),
        )
        return _encoder.encode(state)

    @classmethod
    def from_bytes(cls, raw: bytes) -> OnlineModel:
        """Load a state that `to_bytes` wrote; learning continues exactly as without the interruption.

        Raises
        ------
        UsageError
            When the bytes are not a state of this model.
        """
        try:
            state = _decoder.decode(raw)
        except msgspec.DecodeError as error:
            raise UsageError(
                f"Stored online model: cannot be read ({error}). Delete its row in table online_model to start again."
            ) from None
        if state.format != FORMAT:
            raise UsageError(
                f"Stored online model: has format {state.format} instead of {FORMAT}. "
                "Delete its row in table online_model to start again."
            )
        model = cls(state.base_rate)
        model._learnt = state.learnt
        model._scaler.counts.update(state.counts)
        model._scaler.means.update(state.means)
        model._scaler.vars.update(state.variances)
        regression = model._regression
        regression.intercept = state.intercept
        regression._weights.update(state.weights)
        regression.optimizer.n_iterations = state.learnt
        model._window.extend(state.window)
        return model


def _numbers(features: Features) -> dict[str, float]:
    """Return the numbers that are present, as log(1 + value) if their feature is curved."""
    found = {}
    for name, curved in _SCALED:
        value = features.get(name)
        if value is not None and not isinstance(value, str):
            found[name] = math.log1p(value) if curved else value
    return found
