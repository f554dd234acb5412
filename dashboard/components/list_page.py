"""The layout that all pages with a list share: heading, list as a grid or as cards, and a panel about one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from dashboard.components.attributes import aria
from dashboard.components.grid import back_to_list, grid


def list_page(
    name: str,
    heading: str,
    columns: list[dict[str, Any]],
    *,
    beside: Any,
    panel: html.Aside,
    above: Sequence[Any] = (),
    parts: Sequence[Any] = (),
    sortable: bool = True,
) -> html.Div:
    """Return a page with a list and a panel.

    Parameters
    ----------
    name : str
        Begin of the ids: `-note`, `-empty`, `-grid`, `-cards` and `-body` follow it.
    heading : str
        Heading of the list.
    columns : list of dict
        Columns of the grid.
    beside : component
        What stands at the right of the heading.
    panel : Aside
        What is known about the selected line.
    above : sequence of component
        What stands between heading and list.
    parts : sequence of component
        Stores and intervals.
    sortable : bool
        Whether a person may sort the grid.
    """
    title = html.Div([html.H2(heading), html.Span(id=f"{name}-note", className="mut")], className="sec-h")
    lines = [
        html.Div(id=f"{name}-empty", className="empty"),
        grid(f"{name}-grid", columns, sortable=sortable),
        html.Ul(id=f"{name}-cards", className="cards", **aria(label=heading)),
    ]
    main = html.Main(
        [
            html.Div([title, beside], className="bar"),
            *above,
            html.Div(lines, id=f"{name}-body", className="worklist"),
        ],
        className="main fixed",
        id="main",
        tabIndex="-1",
    )
    return html.Div([main, panel, *parts], className="page wide-side")


def panel(heading: str, details: str, label: str) -> html.Aside:
    """Return the panel beside a list; `details` is the id of what is filled, `label` its name for screen readers."""
    content = [back_to_list(), html.Div(html.H2(heading), className="sec-h"), html.Div(id=details)]
    return html.Aside(content, className="side", **aria(label=label))


def keys(known: Sequence[tuple[str, str]]) -> html.Div:
    """Return the keys of a list, with what each does."""
    return html.Div([html.Span([html.Kbd(key), label]) for key, label in known], className="keys mut")
