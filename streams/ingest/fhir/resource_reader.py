"""From FHIR R4 and R5 JSON to facts: Encounters, alone or in a Bundle."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from schemas.errors import InvalidInput
from schemas.outgoing import MAX_REJECTED_BYTES
from streams.ingest.fhir.bundle import Bundle, FhirReading, read_encounter, read_result
from streams.ingest.fhir.context import ReadingContext
from streams.ingest.fhir.json_values import part
from streams.ingest.fhir.mapping import FhirOptions
from streams.ingest.fhir.resources import Resources
from streams.ingest.json_text import decode_json
from streams.ingest.reading import Part, problem_of


def read_resource(resource: object, options: FhirOptions, pseudonym_key: bytes, received_at: datetime) -> FhirReading:
    """Read an Encounter, or the Encounters of a Bundle. Invalid resources are problems, never exceptions.

    Parameters
    ----------
    resource : object
        JSON as Python objects.
    options : FhirOptions
        Of this feed.
    pseudonym_key : bytes
        Turns patient numbers into tokens; see `schemas.pseudonyms`.
    received_at : datetime
        Aware UTC, when the resource was first received: the time of recording where the resource has none.

    Returns
    -------
    FhirReading
        With facts, with problems, or with both where a Bundle holds valid and invalid entries.
    """
    context = ReadingContext(options, pseudonym_key, received_at, Resources(), [])
    try:
        if part(resource, "resourceType") == "Bundle":
            return Bundle(resource, context).reading  # type: ignore[arg-type]
        if part(resource, "resourceType") == "Observation":
            return FhirReading(read_result(resource, "Observation", context))  # type: ignore[arg-type]
        if part(resource, "resourceType") != "Encounter":
            raise InvalidInput(
                "resourceType", "not supported. Send an Encounter, an Observation, or a Bundle with Encounters."
            )
        facts = read_encounter(resource, "Encounter", context)  # type: ignore[arg-type]
        return FhirReading(facts, warnings=tuple(context.ignored))
    except InvalidInput as error:
        return _rejected(error)


def read_json(raw: bytes, options: FhirOptions, pseudonym_key: bytes, received_at: datetime) -> FhirReading:
    """Read a resource from bytes; malformed JSON is a problem too. Otherwise as `read_resource`."""
    try:
        resource = decode_json(raw)
    except InvalidInput as error:
        return _rejected(error)
    return read_resource(resource, options, pseudonym_key, received_at)


def read_parts(raw: bytes, options: FhirOptions, pseudonym_key: bytes, received_at: datetime) -> Iterator[Part]:
    """Read a resource from bytes, and separate the invalid entries of a Bundle from the valid ones.

    Each invalid entry is a part: a Bundle of its own, with the other entries that are needed to read it. So its dead
    letter is small, and a retry does not repeat the valid entries.

    Yields
    ------
    Part
        First the valid entries, if any, with the bytes given. All other parts have a problem.
    """
    context = ReadingContext(options, pseudonym_key, received_at, Resources(), [])
    try:
        resource = decode_json(raw)
        if part(resource, "resourceType") != "Bundle":
            yield Part(raw, read_resource(resource, options, pseudonym_key, received_at))
            return
        bundle = Bundle(resource, context)  # type: ignore[arg-type]
    except InvalidInput as error:
        yield Part(raw, _rejected(error))
        return
    whole = bundle.reading
    if not bundle.invalid or (not whole.facts and len(raw) <= MAX_REJECTED_BYTES):
        yield Part(raw, whole)
        return
    if whole.facts:
        yield Part(raw, FhirReading(whole.facts, notification=whole.notification, warnings=whole.warnings))
    for index, problem in bundle.invalid:
        yield Part(bundle.by_itself(index), FhirReading(problems=(problem,)))


def _rejected(error: InvalidInput) -> FhirReading:
    return FhirReading(problems=(problem_of(error),))
