"""Character set of an HL7 v2 message: from its bytes to text.

MSH-18 is often wrong, so the bytes decide: valid UTF-8 is decoded as UTF-8, and bytes that fit no known set as
ISO 8859-1, which fits all bytes, so that no message is lost for a letter.
"""

from __future__ import annotations

import re
from typing import NamedTuple

ENCODINGS = {
    "ASCII": "ascii",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "ISO IR6": "ascii",
    "GB 18030-2000": "gb18030",
    "GB18030": "gb18030",
    "BIG-5": "big5",
    "KS X 1001": "euc_kr",
    "ISO IR87": "iso2022_jp",
    **{f"8859/{part}": f"iso8859_{part}" for part in (*range(1, 12), 13, 14, 15, 16)},
}
"""MSH-18 (HL7 table 0211) to Python's codecs; UTF-16 and UTF-32 are detected from the bytes."""

_OF_SEVERAL_BYTES = frozenset({"gb18030", "big5", "euc_kr", "iso2022_jp"})
"""Sets of several bytes a letter: two of their bytes can be valid UTF-8 by chance."""

_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),  # before UTF-16, whose mark is the first half of it
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"M\x00S\x00H\x00", "utf-16-le"),
    (b"\x00M\x00S\x00H", "utf-16-be"),
    (b"F\x00H\x00S\x00", "utf-16-le"),
    (b"\x00F\x00H\x00S", "utf-16-be"),
    (b"B\x00H\x00S\x00", "utf-16-le"),
    (b"\x00B\x00H\x00S", "utf-16-be"),
)
_FRAME = b"\x0b\x1c\r\n \t"
_UTF_8_MARK = b"\xef\xbb\xbf"


class Text(NamedTuple):
    """A message as text."""

    text: str
    declared: str
    """Python's name of the character set of MSH-18; `ascii` where it is missing or unknown."""


def wide_encoding(raw: bytes) -> str | None:
    r"""Return Python's name of UTF-16 or UTF-32 where the first bytes are in one of them, else None.

    Examples
    --------
    >>> wide_encoding(b"M\x00S\x00H\x00"), wide_encoding(b"MSH|")
    ('utf-16-le', None)
    """
    start = raw.lstrip(_FRAME)[:6]
    return next((encoding for mark, encoding in _MARKS if start.startswith(mark)), None)


def decode(raw: bytes) -> Text:
    """Decode a message, without its frame and its byte order mark."""
    wide = wide_encoding(raw)
    if wide is not None:
        return Text(decode_wide(raw, wide), "utf-8")
    raw = raw.strip(_FRAME).removeprefix(_UTF_8_MARK)
    declared = ENCODINGS.get(_declared(raw), "ascii")
    return Text(decode_bytes(raw, declared), declared)


def decode_wide(raw: bytes, encoding: str) -> str:
    """Decode UTF-16 or UTF-32; invalid bytes become U+FFFD."""
    body = raw.lstrip(_FRAME)
    size = 4 if encoding == "utf-32" else 2
    return body[: len(body) // size * size].decode(encoding, errors="replace")  # the end of the frame may follow


def decode_bytes(raw: bytes, declared: str) -> str:
    r"""Decode bytes: as UTF-8 where they are valid UTF-8, else by the declared set, else as ISO 8859-1.

    Examples
    --------
    >>> decode_bytes(b"K\xc3\xb6ln", "iso8859_1"), decode_bytes(b"K\xf6ln", "utf-8")
    ('Köln', 'Köln')
    """
    for candidate in (declared, "utf-8") if declared in _OF_SEVERAL_BYTES else ("utf-8", declared):
        try:
            return raw.decode(candidate)
        except UnicodeDecodeError:
            continue
    return raw.decode("iso8859_1")


def _declared(raw: bytes) -> str:
    """Return the first repetition of MSH-18, from the raw bytes."""
    header = re.split(rb"[\r\n]", raw, maxsplit=1)[0]
    fields = header.split(header[3:4], 18) if len(header) > 4 else []
    if len(fields) < 18:
        return ""
    repetition = header[5:6] or b"~"
    return fields[17].split(repetition)[0].decode("ascii", errors="replace").strip().upper()
