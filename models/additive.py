"""A linear model as a sum of one contribution a feature: fast to add up, and the reason for each score.

A logistic regression over imputed, scaled and one-hot encoded columns is additive in the features before all that. So
the whole pipeline is measured once, feature by feature, and after that two array operations replace it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.catalogue import Features
from models.columns import CATEGORICAL_NAMES, COLUMNS, NUMERIC_NAMES, Floats, numeric_matrix

UNSEEN = "\x00 a category that training never saw"


@dataclass(frozen=True, eq=False)
class Additive:
    """Contributions in log-odds, relative to a patient of whom every number is 0 and every category missing."""

    base: float
    slopes: Floats
    """A numeric feature: contribution of each unit, after the curve."""
    missing: Floats
    """A numeric feature: contribution when it is missing."""
    tables: tuple[Mapping[str | None, float], ...]
    """A categorical feature: contribution of each category that training saw, and of None."""
    unseen: tuple[float, ...]

    def contributions(self, rows: Sequence[Features]) -> Floats:
        """Return each feature's part in each row's log-odds.

        Parameters
        ----------
        rows : sequence of Features
            Any number.

        Returns
        -------
        ndarray of float64, shape (len(rows), len(COLUMNS))
            The row's log-odds are `base` plus the sum of its row.
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
        The model: a frame as of `to_frame` to log-odds.
    categories : mapping
        For each categorical feature the categories that training saw.

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
