"""The page of dead letters: messages that could not be understood, why, and replaying them once the cause is mended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import dash
from dash import Dash, Input, Output, State, dcc, html, no_update

from dashboard.components.attributes import data
from dashboard.components.fact_list import fact_list
from dashboard.components.letter_text import letter_text
from dashboard.components.list_page import list_page, panel
from dashboard.components.wording import counted
from dashboard.context import Context, wall_clock
from dashboard.data.dead_letters import LISTED, open_letters, record_of
from schemas.errors import UsageError
from schemas.local_time import when
from streams.store.dead_letters import Letter, LetterName

REFRESH_MS = 5_000

PERSON = "local user"
"""Name of the person who replays, until sign-in exists."""

COLUMNS: list[dict[str, Any]] = [
    {
        "field": "received_s",
        "colId": "received",
        "headerName": "Received",
        "cellRenderer": "Text",
        "cellRendererParams": {"shows": "received"},
        "width": 150,
    },
    {
        "field": "reason",
        "headerName": "Why it was not understood",
        "cellRenderer": "Reasons",
        "flex": 1,
        "minWidth": 220,
        "sortable": False,
        "tooltipField": "reason",
    },
    {"field": "size_bytes", "headerName": "Bytes", "width": 90, "context": {"hideBelow": 600}},
]


def register(app: Dash, context: Context) -> None:
    """Register the page and its callbacks."""
    dash.register_page(  # type: ignore[no-untyped-call]
        "dashboard.dead_letters",
        path="/dead-letters",
        name="Messages not understood",
        title="Messages not understood · Wardwatch",
        layout=layout,
    )

    @app.callback(
        Output("letters-grid", "rowData"),
        Output("letters-note", "children"),
        Output("letters-all", "disabled"),
        Output("letters-empty", "children"),
        Output("letters-body", "className"),
        Input("letters-refresh", "n_intervals"),
        Input("letters-replayed", "data"),
        State("letters-grid", "rowData"),
    )
    async def refresh(_again: Any, _replayed: Any, shown: list[dict[str, Any]] | None) -> tuple[Any, ...]:
        found = await asyncio.to_thread(open_letters, context.engine)
        rows = [row(letter, context) for letter in found]
        body = "worklist" if rows else "worklist is-empty"
        return (rows if rows != shown else no_update, note(found), not rows, EMPTY, body)

    @app.callback(
        Output("letter-details", "children"),
        Input("selected-letter", "data"),
        Input("letters-grid", "rowData"),
    )
    async def details(selected: str | None, rows: list[dict[str, Any]] | None) -> Any:
        if not selected:
            return html.Div("Select a line to see the message.", className="empty")
        return await asyncio.to_thread(_details, context, selected, rows or [])

    @app.callback(
        Output("toast", "children", allow_duplicate=True),
        Output("letters-replayed", "data"),
        Input("replay-letters", "data"),
        prevent_initial_call=True,
    )
    async def replayed(asked: dict[str, Any] | None) -> Any:
        if asked is None:
            return no_update, no_update
        said = await asyncio.to_thread(replay_letters, context, [str(name) for name in asked["names"]])
        return html.Span(said, key=str(asked["at"])), asked["at"]


EMPTY = "Every message was understood. Those that cannot be appear here."


def row(letter: Letter, context: Context) -> dict[str, Any]:
    """Return one line of the grid."""
    return {
        "id": letter.name,
        "reason": letter.reason,
        "received": when(letter.received_at, wall_clock(), context.zone()),
        "received_s": int(letter.received_at.timestamp()),
        "size_bytes": letter.size_bytes,
        "settled": False,
    }


def note(found: Sequence[Letter]) -> str:
    """Return the number of letters."""
    more = f", the latest {LISTED} are shown" if len(found) == LISTED else ""
    return f"{counted(len(found), 'message')} kept{more}" if found else ""


def replay_letters(context: Context, names: Sequence[str]) -> str:
    """Replay letters, and return the message for the person."""
    if context.replay is None:
        return "This dashboard cannot replay messages. Ask the administrator."
    try:
        done = context.replay([LetterName.parse(name) for name in names[:LISTED]], PERSON, wall_clock())
    except UsageError as error:
        return str(error)
    problems = [each.problem for each in done if each.problem is not None]
    said = f"{counted(len(done) - len(problems), 'message')} replayed."
    if not problems:
        return said
    why = f" {problems[0]}" if len(problems) == 1 else ""
    return f"{said} {len(problems)} still cannot be used.{why}"


def _details(context: Context, selected: str, rows: Sequence[dict[str, Any]]) -> Any:
    known = next((each for each in rows if each["id"] == selected), None)
    raw = record_of(context.engine, selected) if known else None
    if known is None or raw is None:
        return html.Div("This message is no longer in the list: it was replayed or settled.", className="empty")
    return html.Div(
        [
            html.Div(html.Button("Replay", type="button", className="btn", **data(replay=selected)), className="mark"),
            html.P(known["reason"], className="finding-says"),
            fact_list([("Received", known["received"]), ("Name", html.Code(selected))]),
            html.H3("The message, without what may name a person"),
            html.Pre(letter_text(raw), className="letter", tabIndex="0"),
        ],
        className="finding-details",
    )


def layout(**_query: str) -> html.Div:
    """Return the page."""
    replay = html.Button("Replay all", id="letters-all", type="button", className="btn quiet", disabled=True)
    back = dcc.Link("‹ Data quality", href="/data-quality", className="link")
    stores = [dcc.Store(id=name) for name in ("selected-letter", "replay-letters", "letters-replayed")]
    return list_page(
        "letters",
        "Messages not understood",
        COLUMNS,
        beside=html.Div([back, replay], className="keys-and"),
        above=[html.Div(ABOUT, className="mut")],
        panel=panel("Message", "letter-details", "Message"),
        parts=[*stores, dcc.Interval(id="letters-refresh", interval=REFRESH_MS)],
    )


ABOUT = "They are kept as they came and count nowhere. Replay them when the mapping or the hospital file is corrected."
