"""Summary of the board from its tiles: six figures, what needs attention, and next departures. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from dashboard.components.wording import counted, duration
from dashboard.live.levels import Level
from dashboard.live.wire import Attention, BoardUnit, Departure, Figure, Severity, Summary, Tile

DEPARTURES = 8
"""How many expected discharges are listed."""

_ORDER = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


def summarise(
    units: Sequence[BoardUnit], inpatient: Collection[str], now: int | None, place: str, *, past: bool = False
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
    past : bool
        Whether facts are left to read: then the change of the last 24 hours is not known.
    """
    wards = [unit for unit in units if unit.card.key in inpatient]
    staffed_wards = [unit for unit in wards if unit.card.staffed]
    # Patients of a unit that has no staffed beds must not count against the staffed beds of the others.
    in_occupancy = staffed_wards or wards
    hours = _sum_hours([unit.card.hours for unit in in_occupancy if unit.card.hours])
    staffed = sum(unit.card.staffed for unit in wards)
    return Summary(
        figures=_figures(units, wards, in_occupancy, staffed, () if past else hours) if now is not None else (),
        attention=tuple(_attention(units, now)) if now is not None else (),
        departures=tuple(_departures(units, now)) if now is not None else (),
        hours=hours,
        staffed=staffed,
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
        _occupancy(in_occupancy, staffed, hours),
        _available(wards),
        _without_bed(units),
        _leaving(units),
        _to_clean(units),
        _conflicts(units),
    )


def _occupancy(in_occupancy: Sequence[BoardUnit], staffed: int, hours: tuple[int, ...]) -> Figure:
    census = sum(unit.card.census for unit in in_occupancy)
    if not staffed:
        return Figure(
            id="occupancy", label="Inpatients", value=str(census), unit="patients", note="no staffed beds known"
        )
    percent = census / staffed * 100
    change = "" if not hours else f" · {_signed((census - hours[0]) / staffed * 100)} pt, 24 h"
    tone = "critical" if percent >= 100 else "warning" if percent >= 95 else ""
    note = f"{census}/{staffed}{change}"
    return Figure(id="occupancy", label="Inpatient occupancy", value=f"{percent:.1f}", unit="%", note=note, tone=tone)


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
        tone="critical" if with_beds and not free else "",
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
        tone="warning" if total else "",
    )


def _leaving(units: Sequence[BoardUnit]) -> Figure:
    tiles = [tile for unit in units for tile in unit.tiles]
    leaving = sum(tile.leaving for tile in tiles)
    overdue = sum(tile.leaving and tile.late for tile in tiles)
    note = f"{overdue} past the expected time" if overdue else "none is overdue"
    return Figure(id="leaving", label="Due to leave", value=str(leaving), unit="within 12 h", note=note)


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
        tone="critical" if places else "",
    )


def _attention(units: Sequence[BoardUnit], now: int) -> list[Attention]:
    found = [item for unit in units for item in _of_unit(unit, now)]
    unlisted = [unit.card for unit in units if not unit.card.listed]
    if unlisted:
        named = ", ".join(card.unit_id for card in unlisted[:4]) + (", …" if len(unlisted) > 4 else "")
        what = "1 unit is" if len(unlisted) == 1 else f"{len(unlisted)} units are"
        found.append(
            Attention(
                severity=Severity.INFO,
                title=f"{what} not in the hospital file",
                note=f"{named}: the occupancy is unknown without staffed beds",
                unit_id="",
                key=unlisted[0].key,
            )
        )
    return sorted(found, key=lambda item: _ORDER[item.severity])


def _of_unit(unit: BoardUnit, now: int) -> Iterable[Attention]:
    card = unit.card
    for tile in unit.tiles:
        if tile.conflicts:
            yield Attention(
                severity=Severity.CRITICAL,
                title=f"{card.name}: bed {tile.id} is claimed {_times(tile.conflicts + 1)}",
                note="Ask who is in this bed; the latest claim is shown",
                unit_id=card.unit_id,
                key=card.key,
                bed_id=tile.id,
            )
    if card.level == Level.FULL:
        over = card.census - card.staffed
        yield Attention(
            severity=Severity.CRITICAL,
            title=f"{card.name} is full" if not over else f"{card.name} is over by {over}",
            note=f"{card.census} patients, {card.staffed} beds · {_none_free(unit)}",
            unit_id=card.unit_id,
            key=card.key,
        )
    elif unit.tiles and card.listed and card.known and not card.available:  # the beds of other units are unknown
        yield Attention(
            severity=Severity.WARNING,
            title=f"{card.name} has no free bed",
            note=_none_free(unit),
            unit_id=card.unit_id,
            key=card.key,
        )
    late = [tile for tile in unit.tiles if tile.late and tile.status in ("dirty", "cleaning") and tile.since]
    if late:
        yield _late_cleaning(unit, late, now)
    if card.without_bed:
        yield Attention(
            severity=Severity.WARNING,
            title=f"{card.without_bed} in {card.name} without a bed",
            note=f"{counted(card.available, 'bed')} available in the unit",
            unit_id=card.unit_id,
            key=card.key,
        )


def _late_cleaning(unit: BoardUnit, late: Sequence[Tile], now: int) -> Attention:
    longest = min(late, key=lambda tile: tile.since or now)
    waited = duration(timedelta(seconds=now - (longest.since or now)))
    return Attention(
        severity=Severity.WARNING,
        title=f"{unit.card.name}: cleaning overdue, {counted(len(late), 'bed')}",
        note=f"bed {longest.id} {longest.status} {waited}, target {unit.card.target_minutes} min",
        unit_id=unit.card.unit_id,
        key=unit.card.key,
        bed_id=longest.id,
    )


def _none_free(unit: BoardUnit) -> str:
    """Return how many beds are available, or why none is."""
    card = unit.card
    if card.available:
        return f"{counted(card.available, 'bed')} available"
    reasons = [(card.to_clean, "to clean"), (card.reserved, "reserved"), (card.out_of_use, "out of use")]
    said = ", ".join(f"{number} {what}" for number, what in reasons if number)
    return said or "every bed is taken"


def _times(number: int) -> str:
    return "twice" if number == 2 else f"{number} times"


def _departures(units: Sequence[BoardUnit], now: int) -> list[Departure]:
    found = [
        Departure(key=unit.card.key, unit=unit.card.name, bed_id=tile.id, due=tile.due, overdue=tile.due < now)
        for unit in units
        for tile in unit.tiles
        if tile.due is not None and tile.leaving
    ]
    return sorted(found, key=lambda departure: (departure.due, departure.key, departure.bed_id))[:DEPARTURES]
