"""Evaluation of a stored model on a table of stays that it was not trained on."""

from __future__ import annotations

import msgspec
import numpy as np

from models.readmission.measures import Measures, in_words, measure
from models.readmission.tabular.model import TableModel
from models.sources.stay_table import RULE, Flags, Floats, StayTable
from schemas.errors import UsageError


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """How a model does on a file."""

    model: str
    source: str
    data_sha256: str
    """Of the file's content, uncompressed."""
    is_training_data: bool
    """Whether it is the very file of the training: then all figures are too good."""
    excluded: dict[str, int]
    all_rows: dict[str, Measures]
    """Of the model and of the one-line rule, by name."""
    order_trusted: dict[str, Measures]
    """The same on the rows whose order is beyond doubt; empty if there is none."""

    def summary(self) -> str:
        """Return the results in a few lines for a terminal."""
        lines = [f"{self.model} on {self.source}."]
        for title, found in (("All rows", self.all_rows), ("Order trusted", self.order_trusted)):
            for name, each in found.items():
                lines.append(f"{title}, {name}: {_line(each)}")
        if self.is_training_data:
            lines.append("This is the file of the training: the model has seen it, and all figures are too good.")
        return "\n".join(lines)


def _line(found: Measures) -> str:
    at = found.working_point
    return (
        f"{found.rows:,} stays, {found.events:,} readmitted; AUROC {in_words(found.auroc)}, "
        f"AUPRC {in_words(found.auprc)}, Brier {in_words(found.brier, 4)}, "
        f"calibration slope {in_words(found.calibration_slope)}, intercept {in_words(found.calibration_intercept)}; "
        f"flags {at.share:.1%}: precision {in_words(at.precision)}, recall {in_words(at.recall)}, F1 {in_words(at.f1)}."
    )


def evaluate(model: TableModel, table: StayTable, *, seed: int) -> tuple[Evaluation, Floats]:
    """Return the measures of a model on a table, and the risk of each stay.

    Parameters
    ----------
    model : TableModel
        Flags stays by the threshold that it was stored with.
    table : StayTable
        At least one stay, with outcomes.
    seed : int
        Of the resampling of patients.

    Raises
    ------
    UsageError
        When the table has no index stay, or another schema than the model.
    """
    risks = model.predict(table)
    if not len(table):
        raise UsageError("No index stays to evaluate on: all rows are excluded. Name a file with live discharges.")
    below, above = model.report.rule_rates
    by_rule = np.where(table.rule_flags, above, below)

    def both(rows: Flags) -> dict[str, Measures]:
        outcomes, patients, flags = table.outcomes[rows], table.patients[rows], table.rule_flags[rows]
        threshold = model.report.risk_threshold
        return {
            "model": measure(risks[rows], outcomes, patients, threshold=threshold, seed=seed, rule=flags),
            RULE: measure(by_rule[rows], outcomes, patients, threshold=None, flags=flags, seed=seed, rule=flags),
        }

    found = Evaluation(
        model=model.report.model,
        source=table.source,
        data_sha256=table.fingerprint,
        is_training_data=table.fingerprint == model.report.data_sha256,
        excluded=table.excluded,
        all_rows=both(np.ones(len(table), dtype=bool)),
        order_trusted=both(table.order_trusted) if table.order_trusted.any() else {},
    )
    return found, risks
