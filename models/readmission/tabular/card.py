"""The model card: one HTML page without links to anything outside, for clinicians and statisticians.

References
----------
Mitchell et al. 2019, Model Cards for Model Reporting (FAT*).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from models.readmission.measures import Measures, NetBenefit, in_words
from models.readmission.tabular.report import TableReport
from models.sources.stay_table import RULE

STYLE = """body{font:16px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;max-width:76rem;
margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}table{border-collapse:collapse;font-size:.875rem}
.wide{overflow-x:auto;margin-bottom:1.5rem}caption{text-align:left;padding:.25rem 0;color:#454c54}
th,td{border-bottom:1px solid #c8ced6;padding:.3rem .6rem;text-align:right;vertical-align:top;white-space:nowrap}
th:first-child,td:first-child{text-align:left}code{overflow-wrap:anywhere}svg text{font:12px system-ui,sans-serif}"""

MEASURE_NAMES = ("AUROC", "AUPRC", "Brier", "Log loss", "Slope", "Intercept")


def model_card(report: TableReport) -> str:
    """Return the card as a complete HTML document."""
    body = "\n".join(
        [
            f"<h1>Model card: {escape(report.model)}</h1>",
            *_use(report),
            *_data(report),
            *_quality(report),
            *_decision_curve(report.measures.decision_curve),
            *_making(report),
        ]
    )
    title = escape(f"Model card: {report.model}")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body>\n{body}\n</body></html>\n"
    )


def _use(report: TableReport) -> list[str]:
    return [
        "<h2>Use</h2>",
        f"<p>The model estimates the probability of {escape(report.outcome)} for a patient who leaves hospital alive. "
        f"It is meant for choosing whom a team follows up: at a threshold of {report.risk_threshold:.3f} it flags "
        f"{report.alert_share:.0%} of stays. It is not meant to delay a discharge or to withhold care.</p>",
        f"<p>It learnt from {escape(report.source)}. In another hospital or at another time its risks may be wrong: "
        "evaluate it there first. It was judged on what the source holds about the whole stay; at the bedside "
        "some of that, such as coded diagnoses, may come later. The outcome counts recorded returns, planned or not; "
        "a death after the discharge is not a readmission.</p>",
    ]


def _data(report: TableReport) -> list[str]:
    rows = [
        ("Index stays", f"{report.rows:,}"),
        ("Patients", f"{report.patients:,}"),
        ("Readmitted", f"{report.events:,} ({report.events / report.rows:.1%})"),
        *((f"Excluded: {reason}", f"{number:,}") for reason, number in report.excluded.items()),
    ]
    return [
        "<h2>Data</h2>",
        _table(("", "Number"), rows),
        f"<p>SHA-256 of the file: <code>{escape(report.data_sha256)}</code></p>",
    ]


def _quality(report: TableReport) -> list[str]:
    found = [
        "<h2>Quality</h2>",
        f"<p>Out of fold: nested cross-validation in {report.folds} folds, grouped by patient, so that no model is "
        "judged on a patient that it, its encoding of codes or its weights have seen. In brackets: 95% intervals by "
        "resampling patients. "
        f"Chosen: <strong>{escape(report.chosen)}</strong>, the lowest log loss.</p>",
        _measures("All rows", report.candidates),
        _working_points("At the alert budget, all rows", report.candidates),
        _measures("Rows whose order in time is beyond doubt", report.order_trusted),
    ]
    if report.temporal is None:
        found.append(
            "<p>No temporal split: the source has no times, or too few early stays. "
            "How the model ages is not known.</p>"
        )
    else:
        found.append(
            _measures("Temporal split: trained on the first 75% of the time, judged on the rest", report.temporal)
        )
    return found


def _making(report: TableReport) -> list[str]:
    rows = [
        ("Trained at", f"{report.trained_at:%Y-%m-%d %H:%M} UTC"),
        ("Training time", f"{report.training_s:.0f} s"),
        ("Peak memory", f"{report.peak_memory_mb:,.0f} MiB"),
        ("Seed", str(report.seed)),
        *((f"Weight of the {name}", f"{weight:.3f}") for name, weight in report.stack_weights.items()),
        *report.versions.items(),
    ]
    return [
        "<h2>Making</h2>",
        _table(("", "Value"), rows),
        f"<p>SHA-256 of the model file: <code>{escape(report.artifact_sha256)}</code></p>",
    ]


def _measures(caption: str, found: dict[str, Measures]) -> str:
    rows = [
        (
            name,
            f"{each.rows:,}",
            in_words(each.auroc),
            in_words(each.auprc),
            in_words(each.brier, 4),
            in_words(each.log_loss, 4),
            in_words(each.calibration_slope),
            in_words(each.calibration_intercept),
        )
        for name, each in found.items()
    ]
    return _table(("Model", "Stays", *MEASURE_NAMES), rows, caption)


def _working_points(caption: str, found: dict[str, Measures]) -> str:
    rows = [
        (
            name,
            f"{each.working_point.share:.1%}",
            in_words(each.working_point.precision),
            in_words(each.working_point.recall),
            in_words(each.working_point.f1),
        )
        for name, each in found.items()
    ]
    return _table(("Model", "Flagged", "Precision (PPV)", "Recall", "F1"), rows, caption)


def _decision_curve(curve: Sequence[NetBenefit]) -> list[str]:
    rows = [
        (f"{each.threshold:.0%}", in_words(each.model, 4), f"{each.everyone:.4f}", "0.0000", f"{each.rule:.4f}")
        for each in curve
    ]
    return [
        "<h2>Decision curve</h2>",
        "<p>Net benefit a stay: readmissions reached, less the needless follow-ups, weighed by the odds of the risk "
        "from which on one would act. The highest line at a threshold is the best policy there.</p>",
        _drawing(curve),
        _table(("Act from", "Model", "Follow up all", "None", RULE.capitalize()), rows),
    ]


def _drawing(curve: Sequence[NetBenefit]) -> str:
    lines = {
        "model": ([each.model.value for each in curve], "#0b5cad", ""),
        "follow up all": ([each.everyone for each in curve], "#8a3b00", "6 3"),
        "one-line rule": ([each.rule for each in curve], "#3d5a2a", "2 3"),
        "none": ([0.0] * len(curve), "#454c54", "1 4"),
    }
    top = max(max(values) for values, _, _ in lines.values()) or 0.01
    bottom, first, last = -0.3 * top, curve[0].threshold, curve[-1].threshold
    parts = []
    for place, (name, (values, colour, dash)) in enumerate(lines.items()):
        points = " ".join(
            f"{50 + 440 * (each.threshold - first) / (last - first):.1f},"
            f"{10 + 200 * (top - max(value, bottom)) / (top - bottom):.1f}"
            for each, value in zip(curve, values, strict=True)
        )
        style = f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"'
        height = 20 + 20 * place
        parts.append(
            f'<polyline points="{points}" {style}/><line x1="510" x2="540" y1="{height}" y2="{height}" {style}/>'
            f'<text x="548" y="{height + 4}">{name}</text>'
        )
    axis = (
        f'<text x="0" y="16">{top:.3f}</text><text x="0" y="{10 + 200 * top / (top - bottom) + 4:.0f}">0</text>'
        f'<text x="50" y="230">{first:.0%}</text><text x="470" y="230">{last:.0%}</text>'
        '<text x="200" y="230">act from this risk on</text>'
    )
    return (
        '<svg viewBox="0 0 660 240" width="660" role="img" '
        'aria-label="Decision curve; the table below has the figures">'
        f"{''.join(parts)}{axis}</svg>"
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    said = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="wide"><table>{said}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
