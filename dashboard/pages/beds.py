"""The bed page: figures, filters, a card for each unit, the last 24 hours, and what needs attention.

The browser (assets/js) paints it from pushed messages. Here are the empty elements, and the details of an opened bed.
"""

from __future__ import annotations

import asyncio
from typing import Any
from zoneinfo import ZoneInfo

import dash
import dash_mantine_components as dmc
import plotly.graph_objects as go
from dash import Dash, Input, Output, dcc, html, no_update

from dashboard.components.attributes import aria, data
from dashboard.components.bed_details import bed_details
from dashboard.context import Context
from dashboard.data.encounters import admitted_at
from dashboard.figures.occupancy import occupancy_figure

FILTERS = (("all", "All units"), ("full", "Few or no beds"), ("free", "Has a free bed"), ("late", "Cleaning overdue"))

LEGEND = (
    ("occupied", "Occupied"),
    ("occupied leaving", "Leaves within 12 h"),
    ("occupied high-risk", "High risk"),
    ("available", "Available"),
    ("dirty", "Dirty"),
    ("cleaning", "In cleaning"),
    ("reserved", "Reserved"),
    ("blocked", "Out of use"),
    ("dirty late", "Overdue"),
    ("occupied conflict", "Claimed twice"),
)


def register(app: Dash, context: Context) -> None:
    """Register the page and its callbacks."""
    dash.register_page(  # type: ignore[no-untyped-call]
        "dashboard.beds", path="/", name="Beds", title="Beds · Wardwatch", layout=layout
    )
    zone = context.zone()

    @app.callback(Output("occupancy-chart", "figure"), Input("chart-hour", "data"))
    async def chart(_hour: Any) -> go.Figure:
        return occupancy_figure(context.hub.board, zone)

    @app.callback(Output("bed-details", "children"), Input("selected-bed", "data"), prevent_initial_call=True)
    async def details(selected: dict[str, str] | None) -> Any:
        if selected is None:
            return no_update
        return await asyncio.to_thread(_details, context, selected)

    app.clientside_callback(  # type: ignore[no-untyped-call]
        dash.ClientsideFunction("wardwatch", "drawer"),
        Output("drawer-closed", "children"),
        Input("bed-drawer", "opened"),
        prevent_initial_call=True,
    )


def _details(context: Context, selected: dict[str, str]) -> html.Div:
    facility_id, _, unit_id = str(selected.get("key", "")).partition("/")
    metrics = context.hub.metrics(facility_id, unit_id)
    bed = next((bed for bed in metrics.beds if bed.bed_id == selected.get("bed")), None) if metrics else None
    now = context.hub.event_time
    if bed is None or now is None:
        return html.Div("This bed is no longer on the board.", className="empty")
    admitted = admitted_at(context.engine, bed.encounter_id) if bed.encounter_id else None
    zone: ZoneInfo = context.zone(facility_id)
    return bed_details(bed, context.unit_name(facility_id, unit_id), admitted, now, zone)


def layout(**_query: str) -> html.Div:
    """Return the page; the filter in the query is read by the browser."""
    return html.Div([_main(), _side(), _drawer()], className="page")


def _main() -> html.Main:
    return html.Main(
        [
            html.Section(id="figures", className="figures", **aria(label="Figures")),
            html.Div([_filters(), _legend()], className="bar"),
            html.Div(id="board", className="board", role="group", **aria(label=BOARD_LABEL)),
            _chart(),
        ],
        className="main",
        id="main",
        tabIndex="-1",
    )


BOARD_LABEL = "Beds by unit. Arrow keys move between beds, Enter opens one."


def _filters() -> html.Div:
    buttons = [
        html.Button(label, className="seg", id=f"filter-{name}", **data(filter=name), **aria(pressed="false"))
        for name, label in FILTERS
    ]
    return html.Div(buttons, className="segs", role="group", **aria(label="Filter units"))


def _legend() -> html.Ul:
    items = [html.Li([html.I(className=f"bed {classes}", **aria(hidden="true")), label]) for classes, label in LEGEND]
    return html.Ul(items, className="legend", **aria(label="Legend"))


def _chart() -> html.Section:
    return html.Section(
        [
            html.Div(
                [html.H2("Inpatients, last 24 h"), html.Span(id="chart-note", className="mut")], className="sec-h"
            ),
            dcc.Graph(id="occupancy-chart", config={"displayModeBar": False}, className="chart", responsive=True),
            dcc.Store(id="chart-hour"),
        ],
        className="card chart-card",
        id="chart-card",
    )


def _side() -> html.Aside:
    return html.Aside(
        [
            html.Div([html.H2("Needs attention"), html.Span(id="attention-count", className="mut")], className="sec-h"),
            html.Ul(id="attention", className="attention"),
            html.Div([html.H2("Next to leave"), html.Span(id="departures-note", className="mut")], className="sec-h"),
            html.Div(id="departures"),
        ],
        className="side",
        **aria(label="Attention"),
    )


def _drawer() -> html.Div:
    return html.Div(
        [
            dcc.Store(id="selected-bed"),
            html.Div(id="drawer-closed", hidden=True),
            dmc.Drawer(
                html.Div(id="bed-details"),
                id="bed-drawer",
                position="right",
                size=420,
                padding="md",
                opened=False,
                overlayProps={"backgroundOpacity": 0.25},
                closeButtonProps={"aria-label": "Close"},
            ),
        ]
    )
