"""FHIR Observation: a fact for each result whose code is read, of the Observation itself and of its components."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

import msgspec
from msgspec import UNSET

from schemas.errors import InvalidInput
from schemas.events import AnyFact, ObservationDetails, ObservationReported, ObservationStatus, encode_fact
from streams.ingest.fhir.context import ReadingContext
from streams.ingest.fhir.encounter import encounter_id
from streams.ingest.fhir.json_values import MAX_NAME, Json, codings, items, part, require_short_lists, text
from streams.ingest.fhir.part_of import MAX_DEPTH, is_part
from streams.ingest.fhir.patient import token_of
from streams.ingest.fhir.related import RelatedResources
from streams.ingest.fhir.times import when
from streams.ingest.fhir.versions import recorded_at, short
from streams.ingest.measurements import Measurement, in_unit_of_facts, read_number
from streams.ingest.reading import require_valid

LISTS = ("code", "component", "identifier", "contained", "encounter", "subject")

STATUSES: dict[str, ObservationStatus | None] = {
    "registered": None,
    "specimen-in-process": None,
    "preliminary": ObservationStatus.PRELIMINARY,
    "final": ObservationStatus.FINAL,
    "amended": ObservationStatus.CORRECTED,
    "corrected": ObservationStatus.CORRECTED,
    "appended": ObservationStatus.CORRECTED,
    "cancelled": ObservationStatus.CANCELLED,
    "entered-in-error": ObservationStatus.CANCELLED,
}
"""R4 and R5; None: no result yet."""

_NO_ENCOUNTER = (
    "the visit is unknown. Send the Encounter in the same Bundle, or fill encounter.identifier with the visit number."
)


def is_read(observation: Json, context: ReadingContext) -> bool:
    """Return whether the Observation has a code that is read, and an encounter: results without one are passed over."""
    has_code = any(_code(each, context) is not None for _, each in _parts(observation))
    return has_code and observation.get("encounter") not in (None, {}, [], "")


def read_observation(observation: Json, context: ReadingContext, address: object = None) -> tuple[AnyFact, ...]:
    """Return the facts of an Observation; none where it is passed over.

    Parameters
    ----------
    observation : dict
        The resource.
    context : ReadingContext
        The options, and the Bundle around it.
    address : object
        The fullUrl of its entry.

    Raises
    ------
    InvalidInput
        With the path within the Observation.
    """
    require_short_lists(observation, LISTS)
    if not is_read(observation, context):
        return ()
    written = observation.get("status")
    if not isinstance(written, str) or written not in STATUSES:
        raise InvalidInput("status", "missing or unsupported. Send an R4 or R5 status other than `unknown`.")
    status = STATUSES[written]
    if status is None:
        return ()
    related = RelatedResources(observation, context.resources, address)
    whole = _whole(observation, related)
    subject = observation.get("subject") or part(whole, "subject")
    token = token_of(subject, related.find(subject, "Patient"), related, context.options, context.pseudonym_key)
    visit = _visit(observation, whole, context)
    recorded = recorded_at(observation, context)
    at = _observed_at(observation, context, recorded)
    version = text(part(observation, "meta", "versionId"))
    own = short(text(observation.get("id")) or _digest(msgspec.json.encode(observation)))
    facts: list[AnyFact] = []
    for path, each in _parts(observation):
        code = _code(each, context)
        if code is None:
            continue
        measured, unreadable = (None, None) if status is ObservationStatus.CANCELLED else _measured(each, code, context)
        data = ObservationDetails(
            code=code,
            value=measured.value if measured else None,
            unit=measured.unit if measured else None,
            comparator=measured.comparator if measured else None,
            status=status,
            result=f"{own}/{code}" if path else own,
            version=None if version is None else short(version),
        )
        fact = ObservationReported(
            id="-",
            source=context.options.source,
            subject=visit,
            occurred_at=at,
            recorded_at=recorded,
            partition_key=token,
            data=data,
            unreadable=UNSET if unreadable is None else (f"Observation.{path}{unreadable}",),
        )
        label = f"{own}/{data.version or '-'}/observed/{_digest(encode_fact(fact))}"
        facts.append(require_valid(msgspec.structs.replace(fact, id=label), "Observation"))
    return tuple(facts)


def _parts(observation: Json) -> Iterator[tuple[str, Json]]:
    """Yield the Observation and its components, with the path of each."""
    yield "", observation
    for _, component in items(observation.get("component")):
        yield "component.", component


def _code(each: Json, context: ReadingContext) -> str | None:
    """Return the LOINC code of the first coding that is read."""
    known = context.options.observation_codes
    for system, code in codings(each.get("code")):
        found = known.loinc(code, system)
        if found is not None:
            return found
    return None


def _measured(each: Json, code: str, context: ReadingContext) -> tuple[Measurement | None, str | None]:
    """Return the value in the unit of facts, or the field that cannot be read; neither where there is no value."""
    quantity = each.get("valueQuantity")
    if quantity is None:
        written = each.get("valueString", each.get("valueInteger"))
        number = None if written is None else read_number(str(written))
        if written is not None and number is None:
            return None, "valueString"
        found = number and Measurement(number[0], None, number[1])
    else:
        value = part(quantity, "value")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        number = read_number(str(value)) if is_number else None
        if number is None:
            return None, None if value is None else "valueQuantity.value"
        comparator = read_number(f"{text(part(quantity, 'comparator')) or ''}0")
        unit = text(part(quantity, "code")) or text(part(quantity, "unit"))
        unit = unit if unit is None or len(unit) <= MAX_NAME else None
        found = Measurement(number[0], unit, comparator[1] if comparator else number[1])
    if found is None:
        return None, None
    if found.unit is None:
        found = found._replace(unit=context.options.observation_codes.units.get(code))
    measured = in_unit_of_facts(code, found)
    return measured, "valueQuantity.unit" if measured is None else None


def _observed_at(observation: Json, context: ReadingContext, recorded: datetime) -> datetime:
    """Return when it was observed: effective[x], else issued, else when it was recorded; never after that."""
    period = observation.get("effectivePeriod")
    for path, value in (
        ("effectiveDateTime", observation.get("effectiveDateTime")),
        ("effectiveInstant", observation.get("effectiveInstant")),
        ("effectivePeriod.end", part(period, "end")),
        ("effectivePeriod.start", part(period, "start")),
        ("issued", observation.get("issued")),
    ):
        found = when(value, path, context.options.zone)
        if found is not None and not found.is_day and found.at <= recorded:
            return found.at
    return recorded


def _whole(observation: Json, related: RelatedResources) -> Json | None:
    """Return the Encounter of the stay in the Bundle: that to which the Observation refers, or its whole."""
    found = related.find(observation["encounter"], "Encounter")
    for _ in range(MAX_DEPTH):
        if found is None or not is_part(found):
            return found
        found = related.find(found["partOf"], "Encounter")
    return None


def _visit(observation: Json, whole: Json | None, context: ReadingContext) -> str:
    """Return the visit number."""
    number: Json | None = whole
    if number is None:
        value = part(observation["encounter"], "identifier")
        number = {"identifier": [value]} if isinstance(value, dict) and text(value.get("value")) else None
    if number is None:
        raise InvalidInput("encounter", _NO_ENCOUNTER)
    try:
        return encounter_id(number, context.options)
    except InvalidInput as error:
        raise InvalidInput(f"encounter.{error.where}", error.reason) from None


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
