"""Encounter.partOf: the name of the whole, by reference, address, identifier or contained resource."""

from __future__ import annotations

from schemas.errors import InvalidInput
from schemas.events import is_reserved, part_subject
from streams.ingest.fhir.json_values import Json, identifier, name, part, text
from streams.ingest.fhir.mapping import FhirOptions
from streams.ingest.fhir.references import searched, target
from streams.ingest.fhir.related import RelatedResources
from streams.ingest.fhir.versions import short

MAX_DEPTH = 20
"""Steps of Encounter.partOf that are followed within a Bundle, in search of a circle."""

_UNNAMED = "names no Encounter. Fill partOf.reference, or partOf.identifier with the visit number of the stay."
_CIRCLE = "a circle: the Encounter would be part of itself. Let partOf of the stay itself be empty."


def is_part(encounter: Json) -> bool:
    """Return whether an Encounter is part of another one; an empty partOf counts as missing."""
    return encounter.get("partOf") not in (None, {}, [], "")


def resource_label(encounter: Json, address: object, options: FhirOptions) -> str | None:
    """Return the id by which other Encounters name this one, None where it has none.

    That is Encounter.id; without it the visit number, or the id in the fullUrl.
    """
    found = identifier(encounter.get("identifier"), options.visit_identifier_types)
    named = target(address)
    label = text(encounter.get("id")) or (text(found[1]["value"]) if found else None)
    label = label or (named.logical_id if named is not None else None)
    return None if label is None else short(label)


def whole_of(encounter: Json, own: str, related: RelatedResources, options: FhirOptions) -> str:
    """Return the name of what an Encounter is part of: the subject of a part, or a visit number.

    Parameters
    ----------
    encounter : dict
        With a partOf.
    own : str
        The subject of its own facts.
    related : RelatedResources
        Around the Encounter.
    options : FhirOptions
        Of the feed.

    Raises
    ------
    InvalidInput
        When partOf names no Encounter, or the Encounter itself.
    """
    reference = encounter["partOf"]
    if not isinstance(reference, dict):
        raise InvalidInput("partOf", "not a Reference. Write partOf.reference: Encounter/ and the id of the stay.")
    number = searched(part(reference, "reference"), "partOf.reference") or part(reference, "identifier")
    found = related.find(reference, "Encounter")
    named = None if number is not None and found is None else target(part(reference, "reference"))
    if named is not None and named.kind not in (None, "Encounter"):
        raise InvalidInput("partOf.reference", "not an Encounter. Name the stay of which this is a part.")
    by_id = named is not None and named.logical_id != "Encounter" and not named.written.startswith("#")
    if found is not None and named is not None and not by_id:
        found_number = identifier(found.get("identifier"), options.visit_identifier_types)
        if found_number is None:
            raise InvalidInput("partOf.reference", "a contained Encounter without an identifier. Give it one.")
        return _visit(found_number[1])
    if by_id and named is not None:
        _require_no_circle(encounter, found, related)
        label = resource_label(found, None, options) if found is not None and named.kind is None else None
        whole = part_subject(options.source, label or short(named.logical_id))
    elif number is not None:
        return _visit(number)
    else:
        raise InvalidInput("partOf", _UNNAMED)
    if whole == own:
        raise InvalidInput("partOf", _CIRCLE)
    return whole


def _visit(number: Json) -> str:
    """Return the visit number in an Identifier."""
    value = name(part(number, "value"), "partOf.identifier.value")
    if value is None or is_reserved(value):
        raise InvalidInput("partOf", _UNNAMED)
    return value


def _require_no_circle(encounter: Json, above: Json | None, related: RelatedResources) -> None:
    """Reject an Encounter that is part of itself, as far as its Bundle shows."""
    for _ in range(MAX_DEPTH):
        if above is None:
            return
        if above is encounter:
            raise InvalidInput("partOf", _CIRCLE)
        above = related.find(above.get("partOf"), "Encounter")
