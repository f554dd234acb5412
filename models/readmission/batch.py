"""The batch model: a fitted scikit-learn pipeline that scores many rows at once, with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zipfile import ZIP_DEFLATED, BadZipFile

import msgspec
import numpy as np
import pandas as pd
import skops.io

from models.features.catalogue import BY_NAME, Features, in_words
from models.features.columns import CATEGORICAL_NAMES, COLUMNS, Floats, to_frame
from models.readmission.additive import Additive, measure
from models.readmission.evaluation import Line, to_log_odds, to_risk
from models.readmission.report import TrainingReport, decode_report, encode_report
from schemas.errors import UsageError

FORMAT = 1
TRUSTED_TYPES = ("numpy.dtype", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor")
"""Types in our pipelines that skops does not trust by default: data, and trees of numbers."""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One reason for a risk.

    `label` and `value` are texts for people. `contribution` is in log-odds relative to the average patient; above 0 it
    raises the risk.
    """

    feature: str
    label: str
    value: str
    contribution: float


class Candidate(NamedTuple):
    """A fitted pipeline and the line that calibrates its log-odds."""

    pipeline: Any
    line: Line

    def log_odds(self, frame: pd.DataFrame) -> Floats:
        """Return the calibrated log-odds of each row."""
        return self.line(to_log_odds(self.pipeline.predict_proba(frame)[:, 1]))


class BatchModel:
    """A trained model: risks from the better of two candidates, reasons from the logistic regression.

    Parameters
    ----------
    logistic : Candidate
        Always present; its contributions are the reasons.
    boosted : Candidate or None
        Gives the risk if its log loss was significantly lower than that of the logistic regression; else None.
    average : ndarray, shape (len(COLUMNS),)
        Mean contribution of each feature over the training stays at discharge: the average patient.
    base_rate : float
        Share of index stays followed by a readmission, in (0, 1).
    report : TrainingReport
        Results of the training; with the name and the threshold of the model.
    """

    def __init__(
        self,
        *,
        logistic: Candidate,
        boosted: Candidate | None,
        average: Floats,
        base_rate: float,
        report: TrainingReport,
    ) -> None:
        self._logistic, self._boosted, self._average = logistic, boosted, average
        self._additive = compile_logistic(logistic)
        self.base_rate = base_rate
        self.report = report

    @property
    def name(self) -> str:
        """Name in the registry."""
        return self.report.model

    @property
    def trained_at(self) -> datetime:
        """Time of the training, aware."""
        return self.report.trained_at

    @property
    def risk_threshold(self) -> float:
        """Risk in [0, 1] from which on the band is high."""
        return self.report.risk_threshold

    def predict(self, rows: Sequence[Features]) -> Floats:
        """Return the risk of each row.

        Parameters
        ----------
        rows : sequence of Features
            May be empty.

        Returns
        -------
        ndarray of float64, shape (len(rows),)
            In [0, 1]: probability of an all-cause readmission within 30 days of the discharge.
        """
        return self.explain(rows, 0)[0]

    def reasons(self, rows: Sequence[Features], k: int = 3) -> list[tuple[Reason, ...]]:
        """Return the `k` largest contributions of each row, whether they raise or lower the risk.

        Missing values and absent conditions are left out.
        """
        return self.explain(rows, k)[1]

    def explain(self, rows: Sequence[Features], k: int) -> tuple[Floats, list[tuple[Reason, ...]]]:
        """Return risks and reasons in one pass; see `predict` and `reasons`."""
        if not rows:
            return np.empty(0), []
        contributions = self._additive.contributions(rows)
        if self._boosted is None:
            risks = to_risk(self._additive.base + contributions.sum(axis=1))
        else:
            risks = to_risk(self._boosted.log_odds(to_frame(rows)))
        if k < 1:
            return risks, [()] * len(rows)
        relative = contributions - self._average
        order = np.argsort(-np.abs(relative), axis=1, kind="stable").tolist()
        parts = relative.tolist()
        return risks, [_largest(*each, k) for each in zip(rows, order, parts, strict=True)]

    def to_bytes(self) -> bytes:
        """Return the model as a skops file."""
        content = {
            "format": FORMAT,
            "columns": list(COLUMNS),
            "logistic": self._logistic.pipeline,
            "logistic_line": list(self._logistic.line),
            "boosted": self._boosted.pipeline if self._boosted else None,
            "boosted_line": list(self._boosted.line) if self._boosted else None,
            "average": self._average,
            "base_rate": self.base_rate,
            "report": encode_report(self.report).decode(),
        }
        return bytes(skops.io.dumps(content, compression=ZIP_DEFLATED))

    @classmethod
    def from_bytes(cls, raw: bytes) -> BatchModel:
        """Load a model that `to_bytes` wrote.

        Raises
        ------
        UsageError
            When the bytes are not a skops file, contain types that `to_bytes` does not write, or belong to other
            features.
        """
        try:
            foreign = sorted(set(skops.io.get_untrusted_types(data=raw)) - set(TRUSTED_TYPES))
            if foreign:
                raise UsageError(
                    f"Stored model: contains types that Wardwatch does not write: {', '.join(foreign)}. "
                    "It was not loaded. Run `wardwatch train`."
                )
            content = skops.io.loads(raw, trusted=list(TRUSTED_TYPES))
        except (BadZipFile, KeyError, ValueError) as error:
            raise UsageError(f"Stored model: cannot be read ({error}). Run `wardwatch train`.") from None
        if content.get("format") != FORMAT or content.get("columns") != list(COLUMNS):
            raise UsageError("Stored model: trained on other features than this version has. Run `wardwatch train`.")
        boosted = content["boosted"]
        return cls(
            logistic=Candidate(content["logistic"], Line(*content["logistic_line"])),
            boosted=Candidate(boosted, Line(*content["boosted_line"])) if boosted is not None else None,
            average=content["average"],
            base_rate=content["base_rate"],
            report=decode_report(content["report"].encode()),
        )


def compile_logistic(logistic: Candidate) -> Additive:
    """Return the logistic pipeline, calibration included, as one contribution per feature."""
    encoder = logistic.pipeline.named_steps["columns"].named_transformers_["categories"].named_steps["encode"]
    seen = {name: values.tolist() for name, values in zip(CATEGORICAL_NAMES, encoder.categories_, strict=True)}
    return measure(lambda frame: logistic.line(logistic.pipeline.decision_function(frame)), seen)


def _largest(row: Features, order: Sequence[int], parts: Sequence[float], k: int) -> tuple[Reason, ...]:
    found: list[Reason] = []
    for column in order:
        name = COLUMNS[column]
        value, feature = row.get(name), BY_NAME[name]
        if value is None or (feature.kind == "flag" and not value):
            continue
        found.append(
            Reason(feature=name, label=feature.label, value=in_words(feature, value), contribution=parts[column])
        )
        if len(found) == k:
            break
    return tuple(found)
