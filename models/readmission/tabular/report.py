"""Results of a training on a table of stays: the metadata of a model, and what its card shows."""

from __future__ import annotations

from datetime import datetime

import msgspec

from models.readmission.measures import Measures, in_words


class TableReport(msgspec.Struct, frozen=True, kw_only=True):
    """One training run. Risks are out of fold in nested cross-validation grouped by patient."""

    format: int
    model: str
    """Name of the model."""
    source: str
    table_schema: str
    """How columns became features; tables of another schema are refused."""
    mapping: str | None
    """The mapping file as YAML, for a model of a mapped CSV."""
    data_sha256: str
    """Of the file's content, uncompressed."""
    artifact_sha256: str = ""
    """Of the skops file."""
    outcome: str
    trained_at: datetime
    rows: int
    patients: int
    events: int
    excluded: dict[str, int]
    seed: int
    folds: int
    alert_share: float
    risk_threshold: float
    """Risk from which on a stay is flagged: the alert budget on the out-of-fold risks."""
    rule_rates: tuple[float, float]
    """Share of readmissions among stays that the one-line rule does not flag, and among those that it flags."""
    chosen: str
    """The candidate, or the stack, with the lowest log loss."""
    stack_weights: dict[str, float]
    candidates: dict[str, Measures]
    """Of each candidate, the stack, and the one-line rule."""
    order_trusted: dict[str, Measures]
    """Of the chosen model and the rule, on the rows whose order is beyond doubt."""
    temporal: dict[str, Measures] | None
    """Of the model trained on the first 75% of the time, on the rest; None if the source has no times."""
    training_s: float
    """Wall clock, cross-validation and measures included."""
    peak_memory_mb: float
    """Of the whole process, in MiB."""
    versions: dict[str, str]

    @property
    def measures(self) -> Measures:
        """Of the chosen model."""
        return self.candidates[self.chosen]

    def summary(self) -> str:
        """Return the report in a few lines for a terminal."""
        found = self.measures
        at = found.working_point
        return "\n".join(
            [
                f"{self.model}: {self.outcome}; {self.source}. {self.rows:,} index stays of "
                f"{self.patients:,} patients, {self.events:,} readmitted ({self.events / self.rows:.1%}).",
                f"{self.chosen.capitalize()}: AUROC {in_words(found.auroc)}, AUPRC {in_words(found.auprc)}, "
                f"Brier {in_words(found.brier, 4)}, calibration slope {in_words(found.calibration_slope)}, "
                f"intercept {in_words(found.calibration_intercept)}.",
                f"Threshold {self.risk_threshold:.3f} flags {at.share:.1%} of stays: "
                f"precision {in_words(at.precision)}, recall {in_words(at.recall)}, F1 {in_words(at.f1)}.",
                f"All figures out of fold, by patient. Trained in {self.training_s:.0f} s, "
                f"peak memory {self.peak_memory_mb:,.0f} MiB.",
            ]
        )


def encode(report: TableReport) -> bytes:
    """Return the report as JSON."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2)


def decode(raw: bytes) -> TableReport:
    """Decode a report that `encode` wrote.

    Raises
    ------
    msgspec.DecodeError
        When the bytes are not such a report.
    """
    return msgspec.json.decode(raw, type=TableReport)
