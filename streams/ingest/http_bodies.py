"""Bodies of HTTP requests to records for Kafka, and an error for each part that gives none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from schemas.errors import FactRejected
from schemas.events import AnyFact, check_subject, decode_fact
from schemas.outgoing import MAX_BYTES, Outgoing, outgoing
from streams.ingest.fhir.bundle import BYTE_ORDER_MARK, FhirOptions, FhirReading, read_json
from streams.ingest.fhir.files import split_lines

MAX_RECORDS = 50_000
"""Of one request: each bad one costs an error in the answer."""

TOO_LARGE = f"The fact is larger than {MAX_BYTES} bytes, which Kafka does not take; split it."
REFUSED = "The fact is larger than this Kafka takes; split it, or have the broker's message.max.bytes raised."


class Body(NamedTuple):
    """What came of a body."""

    records: list[Outgoing]
    errors: list[dict[str, Any]]
    notification: str | None = None
    places: Sequence[dict[str, Any]] = ()
    """Of each record, as an error would name it."""

    def without(self, positions: Sequence[int]) -> Body:
        """Return what is left when Kafka refuses some of the records for good."""
        refused = [{**self.places[position], "error": REFUSED} for position in positions]
        left = [position for position in range(len(self.records)) if position not in set(positions)]
        return Body(
            [self.records[position] for position in left],
            [*self.errors, *refused],
            self.notification,
            [self.places[position] for position in left],
        )


class _Identity(msgspec.Struct, frozen=True):
    """What the address of a resource repeats."""

    resource_type: Any = msgspec.field(default=None, name="resourceType")
    id: Any = None


def read_facts(body: bytes, *, lines: bool) -> Body:
    """Read facts, each by itself: one, a JSON list of them, or one a line.

    Returns
    -------
    Body
        Errors say which record is meant by its `index`, from 0; empty lines do not count.
    """
    body = body.removeprefix(BYTE_ORDER_MARK)
    try:
        parts: Sequence[bytes | msgspec.Raw] = split_lines(body) if lines else _list(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Body([], [{"index": 0, "error": f"No JSON: {error}"}])
    except RecursionError:
        return Body([], [{"index": 0, "error": "The JSON is nested too deeply."}])
    if len(parts) > MAX_RECORDS:
        return Body([], [{"index": MAX_RECORDS, "error": f"More than {MAX_RECORDS} records; send fewer at a time."}])
    records: list[Outgoing] = []
    errors: list[dict[str, Any]] = []
    places: list[dict[str, Any]] = []
    for index, raw in enumerate(parts):
        try:
            fact = decode_fact(bytes(raw))
            check_subject(fact)
            records.append(_record(fact))
            places.append({"index": index})
        except FactRejected as error:
            errors.append({"index": index, "error": str(error)})
    return Body(records, errors, places=places)


def _list(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    if not body.lstrip().startswith(b"["):
        return [body]
    return msgspec.json.decode(body, type=list[msgspec.Raw])


def _record(fact: AnyFact) -> Outgoing:
    record = outgoing(fact)
    if len(record.value) > MAX_BYTES:
        raise FactRejected(TOO_LARGE)
    return record


def read_fhir(body: bytes, options: FhirOptions, pseudonym_key: bytes) -> Body:
    """Read an Encounter or a Bundle; errors name the `path` in it."""
    return _from_fhir(read_json(body, options, pseudonym_key, datetime.now(UTC)))


def read_encounter(body: bytes, logical_id: str, options: FhirOptions, pseudonym_key: bytes) -> Body:
    """Read an Encounter that was put at the address of this id."""
    try:
        said = msgspec.json.decode(body.removeprefix(BYTE_ORDER_MARK), type=_Identity)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = _Identity()
    if said.resource_type != "Encounter":
        return Body([], [{"path": "resourceType", "error": "must be Encounter at this address."}])
    if said.id != logical_id:
        return Body([], [{"path": "Encounter.id", "error": "must be the id in the address."}])
    return read_fhir(body, options, pseudonym_key)


def _from_fhir(reading: FhirReading) -> Body:
    records = [outgoing(fact) for fact in reading.facts]
    places = [{"path": "", "fact": number} for number in range(len(records))]
    return Body(records, [error._asdict() for error in reading.errors], reading.notification, places)
