"""Side panel of the worklist: the risks of all models, the contributions to them, bedside scores, and the status."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from dash import dcc, html

from dashboard.components.attributes import data
from dashboard.components.bedside_scores import bedside_scores
from dashboard.components.fact_list import fact_list
from dashboard.data.alerts import Alert, Reason, Risks
from models.moments import MOMENT_WORDS
from schemas.local_time import moment
from streams.alerts import STATUS_WORDS, Actor, AlertStatus, statuses_before


def alert_details(alert: Alert, risks: Risks | None, *, where: str, raised: str, zone: ZoneInfo) -> html.Div:
    """Return the panel.

    Parameters
    ----------
    alert : Alert
        As listed.
    risks : Risks or None
        The latest score; None when the encounter has none.
    where : str
        Bed, or home.
    raised : str
        When the alert was raised, as people read it.
    zone : ZoneInfo
        In which times are written.
    """
    parts: list[Any] = [*_act(alert), _facts(alert, where, raised, zone)]
    if risks is not None:
        parts += [html.H3("Risk of readmission within 30 days"), _risks(risks), _models(risks, zone)]
    parts += [html.H3("Contributions, compared with the average patient"), _contributions(alert.reasons)]
    if risks is not None:
        parts += bedside_scores(risks.bedside)
    return html.Div(parts, className="alert-details")


def _facts(alert: Alert, where: str, raised: str, zone: ZoneInfo) -> html.Dl:
    rows: list[tuple[str, Any]] = [
        ("Patient", html.Code(alert.patient_token)),
        ("Encounter", html.Code(alert.encounter_id)),
        ("Age, sex", f"{alert.age_years if alert.age_years is not None else 'not known'}, {alert.sex or 'not known'}"),
        ("Now", _place(alert, where)),
        ("Admitted", moment(alert.admitted_at, zone)),
    ]
    if alert.discharged_at:
        rows.append(("Discharged", moment(alert.discharged_at, zone)))
    rows.append(("Raised", raised))
    rows.append(("Status", _status(alert, zone)))
    return fact_list(rows)


def _act(alert: Alert) -> list[html.Button]:
    if alert.status not in statuses_before(AlertStatus.ACKNOWLEDGED, by=Actor.PERSON):
        return []
    return [html.Button("Acknowledge", type="button", className="btn", **data(acknowledge=alert.encounter_id))]


def _place(alert: Alert, where: str) -> Any:
    if not (alert.in_house and alert.bed_id):
        return where
    at = {"unit": f"{alert.facility_id}/{alert.unit_id}", "bed": alert.bed_id}
    return dcc.Link(where, href=f"/?{urlencode(at)}", className="link")


def _status(alert: Alert, zone: ZoneInfo) -> str:
    words = STATUS_WORDS[alert.status]
    if alert.status is not AlertStatus.ACKNOWLEDGED:
        return words
    return f"{words} by {alert.acknowledged_by}, {moment(alert.acknowledged_at, zone)}"


def _risks(risks: Risks) -> html.Div:
    rows = [
        ("Blend, shown in the list", risks.readmission_risk, "blend"),
        ("Batch model", risks.batch_risk, "part"),
        ("Online model", risks.online_risk, "part"),
    ]
    return html.Div([_risk(*row) for row in rows], className="risks")


def _risk(label: str, risk: float, kind: str) -> html.Div:
    bar = html.Div(html.I(style={"width": f"{risk * 100:.1f}%"}), className="meter")
    return html.Div([html.Span(label), bar, html.B(f"{risk * 100:.0f} %")], className=f"risk-row {kind}")


def _models(risks: Risks, zone: ZoneInfo) -> html.P:
    scored = f"Scored at {MOMENT_WORDS[risks.moment].lower()}, {moment(risks.as_of, zone)}"
    words = f"{scored}; {model_in_words(risks.batch_model)}, online version {risks.online_version}."
    return html.P(words, className="mut small", title=risks.batch_model)


def model_in_words(name: str) -> str:
    """Return a model's name as people read it; its full name is in the tooltip.

    Examples
    --------
    >>> model_in_words("logistic-20261128T003111.309792"), model_in_words("logistic 2026-03-01")
    ('model of 28 Nov 2026', 'logistic 2026-03-01')
    """
    found = re.fullmatch(r".*-(\d{8})T[\d.]+", name)
    if found is None:
        return name
    day = datetime.strptime(found[1], "%Y%m%d").date()  # noqa: DTZ007 - only the day is shown
    return f"model of {day.day} {day:%b %Y}"


def _contributions(reasons: tuple[Reason, ...]) -> html.Div:
    if not reasons:
        return html.Div("The model gave no reasons for this score.", className="mut")
    largest = max(abs(reason.contribution) for reason in reasons) or 1.0
    ordered = sorted(reasons, key=lambda reason: -abs(reason.contribution))
    return html.Div([_contribution(reason, largest) for reason in ordered], className="contributions")


def _contribution(reason: Reason, largest: float) -> html.Div:
    lowers = reason.contribution < 0
    width = abs(reason.contribution) / largest * 50
    side = {"right": "50%"} if lowers else {"left": "50%"}
    bar = html.Div(
        html.I(style={"width": f"{width:.1f}%", **side}, className="lowers" if lowers else ""), className="tug"
    )
    words = [html.Span(reason.label), html.Span(reason.value, className="mut")]
    value = f"{'−' if lowers else '+'}{abs(reason.contribution):.2f}"
    return html.Div([html.Div(words, className="why-words"), bar, html.B(value)], className="why")
