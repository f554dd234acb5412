"""Frame of all pages: index page, navigation, freshness, clocks, theme, and the live stores."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, dcc, html, page_container

from dashboard.components.attributes import aria, data
from dashboard.context import Context
from dashboard.live import push

# The first script sets the theme before the first paint, so that a dark page does not flash white.
INDEX = """<!DOCTYPE html>
<html lang="en">
    <head>
        <script src="/assets/theme_first.js"></script>
        {%metas%}
        <title>{%title%}</title>
        <link rel="icon" type="image/svg+xml" href="/assets/icon.svg">
        {%css%}
    </head>
    <body>
        <noscript>Wardwatch needs JavaScript. Enable it in the browser.</noscript>
        {%app_entry%}
        <footer>
            {%config%}
            {%scripts%}
            {%renderer%}
        </footer>
    </body>
</html>
"""

NAVIGATION = (("bed", "Beds", "/"), ("list", "Worklist", "/worklist"), ("tri", "Quality", "/data-quality"))


def icon(name: str, class_name: str = "") -> html.Span:
    """Return an icon that screen readers skip."""
    return html.Span(className=f"ic ic-{name} {class_name}".rstrip(), **aria(hidden="true"))


def layout(context: Context) -> dmc.MantineProvider:
    """Return the frame around the pages; called for every load of a page."""
    return dmc.MantineProvider(
        id="theme",
        defaultColorScheme="auto",
        theme={"fontFamily": "Inter, Arial, sans-serif", "primaryColor": "blue"},
        children=[
            html.Div(
                [_skip(), _rail(), _top(context), _past(), page_container, *_stores(context)],
                className="app",
                id="app",
                **data(build=context.hub.build),
            ),
            html.Div(id="toast", className="toast", role="status", **aria(live="polite")),
        ],
    )


def _skip() -> html.A:
    return html.A("Skip to the content", href="#main", className="skip")


def _rail() -> html.Nav:
    links = [dcc.Link([icon(name), html.Span(label)], href=path, className="nav") for name, label, path in NAVIGATION]
    return html.Nav([html.Div(icon("logo"), className="brand"), *links], className="rail", **aria(label="Main"))


def _top(context: Context) -> html.Header:
    return html.Header(
        [
            html.Div(
                [
                    html.H1("Wardwatch", id="page-title"),
                    html.Span(context.hub.board.summary.place, id="place", className="top-sub"),
                ],
                className="top-left",
            ),
            html.Div([_event_clock(), _freshness(), _theme_toggle()], className="top-right"),
        ],
        className="top",
    )


def _event_clock() -> html.Div:
    return html.Div(
        [
            icon("clock"),
            html.Span("Feed time", className="mut label"),
            html.Span("–", id="event-time", className="num"),
            html.Span("", id="event-ahead", className="mut num ahead"),
        ],
        className="pill feed-time",
        title=(
            "The board's time: it goes on with the wall clock, in a replay at the pace of the replay. "
            "A simulation or a replay that runs faster gets ahead of the clock."
        ),
    )


def _freshness() -> html.Div:
    return html.Div(
        [
            html.I(className="dot", **aria(hidden="true")),
            html.Span("Connecting", id="freshness-state", role="status", **aria(live="polite")),
            html.Span("", id="freshness-age", className="mut num"),
        ],
        id="freshness",
        className="pill freshness starting",
    )


def _past() -> html.Div:
    """Return the banner that says that the board shows the past; the page's script fills and shows it."""
    return html.Div("", id="past", className="past", hidden=True, role="status")


def _theme_toggle() -> dmc.ColorSchemeToggle:
    return dmc.ColorSchemeToggle(
        lightIcon=icon("sun"),
        darkIcon=icon("moon"),
        variant="default",
        size="md",
        id="scheme",
        **aria(label="Switch between light and dark"),
    )


def _stores(context: Context) -> list[Any]:
    # The first snapshot is part of the layout, so the board is visible before the WebSocket connects.
    return [
        dcc.Store(id=push.STORE, data=context.hub.snapshot()),
        dcc.Store(id="resync"),
        html.Div(id="painted", hidden=True),
        html.Div(id="navigated", hidden=True),
    ]


def register(app: Dash) -> None:
    """Register the browser callbacks: paint pushed messages, and mark the current page."""
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("wardwatch", "receive"), Output("painted", "children"), Input(push.STORE, "data")
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("wardwatch", "navigated"),
        Output("navigated", "children"),
        Input("_pages_content", "children"),
    )
