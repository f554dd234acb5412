"""Resources to which one Encounter refers, contained in it or in its Bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from schemas.errors import InvalidInput
from streams.ingest.fhir.json_values import Json, identifier, items, part, text
from streams.ingest.fhir.references import base_of
from streams.ingest.fhir.resources import READ_OF, Resources

_T = TypeVar("_T")


class RelatedResources:
    """Finds the resources to which one Encounter refers.

    Parameters
    ----------
    encounter : dict
        The Encounter, with its contained resources.
    resources : Resources
        Of its Bundle.
    address : object
        The fullUrl of its entry.
    """

    def __init__(self, encounter: Json, resources: Resources, address: object) -> None:
        self._encounter, self._resources = encounter, resources
        self._address, self._base = text(address), base_of(address)
        self._contained: dict[tuple[str, str], Json] = {}
        for _, inside in items(encounter.get("contained")):
            kind, known_as = text(inside.get("resourceType")), text(inside.get("id"))
            if kind is not None and known_as is not None:
                self._contained.setdefault((kind, known_as.lstrip("#")), inside)

    def find(self, reference: object, kind: str) -> Json | None:
        """Return the resource of that type to which a Reference points, or None where it is missing."""
        written = text(part(reference, "reference"))
        if written is not None and written.startswith("#"):
            return self._contained.get((kind, written.lstrip("#")))
        return self._resources.find(reference, kind, self._base)

    def conditions(self) -> list[Json]:
        """Return the Conditions of the Bundle that are about the Encounter."""
        logical_id = text(self._encounter.get("id"))
        name = f"Encounter/{logical_id}" if logical_id is not None else None
        return self._resources.conditions_about(name, self._address, self._base)

    def number_of(self, resource: Json, types: Sequence[str] = ()) -> tuple[int, Json] | None:
        """Return the Identifier of a resource, as `json_values.identifier` chooses it."""
        what = f"identifier {types}"
        return self._resources.remember(resource, what, lambda: identifier(resource.get("identifier"), types))

    def remember(self, resource: Json, what: str, make: Callable[[], _T]) -> _T:
        """Return `make()`, or its earlier result for this resource."""
        return self._resources.remember(resource, what, make)

    def entries(self) -> Iterator[Json]:
        """Yield the other entries of the Bundle that are needed to read the Encounter."""
        conditions = self._conditions_or_none()
        needed = {id(condition): condition for condition in conditions}
        left: list[object] = [self._encounter, *conditions]
        while left:
            value = left.pop()
            if isinstance(value, list):
                left.extend(value)
            elif isinstance(value, dict):
                left.extend(value.values())
                for found in self._named_by(value):
                    if id(found) not in needed:
                        needed[id(found)] = found
                        left.append(found)
        entries = (self._resources.entry_of(resource) for resource in needed.values())
        yield from (entry for entry in entries if entry is not None)

    def _named_by(self, value: Json) -> Iterator[Json]:
        """Yield the resources to which an object points, if it is a Reference."""
        if "reference" in value or "identifier" in value:
            for kind in READ_OF:
                found = self.find(value, kind)
                if found is not None:
                    yield found

    def _conditions_or_none(self) -> list[Json]:
        try:
            return self.conditions()
        except InvalidInput:
            return []
