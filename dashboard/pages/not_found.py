"""The page for an unknown address."""

from __future__ import annotations

from typing import Any

import dash
from dash import Dash, dcc, html

from dashboard.context import Context


def register(app: Dash, context: Context) -> None:  # noqa: ARG001 - all pages are registered in the same way
    """Register the page; Dash finds it by the last part of its name."""
    dash.register_page(  # type: ignore[no-untyped-call]
        "dashboard.not_found_404", path="/not-found", title="Not found · Wardwatch", layout=layout
    )


def layout(**_query: str) -> html.Div:
    """Return the page."""
    text: list[Any] = ["This page does not exist. Go to the ", dcc.Link("bed board", href="/"), "."]
    return html.Div(html.Main(html.Div(text, className="empty"), className="main", id="main"), className="page one")
