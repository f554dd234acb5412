"""Context of the pages: the settings, the hospital, the database, and the hub."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from dashboard.data.alerts import Worklist
from dashboard.data.cache import ShortMemory
from dashboard.live.hub import Hub
from schemas.hospital import Hospital
from schemas.settings import Settings


class Context(NamedTuple):
    """What every page gets when it is registered."""

    settings: Settings
    hospital: Hospital
    engine: Engine
    hub: Hub
    worklists: ShortMemory[Worklist]

    def zone(self, facility_id: str | None) -> ZoneInfo:
        """Return the time zone of a facility; UTC for one that the hospital file does not name."""
        facility = self.hospital.facility(facility_id) if facility_id else None
        return ZoneInfo(facility.time_zone if facility else "UTC")

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


def wall_clock() -> datetime:
    """Return the present time, which dates the actions of people."""
    return datetime.now(UTC)
