"""Context of the pages: the settings, the hospital, the database, and the hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from dashboard.data.alerts import Worklist
from dashboard.data.cache import ShortMemory
from dashboard.live.hub import Hub
from schemas.hospital import Hospital
from schemas.settings import Settings
from streams.store.dead_letters import LetterName, Replayed

Replay = Callable[[Sequence[LetterName], str, datetime], list[Replayed]]
"""Replays letters in the name of a person, at a time of the wall clock."""


class Context(NamedTuple):
    """What every page gets when it is registered."""

    settings: Settings
    hospital: Hospital
    engine: Engine
    hub: Hub
    worklists: ShortMemory[Worklist]
    replay: Replay | None = None
    """Replays dead letters. Handed in by the command, since the dashboard imports no reader of messages."""

    def zone(self, facility_id: str | None = None) -> ZoneInfo:
        """Return the time zone of a facility; that of the first one where the hospital file does not name it."""
        return ZoneInfo(self.hospital.time_zone(facility_id))

    def unit_name(self, facility_id: str | None, unit_id: str | None) -> str:
        """Return a unit's name, or its id where the hospital file does not name it."""
        unit = self.hospital.units.get((facility_id or "", unit_id or ""))
        return unit.name if unit else (unit_id or "")

    def place_in_words(self, facility_id: str | None, unit_id: str | None, bed_id: str | None) -> str:
        """Return a unit and a bed as people read them; empty where no unit is known."""
        unit = self.unit_name(facility_id, unit_id)
        if not unit:
            return ""
        return f"{unit} · {bed_id}" if bed_id else f"{unit}, no bed"

    def now(self) -> datetime:
        """Return the time of the board, which dates what the feed reports; the wall clock's before the first fact."""
        return self.hub.event_time or wall_clock()


def wall_clock() -> datetime:
    """Return the present time, which dates the actions of people."""
    return datetime.now(UTC)
