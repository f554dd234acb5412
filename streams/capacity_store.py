"""All SQL of the `capacity` agent: who is or was in a unit, what was said of its beds, and the metrics as published."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select, tuple_

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
        reached = overall(read_watermarks(connection, ADT_EVENTS.name).values())
        if reached is not None:
            telemetry.WATERMARK.set(reached.timestamp())
        return reached or latest

    def unit_facts(self, connection: Connection, units: Collection[UnitKey], as_of: datetime) -> list[UnitFacts]:
        """Return all that the metrics of these units follow from, in the order of their keys."""
        presences = self._presences(connection, units, as_of)
        words = self._words(connection, units)
        found = []
        for unit in sorted(units):
            left_at = dict(self._last_left(connection, unit))
            for presence in presences[unit]:
                if presence.bed_id and presence.left_at:
                    left_at[presence.bed_id] = max(presence.left_at, left_at.get(presence.bed_id, presence.left_at))
            found.append(UnitFacts(*unit, presences[unit], left_at, words[unit]))
        return found

    def _presences(
        self, connection: Connection, units: Collection[UnitKey], as_of: datetime
    ) -> dict[UnitKey, list[Presence]]:
        stay, encounter, alert = tables.unit_stay.columns, tables.encounter.columns, tables.alert.columns
        unit, in_units = (stay.facility_id, stay.unit_id), tuple_(stay.facility_id, stay.unit_id).in_(sorted(units))
        here = connection.execute(
            select(*unit, stay.encounter_id, stay.bed_id, stay.arrived_at, encounter.state, alert.status, alert.band)
            .join(tables.encounter, encounter.encounter_id == stay.encounter_id)
            .outerjoin(tables.alert, alert.encounter_id == stay.encounter_id)
            .where(in_units, stay.left_at.is_(None))
        )
        found: dict[UnitKey, list[Presence]] = {key: [] for key in units}
        for row in here:
            expected = decode_encounter(row.state).expected_discharge_at
            high_risk = row.status in OPEN_STATUSES and row.band == "high"
            presence = Presence(row.encounter_id, row.bed_id, row.arrived_at, None, expected, high_risk)
            found[row.facility_id, row.unit_id].append(presence)
        gone = connection.execute(
            select(*unit, stay.encounter_id, stay.bed_id, stay.arrived_at, stay.left_at).where(
                in_units, stay.left_at > as_of - WINDOW
            )
        )
        for left in gone:
            presence = Presence(left.encounter_id, left.bed_id, left.arrived_at, left.left_at)
            found[left.facility_id, left.unit_id].append(presence)
        return found

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

    def _words(self, connection: Connection, units: Collection[UnitKey]) -> dict[UnitKey, dict[str, BedWord]]:
        word = tables.bed_status.columns
        rows = connection.execute(
            select(word.facility_id, word.unit_id, word.bed_id, word.status, word.since, word.reason).where(
                tuple_(word.facility_id, word.unit_id).in_(sorted(units))
            )
        )
        found: dict[UnitKey, dict[str, BedWord]] = {key: {} for key in units}
        for row in rows:
            found[row.facility_id, row.unit_id][row.bed_id] = BedWord(BedStatus(row.status), row.since, row.reason)
        return found

    def save(self, connection: Connection, metrics: list[tuple[CapacityMetrics, bytes]]) -> None:
        """Write the latest metrics of units."""
        rows: list[tuple[Any, ...]] = [
            (metric.facility_id, metric.unit_id, metric.as_of, body) for metric, body in metrics
        ]
        bulk_sql.insert(connection, tables.unit_capacity, rows, on_conflict="update")
