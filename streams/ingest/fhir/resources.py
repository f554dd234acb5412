"""Resources of a Bundle, indexed by what refers to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from schemas.errors import InvalidInput
from streams.ingest.fhir.json_values import MAX_ITEMS, Json, items, part, require_short_lists, text
from streams.ingest.fhir.references import Target, base_of, searched, target

READ_OF = {
    "Patient": ("identifier",),
    "Location": ("identifier", "physicalType", "form"),
    "Organization": ("identifier",),
    "Condition": ("code", "verificationStatus"),
}
"""Types of resource that are read besides Encounter, and their fields that hold lists."""

MAX_CONDITIONS = 100_000
"""Per Bundle, each counted once for every Encounter that it is about."""

_T = TypeVar("_T")


class Resources:
    """Finds the resources of a Bundle by address, by type and id, and by identifier."""

    def __init__(self, entries: Sequence[Json] = ()) -> None:
        self._by_address: dict[str, Json] = {}
        self._by_name: dict[str, dict[str | None, Json]] = {}
        """By `Type/id`, then by the server in the entry's fullUrl."""
        self._by_identifier: dict[tuple[str, str, str], Json] = {}
        self._conditions: dict[str, list[tuple[str | None, Json]]] = {}
        """By the name or address of their Encounter, with its server."""
        self._entry_of: dict[int, Json] = {}
        self._memory: dict[tuple[int, str], tuple[Json, Any]] = {}
        """Results of `remember`, with their resource: while it is kept, no other object has its `id()`."""
        self._conditions_read = 0
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
        """Return the resource of that type to which a Reference points, or None where it is not in the Bundle.

        Parameters
        ----------
        reference : object
            A Reference.
        kind : str
            The type of resource.
        base : str or None
            The server of the resource that holds the Reference: `Patient/1` means patient 1 of that server.
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
        InvalidInput
            When there are too many.
        """
        listed = [*self._conditions.get(name or "", ()), *self._conditions.get(address or "", ())]
        if len(listed) > MAX_ITEMS:
            raise InvalidInput("diagnosis", f"more than {MAX_ITEMS} Conditions. Send fewer of them.")
        self._conditions_read += len(listed)
        if self._conditions_read > MAX_CONDITIONS:
            raise InvalidInput(
                "diagnosis", f"more than {MAX_CONDITIONS:,} Conditions in this Bundle. Send fewer entries at a time."
            )
        return [condition for where, condition in listed if where is None or base is None or where == base]

    def remember(self, resource: Json, what: str, make: Callable[[], _T]) -> _T:
        """Return `make()`, or its earlier result for this resource: many Encounters may refer to one.

        Parameters
        ----------
        resource : dict
            A resource of the Bundle, or contained in one.
        what : str
            Names the result.
        make : callable
            Computes it.

        Raises
        ------
        InvalidInput
            When a list in the resource is too long.
        """
        key = (id(resource), what)
        if key not in self._memory:
            _require_short_lists(resource)
            self._memory[key] = (resource, make())
        found: _T = self._memory[key][1]
        return found

    def entry_of(self, resource: Json) -> Json | None:
        """Return the entry of the Bundle that holds a resource."""
        return self._entry_of.get(id(resource))


def _require_short_lists(resource: Json) -> None:
    kind = str(resource["resourceType"])
    try:
        require_short_lists(resource, READ_OF[kind])
    except InvalidInput as error:
        raise InvalidInput(kind, f"{error.where} is {error.reason}") from None


def _searched(written: object) -> Json | None:
    try:
        return searched(written, "reference")
    except InvalidInput:
        return None
