"""Facts of an ADT message: id, source and times of the message around what one trigger says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import UNSET

from schemas.errors import InvalidInput
from schemas.events import AnyFact, encode_fact
from schemas.outgoing import MAX_BYTES
from streams.ingest.hl7.fields import MAX_NAME, FieldReader


def make_fact(
    reader: FieldReader, kind: type[Any], subject: str, token: str, at: datetime, data: Any, suffix: str = ""
) -> AnyFact:
    """Return a fact of the message.

    Parameters
    ----------
    reader : FieldReader
        Of the message.
    kind : type
        Of the fact.
    subject, token : str
        What the fact is about, and its partition key.
    at : datetime
        When it happened, aware UTC.
    data : struct
        Of that kind of fact.
    suffix : str
        Tells several facts of one message apart; see `suffix_of`.

    Raises
    ------
    InvalidInput
        When the id would be too long, or the fact too large for Kafka.
    """
    if len(reader.message_id) + len(suffix) > MAX_NAME:
        raise InvalidInput(
            "MSH-10",
            f"longer than {MAX_NAME - len(suffix)} characters, in a message with several facts. "
            "Shorten it at the sender.",
        )
    made: AnyFact = kind(
        id=reader.message_id + suffix,
        source=reader.source,
        subject=subject,
        occurred_at=at,
        recorded_at=reader.recorded_at,
        partition_key=token,
        data=data,
        sequence=reader.sequence or UNSET,
        unreadable=reader.unreadable or UNSET,
    )
    if len(encode_fact(made)) > MAX_BYTES:
        raise InvalidInput(
            "DG1 and PR1", f"the fact would be larger than {MAX_BYTES:,} bytes. Send fewer diagnoses and procedures."
        )
    return made


def suffix_of(index: int, many: bool) -> str:
    """Return the suffix of the id of one of a message's facts, counted from 0; empty where it is the only one."""
    return f"/{index + 1}" if many else ""
