"""Bed, room, unit and facility of entries of Encounter.location, found through the Locations around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from schemas.events import Location
from schemas.names import composed
from streams.ingest.fhir.json_values import Json, codes, name, part, text
from streams.ingest.fhir.mapping import LEVELS, FhirOptions
from streams.ingest.fhir.references import target
from streams.ingest.fhir.related import RelatedResources

MAX_DEPTH = 10
"""Steps of Location.partOf that are followed."""


class Place(NamedTuple):
    """An entry of Encounter.location, with its path in the resource."""

    item: Json
    path: str


class _Step(NamedTuple):
    level: str
    name: str


class Locations:
    """Finds the locations of one Encounter."""

    def __init__(self, encounter: Json, related: RelatedResources, options: FhirOptions) -> None:
        self._encounter, self._related, self._options = encounter, related, options

    def location(self, places: Sequence[Place], before: Location | None) -> Location | None:
        """Return the one location that entries of one time describe: unit, room and bed may be an entry each.

        Parameters
        ----------
        places : sequence of Place
            Entries of one time.
        before : Location or None
            The location before: a bed without a unit is in the same unit, a unit without a facility in the same
            facility.

        Raises
        ------
        InvalidInput
            When a name is too long.
        """
        levels: dict[str, str] = {}
        for place in places:
            for step in self._steps(place):
                levels.setdefault(step.level, step.name)
        if not levels:
            return None
        unit, room, bed = levels.get("unit") or levels.get("other"), levels.get("room"), levels.get("bed")
        facility = self._facility(levels, places[0].path)
        if unit is None and before is not None and (room or bed):
            unit = before.unit_id
        elsewhere = before.facility_id if before is not None else self._options.default_facility
        if unit is None:
            unit, room, bed = _only(levels)
        facility, unit, room, bed = composed(facility), composed(unit), composed(room), composed(bed)
        return Location(
            facility_id=self._options.facilities.get(facility, facility) if facility else elsewhere,
            unit_id=self._options.units.get(unit, unit),
            room=room,
            bed_id=bed,
        )

    def _steps(self, place: Place) -> Iterator[_Step]:
        """Yield the levels that an entry describes, from the bed upwards."""
        reference, path = place.item.get("location"), f"{place.path}.location"
        level = _level(place.item)
        resource = self._related.find(reference, "Location")
        if resource is None:
            known_as = name(_named(reference), path)
            if known_as is not None:
                yield _Step(level or "other", known_as)
            return
        seen: list[Json] = []
        while resource is not None and len(seen) < MAX_DEPTH and not any(resource is other for other in seen):
            seen.append(resource)
            known_as = name(self._own_name(resource), path)
            if known_as is not None:
                yield _Step(level or self._level_of(resource) or "other", known_as)
            organisation = name(self._organisation(resource.get("managingOrganization")), path)
            if organisation is not None:
                yield _Step("organisation", organisation)
            above, level = resource.get("partOf"), None
            resource = self._related.find(above, "Location")
            if resource is None and above is not None:
                known_as = name(_named(above), path)
                if known_as is not None:
                    yield _Step("other", known_as)

    def _facility(self, levels: dict[str, str], path: str) -> str | None:
        for level in ("facility", "organisation", "building"):
            if level in levels:
                return levels[level]
        return name(self._organisation(self._encounter.get("serviceProvider")), path)

    def _organisation(self, reference: object) -> str | None:
        found = self._related.find(reference, "Organization")
        return _named(reference) if found is None else self._own_name(found)

    def _own_name(self, resource: Json) -> str | None:
        known_as = self._related.number_of(resource)
        return text(known_as[1]["value"]) if known_as else text(resource.get("id"))

    def _level_of(self, resource: Json) -> str | None:
        return self._related.remember(resource, "level", lambda: _level(resource))


def _level(value: Json) -> str | None:
    """Return the level of a Location by physicalType (R4) or form (R5); `other` for an unknown code."""
    written = [*codes(value.get("physicalType")), *codes(value.get("form"))]
    return next((LEVELS[code] for code in written if code in LEVELS), "other" if written else None)


def _named(reference: object) -> str | None:
    """Return the name in a Reference: its identifier, else its id, else its display."""
    end = target(part(reference, "reference"))
    return (
        text(part(reference, "identifier", "value"))
        or (end.logical_id if end else None)
        or text(part(reference, "display"))
    )


def _only(levels: dict[str, str]) -> tuple[str, str | None, str | None]:
    """Return unit, room and bed where no unit is known: the room, or else the bed, counts as the unit."""
    if "room" in levels:
        return levels["room"], None, levels.get("bed")
    return next(iter(levels.values())), None, None
