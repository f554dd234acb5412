"""Board from metrics. Pure. `BoardState` holds the latest metrics of each unit and draws the board from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from dashboard.components.wording import counted
from dashboard.live.summary import summarise
from dashboard.live.wire import Board, BoardUnit, Card, Tile
from schemas.events import BedStatus
from schemas.hospital import Facility, Hospital, Unit, UnitType
from schemas.topics import BedOnBoard, CapacityMetrics
from streams.capacity.census import unit_type
from streams.capacity.rules import Line, level_of, lines

UnitKey = tuple[str, str]
HOUR = timedelta(hours=1)
LEAVING_WITHIN = timedelta(hours=12)
TO_CLEAN = (BedStatus.DIRTY, BedStatus.CLEANING)
UNLISTED_TARGET_MINUTES = 45


class BoardState:
    """The latest metrics of each unit."""

    def __init__(self, hospital: Hospital) -> None:
        self._hospital = hospital
        self._metrics: dict[UnitKey, CapacityMetrics] = {}
        self._time: datetime | None = None

    def set_time(self, now: datetime) -> None:
        """Set the board's time, as a worker says it; an earlier one is ignored."""
        self._time = max(now, self._time or now)

    def is_at(self, event_time: int | None) -> bool:
        """Return whether the board's time is still this one, in seconds since 1970."""
        now = self.event_time
        return event_time == (None if now is None else _seconds(now))

    def replace(self, metrics: Iterable[CapacityMetrics]) -> None:
        """Replace all metrics by the snapshot from SQL."""
        self._metrics = {(metric.facility_id, metric.unit_id): metric for metric in metrics}

    def apply(self, metric: CapacityMetrics) -> None:
        """Apply newer metrics of one unit. Messages of one unit arrive in order, so the last one is valid."""
        self._metrics[metric.facility_id, metric.unit_id] = metric

    def metrics(self, key: UnitKey) -> CapacityMetrics | None:
        """Return the latest metrics of a unit."""
        return self._metrics.get(key)

    @property
    def event_time(self) -> datetime | None:
        """The board's time: as a worker said it, or the latest time of any unit; None without facts."""
        latest = max((metric.as_of for metric in self._metrics.values()), default=None)
        return latest and max(latest, self._time or latest)

    def draw(self, *, past: bool = False) -> Board:
        """Return the board: units in the order of the hospital file, then those that only the feed knows.

        With `past`, facts are left to read, and no change of the last 24 hours is shown.
        """
        now = self.event_time
        units = tuple(self._unit(key, now) for key in self._order())
        inpatient = frozenset(unit.card.key for unit in units if not self._is_emergency(unit.card))
        return Board(
            event_time=None if now is None else _seconds(now),
            units=units,
            summary=summarise(
                units,
                inpatient,
                None if now is None else _seconds(now),
                self._place(units),
                self._lines(now),
                past=past,
            ),
        )

    def _lines(self, now: datetime | None) -> dict[str, list[Line]]:
        """Return what needs a person in each unit."""
        return {
            "/".join(key): lines(
                metric, now, cleaning_target=self._target(key[0]), is_emergency=self._is_emergency_unit(key)
            )
            for key, metric in self._metrics.items()
            if now is not None
        }

    def _target(self, facility_id: str) -> timedelta:
        facility = self._hospital.facility(facility_id)
        return timedelta(minutes=facility.cleaning_minutes if facility else UNLISTED_TARGET_MINUTES)

    def _order(self) -> list[UnitKey]:
        reported = {facility_id for facility_id, _ in self._metrics}
        # The feed may be a recording of another hospital: hide facilities that it never names.
        listed = [key for key in self._hospital.units if not reported or key[0] in reported]
        return listed + sorted(key for key in self._metrics if key not in self._hospital.units)

    def _place(self, units: Sequence[BoardUnit]) -> str:
        facility_ids = dict.fromkeys(unit.card.key.partition("/")[0] for unit in units)
        facilities = [self._hospital.facility(facility_id) for facility_id in facility_ids]
        names = [known.name if known else name for name, known in zip(facility_ids, facilities, strict=True)]
        beds = sum(len(unit.tiles) or self._listed_beds(unit.card) for unit in units)
        sizes = [counted(len(units), "unit"), *([counted(beds, "bed")] if beds else [])]
        return " · ".join((*names[:3], *(["…"] if len(names) > 3 else []), *sizes))

    def _listed_beds(self, card: Card) -> int:
        facility_id, _, unit_id = card.key.partition("/")
        unit = self._hospital.units.get((facility_id, unit_id))
        return len(unit.bed_ids) if unit else 0

    def _is_emergency(self, card: Card) -> bool:
        facility_id, _, _ = card.key.partition("/")
        return self._is_emergency_unit((facility_id, card.unit_id))

    def _is_emergency_unit(self, key: UnitKey) -> bool:
        return unit_type(*key, self._hospital) is UnitType.EMERGENCY

    def _unit(self, key: UnitKey, now: datetime | None) -> BoardUnit:
        facility = self._hospital.facility(key[0])
        listed = self._hospital.units.get(key)
        metric = self._metrics.get(key)
        target = self._target(key[0])
        zone, inpatient = self._hospital.time_zone(key[0]), not self._is_emergency_unit(key)
        tiles = tuple(_tile(bed, now, target) for bed in metric.beds) if metric and now else ()
        card = _card(key, facility, listed, metric, tiles, now, target, zone, inpatient)
        return BoardUnit(card=card, tiles=tiles)


def _tile(bed: BedOnBoard, now: datetime, target: timedelta) -> Tile:
    due = bed.expected_discharge_at if bed.status is BedStatus.OCCUPIED else None
    overdue_cleaning = bed.status in TO_CLEAN and bed.since is not None and now - bed.since > target
    return Tile(
        id=bed.bed_id,
        status=bed.status.value,
        since=None if bed.since is None else _seconds(bed.since),
        due=None if due is None else _seconds(due),
        leaving=due is not None and due <= now + LEAVING_WITHIN,
        high_risk=bed.high_risk,
        late=overdue_cleaning or (due is not None and due < now),
        conflicts=len(bed.conflicts),
        reason=bed.reason,
    )


def _card(
    key: UnitKey,
    facility: Facility | None,
    listed: Unit | None,
    metric: CapacityMetrics | None,
    tiles: tuple[Tile, ...],
    now: datetime | None,
    target: timedelta,
    zone: str,
    inpatient: bool,
) -> Card:
    occupancy = metric.occupancy if metric else None
    return Card(
        key="/".join(key),
        unit_id=key[1],
        name=listed.name if listed else key[1],
        detail=(listed.specialty if listed else "") or (facility.name if facility else key[0]),
        zone=zone,
        inpatient=inpatient,
        listed=listed is not None,
        learnt=metric is not None and metric.learnt,
        known=metric is not None,
        level=level_of(metric) if metric else 0,
        census=metric.census if metric else 0,
        staffed=metric.staffed_beds if metric else (listed.staffed if listed else 0),
        percent=None if occupancy is None else round(occupancy * 100),
        available=metric.available if metric else 0,
        to_clean=metric.dirty + metric.cleaning if metric else 0,
        late_cleaning=sum(tile.late and tile.status in TO_CLEAN for tile in tiles),
        reserved=metric.reserved if metric else 0,
        out_of_use=metric.blocked + metric.unstaffed if metric else 0,
        without_bed=metric.without_bed if metric and tiles else 0,
        leaving=sum(tile.leaving for tile in tiles),
        target_minutes=int(target / timedelta(minutes=1)),
        hours=census_hours(metric, now) if metric and now else (),
    )


def census_hours(metric: CapacityMetrics, now: datetime) -> tuple[int, ...]:
    """Return a unit's census at the full hours up to `now`, as many as the metrics hold, oldest first.

    A unit is computed when something in it changes. So the census did not change in the hours after its `as_of`.

    Parameters
    ----------
    metric : CapacityMetrics
        The unit's latest metrics.
    now : datetime
        Event time of the board, not before the last full hour of `metric.as_of`.
    """
    behind = (_full_hour(now) - _full_hour(metric.as_of)) // HOUR
    length = len(metric.census_by_hour)
    return (*metric.census_by_hour, *[metric.census] * min(behind, length))[-length:] if length else ()


def _full_hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)


def _seconds(time: datetime) -> int:
    return int(time.timestamp())
