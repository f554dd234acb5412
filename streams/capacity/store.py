"""SQL of the `capacity` agent: reads presences, reservations and bed status reports; writes metrics."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, select

from schemas import tables
from schemas.events import BedStatus, PatientClass
from schemas.state import decode_encounter
from schemas.topics import CapacityMetrics
from streams.alerts.rules import OPEN_STATUSES
from streams.capacity import queries
from streams.capacity.beds import BedStatusReport, PersonClaim, superseded
from streams.capacity.census import HOURS, Presence, UnitFacts
from streams.store import bulk
from streams.store.pending_admissions import open_plans
from streams.store.people import persons
from streams.store.watermarks import event_time
from streams.worker import metrics

WINDOW = timedelta(hours=HOURS + 1)
"""Period for which presences are read: enough for the census of each of the last 24 full hours."""
REFRESH_S = 60.0
"""Seconds for which departures older than the window are cached."""

UnitKey = tuple[str, str]


def _presences(
    units: Collection[UnitKey],
    open_stays: Collection[Any],
    gone: Collection[Any],
    released_at: dict[str, datetime],
) -> dict[UnitKey, list[Presence]]:
    found: dict[UnitKey, list[Presence]] = {key: [] for key in units}
    for row in open_stays:
        presence = Presence(row.encounter_id, row.bed_id, row.arrived_at, None)
        state = decode_encounter(row.state) if row.state is not None else None
        if state is not None:
            presence = presence._replace(inpatient_from=state.inpatient_from)
        if row.bed_id and state is not None:
            presence = presence._replace(
                left_at=released_at.get(row.encounter_id),
                expected_discharge_at=state.expected_discharge_at,
                high_risk=row.status in OPEN_STATUSES and row.band == "high",
            )
        found[row.facility_id, row.unit_id].append(presence)
    for row in gone:
        presence = Presence(row.encounter_id, row.bed_id, row.arrived_at, row.left_at)
        found[row.facility_id, row.unit_id].append(presence)
    return found


def _persons(connection: Connection, stays: Collection[Any]) -> dict[str, str]:
    return persons(connection, {stay.patient_token for stay in stays if stay.bed_id})


def _superseded(stays: Collection[Any], person_of: dict[str, str]) -> dict[str, datetime]:
    """Return when each stay lost its bed because the same person is in another one."""
    in_bed = {stay.encounter_id: stay for stay in stays if stay.bed_id}
    return superseded(
        PersonClaim(person_of[stay.patient_token], key, stay.arrived_at, PatientClass(stay.patient_class))
        for key, stay in in_bed.items()
    )


class CapacityStore:
    """Reads the facts of units; caches only the departures older than the window, which are slow to query."""

    def __init__(self) -> None:
        self._last_left_cache: dict[UnitKey, tuple[float, dict[str, datetime]]] = {}

    def forget(self, units: Iterable[UnitKey]) -> None:
        """Drop these units from the cache, because their past was corrected."""
        for unit in units:
            self._last_left_cache.pop(unit, None)

    def known_units(self, connection: Connection) -> dict[UnitKey, datetime]:
        """Return all units that have metrics, with the event time of those."""
        column = tables.unit_capacity.columns
        rows = connection.execute(select(column.facility_id, column.unit_id, column.as_of))
        return {(row.facility_id, row.unit_id): row.as_of for row in rows}

    def event_time(self, connection: Connection, latest: datetime) -> datetime:
        """Return the event time that all partitions have reached, or `latest` while it is unknown."""
        reached = event_time(connection)
        if reached is not None:
            metrics.WATERMARK.set(reached.timestamp())
        return reached or latest

    def unit_facts(self, connection: Connection, units: Collection[UnitKey], as_of: datetime) -> list[UnitFacts]:
        """Return the facts from which the metrics of these units are computed, sorted by unit.

        If one of these patients is in a bed of another unit under another encounter, that unit is included, too.
        """
        since = as_of - WINDOW

        def read(query: Select[Any], of: Collection[UnitKey]) -> list[Any]:
            return list(connection.execute(query, {"units": list(of), "since": since}))

        open_stays, gone = read(queries.HERE, units), read(queries.GONE, units)
        person_of = _persons(connection, [*open_stays, *gone])
        elsewhere = self._elsewhere(connection, [*open_stays, *gone], person_of)
        further = {(stay.facility_id, stay.unit_id) for stay in elsewhere}.difference(units)
        if further:
            there = read(queries.HERE, further)
            open_stays += there
            gone += read(queries.GONE, further)
            person_of |= _persons(connection, there)
            elsewhere += self._elsewhere(connection, there, person_of)
        released_at = _superseded([*elsewhere, *open_stays], person_of)
        presences = _presences({*units, *further}, open_stays, gone, released_at)
        reports = self._reports(connection, presences)
        reservations = self._reservations(connection, presences)
        last_left = self._last_left(connection, presences)
        waiting = {(row.facility_id, row.unit_id): row.visits for row in read(queries.WAITING, presences)}
        found = []
        for unit in sorted(presences):
            left_at = dict(last_left[unit])
            for presence in presences[unit]:
                if presence.bed_id and presence.left_at:
                    left_at[presence.bed_id] = max(presence.left_at, left_at.get(presence.bed_id, presence.left_at))
            found.append(
                UnitFacts(*unit, presences[unit], left_at, reports[unit], reservations[unit], waiting.get(unit, 0))
            )
        return found

    def _elsewhere(self, connection: Connection, stays: Collection[Any], tokens: Collection[str]) -> list[Any]:
        """Return the beds that these patients are in under encounters that are not among `stays`."""
        known = {stay.encounter_id for stay in stays}
        rows = connection.execute(queries.IN_BED, {"tokens": list(tokens)})
        return [row for row in rows if row.encounter_id not in known]

    def _reservations(self, connection: Connection, units: Collection[UnitKey]) -> dict[UnitKey, dict[str, str]]:
        """Return the encounter or patient for whom each bed is reserved, by unit and bed."""
        rows = connection.execute(queries.RESERVATIONS, {"units": list(units)}).all()
        found: dict[UnitKey, dict[str, str]] = {key: {} for key in units}
        for row in open_plans(connection, rows):
            found[row.facility_id, row.unit_id][row.bed_id] = row.subject
        return found

    def _last_left(self, connection: Connection, units: Collection[UnitKey]) -> dict[UnitKey, dict[str, datetime]]:
        now = time.monotonic()
        cache = self._last_left_cache
        old = [unit for unit in units if unit not in cache or now - cache[unit][0] >= REFRESH_S]
        if old:
            read: dict[UnitKey, dict[str, datetime]] = {unit: {} for unit in old}
            for row in connection.execute(queries.LAST_LEFT, {"units": old}):
                read[row.facility_id, row.unit_id][row.bed_id] = row.left_at
            cache |= {unit: (now, left) for unit, left in read.items()}
        return {unit: cache[unit][1] for unit in units}

    def _reports(self, connection: Connection, units: Collection[UnitKey]) -> dict[UnitKey, dict[str, BedStatusReport]]:
        rows = connection.execute(queries.BED_REPORTS, {"units": list(units)})
        found: dict[UnitKey, dict[str, BedStatusReport]] = {key: {} for key in units}
        for row in rows:
            found[row.facility_id, row.unit_id][row.bed_id] = BedStatusReport(
                BedStatus(row.status), row.since, row.reason
            )
        return found

    def save(self, connection: Connection, metrics: list[tuple[CapacityMetrics, bytes]]) -> None:
        """Write the latest metrics of units."""
        rows: list[tuple[Any, ...]] = [
            (metric.facility_id, metric.unit_id, metric.as_of, body) for metric, body in metrics
        ]
        bulk.insert(connection, tables.unit_capacity, rows, on_conflict="update")
