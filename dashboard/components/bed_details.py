"""The drawer of one bed: what a bed manager may see of it, decided here and not in the browser."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from dash import dcc, html

from dashboard.components.fact_list import fact_list
from dashboard.components.wording import duration
from schemas.events import BedStatus
from schemas.local_time import moment, roughly
from schemas.topics import BedOnBoard

WORDS = {
    BedStatus.OCCUPIED: "Occupied",
    BedStatus.DIRTY: "Dirty",
    BedStatus.CLEANING: "In cleaning",
    BedStatus.AVAILABLE: "Available",
    BedStatus.RESERVED: "Reserved",
    BedStatus.BLOCKED: "Blocked",
    BedStatus.UNSTAFFED: "Not staffed",
}


def bed_details(
    bed: BedOnBoard, unit_name: str, admitted_at: datetime | None, now: datetime, zone: ZoneInfo
) -> html.Div:
    """Return the contents of the drawer.

    Parameters
    ----------
    bed : BedOnBoard
        The bed.
    unit_name : str
        Name of its unit.
    admitted_at : datetime or None
        Start of the occupant's encounter, if known.
    now : datetime
        Event time.
    zone : ZoneInfo
        In which times are written.
    """
    return html.Div([_chips(bed, now), fact_list(_rows(bed, unit_name, admitted_at, now, zone))])


def _chips(bed: BedOnBoard, now: datetime) -> html.Div:
    chips = [html.Span(WORDS[bed.status], className=f"chip {bed.status.value}")]
    if bed.high_risk:
        chips.append(html.Span("High readmission risk", className="chip high-risk"))
    if bed.conflicts:
        times = "twice" if len(bed.conflicts) == 1 else f"{len(bed.conflicts) + 1} times"
        chips.append(html.Span(f"Claimed {times}", className="chip conflict"))
    if bed.expected_discharge_at and bed.expected_discharge_at < now:
        chips.append(html.Span("Past the expected discharge", className="chip late"))
    return html.Div(chips, className="chips")


def _rows(
    bed: BedOnBoard, unit_name: str, admitted_at: datetime | None, now: datetime, zone: ZoneInfo
) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = [("Unit", unit_name)]
    if bed.reason:
        rows.append(("Reason", bed.reason))
    if bed.since:
        rows.append((_since_label(bed), f"{duration(now - bed.since)}, since {moment(bed.since, zone)}"))
    if bed.status is BedStatus.OCCUPIED:
        rows.append(("Encounter", html.Code(bed.encounter_id or "not known")))
        stay = f"{duration(now - admitted_at)}, admitted {moment(admitted_at, zone)}" if admitted_at else "not known"
        rows.append(("Length of stay", stay))
        rows.append(("Expected discharge", _expected(bed.expected_discharge_at, now, zone)))
    if bed.high_risk and bed.encounter_id:
        address = f"/worklist?{urlencode({'alert': bed.encounter_id})}"
        rows.append(("Alert", dcc.Link("High risk: see why", href=address, className="link")))
    if bed.conflicts:
        claims = [html.Code(encounter_id, className="claim") for encounter_id in bed.conflicts]
        rows.append(("Also claimed by", claims))
    return rows


def _expected(expected_at: datetime | None, now: datetime, zone: ZoneInfo) -> str:
    said = moment(expected_at, zone)
    return f"{said}, overdue {roughly(now - expected_at)}" if expected_at and expected_at < now else said


def _since_label(bed: BedOnBoard) -> str:
    return "In this bed" if bed.status is BedStatus.OCCUPIED else WORDS[bed.status]
