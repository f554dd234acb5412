"""SQL of the `capacity` agent: reads presences, reservations and bed status reports; writes metrics."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, select

from schemas import tables
from schemas.events import BedStatus
from schemas.hospital import Hospital
from schemas.state import decode_encounter
from schemas.topics import CapacityMetrics, UnitChanged
from schemas.two_people import generation
from streams.alerts.rules import OPEN_STATUSES
from streams.capacity import queries
from streams.capacity.beds import BedStatusReport
from streams.capacity.census import HOURS, Presence, UnitFacts
from streams.capacity.learnt import Seen
from streams.capacity.peaks import Peaks
from streams.store import bulk
from streams.store.pending_admissions import open_plans
from streams.store.places import places_of

WINDOW = timedelta(hours=HOURS + 1)
"""Period for which presences are read: enough for the census of each of the last 24 full hours."""
REFRESH_S = 60.0
"""Seconds for which departures, and visits without a bed, from before the window are cached."""

UnitKey = tuple[str, str]

EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def _presences(
    units: Collection[UnitKey],
    open_stays: Collection[Any],
    gone: Collection[Any],
    released_at: dict[str, datetime],
) -> dict[UnitKey, list[Presence]]:
    found: dict[UnitKey, list[Presence]] = {key: [] for key in units}
    for row in open_stays:
        presence = Presence(row.encounter_id, row.bed_id, row.arrived_at, released_at.get(row.encounter_id))
        encounter = decode_encounter(row.state) if row.state is not None else None
        if encounter is not None:
            presence = presence._replace(inpatient_from=encounter.inpatient_from)
        if row.bed_id and encounter is not None:
            presence = presence._replace(
                expected_discharge_at=encounter.expected_discharge_at,
                generation=generation(encounter),
                high_risk=row.status in OPEN_STATUSES and row.band == "high",
            )
        found[row.facility_id, row.unit_id].append(presence)
    for row in gone:
        presence = Presence(row.encounter_id, row.bed_id, row.arrived_at, row.left_at)
        found[row.facility_id, row.unit_id].append(presence)
    return found


class CapacityStore:
    """Reads the facts of units; caches what changes seldom and is slow to query.

    That is departures older than the window, which of the visits without a bed that began before it are over, and the
    most patients at once in units whose beds are learnt.

    Parameters
    ----------
    hospital : Hospital or None
        The units of facilities that it does not name are learnt; None: no unit is.
    """

    def __init__(self, hospital: Hospital | None = None) -> None:
        self._hospital = hospital
        self._peaks = Peaks()
        self._last_left_cache: dict[UnitKey, tuple[float, dict[str, datetime]]] = {}
        self._waiting_cache: dict[UnitKey, tuple[float, int, int]] = {}
        self._moved_since = LATEST
        self._window_began = EARLIEST

    def note(self, hints: Iterable[UnitChanged]) -> None:
        """Drop from the cache what these hints make invalid."""
        for hint in hints:
            unit = (hint.facility_id, hint.unit_id)
            if hint.past_changed or (hint.since is not None and hint.since <= self._window_began):
                self.forget([unit])
            if hint.since is not None or hint.past_changed:
                self._peaks.forget(unit, hint.since)
                self._moved_since = min(hint.since or EARLIEST, self._moved_since)

    def forget(self, units: Iterable[UnitKey]) -> None:
        """Drop these units from the cache, because their past was corrected."""
        for unit in units:
            self._last_left_cache.pop(unit, None)
            self._waiting_cache.pop(unit, None)

    def known_units(self, connection: Connection) -> dict[UnitKey, datetime]:
        """Return all units that have metrics, with the event time of those."""
        column = tables.unit_capacity.columns
        rows = connection.execute(select(column.facility_id, column.unit_id, column.as_of))
        return {(row.facility_id, row.unit_id): row.as_of for row in rows}

    def unit_facts(self, connection: Connection, units: Collection[UnitKey], as_of: datetime) -> list[UnitFacts]:
        """Return the facts from which the metrics of these units are computed, sorted by unit.

        If one of these patients is in another unit under another encounter, that unit is included, too.
        """
        since = self._window_began = as_of - WINDOW

        def read(query: Select[Any], of: Collection[UnitKey]) -> list[Any]:
            return list(connection.execute(query, {**queries.of_units(of), "since": since}))

        open_stays, gone = read(queries.HERE, units), read(queries.GONE, units)
        places = places_of(connection, [*open_stays, *gone])
        further = places.units.difference(units)
        if further:
            self.forget(further)
            for unit in further:
                self._peaks.forget(unit, self._moved_since)
            open_stays += read(queries.HERE, further)
            gone += read(queries.GONE, further)
            places = places_of(connection, open_stays)
        presences = _presences({*units, *further}, open_stays, gone, places.released_at)
        reports = self._reports(connection, presences)
        reservations = self._reservations(connection, presences)
        last_left = self._last_left(connection, presences)
        waiting = self._waiting(connection, presences, since)
        self._moved_since = LATEST
        found = []
        for unit in sorted(presences):
            left_at = dict(last_left[unit])
            for presence in presences[unit]:
                if presence.bed_id and presence.left_at:
                    left_at[presence.bed_id] = max(presence.left_at, left_at.get(presence.bed_id, presence.left_at))
            here, without_bed = presences[unit], waiting.get(unit, 0)
            seen = self._seen(connection, unit, here, without_bed, as_of)
            found.append(UnitFacts(*unit, here, left_at, reports[unit], reservations[unit], without_bed, seen))
        return found

    def _seen(
        self, connection: Connection, unit: UnitKey, presences: list[Presence], waiting: int, as_of: datetime
    ) -> Seen | None:
        """Return what the feed has shown of a unit, where the hospital file does not name its facility."""
        if self._hospital is None or self._hospital.facility(unit[0]) is not None:
            return None
        reported = connection.execute(queries.REPORTS_BEDS, {"facility": unit[0]}).first()
        most = self._peaks.most(connection, unit, presences, waiting, as_of)
        return Seen(most, reports_beds=reported is not None)

    def _waiting(self, connection: Connection, units: Collection[UnitKey], since: datetime) -> dict[UnitKey, int]:
        """Return the number of visits without a bed from before the window, without those given up since."""
        rows = connection.execute(queries.WAITING, {**queries.of_units(units), "since": since})
        counted = {(row.facility_id, row.unit_id): row.visits for row in rows}
        now = time.monotonic()
        for unit, visits in counted.items():
            read_at, of, _ = self._waiting_cache.get(unit, (-REFRESH_S, 0, 0))
            if of != visits or now - read_at >= REFRESH_S:
                waiting = connection.execute(queries.WAITING_VISITS, {**queries.of_units([unit]), "since": since}).all()
                given_up = places_of(connection, waiting).released_at
                over = sum(row.encounter_id in given_up for row in waiting)
                self._waiting_cache[unit] = (now, visits, over)
        return {unit: visits - self._waiting_cache[unit][2] for unit, visits in counted.items()}

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
                if row.left_at is not None:
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
