"""The hospital's last 24 hours. Colours come from the style sheet, so that light and dark need no other figure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import plotly.graph_objects as go

from dashboard.live.wire import Board

HOUR = timedelta(hours=1)
ELEVATED_FROM = 0.90
FULL_FROM = 1.0
"""Occupancies at which the chart has a line. A unit's level follows what it can give: streams.capacity.rules."""


def occupancy_figure(board: Board, zone: ZoneInfo) -> go.Figure:
    """Return inpatient occupancy at each full hour: in percent, or as a headcount where no staffed beds are known.

    Parameters
    ----------
    board : Board
        As it was last pushed.
    zone : ZoneInfo
        In which the hours are written.
    """
    figure = go.Figure()
    hours, staffed = board.summary.hours, board.summary.staffed
    if board.event_time is not None and hours:
        last = datetime.fromtimestamp(board.event_time, UTC).replace(minute=0, second=0)
        # Plotly does not support time zones: give it the local time.
        times = [(last - HOUR * back).astimezone(zone).replace(tzinfo=None) for back in range(len(hours) - 1, -1, -1)]
        values = [census / staffed * 100 for census in hours] if staffed else [float(census) for census in hours]
        unit = " %" if staffed else " patients"
        label = "%{y:.1f}" if staffed else "%{y:.0f}"
        figure.add_scatter(x=times, y=values, mode="lines", hovertemplate=f"{label}{unit}<extra></extra>")
        if staffed:
            _mark_levels(figure, max(values))
        _range(figure, values, percent=bool(staffed))
    _style(figure, " %" if staffed else "")
    return figure


def _mark_levels(figure: go.Figure, highest: float) -> None:
    figure.add_hline(y=ELEVATED_FROM * 100, line={"dash": "dot", "width": 1}, name="elevated")
    if highest >= FULL_FROM * 100 - 8:
        figure.add_hline(y=FULL_FROM * 100, line={"dash": "dash", "width": 1}, name="full")


def _range(figure: go.Figure, values: list[float], *, percent: bool) -> None:
    """Set a minimum range, so that small changes do not look large."""
    least_span = 20.0 if percent else max(10.0, 0.2 * max(values))
    low, high = min(values), max(values)
    if percent:
        high = max(high, ELEVATED_FROM * 100)
    missing = max(0.0, least_span - (high - low))
    figure.update_yaxes(range=[max(0.0, low - missing * 0.7 - 1), high + missing * 0.3 + 1])


def _style(figure: go.Figure, suffix: str) -> None:
    clear = "rgba(0,0,0,0)"
    figure.update_layout(
        template="none",
        margin={"l": 44, "r": 14, "t": 6, "b": 22},
        showlegend=False,
        hovermode="x unified",
        paper_bgcolor=clear,
        plot_bgcolor=clear,
        font={"family": "Inter, Arial, sans-serif", "size": 11},
        uirevision="same",
    )
    figure.update_xaxes(showgrid=False, zeroline=False, tickformat="%H:%M", nticks=13, fixedrange=True)
    figure.update_yaxes(zeroline=False, ticksuffix=suffix, nticks=4, fixedrange=True)
