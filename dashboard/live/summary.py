"""Summary of the board from its tiles: six figures, what needs attention, and next departures. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dashboard.components.wording import counted
from dashboard.live.attention import Needs, attention
from dashboard.live.wire import BoardUnit, Departure, Figure, Summary
from streams.capacity.rules import Level, Supply, level

DEPARTURES = 8
"""How many expected discharges are listed."""


def summarise(
    units: Sequence[BoardUnit],
    inpatient: Collection[str],
    now: int | None,
    place: str,
    needs: Needs,
    *,
    past: bool = False,
) -> Summary:
    """Return figures, attention list and departures.

    Parameters
    ----------
    units : sequence of BoardUnit
        All units.
    inpatient : collection of str
        Keys of the units whose patients count as inpatients: all but emergency departments.
    now : int or None
        Event time in seconds since 1970; None before the first fact.
    place : str
        What the board shows, for its heading.
    needs : mapping of str to sequence of Line
        What needs a person in each unit.
    past : bool
        Whether facts are left to read: then the change of the last 24 hours is not known.
    """
    departures = _departures(units, now) if now is not None else []
    wards = [unit for unit in units if unit.card.key in inpatient]
    staffed_wards = [unit for unit in wards if unit.card.staffed]
    # Patients of a unit that has no staffed beds must not count against the staffed beds of the others.
    in_occupancy = staffed_wards or wards
    hours = _sum_hours([unit.card.hours for unit in in_occupancy if unit.card.hours])
    staffed = sum(unit.card.staffed for unit in wards)
    is_learnt = any(unit.card.learnt for unit in wards)
    return Summary(
        figures=_figures(units, wards, in_occupancy, staffed, () if past else hours) if now is not None else (),
        attention=tuple(attention(units, needs, now)) if now is not None else (),
        departures=tuple(departures[:DEPARTURES]),
        departures_more=max(0, len(departures) - DEPARTURES),
        hours=hours,
        staffed=staffed,
        beds=f"{staffed} beds seen" if is_learnt else f"{staffed} staffed beds" if staffed else "",
        place=place,
    )


def _sum_hours(series: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    length = min((len(hours) for hours in series), default=0)
    return tuple(sum(column) for column in zip(*(hours[-length:] for hours in series), strict=True)) if length else ()


def _figures(
    units: Sequence[BoardUnit],
    wards: Sequence[BoardUnit],
    in_occupancy: Sequence[BoardUnit],
    staffed: int,
    hours: tuple[int, ...],
) -> tuple[Figure, ...]:
    return (
        _occupancy(in_occupancy, wards, staffed, hours),
        _available(wards),
        _without_bed(units),
        _leaving(units),
        _to_clean(units),
        _conflicts(units),
    )


def _scope(units: Sequence[BoardUnit], kind: str = "unit") -> str:
    return counted(len(units), kind)


def _occupancy(
    in_occupancy: Sequence[BoardUnit], wards: Sequence[BoardUnit], staffed: int, hours: tuple[int, ...]
) -> Figure:
    about = {"id": "occupancy", "show": "inpatient", "scope": _scope(in_occupancy, "inpatient unit")}
    census = sum(unit.card.census for unit in in_occupancy)
    if not staffed:
        return Figure(label="Inpatients", value=str(census), unit="patients", note="no staffed beds known", **about)
    percent = census / staffed * 100
    change = "" if not hours else f" · {_signed((census - hours[0]) / staffed * 100)} pt, 24 h"
    is_learnt = any(unit.card.learnt for unit in wards)  # as full as ever does not mean that no bed is left
    tone = "" if is_learnt else _TONES.get(level(_supply(wards), staffed), "")
    note = f"{census}/{staffed}{' beds seen' if is_learnt else ''}{change}"
    label = "Inpatient occupancy"
    return Figure(label=label, value=f"{percent:.1f}", unit="%", note=note, tone=tone, **about)


_TONES = {Level.HIGH: "warning", Level.FULL: "critical"}


def _supply(units: Sequence[BoardUnit]) -> Supply:
    """Return what units can give together; a unit without named beds has its staffed beds beyond the census."""
    cards = [unit.card for unit in units]
    free = sum(unit.card.available if unit.tiles else max(0, unit.card.staffed - unit.card.census) for unit in units)
    return Supply(free, sum(card.to_clean for card in cards), sum(card.without_bed for card in cards))


def _signed(points: float) -> str:
    return f"{'▲' if points > 0.05 else '▼' if points < -0.05 else '±'} {abs(points):.1f}"


def _available(wards: Sequence[BoardUnit]) -> Figure:
    free = sum(unit.card.available for unit in wards)
    having = sum(unit.card.available > 0 for unit in wards)
    with_beds = sum(bool(unit.tiles) for unit in wards)
    return Figure(
        id="available",
        label="Available now",
        value=str(free) if with_beds else "–",
        unit="bed" if free == 1 else "beds",
        note=f"in {having} of {with_beds} inpatient units" if with_beds else "the feed does not name beds",
        scope="",  # the note says it
        show="available",
        tone="critical" if with_beds and not free and not any(unit.card.learnt for unit in wards) else "",
    )


def _without_bed(units: Sequence[BoardUnit]) -> Figure:
    waiting = sorted((unit for unit in units if unit.card.without_bed), key=lambda unit: -unit.card.without_bed)
    total = sum(unit.card.without_bed for unit in waiting)
    named = any(unit.tiles for unit in units)
    calm = "every patient has one" if named else "the feed does not name beds"
    note = " · ".join(f"{unit.card.unit_id} {unit.card.without_bed}" for unit in waiting[:3])
    return Figure(
        id="without_bed",
        label="Without a bed",
        value=str(total) if named else "–",
        unit="patient" if total == 1 else "patients",
        note=note + (" · …" if len(waiting) > 3 else "") if waiting else calm,
        scope=_scope(units),
        show="waiting",
        tone="warning" if total else "",
    )


def _leaving(units: Sequence[BoardUnit]) -> Figure:
    tiles = [tile for unit in units for tile in unit.tiles]
    leaving = sum(tile.leaving for tile in tiles)
    overdue = sum(tile.leaving and tile.late for tile in tiles)
    note = f"{overdue} past the expected time" if overdue else "none is overdue"
    label, scope = "Due to leave", _scope(units)
    return Figure(
        id="leaving", label=label, value=str(leaving), unit="within 12 h", note=note, scope=scope, show="leaving"
    )


def _to_clean(units: Sequence[BoardUnit]) -> Figure:
    total = sum(unit.card.to_clean for unit in units)
    late = sum(unit.card.late_cleaning for unit in units)
    note = f"{late} beyond the target time" if late else "all within the target time"
    return Figure(
        id="to_clean",
        label="To clean",
        value=str(total),
        unit="bed" if total == 1 else "beds",
        note=note if total else "none waiting",
        scope=_scope(units),
        show="clean",
        tone="warning" if late else "",
    )


def _conflicts(units: Sequence[BoardUnit]) -> Figure:
    places = [f"{unit.card.unit_id} {tile.id}" for unit in units for tile in unit.tiles if tile.conflicts]
    return Figure(
        id="conflicts",
        label="Bed conflicts",
        value=str(len(places)),
        unit="bed" if len(places) == 1 else "beds",
        note=", ".join(places[:3]) + (", …" if len(places) > 3 else "") if places else "no bed is claimed twice",
        scope=_scope(units),
        show="conflicts",
        tone="critical" if places else "",
    )


def _departures(units: Sequence[BoardUnit], now: int) -> list[Departure]:
    found = [
        Departure(key=unit.card.key, unit=unit.card.name, bed_id=tile.id, due=tile.due, overdue=tile.due < now)
        for unit in units
        for tile in unit.tiles
        if tile.due is not None and tile.leaving
    ]
    return sorted(found, key=lambda departure: (departure.due, departure.key, departure.bed_id))
