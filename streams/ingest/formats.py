"""Choice of the reader for some bytes: HL7 v2, FHIR, or facts as JSON.

Files, dead letters and HTTP bodies share it, so the same bytes give the same facts in all three.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

import msgspec

from schemas.errors import FactRejected, InvalidInput
from schemas.events import check_subject, decode_fact
from schemas.pseudonyms import load_key
from schemas.settings import Settings
from streams.ingest.fhir.mapping import FhirOptions, load_options
from streams.ingest.fhir.resource_reader import read_json, read_parts
from streams.ingest.hl7 import charset
from streams.ingest.hl7.mapping import Hl7Mapping, load_mapping
from streams.ingest.hl7.message_reader import Hl7Reading, read_message
from streams.ingest.json_text import BYTE_ORDER_MARK
from streams.ingest.reading import InputProblem, Part, Reading, problem_of

_START_BYTES = 256
"""Enough to find the first segment behind framing and byte order marks."""
_FACT_TYPES = "wardwatch."
_BEFORE_SEGMENTS = "\x0b\x1c\x00\r\n\t \ufeff"


class Format(Enum):
    """Format of input, with the words for it in an error."""

    HL7 = "an HL7 v2 message"
    FHIR = "a FHIR resource"
    FACT = "a JSON fact"


class Feeds(NamedTuple):
    """How a hospital's feeds are read."""

    hl7: Hl7Mapping
    fhir: FhirOptions
    pseudonym_key: bytes


class _Envelope(msgspec.Struct, frozen=True):
    """Fields that tell a fact from a FHIR resource."""

    type: Any = None
    resource_type: Any = msgspec.field(default=None, name="resourceType")


_envelopes = msgspec.json.Decoder(_Envelope)


def load_feeds(settings: Settings, *, create_key: bool = True) -> Feeds:
    """Load the mappings and the pseudonym key. Without `create_key` no file is written; see `load_key`.

    Raises
    ------
    UsageError
        When a mapping file is missing or invalid.
    """
    hl7, fhir = load_mapping(settings.hl7_mapping_file), load_options(settings.fhir_mapping_file)
    return Feeds(hl7, fhir, load_key(settings, create=create_key))


def format_of(raw: bytes) -> Format | None:
    r"""Return the format of some bytes, or None where they show none of the three.

    HL7 v2 begins with an MSH, FHS or BHS segment, whatever the framing and character set. A fact is a JSON object whose
    `type` is one of Wardwatch's, any other JSON object with a `resourceType` is a FHIR resource.

    Examples
    --------
    >>> format_of(b"\x0bMSH|^~\\&|"), format_of(b' {"resourceType": "Bundle"}'), format_of(b"hello")
    (<Format.HL7: 'an HL7 v2 message'>, <Format.FHIR: 'a FHIR resource'>, None)
    """
    start = _start(raw)
    if start.startswith(("MSH", "FHS", "BHS")):
        return Format.HL7
    if not start.startswith("{"):
        return None
    try:
        envelope = _envelopes.decode(raw.removeprefix(BYTE_ORDER_MARK))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(envelope.type, str) and envelope.type.startswith(_FACT_TYPES):
        return Format.FACT
    return None if envelope.resource_type is None else Format.FHIR


def _start(raw: bytes) -> str:
    return charset.decode(raw[:_START_BYTES]).text.lstrip(_BEFORE_SEGMENTS)


def read(raw: bytes, feeds: Feeds, received_at: datetime, *, unknown_as: Format | None = None) -> Reading:
    """Read a message, a resource or a fact. Invalid input is a problem, never an exception.

    Parameters
    ----------
    raw : bytes
        As received.
    feeds : Feeds
        The mappings and the pseudonym key.
    received_at : datetime
        Aware UTC, when the input was first received; see `fhir.resource_reader.read_resource`.
    unknown_as : Format or None
        How to read bytes of which `format_of` is None. With None they give a problem.

    Returns
    -------
    Reading
        Of an HL7 v2 message an `Hl7Reading`, of a FHIR resource a `FhirReading`.
    """
    return read_as(format_of(raw) or unknown_as, raw, feeds, received_at)


def read_as(form: Format | None, raw: bytes, feeds: Feeds, received_at: datetime) -> Reading:
    """Read input in a format that is known, or None. Otherwise as `read`."""
    if form is Format.HL7:
        return _read_hl7(raw, feeds)
    if form is Format.FHIR:
        return read_json(raw, feeds.fhir, feeds.pseudonym_key, received_at)
    if form is Format.FACT:
        return _read_fact(raw)
    return _read_fact(raw) if _start(raw).startswith(("{", "[")) else Reading(problems=(InputProblem("", _UNKNOWN),))


def read_by_parts(raw: bytes, feeds: Feeds, received_at: datetime, *, unknown_as: Format | None) -> Iterator[Part]:
    """Read input, and separate the invalid entries of a FHIR Bundle from the valid ones. Otherwise as `read`."""
    form = format_of(raw) or unknown_as
    if form is Format.FHIR:
        yield from read_parts(raw, feeds.fhir, feeds.pseudonym_key, received_at)
    else:
        yield Part(raw, read_as(form, raw, feeds, received_at))


_UNKNOWN = "Neither HL7 v2, which begins with MSH, nor JSON. Send an HL7 v2 message, a FHIR resource or a JSON fact."


def _read_hl7(raw: bytes, feeds: Feeds) -> Hl7Reading:
    try:
        return read_message(raw, feeds.hl7, feeds.pseudonym_key)
    except InvalidInput as error:
        return Hl7Reading(problems=(problem_of(error),))


def _read_fact(raw: bytes) -> Reading:
    try:
        fact = decode_fact(raw.removeprefix(BYTE_ORDER_MARK))
        check_subject(fact)
    except FactRejected as error:
        return Reading(problems=(InputProblem("", str(error)),))
    return Reading((fact,))
