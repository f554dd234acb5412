"""The four candidates: logistic regression, decision tree, random forest and histogram boosting, on encoded columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

BELOW_ALL = -10.0
"""Stands for a missing number in trees; below every feature."""
SHRINKAGE = 0.003
"""scikit-learn's C on scaled columns."""


def logistic(seed: int) -> Pipeline:
    """Return a logistic regression on scaled columns; missing numbers are the median, and said to be missing."""
    impute = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    classify = LogisticRegression(C=SHRINKAGE, max_iter=500, random_state=seed)
    return Pipeline([("impute", impute), ("scale", StandardScaler()), ("classify", classify)])


def tree(seed: int) -> Pipeline:
    """Return one decision tree of at most 60 leaves, each of at least 200 stays."""
    classify = DecisionTreeClassifier(max_leaf_nodes=60, min_samples_leaf=200, random_state=seed)
    return Pipeline([("impute", _constant()), ("classify", classify)])


def forest(seed: int) -> Pipeline:
    """Return a random forest whose trees see 40% of the rows, and 5% of the columns at each split."""
    classify = RandomForestClassifier(
        n_estimators=100, min_samples_leaf=20, max_features=0.05, max_samples=0.4, n_jobs=2, random_state=seed
    )
    return Pipeline([("impute", _constant()), ("classify", classify)])


def boosting(seed: int) -> HistGradientBoostingClassifier:
    """Return histogram boosting. It is calibrated as it comes: isotonic calibration costs AUPRC."""
    return HistGradientBoostingClassifier(
        learning_rate=0.07,
        max_iter=140,
        max_leaf_nodes=12,
        min_samples_leaf=100,
        l2_regularization=20.0,
        max_features=0.2,
        max_bins=63,
        early_stopping=False,
        random_state=seed,
    )


def _constant() -> SimpleImputer:
    return SimpleImputer(strategy="constant", fill_value=BELOW_ALL, keep_empty_features=True)


CANDIDATES: dict[str, Callable[[int], Any]] = {
    "logistic regression": logistic,
    "decision tree": tree,
    "random forest": forest,
    "histogram boosting": boosting,
}
STACK = "stack"
"""All four, their log-odds weighed by a logistic regression."""
