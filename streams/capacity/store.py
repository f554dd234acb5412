"""What the `capacity` agent reads and writes: who is or was in a unit, the words on its beds, the metrics published."""

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
from streams.capacity import queries as queries
from streams.capacity.beds import BedStatusReport, PersonClaim, superseded
from streams.capacity.census import HOURS, Presence, UnitFacts
from streams.store import bulk
from streams.store.pending_admissions import open_plans
from streams.store.people import persons
from streams.store.watermarks import event_time
from streams.worker import metrics

WINDOW = timedelta(hours=HOURS + 1)
REFRESH_S = 60.0
"""How long the times at which beds were last left are taken from memory, beyond what the window shows."""

UnitKey = tuple[str, str]


def _presences(
    units: Collection[UnitKey],
    open_stays: Collection[Any],
    gone: Collection[Any],
    given_up: dict[str, datetime],
) -> dict[UnitKey, list[Presence]]:
    found: dict[UnitKey, list[Presence]] = {key: [] for key in units}
    for row in open_stays:
        presence = Presence(row.encounter_id, row.bed_id, row.arrived_at, None)
        if row.bed_id:
            presence = presence._replace(
                left_at=given_up.get(row.encounter_id),
                expected_discharge_at=decode_encounter(row.state).expected_discharge_at,
                high_risk=row.status in OPEN_STATUSES and row.band == "high",
            )
        found[row.facility_id, row.unit_id].append(presence)
    for row in gone:
        presence = Presence(row.encounter_id, row.bed_id, row.arrived_at, row.left_at)
        found[row.facility_id, row.unit_id].append(presence)
    return found


def _persons(connection: Connection, stays: Collection[Any]) -> dict[str, str]:
    return persons(connection, {stay.patient_token for stay in stays if stay.bed_id})


def _given_up(stays: Collection[Any], people: dict[str, str]) -> dict[str, datetime]:
    """Return since when a stay's bed is given up, for somebody lies in another one."""
    in_bed = {stay.encounter_id: stay for stay in stays if stay.bed_id}
    return superseded(
        PersonClaim(people[stay.patient_token], key, stay.arrived_at, PatientClass(stay.patient_class))
        for key, stay in in_bed.items()
    )


class CapacityStore:
    """Reads units; remembers between reads only what is costly to find: releases older than the window."""

    def __init__(self) -> None:
        self._left: dict[UnitKey, tuple[float, dict[str, datetime]]] = {}

    def forget(self, units: Iterable[UnitKey]) -> None:
        """Read the past of these units again: somebody corrected it."""
        for unit in units:
            self._left.pop(unit, None)

    def known_units(self, connection: Connection) -> dict[UnitKey, datetime]:
        """Return all units of which there are metrics, with the event time of these."""
        column = tables.unit_capacity.columns
        rows = connection.execute(select(column.facility_id, column.unit_id, column.as_of))
        return {(row.facility_id, row.unit_id): row.as_of for row in rows}

    def event_time(self, connection: Connection, latest: datetime) -> datetime:
        """Return the event time that all partitions have reached, or `latest` while that is not known."""
        reached = event_time(connection)
        if reached is not None:
            metrics.WATERMARK.set(reached.timestamp())
        return reached or latest

    def unit_facts(self, connection: Connection, units: Collection[UnitKey], as_of: datetime) -> list[UnitFacts]:
        """Return all that the metrics of these units follow from, in the order of their keys.

        Where a person lies in a bed of another unit under another encounter, that unit is in the answer too.
        """
        since = as_of - WINDOW

        def read(query: Select[Any], of: Collection[UnitKey]) -> list[Any]:
            return list(connection.execute(query, {"units": list(of), "since": since}))

        open_stays, gone = read(queries.HERE, units), read(queries.GONE, units)
        people = _persons(connection, [*open_stays, *gone])
        elsewhere = self._elsewhere(connection, [*open_stays, *gone], people)
        further = {(stay.facility_id, stay.unit_id) for stay in elsewhere}.difference(units)
        if further:
            there = read(queries.HERE, further)
            open_stays += there
            gone += read(queries.GONE, further)
            people |= _persons(connection, there)
            elsewhere += self._elsewhere(connection, there, people)
        presences = _presences({*units, *further}, open_stays, gone, _given_up([*elsewhere, *open_stays], people))
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

    def _elsewhere(self, connection: Connection, stays: Collection[Any], people: Collection[str]) -> list[Any]:
        """Return beds that these people are in under other encounters than those of `stays`."""
        known = {stay.encounter_id for stay in stays}
        rows = connection.execute(queries.IN_BED, {"tokens": list(people)})
        return [row for row in rows if row.encounter_id not in known]

    def _reservations(self, connection: Connection, units: Collection[UnitKey]) -> dict[UnitKey, dict[str, str]]:
        """Return for whom beds are reserved; a plan that waits on a patient ends when they are admitted."""
        rows = connection.execute(queries.RESERVATIONS, {"units": list(units)}).all()
        found: dict[UnitKey, dict[str, str]] = {key: {} for key in units}
        for row in open_plans(connection, rows):
            found[row.facility_id, row.unit_id][row.bed_id] = row.subject
        return found

    def _last_left(self, connection: Connection, units: Collection[UnitKey]) -> dict[UnitKey, dict[str, datetime]]:
        now = time.monotonic()
        old = [unit for unit in units if unit not in self._left or now - self._left[unit][0] >= REFRESH_S]
        if old:
            read: dict[UnitKey, dict[str, datetime]] = {unit: {} for unit in old}
            for row in connection.execute(queries.LAST_LEFT, {"units": old}):
                read[row.facility_id, row.unit_id][row.bed_id] = row.left_at
            self._left |= {unit: (now, left) for unit, left in read.items()}
        return {unit: self._left[unit][1] for unit in units}

    def _reports(self, connection: Connection, units: Collection[UnitKey]) -> dict[UnitKey, dict[str, BedStatusReport]]:
        rows = connection.execute(queries.WORDS, {"units": list(units)})
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
