"""The drawer of one bed: what a bed manager may see of it, decided here and not in the browser."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import html

from dashboard.components.fact_list import fact_list
from dashboard.components.wording import duration, moment
from schemas.events import BedStatus
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
        expected = moment(bed.expected_discharge_at, zone) if bed.expected_discharge_at else "not known"
        rows.append(("Expected discharge", expected))
    if bed.conflicts:
        claims = [html.Code(encounter_id, className="claim") for encounter_id in bed.conflicts]
        rows.append(("Also claimed by", claims))
    return rows


def _since_label(bed: BedOnBoard) -> str:
    return "In this bed" if bed.status is BedStatus.OCCUPIED else WORDS[bed.status]
