"""What an Encounter refers to: the Patient, Conditions and Locations that come with it, contained or in its Bundle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from schemas.events import Diagnosis, Location
from streams.ingest.fhir_codes import CODE_SYSTEMS, LEVELS, NOT_SO, FhirOptions
from streams.ingest.fhir_json import Json, codes, codings, identifier, items, keys, name, part, tail, text

DEEPEST = 10
"""Steps of Location.partOf that are followed."""

ADMISSION_USE = "AD"


class Resources:
    """The resources of a Bundle, found by what refers to them."""

    def __init__(self, entries: Sequence[Json] = ()) -> None:
        self._by_key: dict[str, Json] = {}
        self._by_identifier: dict[tuple[str, str, str], Json] = {}
        self._conditions: dict[str, list[Json]] = {}
        for entry in entries:
            resource = part(entry, "resource")
            if isinstance(resource, dict):
                self._add(resource, entry.get("fullUrl"))

    def _add(self, resource: Json, full_url: object) -> None:
        kind, logical_id = text(resource.get("resourceType")), text(resource.get("id"))
        if kind is None:
            return
        address = text(full_url)
        for key in (address, f"{kind}/{logical_id}" if logical_id else None):
            if key is not None:
                self._by_key.setdefault(key, resource)
        for _, known_as in items(resource.get("identifier")):
            value = text(known_as.get("value"))
            if value is not None:
                self._by_identifier.setdefault((kind, text(known_as.get("system")) or "", value), resource)
        if kind == "Condition":
            for key in keys(part(resource, "encounter", "reference")):
                self._conditions.setdefault(key, []).append(resource)

    def find(self, reference: object, kind: str, contained: object) -> Json | None:
        """Return the resource of that kind which a Reference names, if it came along."""
        written = text(part(reference, "reference"))
        if written is not None and written.startswith("#"):
            inside = (found for _, found in items(contained) if text(found.get("id")) in (written, written[1:]))
            return next((found for found in inside if found.get("resourceType") == kind), None)
        for key in keys(written):
            found = self._by_key.get(key)
            if found is not None and found.get("resourceType") == kind:
                return found
        value = text(part(reference, "identifier", "value"))
        if value is None:
            return None
        return self._by_identifier.get((kind, text(part(reference, "identifier", "system")) or "", value))

    def conditions_about(self, encounter_keys: Sequence[str]) -> list[Json]:
        """Return the Conditions whose `encounter` is one of the keys, each once."""
        found = {id(condition): condition for key in encounter_keys for condition in self._conditions.get(key, ())}
        return list(found.values())


class Place(NamedTuple):
    """An entry of Encounter.location, and where in the resource it stands."""

    item: Json
    path: str


class _Step(NamedTuple):
    level: str
    name: str


class Surroundings:
    """What came along with one Encounter."""

    def __init__(self, encounter: Json, resources: Resources, options: FhirOptions, address: object) -> None:
        self._encounter, self._resources, self._options = encounter, resources, options
        self._contained = encounter.get("contained")
        logical_id = text(encounter.get("id"))
        own = [text(address), f"Encounter/{logical_id}" if logical_id else None]
        self._keys = [key for key in own if key is not None]

    def patient(self) -> Json | None:
        """Return the Patient."""
        return self._resources.find(self._encounter.get("subject"), "Patient", self._contained)

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
        resource = self._resources.find(reference, "Location", self._contained)
        if resource is None:
            known_as = name(_named(reference), path)
            if known_as is not None:
                yield _Step(said or "other", known_as)
            return
        seen: list[Json] = []
        while resource is not None and len(seen) < DEEPEST and not any(resource is other for other in seen):
            seen.append(resource)
            known_as = name(_own_name(resource), path)
            if known_as is not None:
                yield _Step(said or _level(resource) or "other", known_as)
            organisation = name(self._organisation(resource.get("managingOrganization")), path)
            if organisation is not None:
                yield _Step("organisation", organisation)
            above, said = resource.get("partOf"), None
            resource = self._resources.find(above, "Location", self._contained)
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
        found = self._resources.find(reference, "Organization", self._contained)
        return _named(reference) if found is None else _own_name(found)

    def diagnoses(self, *, admission: bool) -> tuple[Diagnosis, ...]:
        """Return the diagnoses on admission, or all the others: of Encounter.diagnosis, and of Conditions about it.

        Raises
        ------
        Refused
            When a code is too long.
        """
        found: dict[tuple[str, str], Diagnosis] = {}
        listed: list[Json] = []
        for index, item in items(self._encounter.get("diagnosis")):
            path = f"diagnosis[{index}].condition"
            uses = codes(item.get("use"))
            concepts: list[object] = []
            for _, condition in items(item.get("condition")):
                concepts.append(condition.get("concept"))
                reference = condition.get("reference") if isinstance(condition.get("reference"), dict) else condition
                resource = self._resources.find(reference, "Condition", self._contained)
                if resource is not None:
                    listed.append(resource)
                    if not NOT_SO.intersection(codes(resource.get("verificationStatus"))):
                        concepts.append(resource.get("code"))
            if (ADMISSION_USE in uses) is admission:
                principal = item.get("rank") == 1 and not admission
                for concept in concepts:
                    _note(found, concept, principal, path)
        if not admission:
            for condition in self._resources.conditions_about(self._keys):
                already = any(condition is other for other in listed)
                if not already and not NOT_SO.intersection(codes(condition.get("verificationStatus"))):
                    _note(found, condition.get("code"), False, "diagnosis")
        return tuple(found.values())


def _note(found: dict[tuple[str, str], Diagnosis], concept: object, principal: bool, path: str) -> None:
    coded = list(codings(concept))
    if not coded:
        return
    ranks = {system: rank for rank, system in enumerate(CODE_SYSTEMS)}
    system, code = min(coded, key=lambda pair: ranks.get(pair[0], len(ranks)))
    named = name(CODE_SYSTEMS.get(system, system), path) or "unknown"
    fitting = name(code, path)
    assert fitting is not None
    known = found.get((named, fitting))
    if known is None or principal:
        found[named, fitting] = Diagnosis(code=fitting, system=named, principal=principal)


def _level(value: Json) -> str | None:
    """Return the level that physicalType (R4) or form (R5) names; `other` for one that is none of ours."""
    written = [*codes(value.get("physicalType")), *codes(value.get("form"))]
    return next((LEVELS[code] for code in written if code in LEVELS), "other" if written else None)


def _own_name(resource: Json) -> str | None:
    known_as = identifier(resource.get("identifier"), ())
    return text(known_as[1]["value"]) if known_as else text(resource.get("id"))


def _named(reference: object) -> str | None:
    """Return what a Reference alone says of the name: its identifier, else its id, else its display."""
    end = tail(part(reference, "reference"))
    return text(part(reference, "identifier", "value")) or (end[1] if end else None) or text(part(reference, "display"))


def _only(levels: dict[str, str]) -> tuple[str, str | None, str | None]:
    """Return unit, room and bed where nothing names a ward."""
    if "room" in levels:
        return levels["room"], None, levels.get("bed")
    return next(iter(levels.values())), None, None
