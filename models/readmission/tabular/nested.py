"""Nested cross-validation grouped by patient, with a fit for each pair of folds instead of one for each inner fold.

For the outer fold `a`, the stack must learn its weights from predictions of models that saw neither `a` nor the fold
that they predict. The models that left out `a` and `b` predict fold `b` for the outer fold `a`, and fold `a` for the
outer fold `b`: with five folds 10 fits take the place of 20.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import numpy as np

from models.readmission.tabular.candidates import CANDIDATES, STACK
from models.readmission.tabular.encoder import Positions
from models.readmission.tabular.ensemble import Weights, alone, fit_members, stack_weights
from models.sources.stay_table import Floats, StayTable

FOLDS = 5
FITS = FOLDS * (FOLDS - 1) // 2 + FOLDS
"""Number of fits of each candidate; the final one is not counted."""


class OutOfFold(NamedTuple):
    """What cross-validation found."""

    risks: dict[str, Floats]
    """For each candidate and the stack, the risk of each row by models that never saw its patient."""
    weights: Weights
    """Of the stack, from the out-of-fold log-odds of all rows: for the final model."""


def cross_validate(
    table: StayTable, folds: Positions, *, seed: int, progress: Callable[[int], None] = lambda _: None
) -> OutOfFold:
    """Return out-of-fold risks.

    Parameters
    ----------
    table : StayTable
        All index stays; each fold has both outcomes.
    folds : ndarray of int, shape (len(table),)
        From 0 to `FOLDS` less 1; the rows of a patient are in one fold.
    seed : int
        Of the candidates and of the encoder's folds.
    progress : callable
        Called after each fit with the number of fits done so far.
    """
    outer = np.empty((len(table), len(CANDIDATES)))
    inner = np.full((FOLDS, *outer.shape), np.nan)  # inner[a]: log-odds by models that did not see fold a
    left_outs = [*((fold,) for fold in range(FOLDS)), *combinations(range(FOLDS), 2)]
    for done, left_out in enumerate(left_outs, start=1):
        members = fit_members(table.rows(~np.isin(folds, left_out)), seed=seed)
        for fold in left_out:
            here = folds == fold
            log_odds = members.log_odds(table.rows(here))
            if len(left_out) == 1:
                outer[here] = log_odds
            else:
                inner[sum(left_out) - fold][here] = log_odds
        progress(done)
    risks = {name: alone(place).risks(outer) for place, name in enumerate(CANDIDATES)}
    stacked = np.empty(len(table))
    for fold in range(FOLDS):
        here = folds == fold
        stacked[here] = stack_weights(inner[fold][~here], table.outcomes[~here]).risks(outer[here])
    return OutOfFold({**risks, STACK: stacked}, stack_weights(outer, table.outcomes))


def stack_on(table: StayTable, later: StayTable, folds: Positions, *, seed: int) -> tuple[Floats, dict[str, Floats]]:
    """Return the stack's and each candidate's risks of later stays, learnt from a table of earlier ones.

    Parameters
    ----------
    table, later : StayTable
        Stays to learn from, and stays to predict. A patient may be in both, as in use.
    folds : ndarray of int, shape (len(table),)
        Of the earlier stays, for the weights of the stack.
    seed : int
        Of the candidates and of the encoder's folds.

    Returns
    -------
    ndarray, shape (len(later),)
        Risks of the stack.
    dict of str to ndarray
        Risks of each candidate alone.
    """
    outer = np.empty((len(table), len(CANDIDATES)))
    for fold in range(FOLDS):
        here = folds == fold
        outer[here] = fit_members(table.rows(~here), seed=seed).log_odds(table.rows(here))
    log_odds = fit_members(table, seed=seed).log_odds(later)
    alone_risks = {name: alone(place).risks(log_odds) for place, name in enumerate(CANDIDATES)}
    return stack_weights(outer, table.outcomes).risks(log_odds), alone_risks
