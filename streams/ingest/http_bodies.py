"""Bodies of HTTP requests to records for Kafka, with an error for each invalid part."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from schemas.errors import InvalidInput
from schemas.outgoing import MAX_BYTES, Outgoing, outgoing
from streams.ingest.fhir.bundle import FhirReading
from streams.ingest.formats import Feeds, Format, format_of, read_as
from streams.ingest.json_text import BYTE_ORDER_MARK, malformed, split_lines
from streams.ingest.reading import InputProblem, Reading

MAX_RECORDS = 50_000
"""Per request: each invalid record adds an error to the answer."""

TOO_LARGE = f"The fact is larger than {MAX_BYTES} bytes, the limit of Kafka. Split it."
REFUSED = "The fact is larger than this Kafka allows. Split it, or raise message.max.bytes of the broker."

ADDRESSES = {
    Format.HL7: "`wardwatch ingest mllp`",
    Format.FHIR: "/fhir",
    Format.FACT: "/facts",
}
"""Where to send input of each format."""


class Body(NamedTuple):
    """Records and errors of a body."""

    records: list[Outgoing]
    errors: list[dict[str, Any]]
    notification: str | None = None
    places: Sequence[dict[str, Any]] = ()
    """For each record, the keys with which an error names it."""
    warnings: Sequence[dict[str, Any]] = ()
    """Invalid times that matter little: the records were read without them."""

    def without(self, positions: Sequence[int]) -> Body:
        """Return the body without the records that are too large for Kafka, with an error for each of them."""
        refused = [{**self.places[position], "error": REFUSED} for position in positions]
        left = [position for position in range(len(self.records)) if position not in set(positions)]
        return Body(
            [self.records[position] for position in left],
            [*self.errors, *refused],
            self.notification,
            [self.places[position] for position in left],
            self.warnings,
        )


class _Identity(msgspec.Struct, frozen=True):
    """Fields of a resource that its address repeats."""

    resource_type: Any = msgspec.field(default=None, name="resourceType")
    id: Any = None


def read_facts(body: bytes, feeds: Feeds, *, lines: bool) -> Body:
    """Read facts, each on its own: one, a JSON list of them, or one a line.

    Returns
    -------
    Body
        Errors name the record by its `index`, from 0; empty lines do not count.
    """
    try:
        parts: Sequence[bytes | msgspec.Raw] = _split(body.removeprefix(BYTE_ORDER_MARK), lines=lines)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Body([], [{"index": 0, "error": str(malformed(error))}])
    if len(parts) > MAX_RECORDS:
        return Body([], [{"index": MAX_RECORDS, "error": f"More than {MAX_RECORDS} records; send fewer at a time."}])
    now = datetime.now(UTC)
    records: list[Outgoing] = []
    errors: list[dict[str, Any]] = []
    places: list[dict[str, Any]] = []
    for index, raw in enumerate(parts):
        try:
            records.append(_record(_read_only(Format.FACT, bytes(raw), feeds, now)))
            places.append({"index": index})
        except InvalidInput as error:
            errors.append({"index": index, "error": str(error)})
    return Body(records, errors, places=places)


def _split(body: bytes, *, lines: bool) -> Sequence[bytes | msgspec.Raw]:
    if lines:
        return split_lines(body)
    if not body.lstrip().startswith(b"["):
        return [body]
    return msgspec.json.decode(body, type=list[msgspec.Raw])


def _record(reading: Reading) -> Outgoing:
    if reading.problems:
        raise InvalidInput(*reading.problems[0])
    record = outgoing(reading.facts[0])
    if len(record.value) > MAX_BYTES:
        raise InvalidInput("", TOO_LARGE)
    return record


def read_fhir(body: bytes, feeds: Feeds) -> Body:
    """Read an Encounter or a Bundle; errors name the place in it by its `path`."""
    reading = _read_only(Format.FHIR, body, feeds, datetime.now(UTC))
    records = [outgoing(fact) for fact in reading.facts]
    errors = [{"path": problem.where, "error": problem.reason} for problem in reading.problems]
    notification, warnings = None, []
    if isinstance(reading, FhirReading):
        notification = reading.notification
        warnings = [{"path": problem.where, "warning": problem.reason} for problem in reading.warnings]
    places = [{"path": "", "fact": number} for number in range(len(records))]
    return Body(records, errors, notification, places, warnings)


def read_encounter(body: bytes, logical_id: str, feeds: Feeds) -> Body:
    """Read an Encounter that was put at the address of this id."""
    try:
        written = msgspec.json.decode(body.removeprefix(BYTE_ORDER_MARK), type=_Identity)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        written = _Identity()
    if written.resource_type != "Encounter":
        return Body([], [{"path": "resourceType", "error": "not Encounter. Put only Encounters at this address."}])
    if written.id != logical_id:
        return Body([], [{"path": "Encounter.id", "error": "not the id in the address. Correct one of them."}])
    return read_fhir(body, feeds)


def _read_only(form: Format, raw: bytes, feeds: Feeds, received_at: datetime) -> Reading:
    """Read input in the format of this address; input in another format is a problem that names its address."""
    reading = read_as(form, raw, feeds, received_at)
    if not reading.problems or reading.facts:
        return reading
    found = format_of(raw)
    if found in (None, form):
        return reading
    reason = f"{found.value}. Send it to {ADDRESSES[found]}."
    return Reading(problems=(InputProblem(reading.problems[0].where, reason),))
