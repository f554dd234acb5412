"""All SQL of the `capacity` agent: who is or was in a unit, what was said of its beds, and the metrics as published."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, case, func, select, tuple_

from schemas import tables
from schemas.events import BedStatus, PatientClass
from schemas.state import EncounterStatus, decode_encounter
from schemas.topics import ADT_EVENTS, CapacityMetrics
from streams import bulk_sql, people_store, telemetry
from streams.alerts import OPEN_STATUSES
from streams.beds import BedWord, PersonClaim, superseded
from streams.census import HOURS, Presence, UnitFacts
from streams.unit_of_work import read_watermarks
from streams.watermarks import overall

WINDOW = timedelta(hours=HOURS + 1)
REFRESH_S = 60.0
"""How long the times at which beds were last left are taken from memory, beyond what the window shows."""

UnitKey = tuple[str, str]


_PLACE = tuple(
    tables.unit_stay.columns[name] for name in ("facility_id", "unit_id", "encounter_id", "bed_id", "arrived_at")
)


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
        reached = overall(read_watermarks(connection, ADT_EVENTS.name).values())
        if reached is not None:
            telemetry.WATERMARK.set(reached.timestamp())
        return reached or latest

    def unit_facts(self, connection: Connection, units: Collection[UnitKey], as_of: datetime) -> list[UnitFacts]:
        """Return all that the metrics of these units follow from, in the order of their keys.

        Where a person lies in a bed of another unit under another encounter, that unit is in the answer too.
        """
        open_stays, gone = self._open_stays(connection, units, as_of), self._gone(connection, units, as_of)
        elsewhere = self._elsewhere(connection, [*open_stays, *gone])
        further = {(stay.facility_id, stay.unit_id) for stay in elsewhere}.difference(units)
        if further:
            there = self._open_stays(connection, further, as_of)
            open_stays += there
            gone += self._gone(connection, further, as_of)
            elsewhere += self._elsewhere(connection, there)
        presences = _presences({*units, *further}, open_stays, gone, self._given_up(connection, open_stays, elsewhere))
        words = self._words(connection, presences)
        reservations, waiting = self._reservations(connection, presences), self._waiting(connection, presences, as_of)
        found = []
        for unit in sorted(presences):
            left_at = dict(self._last_left(connection, unit))
            for presence in presences[unit]:
                if presence.bed_id and presence.left_at:
                    left_at[presence.bed_id] = max(presence.left_at, left_at.get(presence.bed_id, presence.left_at))
            found.append(
                UnitFacts(*unit, presences[unit], left_at, words[unit], reservations[unit], waiting.get(unit, 0))
            )
        return found

    def _open_stays(self, connection: Connection, units: Collection[UnitKey], as_of: datetime) -> list[Any]:
        """Return who is there; of those without a bed, who came in the window. The state only where a bed shows it."""
        stay, encounter, alert = tables.unit_stay.columns, tables.encounter.columns, tables.alert.columns
        state = case((stay.bed_id.is_not(None), encounter.state)).label("state")
        query = (
            select(*_PLACE, encounter.patient_token, encounter.patient_class, state, alert.status, alert.band)
            .join(tables.encounter, encounter.encounter_id == stay.encounter_id)
            .outerjoin(tables.alert, alert.encounter_id == stay.encounter_id)
            .where(tuple_(stay.facility_id, stay.unit_id).in_(sorted(units)), stay.left_at.is_(None))
            .where(stay.bed_id.is_not(None) | (stay.arrived_at > as_of - WINDOW))
        )
        return list(connection.execute(query))

    def _waiting(self, connection: Connection, units: Collection[UnitKey], as_of: datetime) -> dict[UnitKey, int]:
        """Return how many came before the window and have no bed: visits to a clinic, which nobody ends."""
        stay = tables.unit_stay.columns
        query = (
            select(stay.facility_id, stay.unit_id, func.count().label("visits"))
            .where(tuple_(stay.facility_id, stay.unit_id).in_(sorted(units)), stay.left_at.is_(None))
            .where(stay.bed_id.is_(None), stay.arrived_at <= as_of - WINDOW)
            .group_by(stay.facility_id, stay.unit_id)
        )
        return {(row.facility_id, row.unit_id): row.visits for row in connection.execute(query)}

    def _gone(self, connection: Connection, units: Collection[UnitKey], as_of: datetime) -> list[Any]:
        stay, encounter = tables.unit_stay.columns, tables.encounter.columns
        query = (
            select(*_PLACE, stay.left_at, encounter.patient_token)
            .join(tables.encounter, encounter.encounter_id == stay.encounter_id)
            .where(tuple_(stay.facility_id, stay.unit_id).in_(sorted(units)), stay.left_at > as_of - WINDOW)
        )
        return list(connection.execute(query))

    def _elsewhere(self, connection: Connection, stays: Collection[Any]) -> list[Any]:
        """Return beds that the same persons as in these beds are in under other encounters."""
        known = {stay.encounter_id for stay in stays}
        people = people_store.persons(connection, {stay.patient_token for stay in stays if stay.bed_id})
        stay, encounter = tables.unit_stay.columns, tables.encounter.columns
        query = (
            select(*_PLACE, encounter.patient_token, encounter.patient_class)
            .join(tables.encounter, encounter.encounter_id == stay.encounter_id)
            .where(encounter.patient_token.in_(sorted(people)), encounter.status == EncounterStatus.IN_PROGRESS.value)
            .where(stay.left_at.is_(None), stay.bed_id.is_not(None))
        )
        return [row for row in connection.execute(query) if row.encounter_id not in known]

    def _given_up(
        self, connection: Connection, open_stays: Collection[Any], elsewhere: Collection[Any]
    ) -> dict[str, datetime]:
        stays = {stay.encounter_id: stay for stay in (*elsewhere, *open_stays) if stay.bed_id}
        people = people_store.persons(connection, {stay.patient_token for stay in stays.values()})
        return superseded(
            PersonClaim(people[stay.patient_token], key, stay.arrived_at, PatientClass(stay.patient_class))
            for key, stay in stays.items()
        )

    def _reservations(self, connection: Connection, units: Collection[UnitKey]) -> dict[UnitKey, dict[str, str]]:
        """Return for whom beds are reserved; a plan that waits on a patient ends when they are admitted."""
        plan = tables.reservation.columns
        rows = connection.execute(
            select(tables.reservation)
            .where(tuple_(plan.facility_id, plan.unit_id).in_(sorted(units)), plan.bed_id.is_not(None))
            .order_by(plan.since.desc(), plan.subject.desc())
        ).all()
        found: dict[UnitKey, dict[str, str]] = {key: {} for key in units}
        for row in people_store.open_plans(connection, rows):
            found[row.facility_id, row.unit_id][row.bed_id] = row.subject
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
