"""The data-quality page: findings by kind or in groups, marks of what was seen, and the facts behind each."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import dash
from dash import Dash, Input, Output, State, dcc, html, no_update

from dashboard.components.attributes import aria, data
from dashboard.components.finding_details import finding_details
from dashboard.components.list_page import keys, list_page, panel
from dashboard.components.wording import counted, duration
from dashboard.context import Context, wall_clock
from dashboard.data.contradictions import sides
from dashboard.data.findings import LISTED, FindingList, Listed, facts_about, finding_list, senders
from schemas.errors import FindingConflict
from schemas.local_time import when
from streams.quality.kinds import KINDS, WORK_ORDER, Kind, KindText
from streams.quality.seen import FindingKey, mark

PERSON = "local user"
"""Name of the person who marks, until sign-in exists."""

REFRESH_MS = 5_000
STALE = timedelta(minutes=10)
"""Age of the list from which on the page asks whether a worker is running."""

GROUPS = {"": "One by one", "kind": "By kind", "unit": "By unit", "sender": "By sender"}
LISTED_IN_GROUPS = 20_000
"""Maximum number of findings that are counted in groups."""

COLUMNS: list[dict[str, Any]] = [
    {"field": "kind", "headerName": "What", "cellRenderer": "Kind", "width": 160},
    {"field": "place", "headerName": "Where", "width": 150, "context": {"hideBelow": 560}},
    {
        "field": "about",
        "headerName": "About",
        "cellClass": "mono",
        "width": 150,
        "tooltipField": "about",
        "context": {"hideBelow": 800},
    },
    {
        "field": "says",
        "headerName": "Problem, and what to do",
        "cellRenderer": "Reasons",
        "flex": 1,
        "minWidth": 180,
        "tooltipField": "says",
    },
    {"field": "silent", "headerName": "For", "width": 104},
]
"""Not sortable: the work order is the order, and groups stay together."""

KEYS = (("j", "next"), ("k", "previous"), ("s", "seen"))


class View(NamedTuple):
    """What of the list is shown, as the address names it."""

    kind: str | None = None
    group: str = ""
    open: str = ""
    """The group whose lines are shown."""
    unseen: bool = False

    @classmethod
    def read(cls, asked: Any) -> View:
        """Return the view that a browser asks for; what is not valid in it is left out."""
        values = asked if isinstance(asked, dict) else {}
        kind, group = values.get("kind"), values.get("group")
        return cls(
            kind if kind in WORK_ORDER else None,
            group if group in GROUPS else "",
            str(values.get("open") or ""),
            values.get("seen") == "hide",
        )


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
        Output("quality-views", "children"),
        Output("quality-empty", "children"),
        Output("quality-body", "className"),
        Input("quality-refresh", "n_intervals"),
        Input("quality-view", "data"),
        Input("quality-marked", "data"),
        State("quality-grid", "rowData"),
    )
    async def refresh(_asked: Any, asked: Any, _marked: Any, shown: list[dict[str, Any]] | None) -> tuple[Any, ...]:
        view = View.read(asked)
        found, rows = await asyncio.to_thread(_rows, context, view)
        body = "worklist" if rows else "worklist is-empty"
        changed = rows if rows != shown else no_update
        return (changed, note(found), filters(found, view), views(view), empty_state(found, view), body)

    @app.callback(
        Output("finding-details", "children"),
        Input("selected-finding", "data"),
        Input("quality-grid", "rowData"),
    )
    async def details(selected: str | None, rows: list[dict[str, Any]] | None) -> Any:
        if not selected:
            return html.Div("Select a line to see the facts behind it.", className="empty")
        found = next((each for each in rows or () if each["id"] == selected), None)
        if found is None:
            return html.Div("This line is not in the list.", className="empty")
        return await asyncio.to_thread(_details, context, found)

    @app.callback(
        Output("toast", "children", allow_duplicate=True),
        Output("quality-marked", "data"),
        Input("mark-finding", "data"),
        prevent_initial_call=True,
    )
    async def marked(asked: dict[str, Any] | None) -> Any:
        if asked is None:
            return no_update, no_update
        said = await asyncio.to_thread(mark_one, context, asked)
        return html.Span(said, key=str(asked["at"])), asked["at"]


def _rows(context: Context, view: View) -> tuple[FindingList, list[dict[str, Any]]]:
    limit = LISTED_IN_GROUPS if view.group else LISTED
    found = finding_list(context.engine, view.kind, limit, unseen=view.unseen)
    if not view.group:
        return found, [row(each, found, context) for each in found.findings]
    sources = senders(context.engine, {each.subject for each in found.findings}) if view.group == "sender" else {}
    return found, grouped(found, view, sources, context)


def grouped(found: FindingList, view: View, sources: dict[str, str], context: Context) -> list[dict[str, Any]]:
    """Return a line for each group with its number of findings, the largest first, and the lines of the open one."""
    groups: dict[str, list[Listed]] = {}
    for each in found.findings:
        groups.setdefault(_group_of(each, view.group, sources, context), []).append(each)
    rows: list[dict[str, Any]] = []
    for name, members in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        is_open = name == view.open
        rows.append(heading(name, members, found, is_open=is_open))
        rows += [row(each, found, context) for each in members[:LISTED]] if is_open else []
    return rows


def _group_of(found: Listed, group: str, sources: dict[str, str], context: Context) -> str:
    if group == "kind":
        return _text_of(found.kind).title
    if group == "unit":
        return context.unit_name(found.facility_id, found.unit_id) or "No unit"
    return sources.get(found.subject, "No message")


def heading(name: str, members: Sequence[Listed], found: FindingList, *, is_open: bool) -> dict[str, Any]:
    """Return the line of a group."""
    unseen = sum(each.seen_by is None for each in members)
    oldest = min((each.since for each in members if each.since is not None), default=None)
    titles = dict.fromkeys(_text_of(each.kind).title for each in members)
    return {
        "id": f"group {name}",
        "heading": True,
        "open": is_open,
        "kind": name,
        "grave": False,
        "place": f"{counted(len(members), 'line')}, {unseen} not seen",
        "about": "",
        "says": "" if list(titles) == [name] else ", ".join(titles),
        "silent": _for(oldest, found),
        "settled": False,
        "seen": "",
    }


def row(found: Listed, of: FindingList, context: Context) -> dict[str, Any]:
    """Return one line of the grid."""
    about = _text_of(found.kind)
    zone = context.zone(found.facility_id)
    return {
        "id": key_of(found),
        "kind": about.title,
        "kind_id": found.kind,
        "grave": about.urgent,
        "place": context.place_in_words(found.facility_id, found.unit_id, found.bed_id),
        "about": found.subject,
        "says": found.says,
        "silent": _for(found.since, of),
        "facility": found.facility_id,
        "seen": f"{found.seen_by}, {when(found.seen_at, wall_clock(), zone)}" if found.seen_by else "",
        "version": found.seen_version,
        "settled": found.seen_by is not None,
    }


def _text_of(kind: str) -> KindText:
    return KINDS[Kind(kind)] if kind in WORK_ORDER else KindText(kind, "")


def _for(since: datetime | None, of: FindingList) -> str:
    known = since is not None and of.event_time is not None and since <= of.event_time
    return duration(of.event_time - since) if known else ""  # type: ignore[operator]


def key_of(found: Listed) -> str:
    """Return the name of a finding in an address: the same for every reader, and without what it says."""
    return hashlib.sha256(f"{found.kind} {found.subject} {found.says}".encode()).hexdigest()[:16]


def _details(context: Context, selected: dict[str, Any]) -> html.Div:
    if selected.get("heading"):
        return html.Div("Select a line to see the facts behind it.", className="empty")
    about, kind = str(selected["about"]), str(selected["kind_id"])
    encounter, facts = facts_about(context.engine, about)
    against = sides(context.engine, kind, about, facts)
    zone = context.zone(selected["facility"])
    says = [str(selected["says"])]
    details = finding_details(says, encounter, facts, sides=against, place=context.place_in_words, zone=zone)
    return html.Div([_mark(selected), details])


def _mark(selected: dict[str, Any]) -> html.Div:
    """Return who marked the finding as seen, and the button that marks it."""
    said = [html.Span(f"Seen by {selected['seen']}", className="mut")] if selected["seen"] else []
    word = "Mark as not seen" if selected["seen"] else "Mark as seen"
    button = html.Button(word, type="button", className="btn quiet", **data(mark=str(selected["id"])))
    return html.Div([*said, button], className="mark")


def mark_one(context: Context, asked: dict[str, Any]) -> str:
    """Mark a finding in the version that the person saw, or take the mark back, and return the message for them."""
    key = FindingKey(str(asked["kind_id"]), str(asked["about"]), str(asked["says"]))
    seen, version = bool(asked["seen"]), int(asked["version"])
    try:
        mark(context.engine, key, version, seen=seen, by=PERSON, now=wall_clock(), zone=context.zone())
    except FindingConflict as first:
        return str(first)
    return f"{key.subject}: marked as seen." if seen else f"{key.subject}: no longer marked as seen."


def note(found: FindingList) -> str:
    """Return the number of findings, and how old the list is."""
    if found.looked_at is None:
        return "not checked yet"
    total = sum(found.counts.values()) - found.seen
    said = [f"{total:,} to look at" if total > 0 else "nothing to look at"]
    if found.seen:
        said.append(f"{found.seen:,} seen")
    if wall_clock() - found.looked_at > STALE:
        age = duration(wall_clock() - found.looked_at)
        said.append(f"last checked {age} ago. Ask the administrator whether Wardwatch is running.")
    return " · ".join(said)


def filters(found: FindingList, view: View) -> list[Any]:
    """Return a button for each kind with findings, with its count, and the way to the dead letters."""
    kinds: list[tuple[str | None, str, int]] = [(None, "All", sum(found.counts.values()))]
    kinds += [(kind.value, KINDS[kind].title, found.counts.get(kind, 0)) for kind in Kind]
    buttons: list[Any] = [
        html.Button(
            [label, html.B(f"{count:,}", className="num")],
            className="seg",
            **data(kind=kind or ""),
            **aria(pressed="true" if kind == view.kind else "false"),
        )
        for kind, label, count in kinds
        if count or kind in (None, view.kind)
    ]
    label = html.Span(["Messages not understood ", html.B(f"{found.dead_letters:,}", className="num")])
    return [*buttons, dcc.Link(label, href="/dead-letters", className="seg")]


def views(view: View) -> list[html.Button]:
    """Return the buttons that group the list and hide what was seen."""
    grouping = [
        html.Button(
            label, className="seg", **data(group=name), **aria(pressed="true" if view.group == name else "false")
        )
        for name, label in GROUPS.items()
    ]
    pressed = "true" if view.unseen else "false"
    return [*grouping, html.Button("Hide seen", className="seg", **data(seen="hide"), **aria(pressed=pressed))]


def empty_state(found: FindingList, view: View) -> str:
    """Return the text of an empty list."""
    if found.looked_at is None:
        return "The data has not been checked yet. If this stays, ask the administrator whether Wardwatch is running."
    if view.unseen and found.seen:
        return "Everything here was marked as seen. New findings appear here."
    return "Nothing to look at. New findings appear here."


def layout(**query: str) -> html.Div:
    """Return the page; the query names the filter, the groups and the open one."""
    view = {name: query[name] for name in ("kind", "group", "open", "seen") if name in query}
    stores = [dcc.Store(id=name) for name in ("selected-finding", "mark-finding", "quality-marked")]
    return list_page(
        "quality",
        "To look at",
        COLUMNS,
        beside=keys(KEYS),
        above=[_buttons("quality-views", "Groups"), _buttons("quality-filters", "Filter by kind")],
        panel=panel("Facts", "finding-details", "Facts behind the finding"),
        parts=[
            dcc.Store(id="quality-view", data=view),
            *stores,
            dcc.Interval(id="quality-refresh", interval=REFRESH_MS),
        ],
        sortable=False,
    )


def _buttons(name: str, label: str) -> html.Div:
    return html.Div(id=name, className="segs quality-filters", role="group", **aria(label=label))
