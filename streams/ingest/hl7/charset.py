"""The bytes of an HL7 v2 message as text: its character set, and the escape sequences within its fields.

MSH-18 is often wrong, so the bytes have the last word: what is UTF-8 in truth is read as UTF-8, and what cannot be read
by any name is taken as ISO 8859-1, byte by byte, so that no message is lost for a letter.
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
"""MSH-18 (HL7 table 0211) to Python's codecs; UTF-16 and UTF-32 show in the bytes themselves."""

_OF_SEVERAL_BYTES = frozenset({"gb18030", "big5", "euc_kr", "iso2022_jp"})
"""Two of their bytes can look like UTF-8 by chance; two letters of an ISO 8859 set hardly do."""

_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),  # before the mark of UTF-16, with which it begins
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
    """Python's name of the character set of MSH-18; `ascii` where it names none that we know."""


def wide_encoding(raw: bytes) -> str | None:
    r"""Return UTF-16 or UTF-32 by Python's name, where the first bytes show one of them.

    Examples
    --------
    >>> wide_encoding(b"M\x00S\x00H\x00"), wide_encoding(b"MSH|")
    ('utf-16-le', None)
    """
    start = raw.lstrip(_FRAME)[:6]
    return next((encoding for mark, encoding in _MARKS if start.startswith(mark)), None)


def decode(raw: bytes) -> Text:
    """Return the message as text, without its frame and its byte order mark."""
    wide = wide_encoding(raw)
    if wide is not None:
        return Text(decode_wide(raw, wide), "utf-8")
    raw = raw.strip(_FRAME).removeprefix(_UTF_8_MARK)
    declared = ENCODINGS.get(_declared(raw), "ascii")
    return Text(decode_bytes(raw, declared), declared)


def decode_wide(raw: bytes, encoding: str) -> str:
    """Return UTF-16 or UTF-32 as text; what is no letter becomes U+FFFD."""
    body = raw.lstrip(_FRAME)
    size = 4 if encoding == "utf-32" else 2
    return body[: len(body) // size * size].decode(encoding, errors="replace")  # a frame's end may stand behind


def decode_bytes(raw: bytes, declared: str) -> str:
    r"""Return bytes as text: by the declared set, or by what they are in truth.

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
    """Return the first repetition of MSH-18, before anything else is decoded."""
    header = re.split(rb"[\r\n]", raw, maxsplit=1)[0]
    fields = header.split(header[3:4], 18) if len(header) > 4 else []
    if len(fields) < 18:
        return ""
    repetition = header[5:6] or b"~"
    return fields[17].split(repetition)[0].decode("ascii", errors="replace").strip().upper()


class Escapes:
    r"""Reads escape sequences (HL7 v2 2.7); what is none of them, such as a lone escape character, stays as it stands.

    Parameters
    ----------
    escape : str
        The escape character of MSH-2.
    letters : dict of str to str
        What `\\F\\`, `\\S\\`, `\\T\\`, `\\R\\` and `\\E\\` mean in this message.
    declared : str
        The message's character set, of `\\Xdddd\\`.
    """

    def __init__(self, escape: str, letters: dict[str, str], declared: str) -> None:
        self._escape, self._letters, self._declared = escape, letters, declared
        e, names = re.escape(escape), "".join(letters)
        self._sequence = re.compile(
            rf"(?P<bytes>(?:{e}X(?:[0-9A-Fa-f]{{2}})+{e})+)"  # one letter may be written as several of them
            rf"|{e}(?P<letter>[{names}]){e}"
            rf"|{e}(?P<layout>\.[^{e}]*){e}"  # `.sp999999999` would be as many line breaks: one space does
            rf"|{e}(?:[HN]|C[0-9A-Fa-f]{{4}}|M[0-9A-Fa-f]{{4,6}}){e}"  # highlighting, other sets: no text
        )

    def decoded(self, text: str) -> str:
        """Return a value as it is meant."""
        return self._sequence.sub(self._meant, text) if self._escape in text else text

    def _meant(self, found: re.Match[str]) -> str:
        if found["bytes"]:
            digits = found["bytes"].replace(self._escape, "").replace("X", "")
            return decode_bytes(bytes.fromhex(digits), self._declared)
        if found["letter"]:
            return self._letters[found["letter"]]
        return " " if found["layout"] else ""
