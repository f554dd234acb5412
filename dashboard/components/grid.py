"""Grid with the look and the keys that all pages share."""

from __future__ import annotations

from typing import Any

from dash_ag_grid import AgGrid

GRID_THEME = """themeQuartz.withParams({
    accentColor: 'var(--acc)', backgroundColor: 'var(--sf)', foregroundColor: 'var(--ink)', borderColor: 'var(--ln)',
    headerBackgroundColor: 'var(--sf2)', headerTextColor: 'var(--ink2)', chromeBackgroundColor: 'var(--sf2)',
    rowHoverColor: 'var(--sf2)', selectedRowBackgroundColor: 'var(--accbg)', oddRowBackgroundColor: 'var(--sf)',
    fontFamily: 'Inter, Arial, sans-serif', fontSize: 13, headerFontSize: 12, headerFontWeight: 500,
    wrapperBorderRadius: 10, spacing: 6, browserColorScheme: 'inherit'
})"""


def grid(name: str, columns: list[dict[str, Any]]) -> AgGrid:
    """Return a grid with a single selected row; each row has an `id`."""
    return AgGrid(
        id=name,
        columnDefs=columns,
        defaultColDef={"sortable": True, "resizable": True, "suppressHeaderMenuButton": True},
        getRowId="params.data.id",
        dashGridOptions={
            "theme": {"function": GRID_THEME},
            "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
            "rowHeight": 44,
            "headerHeight": 34,
            "animateRows": False,
            "tooltipShowDelay": 400,
            "suppressCellFocus": True,
        },
        className="worklist-grid",
        style={"height": "100%", "width": "100%"},
    )
