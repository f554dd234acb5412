"""What an Encounter refers to: the resources that come with it, contained or in its Bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from streams.ingest.fhir.json_values import (
    MAX_ITEMS,
    Json,
    Refused,
    identifier,
    items,
    part,
    require_short_lists,
    text,
)
from streams.ingest.fhir.references import Target, base_of, searched, target

READ_OF = {
    "Patient": ("identifier",),
    "Location": ("identifier", "physicalType", "form"),
    "Organization": ("identifier",),
    "Condition": ("code", "verificationStatus"),
}
"""Resources that are read beside the Encounter, and their lists."""

MAX_TOLD = 100_000
"""Conditions told in one Bundle, each counted for every Encounter that it is about."""

_T = TypeVar("_T")


class Resources:
    """The resources of a Bundle, found by what refers to them."""

    def __init__(self, entries: Sequence[Json] = ()) -> None:
        self._by_address: dict[str, Json] = {}
        self._by_name: dict[str, dict[str | None, Json]] = {}
        """`Type/id`, then the server that the entry's fullUrl names."""
        self._by_identifier: dict[tuple[str, str, str], Json] = {}
        self._conditions: dict[str, list[tuple[str | None, Json]]] = {}
        """By the name or address of their Encounter, with the server where that is."""
        self._entry_of: dict[int, Json] = {}
        self._memory: dict[tuple[int, str], tuple[Json, Any]] = {}
        """What was made of a resource, with the resource: while it is kept, nothing else has its `id()`."""
        self._told = 0
        for entry in entries:
            resource = part(entry, "resource")
            if isinstance(resource, dict):
                self._add(resource, entry)

    def _add(self, resource: Json, entry: Json) -> None:
        kind, logical_id, address = (
            text(resource.get("resourceType")),
            text(resource.get("id")),
            text(entry.get("fullUrl")),
        )
        if kind is None:
            return
        base = base_of(address)
        self._entry_of[id(resource)] = entry
        if address is not None:
            self._by_address.setdefault(address, resource)
        if logical_id is not None:
            self._by_name.setdefault(f"{kind}/{logical_id}", {}).setdefault(base, resource)
        for _, known_as in items(resource.get("identifier")):
            value = text(known_as.get("value"))
            if value is not None:
                self._by_identifier.setdefault((kind, text(known_as.get("system")) or "", value), resource)
        about = target(part(resource, "encounter", "reference")) if kind == "Condition" else None
        if about is not None:
            found = (about.base or base, resource)
            self._conditions.setdefault(about.name or about.written, []).append(found)

    def find(self, reference: object, kind: str, base: str | None) -> Json | None:
        """Return the resource of that kind which a Reference names, if it came along.

        Parameters
        ----------
        reference : object
            A Reference.
        kind : str
            The type of resource.
        base : str or None
            The server where whatever refers to it lies: there `Patient/1` is its own patient 1, not another's.
        """
        written, known_by = part(reference, "reference"), part(reference, "identifier")
        asked = _searched(written)
        named = target(written) if asked is None else None
        found = self._named(named, base) if named is not None else None
        known_by = known_by if asked is None else asked
        if found is None:
            value, system = text(part(known_by, "value")), text(part(known_by, "system")) or ""
            found = self._by_identifier.get((kind, system, value)) if value is not None else None
        return found if found is not None and found.get("resourceType") == kind else None

    def _named(self, named: Target, base: str | None) -> Json | None:
        if named.written in self._by_address:
            return self._by_address[named.written]
        candidates = self._by_name.get(named.name or "", {})
        where = named.base or base
        if where is None and len(candidates) == 1:
            return next(iter(candidates.values()))
        return candidates.get(where) or candidates.get(None)

    def conditions_about(self, name: str | None, address: str | None, base: str | None) -> list[Json]:
        """Return the Conditions whose `encounter` is the one of that name at that server, or of that address.

        Raises
        ------
        Refused
            When there are more than can be told.
        """
        listed = [*self._conditions.get(name or "", ()), *self._conditions.get(address or "", ())]
        if len(listed) > MAX_ITEMS:
            raise Refused("diagnosis", f"is told by more than {MAX_ITEMS} Conditions; send those that matter.")
        self._told += len(listed)
        if self._told > MAX_TOLD:
            raise Refused("diagnosis", "comes after very many Conditions in this Bundle; send fewer entries at a time.")
        return [condition for where, condition in listed if where is None or base is None or where == base]

    def remember(self, resource: Json, what: str, make: Callable[[], _T]) -> _T:
        """Return what was made of a resource before; many Encounters may refer to one.

        Raises
        ------
        Refused
            When a list in it is too long.
        """
        key = (id(resource), what)
        if key not in self._memory:
            _require_short_lists(resource)
            self._memory[key] = (resource, make())
        found: _T = self._memory[key][1]
        return found

    def entry_of(self, resource: Json) -> Json | None:
        """Return the entry of the Bundle in which a resource came."""
        return self._entry_of.get(id(resource))


class RelatedResources:
    """What came along with one Encounter: contained in it, or in its Bundle."""

    def __init__(self, encounter: Json, resources: Resources, address: object) -> None:
        self._encounter, self._resources = encounter, resources
        self._address, self._base = text(address), base_of(address)
        self._contained: dict[tuple[str, str], Json] = {}
        for _, inside in items(encounter.get("contained")):
            kind, known_as = text(inside.get("resourceType")), text(inside.get("id"))
            if kind is not None and known_as is not None:
                self._contained.setdefault((kind, known_as.lstrip("#")), inside)

    def find(self, reference: object, kind: str) -> Json | None:
        """Return the resource of that kind which a Reference names, if it came along."""
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
        """Return the Identifier of a resource, as `fhir_json.identifier` chooses it."""
        what = f"identifier {types}"
        return self._resources.remember(resource, what, lambda: identifier(resource.get("identifier"), types))

    def remember(self, resource: Json, what: str, make: Callable[[], _T]) -> _T:
        """Return what was made of a resource before."""
        return self._resources.remember(resource, what, make)

    def entries(self) -> Iterator[Json]:
        """Give the other entries of the Bundle that are needed to read the Encounter."""
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
        """Give what an object names, if it is a Reference."""
        if "reference" in value or "identifier" in value:
            for kind in READ_OF:
                found = self.find(value, kind)
                if found is not None:
                    yield found

    def _conditions_or_none(self) -> list[Json]:
        try:
            return self.conditions()
        except Refused:
            return []


def _require_short_lists(resource: Json) -> None:
    kind = str(resource["resourceType"])
    try:
        require_short_lists(resource, READ_OF[kind])
    except Refused as error:
        raise Refused(kind, f"to which it refers: {error.path} {error.error}") from None


def _searched(written: object) -> Json | None:
    try:
        return searched(written, "reference")
    except Refused:
        return None
