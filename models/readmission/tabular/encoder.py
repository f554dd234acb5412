"""Target encoding of codes, cross-fitted by patient.

A code becomes the log-odds of readmission of the stays that have it, drawn to the overall rate where they are few. A
training row is encoded from the rows of *other* patients only, in folds, or the model would read its own outcome back.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.sources.stay_table import Floats, StayTable
from schemas.errors import UsageError

Matrix = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]

FOLDS = 5
PRIOR_ROWS = 30.0
"""Number of rows at the overall rate that are added to those of each code."""
POOLED_PRIOR_ROWS = 50.0
POOLED_STATISTICS = ("sum", "highest", "lowest")
NOT_A_CODE = ("?", "")
"""Of pooled codes: an empty position of a list of diagnoses adds nothing."""


def patient_folds(patients: npt.NDArray[np.object_], folds: int, seed: int) -> Positions:
    """Return the fold of each row, the same for all rows of a patient.

    A fold follows from the patient's id and the seed alone, so it depends on neither the order of the rows nor on which
    other patients there are.
    """
    unique, inverse = np.unique(patients.astype(str), return_inverse=True)
    drawn = [
        int.from_bytes(hashlib.blake2b(f"{seed}/{patient}".encode(), digest_size=8).digest(), "big") % folds
        for patient in unique
    ]
    found: Positions = np.array(drawn, dtype=np.int64)[inverse]
    return found


class TargetEncoder:
    """Numbers as they are, and each code as the log-odds of its outcomes.

    Parameters
    ----------
    seed : int
        Of the folds of the cross-fitting.
    """

    def __init__(self, *, seed: int) -> None:
        self.seed = seed
        self.number_names: list[str] = []
        self.used_numbers: list[str] = []
        """Without those that are missing in every row of the training."""
        self.category_names: list[str] = []
        self.pooled: dict[str, list[str]] = {}
        self.levels: dict[str, Any] = {}
        """Codes of each category, or pool of categories, in order."""
        self.log_odds: dict[str, Any] = {}
        """Relative to the overall rate, for each category or pool, in the order of its levels."""

    @property
    def names(self) -> list[str]:
        """Names of the columns of the matrix."""
        return [
            *self.used_numbers,
            *self.category_names,
            *(f"{name}, {which}" for name in self.pooled for which in POOLED_STATISTICS),
        ]

    def fit_transform(self, table: StayTable) -> Matrix:
        """Learn the encoding, and return the training rows cross-fitted by patient.

        Returns
        -------
        ndarray of float32, shape (len(table), len(names))
            NaN where a number is missing. The codes of a row are encoded from patients of other folds only.
        """
        self.number_names = list(table.numbers.columns)
        self.used_numbers = [name for name in self.number_names if table.numbers[name].notna().any()]
        self.category_names = list(table.categories.columns)
        self.pooled = {name: list(columns) for name, columns in table.pooled.items()}
        folds = patient_folds(table.patients, FOLDS, self.seed)
        parts: list[Any] = [table.numbers[self.used_numbers].to_numpy(dtype=np.float32)]
        for name in self.category_names:
            codes, levels = pd.factorize(table.categories[name], sort=True)
            self.levels[name] = np.asarray(levels, dtype=str)
            codes = codes[:, None]
            self.log_odds[name] = _whole(codes, table.outcomes, PRIOR_ROWS)
            parts.append(_cross_fitted(codes, table.outcomes, folds, PRIOR_ROWS).astype(np.float32))
        for name, columns in self.pooled.items():
            together = table.categories[columns].to_numpy(dtype=object)
            flat, flat_levels = pd.factorize(together.ravel(), sort=True)
            codes = flat.reshape(together.shape)
            self.levels[name] = np.asarray(flat_levels, dtype=str)
            cross = _cross_fitted(codes, table.outcomes, folds, POOLED_PRIOR_ROWS)
            self.log_odds[name] = _whole(codes, table.outcomes, POOLED_PRIOR_ROWS)
            parts.append(_pool(cross, np.isin(together, NOT_A_CODE)))
        return np.column_stack(parts)

    def transform(self, table: StayTable) -> Matrix:
        """Return other rows, encoded from all rows of the training.

        A code that the training did not have counts as the overall rate.

        Raises
        ------
        UsageError
            When the table has other columns than that of the training.
        """
        if list(table.numbers.columns) != self.number_names or list(table.categories.columns) != self.category_names:
            raise UsageError("Table of stays: has other columns than the model was trained on. Train the model again.")
        parts: list[Any] = [table.numbers[self.used_numbers].to_numpy(dtype=np.float32)]
        for name in self.category_names:
            parts.append(self._look_up(name, table.categories[name].to_numpy(dtype=object)).astype(np.float32))
        for name, columns in self.pooled.items():
            together = table.categories[columns].to_numpy(dtype=object)
            found = self._look_up(name, together.ravel()).reshape(together.shape)
            parts.append(_pool(found, np.isin(together, NOT_A_CODE)))
        return np.column_stack(parts)

    def _look_up(self, name: str, codes: npt.NDArray[np.object_]) -> Floats:
        places = pd.Index(self.levels[name].astype(object)).get_indexer(pd.Index(codes, dtype=object))
        with_unknown = np.append(self.log_odds[name], 0.0)
        found: Floats = with_unknown[places]  # an unknown code is at -1, the last: no difference from the overall rate
        return found


def _log_odds(rate: Any) -> Any:
    """Return log-odds; rates below 0.0001 or above 0.9999 are moved to these."""
    kept = np.clip(rate, 1e-4, 1.0 - 1e-4)
    return np.log(kept / (1.0 - kept))


def _smoothed(events: Any, rows: Any, rate: float, prior: float) -> Any:
    """Return the log-odds of each code relative to the overall rate."""
    return _log_odds((events + prior * rate) / (rows + prior)) - _log_odds(rate)


def _counts(codes: Any, weights: Any, size: int) -> Any:
    """Return the sum of the rows' weights for each code, over all positions of a row."""
    return np.bincount(codes.ravel(), np.repeat(weights, codes.shape[1]), size)


def _whole(codes: Any, outcomes: Floats, prior: float) -> Floats:
    """Return the encoding of each code from all rows; `codes` has shape (rows, positions)."""
    size = int(codes.max()) + 1
    rows = _counts(codes, np.ones(len(codes)), size)
    found: Floats = _smoothed(_counts(codes, outcomes, size), rows, float(outcomes.mean()), prior)
    return found


def _cross_fitted(codes: Any, outcomes: Floats, folds: Positions, prior: float) -> Floats:
    """Return the encoding of each row from the other folds, shape (rows, positions)."""
    size = int(codes.max()) + 1
    found = np.zeros(codes.shape)
    for fold in range(FOLDS):
        here = folds == fold
        others = ~here
        if not others.any():
            continue  # all patients in one fold: nobody to learn from
        rows = _counts(codes[others], np.ones(int(others.sum())), size)
        events = _counts(codes[others], outcomes[others], size)
        found[here] = _smoothed(events, rows, float(outcomes[others].mean()), prior)[codes[here]]
    return found


def _pool(encoded: Floats, is_empty: npt.NDArray[np.bool_]) -> Matrix:
    """Return sum, highest and lowest over a row's positions."""
    kept = np.where(is_empty, 0.0, encoded)
    return np.column_stack([kept.sum(axis=1), kept.max(axis=1), kept.min(axis=1)]).astype(np.float32)
