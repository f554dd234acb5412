"""Train on a table of stays: nested cross-validation of all candidates, then the best of them on all rows."""

from __future__ import annotations

import platform
import resource
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import NamedTuple

import numpy as np

from models.readmission.evaluation import log_losses
from models.readmission.measures import DRAWS, Measures, measure
from models.readmission.tabular.candidates import CANDIDATES, STACK
from models.readmission.tabular.encoder import Positions, patient_folds
from models.readmission.tabular.ensemble import Members, Weights, alone, fit_members
from models.readmission.tabular.model import FORMAT, TableModel
from models.readmission.tabular.nested import FITS, FOLDS, OutOfFold, cross_validate, stack_on
from models.readmission.tabular.report import TableReport
from models.sources.stay_table import RULE, Flags, Floats, StayTable
from schemas.errors import UsageError

MIN_STAYS = 500
MIN_READMISSIONS = 100
EARLY_SHARE = 0.75
"""Of the time, on which the temporal split trains."""
FOLLOW_UP = np.timedelta64(timedelta(days=30), "s")
LIBRARIES = ("wardwatch", "numpy", "pandas", "scikit-learn", "scipy", "skops")
STEPS = FITS + 1
"""Number of fits that `progress` counts, without those of a temporal split."""


def train_on_table(
    table: StayTable,
    *,
    alert_share: float,
    seed: int,
    trained_at: datetime,
    mapping: str | None = None,
    draws: int = DRAWS,
    progress: Callable[[int], None] = lambda _: None,
) -> TableModel:
    """Train a model on a table of stays.

    Parameters
    ----------
    table : StayTable
        At least 500 index stays, 100 of them readmitted.
    alert_share : float
        Share of stays that raise an alert, in (0, 1]. It sets the threshold.
    seed : int
        Of folds, candidates and intervals: the same seed and stays give the same model.
    trained_at : datetime
        Aware; part of the name of the model.
    mapping : str or None
        The mapping file that made the table, to be kept with the model.
    draws : int
        Number of resamples of the patients for each interval.
    progress : callable
        Called with the number of fits done, `STEPS` at the end.

    Returns
    -------
    TableModel
        The candidate, or the stack of all, with the lowest log loss in nested cross-validation.

    Raises
    ------
    UsageError
        When an argument is not valid, or there are too few stays, readmissions or patients.
    """
    began = time.monotonic()
    if not 0.0 < alert_share <= 1.0:
        raise UsageError(f"The alert_share parameter of train must be in (0, 1]. Got {alert_share} instead.")
    if trained_at.tzinfo is None:
        raise UsageError("The trained_at parameter of train must have a time zone. Got a naive time instead.")
    _check_enough(table)
    folds = patient_folds(table.patients, FOLDS, seed)
    _check_folds(table, folds)
    found = cross_validate(table, folds, seed=seed, progress=progress)
    losses = {name: _log_loss(risks, table.outcomes) for name, risks in found.risks.items()}
    chosen = min(losses, key=lambda name: losses[name])
    final = fit_members(table, seed=seed)
    members, weights = _only_used(final, found.weights if chosen == STACK else alone(list(CANDIDATES).index(chosen)))
    progress(STEPS)
    judged = _Judged(table, found, folds, alert_share, seed, draws)
    report = TableReport(
        format=FORMAT,
        model=f"{chosen.replace(' ', '-')}-{trained_at:%Y%m%dT%H%M%S}",
        source=table.source,
        table_schema=table.schema,
        mapping=mapping,
        data_sha256=table.fingerprint,
        outcome="all-cause readmission within 30 days",
        trained_at=trained_at,
        rows=len(table),
        patients=len(np.unique(table.patients.astype(str))),
        events=int(table.outcomes.sum()),
        excluded=table.excluded,
        seed=seed,
        folds=FOLDS,
        alert_share=alert_share,
        risk_threshold=judged.threshold(chosen),
        rule_rates=rule_rates(table),
        chosen=chosen,
        stack_weights=dict(zip(CANDIDATES, found.weights.of_each.tolist(), strict=True)),
        candidates={name: judged.of(name) for name in (*found.risks, RULE)},
        order_trusted={name: judged.of(name, table.order_trusted) for name in (chosen, RULE)},
        temporal=_temporal(judged, chosen),
        training_s=time.monotonic() - began,
        peak_memory_mb=_peak_memory_mb(),
        versions={"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
    )
    return TableModel(members, weights, report)


def _check_enough(table: StayTable) -> None:
    stays, readmitted = len(table), int(table.outcomes.sum())
    if stays < MIN_STAYS or min(readmitted, stays - readmitted) < MIN_READMISSIONS:
        raise UsageError(
            f"Too little to train on: {stays} index stays, {readmitted} of them readmitted. At least {MIN_STAYS} are "
            f"needed, {MIN_READMISSIONS} of them readmitted and {MIN_READMISSIONS} not. Bring more stays; until then "
            "use a published score such as LACE or HOSPITAL."
        )


def _check_folds(table: StayTable, folds: Positions) -> None:
    for fold in range(FOLDS):
        here = table.outcomes[folds == fold]
        if len(here) == 0 or here.min() == here.max():
            patients = len(np.unique(table.patients.astype(str)))
            raise UsageError(
                f"Too few patients to train on: {patients}. Cross-validation leaves out a fifth of the patients at a "
                "time, and a fifth has one outcome only. Bring stays of more patients."
            )


def _log_loss(risks: Floats, outcomes: Floats) -> float:
    return float(log_losses(risks, outcomes).mean())


def _only_used(members: Members, weights: Weights) -> tuple[Members, Weights]:
    """Leave out candidates of weight 0."""
    used = weights.of_each != 0.0
    fitted = {name: model for (name, model), here in zip(members.fitted.items(), used, strict=True) if here}
    return Members(members.encoder, fitted), Weights(weights.of_each[used], weights.intercept)


class _Judged(NamedTuple):
    """Measures of out-of-fold risks."""

    table: StayTable
    found: OutOfFold
    folds: Positions
    alert_share: float
    seed: int
    draws: int

    def threshold(self, name: str) -> float:
        return float(np.quantile(self.found.risks[name], 1.0 - self.alert_share))

    def of(self, name: str, rows: Flags | None = None) -> Measures:
        table, here = self.table, np.ones(len(self.table), dtype=bool) if rows is None else rows
        is_rule = name == RULE
        risks = _rule_risks(table, self.folds) if is_rule else self.found.risks[name]
        return measure(
            risks[here],
            table.outcomes[here],
            table.patients[here],
            threshold=None if is_rule else self.threshold(name),
            flags=table.rule_flags[here] if is_rule else None,
            seed=self.seed,
            rule=table.rule_flags[here],
            draws=self.draws,
        )


def _rule_risks(table: StayTable, folds: Positions) -> Floats:
    """Return for each stay the share of readmissions in other folds among stays with the rule's same answer."""
    risks = np.empty(len(table))
    for fold in range(FOLDS):
        here = folds == fold
        risks[here] = np.where(table.rule_flags[here], *reversed(rule_rates(table.rows(~here))))
    return risks


def rule_rates(table: StayTable) -> tuple[float, float]:
    """Return the share of readmissions among stays that the rule does not flag, and among those that it flags."""
    flags, overall = table.rule_flags, float(table.outcomes.mean())
    below = float(table.outcomes[~flags].mean()) if (~flags).any() else overall
    above = float(table.outcomes[flags].mean()) if flags.any() else overall
    return below, above


def _temporal(judged: _Judged, chosen: str) -> dict[str, Measures] | None:
    """Train on the first 75% of the time, and measure on the rest.

    Of the early stays, those count whose 30 days ended before the late ones begin: at that time no more was known.
    """
    table, seed, draws = judged.table, judged.seed, judged.draws
    times = table.discharged_at
    if times is None:
        return None
    cut = np.quantile(times.astype("datetime64[s]").astype(np.int64), EARLY_SHARE).astype("datetime64[s]")
    late, early = times >= cut, times < cut - FOLLOW_UP
    if not late.any() or min(table.outcomes[early].sum(), (1.0 - table.outcomes[early]).sum()) < MIN_READMISSIONS:
        return None
    learnt, rest = table.rows(early), table.rows(late)
    stacked, alone_risks = stack_on(learnt, rest, judged.folds[early], seed=seed)
    below, above = rule_rates(learnt)
    flags = rest.rule_flags
    by_rule = np.where(flags, above, below)
    risks, threshold = stacked if chosen == STACK else alone_risks[chosen], judged.threshold(chosen)

    def found(risks: Floats, threshold: float | None) -> Measures:
        return measure(
            risks,
            rest.outcomes,
            rest.patients,
            threshold=threshold,
            flags=flags if threshold is None else None,
            seed=seed,
            rule=flags,
            draws=draws,
        )

    return {chosen: found(risks, threshold), RULE: found(by_rule, None)}


def _peak_memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024**2 if sys.platform == "darwin" else peak / 1024  # bytes there, KiB here
