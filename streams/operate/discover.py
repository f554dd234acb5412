"""A hospital file from what the feed has shown: facilities, units, beds, and the most patients at once.

It is a draft for a person to correct: the feed shows neither the time zone nor the number of staffed beds, and a bed
that nobody has been in yet is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, case, func, literal, select, union_all

from schemas import tables
from schemas.hospital import UnitType
from schemas.state import EncounterStatus
from streams.capacity.learnt import DEFAULT_CLEANING_MINUTES, bed_order, type_by_name

MAX_LICENSED_BEDS = 5_000


class SeenUnit(msgspec.Struct, frozen=True, kw_only=True):
    """A unit as the feed has shown it.

    `beds` are the names of its beds, sorted. `most` is the largest number of patients who were there at once, reached
    first at `most_at`. `stays` counts arrivals; `emergency_share` in [0, 1] is the share of them of emergency patients.
    """

    facility_id: str
    unit_id: str
    beds: tuple[str, ...]
    stays: int
    emergency_share: float
    first_at: datetime | None
    last_at: datetime | None
    most: int
    most_at: datetime | None
    bed_status_reports: int


def seen_units(connection: Connection) -> list[SeenUnit]:
    """Return all units that stays or reports of bed status name, sorted by facility and unit."""
    stay, status = tables.unit_stay.columns, tables.bed_status.columns
    encounter = tables.encounter.columns
    of_unit = (stay.facility_id, stay.unit_id)
    counts = {
        (row.facility_id, row.unit_id): row
        for row in connection.execute(
            select(
                *of_unit,
                func.count().label("stays"),
                func.sum(case((encounter.patient_class == "emergency", 1), else_=0)).label("emergency"),
                func.min(stay.arrived_at).label("first_at"),
                func.max(stay.arrived_at).label("last_at"),
            )
            .join(tables.encounter, encounter.encounter_id == stay.encounter_id)
            .where(encounter.status != EncounterStatus.CANCELLED.value)
            .group_by(*of_unit)
        )
    }
    most = _most_at_once(connection)
    beds: dict[tuple[str, str], set[str]] = {unit: set() for unit in counts}
    reports: dict[tuple[str, str], int] = {}
    for named in connection.execute(select(*of_unit, stay.bed_id).where(stay.bed_id.is_not(None)).distinct()):
        beds.setdefault((named.facility_id, named.unit_id), set()).add(named.bed_id)
    for reported in connection.execute(select(status.facility_id, status.unit_id, status.bed_id)):
        unit = (reported.facility_id, reported.unit_id)
        beds.setdefault(unit, set()).add(reported.bed_id)
        reports[unit] = reports.get(unit, 0) + 1
    found = []
    for unit in sorted(beds):
        row = counts.get(unit)
        number, at = most.get(unit, (0, None))
        found.append(
            SeenUnit(
                facility_id=unit[0],
                unit_id=unit[1],
                beds=tuple(sorted(beds[unit], key=bed_order)),
                stays=row.stays if row else 0,
                emergency_share=row.emergency / row.stays if row else 0.0,
                first_at=row.first_at if row else None,
                last_at=row.last_at if row else None,
                most=number,
                most_at=at,
                bed_status_reports=reports.get(unit, 0),
            )
        )
    return found


def _most_at_once(connection: Connection) -> dict[tuple[str, str], tuple[int, datetime]]:
    """Return the largest number of patients in each unit at once, and when it was reached first.

    A patient who leaves at the moment when another arrives makes room for that one.
    """
    stay, encounter = tables.unit_stay.columns, tables.encounter.columns
    counted = select(stay.facility_id, stay.unit_id).join(
        tables.encounter, encounter.encounter_id == stay.encounter_id
    ).where(encounter.status != EncounterStatus.CANCELLED.value)  # fmt: skip
    arrivals = counted.add_columns(stay.arrived_at.label("at"), literal(1).label("change"))
    departures = counted.add_columns(stay.left_at.label("at"), literal(-1).label("change")).where(
        stay.left_at.is_not(None)
    )
    moves = union_all(arrivals, departures).subquery()
    unit = (moves.c.facility_id, moves.c.unit_id)
    present = func.sum(moves.c.change).over(partition_by=unit, order_by=(moves.c.at, moves.c.change), rows=(None, 0))
    running = select(*unit, moves.c.at, present.label("present")).subquery()
    best: dict[tuple[str, str], tuple[int, datetime]] = {}
    largest = (
        select(running.c.facility_id, running.c.unit_id, func.max(running.c.present).label("most"))
        .group_by(running.c.facility_id, running.c.unit_id)
        .subquery()
    )
    query = (
        select(running.c.facility_id, running.c.unit_id, largest.c.most, func.min(running.c.at).label("at"))
        .join(
            largest,
            (largest.c.facility_id == running.c.facility_id)
            & (largest.c.unit_id == running.c.unit_id)
            & (largest.c.most == running.c.present),
        )
        .group_by(running.c.facility_id, running.c.unit_id, largest.c.most)
    )
    for row in connection.execute(query):
        best[row.facility_id, row.unit_id] = (int(row.most), row.at)
    return best


def hospital_text(units: Sequence[SeenUnit], origin: str, event_time: datetime | None) -> str:
    """Return a hospital file in YAML, with a comment on what was seen and what a person must check.

    Parameters
    ----------
    units : sequence of SeenUnit
        As `seen_units` returns them.
    origin : str
        Where they were seen, for the first comment.
    event_time : datetime or None
        Event time of the feed, for the first comment.
    """
    until = f" up to {event_time:%Y-%m-%d %H:%M} UTC" if event_time else ""
    lines = [
        f"# Draft of a hospital file, from what the feed in {origin} has shown{until}.",
        "# Check every line: names, types, the time zone, and the beds. A bed in which nobody has been is missing.",
        "# `wardwatch doctor` with WARDWATCH_HOSPITAL_FILE set to this file says whether it is valid.",
        "facilities:",
    ]
    for facility_id in sorted({unit.facility_id for unit in units}):
        here = [unit for unit in units if unit.facility_id == facility_id]
        has_status = any(unit.bed_status_reports for unit in here)
        seen = "was seen" if has_status else "was not seen: a bed is free again cleaning_minutes after the patient left"
        lines += [
            f"  - facility_id: {_quoted(facility_id)}",
            f"    name: {_quoted(facility_id)}  # check: the name for the board",
            "    time_zone: UTC  # check: an IANA name such as Europe/Berlin",
            f"    cleaning_minutes: {DEFAULT_CLEANING_MINUTES}  # check: the target from dirty to available",
            f"    bed_status_feed: {str(has_status).lower()}  # bed status (A20) {seen}",
            "    units:",
        ]
        for unit in here:
            lines += _lines_of(unit)
    return "\n".join(lines) + "\n"


def _lines_of(unit: SeenUnit) -> Iterable[str]:
    yield f"      # {_seen(unit)}"
    yield f"      - unit_id: {_quoted(unit.unit_id)}"
    yield f"        name: {_quoted(unit.unit_id)}  # check"
    yield f"        type: {guess_type(unit).value}  # check: guessed from the name and the patients"
    if unit.beds:
        if unit.most > len(unit.beds):
            yield "        # check: more patients at once than beds; some had no bed, or their stay has not ended"
        yield f"        beds: [{', '.join(_quoted(bed) for bed in unit.beds)}]"
    else:
        yield f"        licensed_beds: {min(unit.most, MAX_LICENSED_BEDS)}  # check: no bed was named"


def _seen(unit: SeenUnit) -> str:
    if unit.first_at is None or unit.last_at is None or unit.most_at is None:
        return f"No stay. Beds with a reported status: {unit.bed_status_reports}."
    return (
        f"Stays: {unit.stays}, from {unit.first_at:%Y-%m-%d} to {unit.last_at:%Y-%m-%d}, at most {unit.most} at once "
        f"(first at {unit.most_at:%Y-%m-%d %H:%M} UTC). Beds named: {len(unit.beds)}."
    )


def guess_type(unit: SeenUnit) -> UnitType:
    """Guess the type of a unit from its name, else from the class of its patients."""
    by_patients = UnitType.EMERGENCY if unit.emergency_share > 0.5 else UnitType.OTHER
    return type_by_name(unit.unit_id) or by_patients


def _quoted(text: str) -> str:
    """Return a YAML string; JSON's strings are YAML's."""
    return json.dumps(text)
