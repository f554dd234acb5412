"""Messages in one MLLP frame, to records for Kafka and one acknowledgement.

A frame usually holds one message, sometimes several, a batch, or the rest of one that was cut off. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from schemas.errors import NotHl7
from schemas.outgoing import Outgoing, outgoing, rejected
from streams.ingest.hl7.acknowledgement import Answer
from streams.ingest.hl7.header import Header, read_header
from streams.ingest.hl7.mapping import Hl7Mapping
from streams.ingest.hl7.message import CUT_MARK
from streams.ingest.hl7.message_reader import Hl7Reading, read_message
from streams.ingest.hl7.splitting import split_messages
from streams.ingest.reading import InputProblem, problem_of

MAX_MESSAGES = 1_000
"""Per frame."""
KEPT_BYTES = 16_384
"""First bytes of a message that is too large: enough to identify the patient and the trigger."""
NO_CONTROL_ID = "mllp"
"""Kafka key of a dead letter without MSH-10."""

_SECOND_START = re.compile(
    rb"\x0b(?=(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\r\n\t ]*\x00?(?:M\x00?S\x00?H|[BF]\x00?H\x00?S))"
)
_SEVERITY = (Answer.ACCEPTED, Answer.ERROR, Answer.REJECTED)


class FrameResult(NamedTuple):
    """Result of reading one MLLP frame."""

    header: Header
    """Of the message that is acknowledged."""
    answer: Answer | None
    """The worst outcome among its messages; None where there is nothing to acknowledge."""
    reason: str
    """Why it is not accepted; empty where it is."""
    records: list[Outgoing]
    accepted: int = 0
    rejected: int = 0
    ignored: int = 0
    """Acknowledgements."""
    begins: bytes = b""
    """First bytes of the frame, kept in case its records are too large for Kafka."""


class _Part(NamedTuple):
    raw: bytes
    answer: Answer
    reading: Hl7Reading


def read_frame(block: bytes, mapping: Hl7Mapping, pseudonym_key: bytes) -> FrameResult:
    """Read all messages of a frame.

    Where a second frame starts within the block, the message before it was cut off and becomes a dead letter.

    Parameters
    ----------
    block : bytes
        All bytes between the first start and the end of a frame.
    mapping : Hl7Mapping
        Of this feed.
    pseudonym_key : bytes
        Turns patient numbers into tokens.
    """
    cut, raw = _at_last_start(block)
    before = [_read(part, mapping, pseudonym_key) for part in cut]
    messages = split_messages(raw) or [raw]
    if len(messages) > MAX_MESSAGES:
        reason = f"The frame holds more than {MAX_MESSAGES:,} messages. Send fewer messages in a frame."
        whole = _Part(raw, Answer.REJECTED, Hl7Reading(problems=(InputProblem("", reason),)))
        return _result(read_header(messages[0]), before, [whole], 0, block[:KEPT_BYTES])
    read = [_read(message, mapping, pseudonym_key) for message in messages]
    parts = [part for part in read if not part.reading.header.is_acknowledgement]
    header = parts[0].reading.header if parts else Header()
    return _result(header, before, parts, len(read) - len(parts), block[:KEPT_BYTES])


def too_large(head: bytes, largest_bytes: int) -> FrameResult:
    """Reject a message that is too large to be read; its first bytes become a dead letter.

    Parameters
    ----------
    head : bytes
        Its first bytes.
    largest_bytes : int
        The limit.
    """
    reason = (
        f"The message is larger than {largest_bytes} bytes, and only its first bytes are kept. Send smaller messages."
    )
    return _first_bytes(read_header(head), head[:KEPT_BYTES], Answer.REJECTED, reason)


def not_taken(result: FrameResult, reason: str) -> FrameResult:
    """Turn a frame with a record too large for Kafka into an error; its first bytes become a dead letter."""
    return _first_bytes(result.header, result.begins, Answer.ERROR, reason)


def _first_bytes(header: Header, head: bytes, answer: Answer, reason: str) -> FrameResult:
    record = rejected(head + CUT_MARK, reason, header.control_id or NO_CONTROL_ID)
    return FrameResult(header, answer, reason, [record], rejected=1, begins=head)


def _at_last_start(block: bytes) -> tuple[list[bytes], bytes]:
    at = 0
    for found in _SECOND_START.finditer(block):
        at = found.end()
    return [block[:at]] if at else [], block[at:]


def _read(raw: bytes, mapping: Hl7Mapping, key: bytes) -> _Part:
    try:
        reading = read_message(raw, mapping, key)
    except NotHl7 as error:
        return _Part(raw, Answer.REJECTED, Hl7Reading(problems=(problem_of(error),), header=read_header(raw)))
    return _Part(raw, Answer.ERROR if reading.problems else Answer.ACCEPTED, reading)


def _result(
    header: Header, before: Sequence[_Part], parts: Sequence[_Part], ignored: int, begins: bytes
) -> FrameResult:
    everything = [*before, *parts]
    refused = sum(bool(part.reading.problems) for part in everything)
    worst = max((_SEVERITY.index(part.answer) for part in parts), default=None)
    return FrameResult(
        header=header,
        answer=None if worst is None else _SEVERITY[worst],
        reason=_reason(parts, worst),
        records=[record for part in everything for record in _records(part)],
        accepted=len(everything) - refused,
        rejected=refused,
        ignored=ignored,
        begins=begins,
    )


def _reason(parts: Sequence[_Part], worst: int | None) -> str:
    """Return the reason of the first message with the worst outcome, and its number in the frame."""
    for number, part in enumerate(parts, start=1):
        reason = part.reading.rejected
        if reason is not None and worst is not None and part.answer is _SEVERITY[worst]:
            which = f"Message {number} of {len(parts)} in the frame: " if len(parts) > 1 else ""
            return which + reason
    return ""


def _records(part: _Part) -> list[Outgoing]:
    """Return the facts, and a dead letter where the message or a part of it cannot be used."""
    records = [outgoing(fact) for fact in part.reading.facts]
    reason = part.reading.rejected
    if reason is not None:
        records.append(rejected(part.raw, reason, part.reading.control_id or NO_CONTROL_ID))
    return records
