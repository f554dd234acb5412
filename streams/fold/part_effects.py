"""What the parts of one stay change in it: moves, reservations, services and diagnoses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from schemas.events import (
    Details,
    EncounterPartReported,
    EncounterUpdated,
    Location,
    PatientTransferred,
    PendingDetails,
    TransferPending,
    UpdateDetails,
)
from schemas.state import Encounter, EncounterStatus
from streams.fold.effects import Effect, FactOrEffect, source_of
from streams.fold.encounter import fold


class _Placed(NamedTuple):
    """Where the patient was, according to a part, or to the stay itself."""

    since: datetime
    until: datetime | None
    location: Location
    part: EncounterPartReported | None
    """None where the stay itself says so."""

    def rank(self) -> tuple[datetime, bool, bool, str]:
        """Return the sort key by which one of several places counts: the latest, then the most exact."""
        return (
            self.since,
            self.location.bed_id is not None,
            self.part is not None,
            self.part.subject if self.part is not None else "",
        )


def part_effects(facts: Sequence[FactOrEffect], parts: Sequence[Sequence[EncounterPartReported]]) -> list[Effect]:
    """Return the effects of the parts on their stay.

    Parameters
    ----------
    facts : sequence of FactOrEffect
        Of the stay, at least one.
    parts : sequence of sequence of EncounterPartReported
        Of each part all versions, the latest last.
    """
    stay = fold(facts)
    if stay is not None and stay.status is EncounterStatus.CANCELLED:
        return []
    found = _Effects(facts, stay)
    said = [part for part in parts if not part[-1].data.void]
    latest = [part[-1] for part in said]
    if stay is not None and stay.status is EncounterStatus.PLANNED:
        found.reserve(latest)
    else:
        found.move(latest)
        found.plan(latest)
    for part in said:
        found.update(part)
    return found.effects


class _Effects:
    """Collects the effects on one stay."""

    def __init__(self, facts: Sequence[FactOrEffect], stay: Encounter | None) -> None:
        self.effects: list[Effect] = []
        self._stay = stay
        self._owner = source_of(max(facts, key=lambda fact: (fact.recorded_at, source_of(fact).id)))
        self._last_at = max(fact.occurred_at for fact in facts)
        self._begins = stay.admitted_at if stay is not None else None

    def move(self, parts: Iterable[EncounterPartReported]) -> None:
        """Add a transfer where a part puts the patient in a place, or gives a place up while another is active."""
        ends = self._stay.discharged_at if self._stay is not None else None
        placed = [*self._placed(parts), *self._own_places()]
        starts = sorted(placed, key=_Placed.rank)
        times = sorted({time for one in placed for time in (one.since, one.until) if time is not None})
        active: list[_Placed] = []
        before: _Placed | None = None
        position = 0
        for at in times:
            left = [one for one in active if one.until is not None and one.until <= at]
            active = [one for one in active if one.until is None or one.until > at]
            while position < len(starts) and starts[position].since <= at:
                if starts[position].until is None or starts[position].until > at:  # type: ignore[operator]
                    active.append(starts[position])
                position += 1
            if not active:
                continue
            now = _with_bed(max(active, key=_Placed.rank), active)
            arrived = now.since == at
            returned = before is not None and before in left and not arrived and (ends is None or at < ends)
            if arrived and now.part is not None:
                self._add(now.part, PatientTransferred, at, Details(location=now.location))
            elif returned and (said_by := before.part or now.part if before is not None else None) is not None:
                self._add(said_by, PatientTransferred, at, Details(location=now.location, service=_service(now)))
            before = max(active, key=_Placed.rank)

    def _placed(self, parts: Iterable[EncounterPartReported]) -> Iterator[_Placed]:
        for part in parts:
            for place in part.data.placements:
                since = self._not_before_admission(place.since)
                if place.until is None or place.until > since:
                    yield _Placed(since, place.until, place.location, part)

    def _own_places(self) -> Iterator[_Placed]:
        for stay in self._stay.unit_stays if self._stay is not None else ():
            location = Location(facility_id=stay.facility_id, unit_id=stay.unit_id, room=stay.room, bed_id=stay.bed_id)
            yield _Placed(stay.arrived_at, stay.left_at, location, None)

    def plan(self, parts: Iterable[EncounterPartReported]) -> None:
        """Add a pending transfer for a part to which the patient has not come yet."""
        if self._stay is None or self._stay.status is not EncounterStatus.IN_PROGRESS:
            return
        for part in parts:
            if part.data.planned is not None:
                data = PendingDetails(location=part.data.planned, expected_at=part.data.expected_at)
                self._add(part, TransferPending, self._not_before_admission(part.recorded_at), data)

    def reserve(self, parts: Iterable[EncounterPartReported]) -> None:
        """Add the place that a part reserves for a planned stay."""
        for part in parts:
            places = [part.data.planned, *(place.location for place in part.data.placements)]
            place = next((place for place in places if place is not None), None)
            if place is not None:
                self._add(part, EncounterUpdated, max(part.recorded_at, self._last_at), UpdateDetails(location=place))

    def update(self, versions: Sequence[EncounterPartReported]) -> None:
        """Add the diagnoses of all versions, each when it became known, and the service since the part began."""
        for version in versions:
            if version.data.diagnoses:
                at = self._not_before_admission(version.recorded_at)
                self._add(version, EncounterUpdated, at, UpdateDetails(diagnoses=version.data.diagnoses))
        latest = versions[-1]
        if latest.data.service is not None and (latest.data.placements or latest.data.planned is None):
            began_at = [place.since for place in latest.data.placements[:1]]
            at = self._not_before_admission(min(began_at, default=latest.recorded_at))
            self._add(latest, EncounterUpdated, at, UpdateDetails(service=latest.data.service))

    def _not_before_admission(self, at: datetime) -> datetime:
        return at if self._begins is None else max(at, self._begins)

    def _add(self, part: EncounterPartReported, kind: type[Any], at: datetime, data: Details) -> None:
        owner = self._owner
        source = msgspec.structs.replace(
            part, id=f"{part.id}/{len(self.effects)}", subject=owner.subject, partition_key=owner.partition_key
        )
        self.effects.append(
            Effect(kind=kind, occurred_at=at, recorded_at=part.recorded_at, data=data, source_fact=source)
        )


def _with_bed(place: _Placed, active: Iterable[_Placed]) -> _Placed:
    """Return the place with the bed that another active part names in the same unit."""
    if place.location.bed_id is not None:
        return place
    unit = (place.location.facility_id, place.location.unit_id)
    beds = [
        other
        for other in active
        if other.location.bed_id is not None and (other.location.facility_id, other.location.unit_id) == unit
    ]
    if not beds:
        return place
    return place._replace(location=max(beds, key=_Placed.rank).location)


def _service(place: _Placed) -> str | None:
    return place.part.data.service if place.part is not None else None
