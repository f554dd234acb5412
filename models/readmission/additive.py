"""A linear model as a sum of one contribution per feature, which is fast and gives the reasons of a score.

A logistic regression over imputed, scaled and one-hot encoded columns is additive in the raw features. So the whole
pipeline is measured once, feature by feature; after that two array operations replace it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.features.catalogue import Features
from models.features.columns import CATEGORICAL_NAMES, COLUMNS, NUMERIC_NAMES, Floats, numeric_matrix

UNSEEN = "\x00 a category that training never saw"


@dataclass(frozen=True, eq=False)
class Additive:
    """Contributions in log-odds, relative to a patient with every number 0 and every category missing."""

    base: float
    slopes: Floats
    """Contribution per unit of each numeric feature, after log(1 + value) where the feature is curved."""
    missing: Floats
    """Contribution of each numeric feature when it is missing."""
    tables: tuple[Mapping[str | None, float], ...]
    """Contribution of each category in the training data, and of None, by categorical feature."""
    unseen: tuple[float, ...]
    """Contribution of any other category, by categorical feature."""

    def contributions(self, rows: Sequence[Features]) -> Floats:
        """Return the contribution of each feature to the log-odds of each row.

        Parameters
        ----------
        rows : sequence of Features
            Any number.

        Returns
        -------
        ndarray of float64, shape (len(rows), len(COLUMNS))
            In log-odds. The log-odds of a row are `base` plus the sum of its contributions.
        """
        found = np.empty((len(rows), len(COLUMNS)))
        matrix = numeric_matrix(rows)
        found[:, : len(NUMERIC_NAMES)] = np.where(np.isnan(matrix), self.missing, matrix * self.slopes)
        for offset, name in enumerate(CATEGORICAL_NAMES):
            table, unseen = self.tables[offset], self.unseen[offset]
            found[:, len(NUMERIC_NAMES) + offset] = [_look_up(table, row.get(name), unseen) for row in rows]
        return found

    def log_odds(self, rows: Sequence[Features]) -> Floats:
        """Return the log-odds of each row, shape (len(rows),)."""
        total: Floats = self.base + self.contributions(rows).sum(axis=1)
        return total


def _look_up(table: Mapping[str | None, float], value: float | str | None, unseen: float) -> float:
    return table.get(value if value is None else str(value), unseen)


def measure(log_odds: Callable[[pd.DataFrame], Floats], categories: Mapping[str, Sequence[str]]) -> Additive:
    """Measure an additive model, feature by feature.

    Parameters
    ----------
    log_odds : callable
        The model: returns the log-odds of each row of a frame as `to_frame` makes it.
    categories : mapping
        The categories in the training data, by categorical feature.

    Returns
    -------
    Additive
        Equal to the model up to rounding, if the model is additive.
    """
    blank = dict.fromkeys(NUMERIC_NAMES, 0.0) | dict.fromkeys(CATEGORICAL_NAMES)
    probes: list[dict[str, object]] = [blank]
    probes += [blank | {name: 1.0} for name in NUMERIC_NAMES]
    probes += [blank | {name: np.nan} for name in NUMERIC_NAMES]
    probes += [blank | {name: value} for name in CATEGORICAL_NAMES for value in (*categories[name], UNSEEN)]
    frame = pd.DataFrame({name: pd.Series([probe[name] for probe in probes], dtype=object) for name in COLUMNS})
    frame = frame.astype(dict.fromkeys(NUMERIC_NAMES, np.float64))
    answers = log_odds(frame)
    base, parts = float(answers[0]), answers[1:] - answers[0]
    numbers = len(NUMERIC_NAMES)
    tables: list[dict[str | None, float]] = []
    unseen: list[float] = []
    at = 2 * numbers
    for name in CATEGORICAL_NAMES:
        values = categories[name]
        tables.append({None: 0.0, **dict(zip(values, parts[at : at + len(values)].tolist(), strict=True))})
        unseen.append(float(parts[at + len(values)]))
        at += len(values) + 1
    return Additive(base, parts[:numbers], parts[numbers : 2 * numbers], tuple(tables), tuple(unseen))
