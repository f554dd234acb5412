"""What needs attention, in words: each line of `streams.capacity.rules` with its figures and what to do. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dashboard.components.wording import counted, duration
from dashboard.live.wire import Attention, BoardUnit
from schemas.local_time import roughly, when
from streams.capacity.rules import LONG_ED_STAY, Line, Need, Severity

HOUR = timedelta(hours=1)

Needs = Mapping[str, Sequence[Line]]
"""What needs a person, by the key of the unit."""

_ORDER = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


def attention(units: Sequence[BoardUnit], needs: Needs, now: int) -> list[Attention]:
    """Return what needs a person, the most severe first.

    Parameters
    ----------
    units : sequence of BoardUnit
        All units, in their order on the board.
    needs : mapping of str to sequence of Line
        The lines of each unit.
    now : int
        Time of the board in seconds since 1970.
    """
    found = [_in_words(unit, line, now) for unit in units for line in needs.get(unit.card.key, ())]
    learnt = sorted({unit.card.detail for unit in units if unit.card.learnt})
    if learnt:
        found.append(_estimated(learnt, next(unit.card.key for unit in units if unit.card.learnt)))
    unlisted = [unit.card for unit in units if not unit.card.listed and not unit.card.learnt]
    if unlisted:
        named = ", ".join(card.unit_id for card in unlisted[:4]) + (", …" if len(unlisted) > 4 else "")
        what = "1 unit is" if len(unlisted) == 1 else f"{len(unlisted)} units are"
        found.append(
            Attention(
                severity=Severity.INFO,
                title=f"{what} not in the hospital file",
                note=f"{named}: the occupancy is unknown without staffed beds",
                act="Ask the administrator to add them",
                unit_id="",
                key=unlisted[0].key,
            )
        )
    return sorted(found, key=lambda item: _ORDER[item.severity])


def _estimated(facilities: Sequence[str], key: str) -> Attention:
    """Return the line that says that numbers of beds are estimates, and what to do about it."""
    named = ", ".join(facilities[:3]) + (", …" if len(facilities) > 3 else "")
    return Attention(
        severity=Severity.INFO,
        title=f"The numbers of beds of {named} are estimates",
        note="as many beds as the feed has shown; there may be more",
        act="Ask the administrator for a hospital file",
        unit_id="",
        key=key,
    )


def _in_words(unit: BoardUnit, line: Line, now: int) -> Attention:
    title, note, act = _WORDS[line.need](unit, line, now)
    return Attention(
        severity=line.severity,
        title=title,
        note=note,
        act=act,
        unit_id=unit.card.unit_id,
        key=unit.card.key,
        bed_id=line.beds[0] if line.beds and line.need in _OF_ONE_BED else None,
    )


Words = tuple[str, str, str]
"""Title, note, and what to do."""


def _claimed_twice(unit: BoardUnit, line: Line, _now: int) -> Words:
    title = f"{unit.card.name}: bed {line.beds[0]} is claimed {_times(line.number)}"
    return title, "The latest claim is shown", "Ask who is in this bed, and discharge the others"


def _no_bed(unit: BoardUnit, line: Line, now: int) -> Words:
    card = unit.card
    if line.severity is not Severity.CRITICAL:
        act = f"Have {_these(card.to_clean)} cleaned first" if card.to_clean else "Send new patients to another unit"
        return f"{card.name} has no free bed", _none_free(unit), act
    over = card.census - card.staffed
    title = f"{card.name} is over by {over}" if over > 0 else f"{card.name} is full"
    return title, f"{card.census} patients, {card.staffed} beds · {_none_free(unit)}", _act_when_full(unit, now)


def _act_when_full(unit: BoardUnit, now: int) -> str:
    due = sorted(tile.due for tile in unit.tiles if tile.leaving and tile.due is not None)
    if not due:
        return "Send new patients to another unit"
    first = datetime.fromtimestamp(due[0], UTC)
    at = when(first, datetime.fromtimestamp(now, UTC), ZoneInfo(unit.card.zone))
    leave = f"{counted(len(due), 'patient')} to leave, first {'was expected ' if due[0] < now else ''}{at}"
    return f"Send new patients to another unit; {leave}"


def _boarding(unit: BoardUnit, line: Line, _now: int) -> Words:
    waits = "admitted patient waits" if line.number == 1 else "admitted patients wait"
    title = f"{unit.card.name}: {line.number} {waits} for a ward bed for over {LONG_ED_STAY // HOUR} h"
    return title, f"longest {_long(line)}", "Give them the next free ward beds"


def _without_bed(unit: BoardUnit, line: Line, _now: int) -> Words:
    free = unit.card.available
    act = f"Give {'it' if free == 1 else 'them'} to those who wait" if free else "Ask which unit can take them"
    return f"{line.number} in {unit.card.name} without a bed", f"{counted(free, 'bed')} available in the unit", act


def _late_cleaning(unit: BoardUnit, line: Line, _now: int) -> Words:
    status = next(tile.status for tile in unit.tiles if tile.id == line.beds[0])
    title = f"{unit.card.name}: cleaning overdue, {counted(line.number, 'bed')}"
    waited = duration(line.longest or timedelta(0))
    return title, f"bed {line.beds[0]} {status} {waited}, target {unit.card.target_minutes} min", "Call housekeeping"


def _overdue_discharge(unit: BoardUnit, line: Line, _now: int) -> Words:
    title = f"{unit.card.name}: {counted(line.number, 'overdue discharge')}"
    return title, f"bed {line.beds[0]} by {_long(line)}", "Ask what holds them up, or correct the expected time"


def _long_ed_stay(unit: BoardUnit, line: Line, _now: int) -> Words:
    title = f"{unit.card.name}: {counted(line.number, 'patient')} for over {LONG_ED_STAY // HOUR} h"
    where = f"bed {line.beds[0]}, " if line.beds else ""
    return title, f"{where}longest {_long(line)}", "Ask for each whether to admit or to discharge"


def _blocked(unit: BoardUnit, line: Line, _now: int) -> Words:
    title = f"{unit.card.name}: {counted(line.number, 'blocked bed')}"
    why = f": {line.reason}" if line.reason else ""
    return title, f"bed {line.beds[0]} for {_long(line)}{why}", "Ask when it can be used again"


def _long(line: Line) -> str:
    return roughly(line.longest or timedelta(0))


_WORDS: dict[Need, Callable[[BoardUnit, Line, int], Words]] = {
    Need.CLAIMED_TWICE: _claimed_twice,
    Need.NO_BED: _no_bed,
    Need.BOARDING: _boarding,
    Need.WITHOUT_BED: _without_bed,
    Need.LATE_CLEANING: _late_cleaning,
    Need.OVERDUE_DISCHARGE: _overdue_discharge,
    Need.LONG_ED_STAY: _long_ed_stay,
    Need.BLOCKED: _blocked,
}
_OF_ONE_BED = frozenset(
    {Need.CLAIMED_TWICE, Need.LATE_CLEANING, Need.OVERDUE_DISCHARGE, Need.LONG_ED_STAY, Need.BLOCKED}
)
"""Lines that lead to a bed: the one concerned for longest. The others lead to the unit."""


def _these(number: int) -> str:
    return "it" if number == 1 else f"the {number}"


def _none_free(unit: BoardUnit) -> str:
    """Return how many beds are available, or why none is."""
    card = unit.card
    if card.available:
        return f"{counted(card.available, 'bed')} available for {counted(card.without_bed, 'patient')} without one"
    reasons = [(card.to_clean, "to clean"), (card.reserved, "reserved"), (card.out_of_use, "out of use")]
    said = ", ".join(f"{number} {what}" for number, what in reasons if number)
    return said or "every bed is taken"


def _times(number: int) -> str:
    return "twice" if number == 2 else f"{number} times"
