"""Grid with the look and the keys that all pages share."""

from __future__ import annotations

from typing import Any

from dash import html
from dash_ag_grid import AgGrid

from dashboard.components.attributes import data

GRID_THEME = """themeQuartz.withParams({
    accentColor: 'var(--acc)', backgroundColor: 'var(--sf)', foregroundColor: 'var(--ink)', borderColor: 'var(--ln)',
    headerBackgroundColor: 'var(--sf2)', headerTextColor: 'var(--ink2)', chromeBackgroundColor: 'var(--sf2)',
    rowHoverColor: 'var(--sf2)', selectedRowBackgroundColor: 'var(--accbg)', oddRowBackgroundColor: 'var(--sf)',
    fontFamily: 'Inter, Arial, sans-serif', fontSize: 13, headerFontSize: 12, headerFontWeight: 500,
    wrapperBorderRadius: 10, spacing: 6, browserColorScheme: 'inherit'
})"""


def grid(name: str, columns: list[dict[str, Any]], *, sortable: bool = True) -> AgGrid:
    """Return a grid with a single selected row; each row has an `id`."""
    return AgGrid(
        id=name,
        columnDefs=columns,
        defaultColDef={"sortable": sortable, "resizable": True, "suppressHeaderMenuButton": True},
        getRowId="params.data.id",
        dashGridOptions={
            "theme": {"function": GRID_THEME},
            "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
            "rowHeight": 44,
            "headerHeight": 34,
            "animateRows": False,
            "tooltipShowDelay": 400,
            "suppressCellFocus": True,
            "rowClassRules": {"settled": "params.data.settled", "heading-row": "params.data.heading"},
        },
        className="worklist-grid",
        style={"height": "100%", "width": "100%"},
    )


def back_to_list() -> html.Button:
    """Return the way from the panel back to the list, which a phone shows one at a time."""
    return html.Button("‹ Back to the list", type="button", className="btn quiet back", **data(back="list"))
