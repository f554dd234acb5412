"""A table of stays, one row each, as every file source hands it to training and evaluation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]

RULE = "two or more admissions in the 12 months before"
MIN_PRIOR_ADMISSIONS = 2
"""Of the one-line rule that every report shows as a baseline."""


@dataclass(frozen=True, eq=False)
class StayTable:
    """Index stays with what is known at their discharge, in order of their ids.

    The order of the rows in the file does not matter: the same stays give the same table.
    """

    source: str
    """Short name of the source, as the report shows it."""
    schema: str
    """Fingerprint of how columns become features; a model only reads tables of its own schema."""
    fingerprint: str
    """SHA-256 of the file's content."""
    ids: Texts
    """Id of each stay, shape (n,)."""
    patients: Texts
    """Id of the patient of each stay, shape (n,)."""
    numbers: pd.DataFrame
    """Numeric features, float64, NaN where missing."""
    categories: pd.DataFrame
    """Codes and combinations of codes, as text."""
    pooled: dict[str, list[str]]
    """Categories that share one vocabulary, such as the diagnoses of a stay in any position."""
    outcomes: Floats
    """1 where the patient was readmitted within 30 days, else 0."""
    prior_admissions: Floats
    """Inpatient admissions in the 12 months before; NaN if not known."""
    order_trusted: Flags
    """Whether the order of the patient's stays is beyond doubt."""
    discharged_at: npt.NDArray[np.datetime64] | None
    """None where the source has no times."""
    excluded: dict[str, int]
    """Number of rows that are not index stays, by reason."""

    def __len__(self) -> int:
        """Return the number of stays, not of fields."""
        return len(self.ids)

    def rows(self, chosen: Any) -> StayTable:
        """Return the table of some rows.

        Parameters
        ----------
        chosen : ndarray of bool or int
            Mask or positions.
        """
        return replace(
            self,
            ids=self.ids[chosen],
            patients=self.patients[chosen],
            numbers=self.numbers.iloc[chosen].reset_index(drop=True),
            categories=self.categories.iloc[chosen].reset_index(drop=True),
            outcomes=self.outcomes[chosen],
            prior_admissions=self.prior_admissions[chosen],
            order_trusted=self.order_trusted[chosen],
            discharged_at=None if self.discharged_at is None else self.discharged_at[chosen],
        )

    @property
    def rule_flags(self) -> Flags:
        """Whether the one-line rule flags each stay; a missing number of admissions is not flagged."""
        flags: Flags = np.nan_to_num(self.prior_admissions, nan=0.0) >= MIN_PRIOR_ADMISSIONS
        return flags
