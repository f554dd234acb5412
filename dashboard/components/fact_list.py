"""List of labelled values, as the side panels and the drawer show it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dash import html


def fact_list(rows: Iterable[tuple[str, Any]]) -> html.Dl:
    """Return a description list of (label, value)."""
    return html.Dl(
        [html.Div([html.Dt(label), html.Dd(value)], className="fact") for label, value in rows], className="facts"
    )
