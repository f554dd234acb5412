"""Where an entry of Encounter.location is: bed, room, ward and site, found through the Locations that came along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from schemas.events import Location
from streams.ingest.fhir.json_values import Json, codes, name, part, text
from streams.ingest.fhir.mapping import LEVELS, FhirOptions
from streams.ingest.fhir.references import target
from streams.ingest.fhir.resources import RelatedResources

DEEPEST = 10
"""Steps of Location.partOf that are followed."""


class Place(NamedTuple):
    """An entry of Encounter.location, and where in the resource it stands."""

    item: Json
    path: str


class _Step(NamedTuple):
    level: str
    name: str


class Locations:
    """Finds the places of one Encounter."""

    def __init__(self, encounter: Json, company: RelatedResources, options: FhirOptions) -> None:
        self._encounter, self._company, self._options = encounter, company, options

    def location(self, places: Sequence[Place], before: Location | None) -> Location | None:
        """Return the one place that several entries of one time name: ward, room and bed may stand in one each.

        Parameters
        ----------
        places : sequence of Place
            Entries of one time.
        before : Location or None
            Where the patient was before: a bed that nobody places is in the same ward, a ward on the same site.

        Raises
        ------
        Refused
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
        return Location(
            facility_id=self._options.facilities.get(facility, facility) if facility else elsewhere,
            unit_id=self._options.units.get(unit, unit),
            room=room,
            bed_id=bed,
        )

    def _steps(self, place: Place) -> Iterator[_Step]:
        """Give the levels that an entry names, from the bed upwards."""
        reference, path = place.item.get("location"), f"{place.path}.location"
        said = _level(place.item)
        resource = self._company.find(reference, "Location")
        if resource is None:
            known_as = name(_named(reference), path)
            if known_as is not None:
                yield _Step(said or "other", known_as)
            return
        seen: list[Json] = []
        while resource is not None and len(seen) < DEEPEST and not any(resource is other for other in seen):
            seen.append(resource)
            known_as = name(self._own_name(resource), path)
            if known_as is not None:
                yield _Step(said or self._level_of(resource) or "other", known_as)
            organisation = name(self._organisation(resource.get("managingOrganization")), path)
            if organisation is not None:
                yield _Step("organisation", organisation)
            above, said = resource.get("partOf"), None
            resource = self._company.find(above, "Location")
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
        found = self._company.find(reference, "Organization")
        return _named(reference) if found is None else self._own_name(found)

    def _own_name(self, resource: Json) -> str | None:
        known_as = self._company.number_of(resource)
        return text(known_as[1]["value"]) if known_as else text(resource.get("id"))

    def _level_of(self, resource: Json) -> str | None:
        return self._company.remember(resource, "level", lambda: _level(resource))


def _level(value: Json) -> str | None:
    """Return the level that physicalType (R4) or form (R5) names; `other` for one that is none of ours."""
    written = [*codes(value.get("physicalType")), *codes(value.get("form"))]
    return next((LEVELS[code] for code in written if code in LEVELS), "other" if written else None)


def _named(reference: object) -> str | None:
    """Return what a Reference alone says of the name: its identifier, else its id, else its display."""
    end = target(part(reference, "reference"))
    return (
        text(part(reference, "identifier", "value"))
        or (end.logical_id if end else None)
        or text(part(reference, "display"))
    )


def _only(levels: dict[str, str]) -> tuple[str, str | None, str | None]:
    """Return unit, room and bed where nothing names a ward."""
    if "room" in levels:
        return levels["room"], None, levels.get("bed")
    return next(iter(levels.values())), None, None
