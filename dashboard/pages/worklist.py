"""The worklist: open alerts by urgency, acknowledged with a button or a key, and why each of them was raised."""

from __future__ import annotations

import asyncio
from typing import Any
from zoneinfo import ZoneInfo

import dash
from dash import Dash, Input, Output, State, dcc, html, no_update

from dashboard.components.alert_details import alert_details
from dashboard.components.attributes import aria
from dashboard.components.grid import grid
from dashboard.components.wording import moment, reason_in_words, short_token
from dashboard.context import Context, wall_clock
from dashboard.data.alerts import Alert, Worklist, latest_risks, worklist
from models.moments import MOMENT_WORDS
from schemas.errors import AlertConflict
from streams.alerts import STATUS_WORDS, Actor, AlertStatus, acknowledge, statuses_before

PERSON = "local user"
"""Name of the person who acknowledges, until sign-in exists."""

REASONS_SHOWN = 3
CAN_ACKNOWLEDGE = statuses_before(AlertStatus.ACKNOWLEDGED, by=Actor.PERSON)

COLUMNS: list[dict[str, Any]] = [
    {"field": "risk", "headerName": "Risk", "cellRenderer": "Risk", "width": 120},
    {"field": "token", "headerName": "Patient", "cellClass": "mono", "width": 94},
    {"field": "age", "headerName": "Age", "width": 62},
    {"field": "place", "headerName": "Bed or home", "width": 134},
    {
        "field": "reasons",
        "headerName": "Top reasons",
        "cellRenderer": "Reasons",
        "flex": 1,
        "minWidth": 240,
        "sortable": False,
        "tooltipField": "reasons",
    },
    {"field": "moment", "headerName": "Scored at", "width": 94},
    {"field": "raised", "headerName": "Raised", "width": 112},
    {"field": "status", "headerName": "Status", "cellRenderer": "Acknowledge", "width": 128, "sortable": False},
]


def register(app: Dash, context: Context) -> None:
    """Register the page and its callbacks."""
    dash.register_page(  # type: ignore[no-untyped-call]
        "dashboard.worklist", path="/worklist", name="Worklist", title="Worklist · Wardwatch", layout=layout
    )

    @app.callback(
        Output("worklist-grid", "rowData"),
        Output("worklist-note", "children"),
        Output("worklist-empty", "children"),
        Output("worklist-body", "className"),
        Input("worklist-refresh", "data"),
        State("worklist-grid", "rowData"),
    )
    async def refresh(_asked: Any, shown: list[dict[str, Any]] | None) -> tuple[Any, ...]:
        found = await asyncio.to_thread(read, context)
        rows = [row(alert, context) for alert in found.alerts]
        return (rows if rows != shown else no_update, note(found), empty_state(found), body_class(found))

    @app.callback(
        Output("alert-details", "children"),
        Input("worklist-grid", "selectedRows"),
        Input("worklist-grid", "rowData"),
    )
    async def details(selected: list[dict[str, Any]] | None, _rows: Any) -> Any:
        if not selected:
            return html.Div("Select a patient to see why.", className="empty")
        return await asyncio.to_thread(_details, context, str(selected[0]["id"]))

    # The toast is the only output; the browser refreshes the list when the toast arrives. If the trigger of the list
    # were an output of this callback, Dash would not load the list before the first acknowledgement.
    @app.callback(Output("toast", "children"), Input("acknowledge", "data"), prevent_initial_call=True)
    async def acknowledged(asked: dict[str, Any] | None) -> Any:
        if asked is None:
            return no_update
        said = await asyncio.to_thread(acknowledge_one, context, str(asked["id"]), int(asked["version"]))
        return html.Span(said, key=str(asked["at"]))

    _register_browser_side(app)


def _register_browser_side(app: Dash) -> None:
    app.clientside_callback(  # type: ignore[no-untyped-call]
        dash.ClientsideFunction("wardwatch", "toast"), Output("toast", "className"), Input("toast", "children")
    )


def acknowledge_one(context: Context, encounter_id: str, version: int) -> str:
    """Acknowledge an alert in the version that the person saw, and return the message for them."""
    try:
        acknowledge(context.engine, encounter_id, version, by=PERSON, now=wall_clock())
    except AlertConflict as first:
        return str(first)
    finally:
        context.worklists.forget()
    return f"Encounter {encounter_id} is acknowledged."


def read(context: Context) -> Worklist:
    """Return the worklist, read from SQL at most twice a second for all browsers together."""
    return context.worklists.get("worklist", lambda: worklist(context.engine))


def note(found: Worklist) -> str:
    """Return the numbers of new and acknowledged alerts."""
    if not found.open:
        return ""
    shown = len(found.alerts)
    rest = f" · the {shown} most urgent are shown" if shown < found.open else ""
    return f"{found.new} new · {found.open - found.new} acknowledged{rest}"


def empty_state(found: Worklist) -> Any:
    """Return the text of an empty list: why it is empty, and what to do."""
    if not found.has_facts:
        return ["No facts yet. Start ", html.Code("wardwatch simulate"), " or ", html.Code("wardwatch replay"), "."]
    if not found.has_model:
        return ["No model yet, so patients are not scored. Run ", html.Code("wardwatch train"), "."]
    return "No open alerts. New ones appear here."


def body_class(found: Worklist) -> str:
    """Return the class that shows the grid or the empty state."""
    return "worklist" if found.alerts else "worklist is-empty"


def row(alert: Alert, context: Context) -> dict[str, Any]:
    """Return one line of the grid."""
    zone = context.zone(alert.facility_id or context.hospital.facilities[0].facility_id)
    raising = [reason for reason in alert.reasons if reason.contribution > 0][:REASONS_SHOWN]
    words = [reason_in_words(reason.label, reason.value) for reason in raising]
    return {
        "id": alert.encounter_id,
        "version": alert.version,
        "risk": alert.readmission_risk,
        "band": alert.band,
        "token": short_token(alert.patient_token),
        "age": alert.age_years,
        "place": place(alert, context),
        "reasons": " · ".join(words),
        "moment": MOMENT_WORDS[alert.moment],
        "raised": _short(alert, zone),
        "status": STATUS_WORDS[alert.status],
        "can_acknowledge": alert.status in CAN_ACKNOWLEDGE,
    }


def _short(alert: Alert, zone: ZoneInfo) -> str:
    local = alert.raised_at.astimezone(zone)
    return f"{local.day} {local:%b, %H:%M}"


def place(alert: Alert, context: Context) -> str:
    """Return the unit and bed, or `home` after discharge."""
    if not alert.in_house:
        return "home" if alert.discharged_at else "not known"
    return context.place_in_words(alert.facility_id, alert.unit_id, alert.bed_id) or "in hospital"


def _details(context: Context, encounter_id: str) -> Any:
    alert = next((alert for alert in read(context).alerts if alert.encounter_id == encounter_id), None)
    if alert is None:
        return html.Div("This alert is no longer open.", className="empty")
    zone = context.zone(alert.facility_id or context.hospital.facilities[0].facility_id)
    where, raised = place(alert, context), moment(alert.raised_at, zone)
    return alert_details(alert, latest_risks(context.engine, encounter_id), where=where, raised=raised, zone=zone)


def layout(**_query: str) -> html.Div:
    """Return the page."""
    return html.Div([_main(), _side(), *_stores()], className="page wide-side")


def _main() -> html.Main:
    return html.Main(
        [
            html.Div(
                [
                    html.Div(
                        [html.H2("Open high-risk alerts"), html.Span(id="worklist-note", className="mut")],
                        className="sec-h",
                    ),
                    html.Div(_keys(), className="keys mut"),
                ],
                className="bar",
            ),
            html.Div(
                [html.Div(id="worklist-empty", className="empty"), grid("worklist-grid", COLUMNS)],
                id="worklist-body",
                className="worklist",
            ),
        ],
        className="main fixed",
        id="main",
        tabIndex="-1",
    )


def _keys() -> list[Any]:
    keys = (("j", "next"), ("k", "previous"), ("a", "acknowledge"))
    return [html.Span([html.Kbd(key), label]) for key, label in keys]


def _side() -> html.Aside:
    return html.Aside(
        [html.Div(html.H2("Why"), className="sec-h"), html.Div(id="alert-details")],
        className="side",
        **aria(label="Why the alert was raised"),
    )


def _stores() -> list[dcc.Store]:
    return [dcc.Store(id="worklist-refresh"), dcc.Store(id="acknowledge")]
