"""All SQL of the `capacity` agent: who is or was in a unit, what was said of its beds, and the metrics as published."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from schemas import tables
from schemas.events import BedStatus
from schemas.state import decode_encounter
from schemas.topics import ADT_EVENTS, CapacityMetrics
from streams import bulk_sql, telemetry
from streams.alerts import OPEN_STATUSES
from streams.beds import BedWord
from streams.census import HOURS, Presence, UnitFacts
from streams.unit_of_work import read_watermarks
from streams.watermarks import overall

WINDOW = timedelta(hours=HOURS + 1)
REFRESH_S = 60.0
"""How long the times at which beds were last left are taken from memory, beyond what the window shows."""

UnitKey = tuple[str, str]


class CapacityStore:
    """Reads units; remembers between reads only what is costly to find: releases older than the window."""

    def __init__(self) -> None:
        self._left: dict[UnitKey, tuple[float, dict[str, datetime]]] = {}

    def event_time(self, connection: Connection, latest: datetime) -> datetime:
        """Return the event time that all partitions have reached, or `latest` while that is not known."""
        reached = overall(read_watermarks(connection, ADT_EVENTS.name))
        if reached is not None:
            telemetry.WATERMARK.set(reached.timestamp())
        return reached or latest

    def unit_facts(self, connection: Connection, unit: UnitKey, as_of: datetime) -> UnitFacts:
        """Return all that the metrics of a unit follow from."""
        presences = self._presences(connection, unit, as_of)
        left_at = dict(self._last_left(connection, unit))
        for presence in presences:
            if presence.bed_id and presence.left_at:
                left_at[presence.bed_id] = max(presence.left_at, left_at.get(presence.bed_id, presence.left_at))
        return UnitFacts(*unit, presences, left_at, self._words(connection, unit))

    def _presences(self, connection: Connection, unit: UnitKey, as_of: datetime) -> list[Presence]:
        stay, encounter, alert = tables.unit_stay.columns, tables.encounter.columns, tables.alert.columns
        in_unit = (stay.facility_id == unit[0]) & (stay.unit_id == unit[1])
        here = connection.execute(
            select(stay.encounter_id, stay.bed_id, stay.arrived_at, encounter.state, alert.status, alert.band)
            .join(tables.encounter, encounter.encounter_id == stay.encounter_id)
            .outerjoin(tables.alert, alert.encounter_id == stay.encounter_id)
            .where(in_unit, stay.left_at.is_(None))
        )
        found = [
            Presence(
                row.encounter_id,
                row.bed_id,
                row.arrived_at,
                None,
                decode_encounter(row.state).expected_discharge_at,
                row.status in OPEN_STATUSES and row.band == "high",
            )
            for row in here
        ]
        gone = connection.execute(
            select(stay.encounter_id, stay.bed_id, stay.arrived_at, stay.left_at).where(
                in_unit, stay.left_at > as_of - WINDOW
            )
        )
        return found + [Presence(*row) for row in gone]

    def _last_left(self, connection: Connection, unit: UnitKey) -> dict[str, datetime]:
        read_at, left = self._left.get(unit, (0.0, {}))
        if unit in self._left and time.monotonic() - read_at < REFRESH_S:
            return left
        stay = tables.unit_stay.columns
        rows = connection.execute(
            select(stay.bed_id, func.max(stay.left_at).label("left_at"))
            .where(stay.facility_id == unit[0], stay.unit_id == unit[1], stay.bed_id.is_not(None))
            .where(stay.left_at.is_not(None))
            .group_by(stay.bed_id)
        )
        left = {row.bed_id: row.left_at for row in rows}
        self._left[unit] = (time.monotonic(), left)
        return left

    def _words(self, connection: Connection, unit: UnitKey) -> dict[str, BedWord]:
        word = tables.bed_status.columns
        rows = connection.execute(
            select(word.bed_id, word.status, word.since, word.reason).where(
                word.facility_id == unit[0], word.unit_id == unit[1]
            )
        )
        return {row.bed_id: BedWord(BedStatus(row.status), row.since, row.reason) for row in rows}

    def save(self, connection: Connection, metrics: list[tuple[CapacityMetrics, bytes]]) -> None:
        """Write the latest metrics of units."""
        rows: list[tuple[Any, ...]] = [
            (metric.facility_id, metric.unit_id, metric.as_of, body) for metric, body in metrics
        ]
        bulk_sql.insert(connection, tables.unit_capacity, rows, on_conflict="update")
