"""Conversion of feature dictionaries to the columns that scikit-learn reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.features.catalogue import CATEGORICAL, NUMERIC, Features

Floats = npt.NDArray[np.float64]

NUMERIC_NAMES = tuple(feature.name for feature in NUMERIC)
CATEGORICAL_NAMES = tuple(feature.name for feature in CATEGORICAL)
COLUMNS = NUMERIC_NAMES + CATEGORICAL_NAMES
_CURVED = np.array([feature.curved for feature in NUMERIC])


def numeric_matrix(rows: Sequence[Features]) -> Floats:
    """Return numbers and flags as a matrix.

    Parameters
    ----------
    rows : sequence of Features
        Names that are absent in a row are missing values.

    Returns
    -------
    ndarray of float64, shape (len(rows), len(NUMERIC))
        NaN where missing; curved features as log(1 + value).
    """
    values: Any = [[row.get(name) for name in NUMERIC_NAMES] for row in rows]
    matrix: Floats = np.array(values, dtype=np.float64).reshape(len(rows), len(NUMERIC_NAMES))
    matrix[:, _CURVED] = np.log1p(matrix[:, _CURVED])
    return matrix


def to_frame(rows: Sequence[Features]) -> pd.DataFrame:
    """Return the rows as the frame that the pipelines are fitted on: `COLUMNS`, categories as objects or None."""
    frame = pd.DataFrame(numeric_matrix(rows), columns=list(NUMERIC_NAMES))
    for name in CATEGORICAL_NAMES:
        frame[name] = pd.Series([row.get(name) for row in rows], dtype=object)
    return frame
