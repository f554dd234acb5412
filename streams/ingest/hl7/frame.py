"""What stands in one MLLP frame: most often a message, sometimes several, a batch, or the rest of one that was cut.

Pure: bytes to records for Kafka and the answer to give once they are there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from schemas.outgoing import Outgoing, outgoing, rejected
from streams.ingest.hl7.acknowledgement import Answer
from streams.ingest.hl7.header import Header, read_header
from streams.ingest.hl7.mapping import Hl7Mapping
from streams.ingest.hl7.splitting import split_messages
from streams.ingest.hl7.triggers import NotHl7, read_message
from streams.ingest.reading import Reading

MAX_MESSAGES = 1_000
"""Of one frame."""
KEPT_BYTES = 16_384
"""Of a message that is too large: enough to see whose it is and what it says."""

_CUT = b"\x0b"
"""A message that ends with it was cut; `Hl7Message` refuses it, so that half a message is never taken for a whole."""
_BEGINS_AGAIN = re.compile(
    rb"\x0b(?=(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\r\n\t ]*\x00?(?:M\x00?S\x00?H|[BF]\x00?H\x00?S))"
)
_SEVERITY = (Answer.ACCEPTED, Answer.ERROR, Answer.REJECTED)


class FrameResult(NamedTuple):
    """What came of a frame."""

    header: Header
    """Of the message that is answered."""
    answer: Answer | None
    """The worst of what came of its messages; None where there is nothing to answer."""
    reason: str
    """Why it is not accepted; empty when all is well."""
    records: list[Outgoing]
    accepted: int = 0
    rejected: int = 0
    ignored: int = 0
    """Acknowledgements."""
    begins: bytes = b""
    """The frame's first bytes, for the case that Kafka does not take what came of it."""


def read_frame(block: bytes, mapping: Hl7Mapping, pseudonym_key: bytes) -> FrameResult:
    """Read all that stands in a frame.

    Where a frame begins within the block, what stands before it is a message whose end never came: a dead letter.

    Parameters
    ----------
    block : bytes
        What stood between the first start and the end of a frame.
    mapping : Hl7Mapping
        Of this feed.
    pseudonym_key : bytes
        Turns patient numbers into tokens.
    """
    cut, raw = _at_last_start(block)
    before = [(part, _read(part, mapping, pseudonym_key)) for part in cut]
    parts = split_messages(raw) or [raw]
    if len(parts) > MAX_MESSAGES:
        reason = f"The frame holds more than {MAX_MESSAGES:,} messages; send each in a frame of its own."
        read = [(raw, (Answer.REJECTED, Reading(None, None, rejected=reason)))]
        return _result(read_header(parts[0]), before, read, 0, block[:KEPT_BYTES])
    read = [(part, _read(part, mapping, pseudonym_key)) for part in parts]
    messages = [each for each in read if not _header(each).is_acknowledgement]
    return _result(
        _header(messages[0]) if messages else Header(), before, messages, len(read) - len(messages), block[:KEPT_BYTES]
    )


def too_large(head: bytes, largest_bytes: int) -> FrameResult:
    """Return what comes of a message that is larger than is taken: refused, with its beginning as a dead letter.

    Parameters
    ----------
    head : bytes
        Its first bytes.
    largest_bytes : int
        What would have been taken.
    """
    header = read_header(head)
    reason = (
        f"The message is larger than {largest_bytes} bytes, so only its beginning is kept. Send less in one message."
    )
    return _beginning(header, head[:KEPT_BYTES], Answer.REJECTED, reason)


def not_taken(result: FrameResult, reason: str) -> FrameResult:
    """Return what comes of a frame of which a record is too large for Kafka: an error, and its beginning is kept."""
    return _beginning(result.header, result.begins, Answer.ERROR, reason)


def _beginning(header: Header, head: bytes, answer: Answer, reason: str) -> FrameResult:
    record = rejected(head + _CUT, reason, header.control_id or "mllp")
    return FrameResult(header, answer, reason, [record], rejected=1, begins=head)


def _at_last_start(block: bytes) -> tuple[list[bytes], bytes]:
    at = 0
    for found in _BEGINS_AGAIN.finditer(block):
        at = found.end()
    return [block[:at]] if at else [], block[at:]


_Read = tuple[Answer, Reading]


def _header(read: tuple[bytes, _Read]) -> Header:
    return read[1][1].header


def _read(raw: bytes, mapping: Hl7Mapping, key: bytes) -> _Read:
    try:
        reading = read_message(raw, mapping, key)
    except NotHl7 as error:
        return Answer.REJECTED, Reading(None, None, rejected=str(error), header=read_header(raw))
    return Answer.ERROR if reading.rejected is not None else Answer.ACCEPTED, reading


def _result(
    header: Header,
    before: Sequence[tuple[bytes, _Read]],
    read: Sequence[tuple[bytes, _Read]],
    ignored: int,
    begins: bytes,
) -> FrameResult:
    everything = [*before, *read]
    refused = sum(reading.rejected is not None for _, (_, reading) in everything)
    worst = max((_SEVERITY.index(answer) for _, (answer, _) in read), default=None)
    return FrameResult(
        header=header,
        answer=None if worst is None else _SEVERITY[worst],
        reason=_reason([each for _, each in read], worst),
        records=[record for raw, (_, reading) in everything for record in _records(raw, reading)],
        accepted=len(everything) - refused,
        rejected=refused,
        ignored=ignored,
        begins=begins,
    )


def _reason(read: Sequence[_Read], worst: int | None) -> str:
    """Return the reason of the first of the worst, and which one that is."""
    for number, (answer, reading) in enumerate(read, start=1):
        if reading.rejected is not None and worst is not None and answer is _SEVERITY[worst]:
            which = f"Message {number} of {len(read)} in the frame: " if len(read) > 1 else ""
            return which + reading.rejected
    return ""


def _records(raw: bytes, reading: Reading) -> list[Outgoing]:
    if reading.rejected is not None:
        return [rejected(raw, reading.rejected, reading.control_id or "mllp")]
    return [outgoing(fact) for fact in reading.facts]
