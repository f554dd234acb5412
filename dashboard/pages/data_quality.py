"""The data-quality page: findings by kind, the oldest of each kind first, with the facts behind each."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import dash
from dash import Dash, Input, Output, State, dcc, html, no_update

from dashboard.components.attributes import aria, data
from dashboard.components.finding_details import finding_details
from dashboard.components.grid import grid
from dashboard.components.wording import duration
from dashboard.context import Context, wall_clock
from dashboard.data.findings import FindingList, Listed, facts_about, finding_list
from streams.quality.kinds import KINDS, WORK_ORDER, Kind, KindText

REFRESH_MS = 5_000
STALE = timedelta(minutes=10)
"""Age of the list from which on the page asks whether a worker is running."""

COLUMNS: list[dict[str, Any]] = [
    {"field": "kind", "headerName": "What", "cellRenderer": "Kind", "width": 168},
    {"field": "place", "headerName": "Where", "width": 170},
    {"field": "about", "headerName": "About", "cellClass": "mono", "width": 168, "tooltipField": "about"},
    {
        "field": "says",
        "headerName": "Problem, and what to do",
        "cellRenderer": "Reasons",
        "flex": 1,
        "minWidth": 260,
        "sortable": False,
        "tooltipField": "says",
    },
    {"field": "silent", "headerName": "For", "width": 104, "sortable": False},
]


def register(app: Dash, context: Context) -> None:
    """Register the page and its callbacks."""
    dash.register_page(  # type: ignore[no-untyped-call]
        "dashboard.data_quality",
        path="/data-quality",
        name="Data quality",
        title="Data quality · Wardwatch",
        layout=layout,
    )

    @app.callback(
        Output("quality-grid", "rowData"),
        Output("quality-note", "children"),
        Output("quality-filters", "children"),
        Output("quality-empty", "children"),
        Output("quality-body", "className"),
        Input("quality-refresh", "n_intervals"),
        Input("quality-kind", "data"),
        State("quality-grid", "rowData"),
    )
    async def refresh(_asked: Any, kind: str | None, shown: list[dict[str, Any]] | None) -> tuple[Any, ...]:
        chosen = kind if kind in WORK_ORDER else None
        found = await asyncio.to_thread(finding_list, context.engine, chosen)
        rows = [row(each, found, context) for each in found.findings]
        body = "worklist" if rows else "worklist is-empty"
        return (rows if rows != shown else no_update, note(found), filters(found, chosen), empty_state(found), body)

    @app.callback(Output("finding-details", "children"), Input("quality-grid", "selectedRows"))
    async def details(selected: list[dict[str, Any]] | None) -> Any:
        if not selected:
            return html.Div("Select a line to see the facts behind it.", className="empty")
        return await asyncio.to_thread(_details, context, selected[0])


def _details(context: Context, selected: dict[str, Any]) -> html.Div:
    encounter, facts = facts_about(context.engine, str(selected["about"]))
    zone = context.zone(selected["facility"] or context.hospital.facilities[0].facility_id)
    return finding_details([str(selected["says"])], encounter, facts, place=context.place_in_words, zone=zone)


def row(found: Listed, of: FindingList, context: Context) -> dict[str, Any]:
    """Return one line of the grid."""
    about = KINDS[Kind(found.kind)] if found.kind in WORK_ORDER else KindText(found.kind, "")
    known = found.since is not None and of.event_time is not None and found.since <= of.event_time
    return {
        "id": f"{found.kind} {found.subject} {found.says}",
        "kind": about.title,
        "grave": about.urgent,
        "place": context.place_in_words(found.facility_id, found.unit_id, found.bed_id),
        "about": found.subject,
        "says": found.says,
        "silent": duration(of.event_time - found.since) if known else "",  # type: ignore[operator]
        "facility": found.facility_id,
    }


def note(found: FindingList) -> str:
    """Return the number of findings, and how old the list is."""
    if found.looked_at is None:
        return "No worker has checked the data yet. Start one with the agent quality."
    total = sum(found.counts.values())
    said = [f"{total:,} to look at" if total else "nothing to look at"]
    if found.dead_letters:
        said.append(f"{found.dead_letters:,} dead letters (wardwatch dead-letters list)")
    if wall_clock() - found.looked_at > STALE:
        said.append(f"last checked {duration(wall_clock() - found.looked_at)} ago. Is a worker running?")
    return " · ".join(said)


def filters(found: FindingList, chosen: str | None) -> list[html.Button]:
    """Return a button for each kind with findings, with its count."""
    kinds: list[tuple[str | None, str, int]] = [(None, "All", sum(found.counts.values()))]
    kinds += [(kind.value, KINDS[kind].title, found.counts.get(kind, 0)) for kind in Kind]
    return [
        html.Button(
            [label, html.B(f"{count:,}", className="num")],
            className="seg",
            **data(kind=kind or ""),
            **aria(pressed="true" if kind == chosen else "false"),
        )
        for kind, label, count in kinds
        if count or kind in (None, chosen)
    ]


def empty_state(found: FindingList) -> str:
    """Return the text of an empty list."""
    if found.looked_at is None:
        return "No worker has checked the data yet. Start a worker with the agent quality (part of all agents)."
    return "Nothing to look at. New findings appear here."


def layout(kind: str | None = None, **_query: str) -> html.Div:
    """Return the page; the kind in the query is the filter."""
    return html.Div([_main(), _side(), *_parts(kind)], className="page wide-side")


def _main() -> html.Main:
    return html.Main(
        [
            html.Div(
                [
                    html.Div([html.H2("To look at"), html.Span(id="quality-note", className="mut")], className="sec-h"),
                    html.Div([html.Span([html.Kbd(key), label]) for key, label in KEYS], className="keys mut"),
                ],
                className="bar",
            ),
            html.Div(
                id="quality-filters", className="segs quality-filters", role="group", **aria(label="Filter by kind")
            ),
            html.Div(
                [html.Div(id="quality-empty", className="empty"), grid("quality-grid", COLUMNS)],
                id="quality-body",
                className="worklist",
            ),
        ],
        className="main fixed",
        id="main",
        tabIndex="-1",
    )


KEYS = (("j", "next"), ("k", "previous"))


def _side() -> html.Aside:
    return html.Aside(
        [html.Div(html.H2("Facts"), className="sec-h"), html.Div(id="finding-details")],
        className="side",
        **aria(label="Facts behind the finding"),
    )


def _parts(kind: str | None) -> list[Any]:
    return [dcc.Store(id="quality-kind", data=kind), dcc.Interval(id="quality-refresh", interval=REFRESH_MS)]
