"""Results of a training, as stored with the model and shown to people. All figures are out of fold."""

from __future__ import annotations

from datetime import datetime

import msgspec

from models.readmission.evaluation import Interval


class TrainingReport(msgspec.Struct, frozen=True, kw_only=True):
    """One training run. Rows are index stays at the moment of discharge unless a name says otherwise."""

    model: str
    """Name of the model, as registered."""
    estimator: str
    """`logistic` or `boosted`."""
    trained_at: datetime
    followed_until: datetime
    """Stays are used whose 30 days ended by then."""
    outcome: str = "all-cause readmission within 30 days"
    rows: int
    patients: int
    events: int
    rows_before_discharge: int
    """Rows of the same stays at the admission and at a midnight: also used, with less weight."""
    auroc: Interval
    auroc_at_admission: float
    auprc: Interval
    brier: Interval
    log_loss: float
    calibration_slope: float
    """Of the log-odds; 1 is right, below 1 the risks are too extreme."""
    calibration_intercept: float
    """In the large, with slope 1; 0 is right, above 0 the risks are too low."""
    risk_threshold: float
    alert_share: float
    ppv: float
    """Share of events among those at or above the threshold."""
    sensitivity: float
    """Share of the events that are at or above the threshold."""
    log_loss_by_candidate: dict[str, float]
    excluded: dict[str, int]
    """Number of excluded encounters by reason; `follow_up` counts index stays whose 30 days are not over."""

    def summary(self) -> str:
        """Return the report in a few lines for a terminal."""
        by_chance = (
            "The interval of the AUROC includes 0.5: the model may rank no better than chance. Train on more stays."
        )
        return "\n".join(
            [
                f"{self.model}: {self.outcome}, {self.rows:,} index stays of {self.patients:,} patients, "
                f"{self.events:,} readmitted ({self.events / self.rows:.1%}).",
                f"AUROC {self.auroc}, at admission {self.auroc_at_admission:.3f}; AUPRC {self.auprc}; "
                f"Brier {self.brier}; calibration slope {self.calibration_slope:.2f}, "
                f"intercept {self.calibration_intercept:+.2f}.",
                f"Threshold {self.risk_threshold:.3f} flags {self.alert_share:.0%} of discharges: "
                f"PPV {self.ppv:.1%}, sensitivity {self.sensitivity:.1%}. All figures out of fold, by patient.",
                *([by_chance] if self.auroc.low <= 0.5 else []),
            ]
        )


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(TrainingReport)


def encode_report(report: TrainingReport) -> bytes:
    """Return the report as JSON."""
    return _encoder.encode(report)


def decode_report(raw: bytes) -> TrainingReport:
    """Decode a report that `encode_report` wrote."""
    return _decoder.decode(raw)
