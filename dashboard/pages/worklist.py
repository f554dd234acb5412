"""The worklist: open alerts by urgency, acknowledged with a button or a key, and why each of them was raised."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import dash
from dash import Dash, Input, Output, State, dcc, html, no_update

from dashboard.components.alert_details import alert_details
from dashboard.components.list_page import keys, list_page, panel
from dashboard.components.wording import reason_in_words, short_token
from dashboard.context import Context, wall_clock
from dashboard.data.alerts import Alert, Worklist, latest_risks, worklist
from models.moments import MOMENT_WORDS
from schemas.errors import AlertConflict
from schemas.local_time import moment, when
from streams.alerts import STATUS_WORDS, Actor, AlertStatus, acknowledge, statuses_before

PERSON = "local user"
"""Name of the person who acknowledges, until sign-in exists."""

REFRESH_MS = 10_000
"""Changes of alerts refresh the list at once; a training under way and the turn of a day do not announce themselves."""

REASONS_SHOWN = 3

MAX_KEPT = 200
"""Maximum number of acknowledged rows that stay in their place until the list is left."""
CAN_ACKNOWLEDGE = statuses_before(AlertStatus.ACKNOWLEDGED, by=Actor.PERSON)

COLUMNS: list[dict[str, Any]] = [
    {"field": "risk", "headerName": "Risk", "cellRenderer": "Risk", "width": 106},
    {"field": "token", "headerName": "Patient", "cellClass": "mono", "width": 88},
    {"field": "age", "headerName": "Age", "width": 60, "context": {"hideBelow": 820}},
    {"field": "place", "headerName": "Bed or home", "width": 118},
    {
        "field": "reasons",
        "headerName": "Top reasons",
        "cellRenderer": "Reasons",
        "flex": 1,
        "minWidth": 150,
        "sortable": False,
        "tooltipField": "reasons",
    },
    {"field": "moment", "headerName": "Scored at", "width": 94, "context": {"hideBelow": 900}},
    {
        "field": "raised_s",
        "colId": "raised",
        "headerName": "Raised",
        "cellRenderer": "Text",
        "cellRendererParams": {"shows": "raised"},
        "width": 138,
        "context": {"hideBelow": 760},
    },
    {
        "field": "status",
        "headerName": "Status",
        "cellRenderer": "Acknowledge",
        "width": 122,
        "sortable": False,
    },
]
"""`hideBelow`: width of the grid in pixels below which the column is left out; the panel has what it says."""


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
        Input("worklist-again", "n_intervals"),
        State("worklist-grid", "rowData"),
        State("worklist-kept", "data"),
    )
    async def refresh(_asked: Any, _again: Any, shown: list[dict[str, Any]] | None, kept: Any) -> tuple[Any, ...]:
        found = await asyncio.to_thread(read, context, ids_of(kept))
        rows = [row(alert, context) for alert in found.alerts]
        return (rows if rows != shown else no_update, note(found), empty_state(found), body_class(found))

    @app.callback(
        Output("alert-details", "children"),
        Input("selected-alert", "data"),
        Input("worklist-grid", "rowData"),
        State("worklist-kept", "data"),
    )
    async def details(selected: str | None, _rows: Any, kept: Any) -> Any:
        if not selected:
            return html.Div("Select a patient to see why.", className="empty")
        return await asyncio.to_thread(_details, context, str(selected), ids_of(kept))

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
        acknowledge(context.engine, encounter_id, version, by=PERSON, now=wall_clock(), zone=context.zone())
    except AlertConflict as first:
        return str(first)
    finally:
        context.worklists.forget()
    return f"Encounter {encounter_id} is acknowledged."


def ids_of(kept: Any) -> tuple[str, ...]:
    """Return the encounters that a browser asks to keep in the list: those acknowledged since it was opened."""
    return tuple(str(each) for each in kept[-MAX_KEPT:]) if isinstance(kept, list) else ()


def read(context: Context, kept: tuple[str, ...] = ()) -> Worklist:
    """Return the worklist, read from SQL at most twice a second for all browsers that keep the same rows."""
    return context.worklists.get(("worklist", kept), lambda: worklist(context.engine, kept=kept))


def note(found: Worklist) -> str:
    """Return the numbers of new and acknowledged alerts."""
    if not found.open:
        return ""
    training = f" · a new model is being trained, {about(found.training)}" if found.training is not None else ""
    shown = len(found.alerts)
    rest = f" · the {shown} most urgent are shown" if shown < found.open else ""
    return f"{found.new} new · {found.open - found.new} acknowledged{rest}{training}"


def empty_state(found: Worklist) -> Any:
    """Return the text of an empty list: why it is empty, and what to do."""
    if found.training is not None and not found.has_model:
        return f"A model is being trained, {about(found.training)}. Then the patients at high risk appear here."
    if not found.has_facts:
        return "No messages from the hospital yet. Patients at high risk will appear here."
    if not found.has_model:
        return "No model yet, so the risk of patients is not known. Ask the administrator to train one."
    return "No open alerts. New ones appear here."


def about(left: timedelta) -> str:
    """Return how long something takes yet, in whole minutes.

    Examples
    --------
    >>> about(timedelta(seconds=50)), about(timedelta(seconds=0)), about(timedelta(minutes=3))
    ('about 1 min', 'ready any moment', 'about 3 min')
    """
    return f"about {max(1, round(left / timedelta(minutes=1)))} min" if left else "ready any moment"


def body_class(found: Worklist) -> str:
    """Return the class that shows the grid or the empty state."""
    return "worklist" if found.alerts else "worklist is-empty"


def row(alert: Alert, context: Context) -> dict[str, Any]:
    """Return one line of the grid."""
    zone = context.zone(alert.facility_id)
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
        "raised": when(alert.raised_at, context.now(), zone),
        "raised_s": int(alert.raised_at.timestamp()),
        "status": STATUS_WORDS[alert.status],
        "can_acknowledge": alert.status in CAN_ACKNOWLEDGE,
        "settled": alert.status not in CAN_ACKNOWLEDGE,
    }


def place(alert: Alert, context: Context) -> str:
    """Return the unit and bed, or `home` after discharge."""
    if not alert.in_house:
        return "home" if alert.discharged_at else "not known"
    return context.place_in_words(alert.facility_id, alert.unit_id, alert.bed_id) or "in hospital"


def _details(context: Context, encounter_id: str, kept: tuple[str, ...]) -> Any:
    alert = next((alert for alert in read(context, kept).alerts if alert.encounter_id == encounter_id), None)
    if alert is None:
        return html.Div("This alert is no longer open.", className="empty")
    zone = context.zone(alert.facility_id)
    where, raised = place(alert, context), moment(alert.raised_at, zone)
    return alert_details(alert, latest_risks(context.engine, encounter_id), where=where, raised=raised, zone=zone)


KEYS = (("j", "next"), ("k", "previous"), ("a", "acknowledge"))


def layout(**_query: str) -> html.Div:
    """Return the page."""
    stores = ("worklist-refresh", "worklist-kept", "selected-alert", "acknowledge")
    return list_page(
        "worklist",
        "Open high-risk alerts",
        COLUMNS,
        beside=keys(KEYS),
        panel=panel("Why", "alert-details", "Why the alert was raised"),
        parts=[
            dcc.Interval(id="worklist-again", interval=REFRESH_MS),
            *(dcc.Store(id=name) for name in stores),
        ],
    )
