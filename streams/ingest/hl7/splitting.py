"""HL7 v2 messages in a sequence of bytes: one or many, with any line ends, framing or envelope."""

from __future__ import annotations

import re
from itertools import pairwise

from streams.ingest.hl7.charset import decode_wide, wide_encoding
from streams.ingest.hl7.message import CUT_MARK

_BEGINS = re.compile(rb"(?:^|(?<=[\r\n\x0b\x1c\xbf\x00]))[ \t]*(?=(?:MSH|FHS|BHS|FTS|BTS)[^A-Za-z0-9\s])")
_ENVELOPE = re.compile(rb"(?:FHS|BHS|FTS|BTS)(?:[^A-Za-z0-9\s][^\r\n]*)?(?=[\r\n]|$)")
_CUT = re.compile(rb"[^\x0b\x1c\r\n]\x0b$")
"""A frame starts where neither a segment nor the previous frame has ended."""
_AROUND = b"\r\n\t \x0b\x1c"
_MARK = b"\xef\xbb\xbf"


def split_messages(raw: bytes) -> list[bytes]:
    r"""Split bytes into messages, each from its MSH on, without the lines of batch and file envelopes.

    Bytes before the first MSH, or bytes without any MSH, are a message too, so that they become a dead letter. A
    message that was cut off within a segment ends with `CUT_MARK`, which `parse_message` rejects. UTF-16 and UTF-32
    become UTF-8.

    Examples
    --------
    >>> split_messages(b"FHS|a\rMSH|^~\\&|1\rPID|1\r\nMSH|^~\\&|2\rFTS|1")
    [b'MSH|^~\\&|1\rPID|1', b'MSH|^~\\&|2']
    """
    wide = wide_encoding(raw)
    if wide is not None:
        raw = decode_wide(raw, wide).encode()
    starts = [match.start() for match in _BEGINS.finditer(raw)]
    edges = [0, *starts, len(raw)]
    found = []
    for start, end in pairwise(edges):
        part = raw[start:end].strip(_AROUND).removeprefix(_MARK).strip(_AROUND)
        if _CUT.search(raw, max(start, end - 2), end):
            part += CUT_MARK
        envelope = _ENVELOPE.match(part)
        if envelope:
            part = part[envelope.end() :].strip(_AROUND)
        if part:
            found.append(part)
    return found
