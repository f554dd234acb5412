"""One HL7 v2 message as its fields: python-hl7 parses, this reads out of it what ADT needs.

Only the segments and fields that we use are parsed: a result or a note of a megabyte costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import hl7.util

from schemas.errors import FactRejected

FIELDS: dict[str, frozenset[int]] = {
    "MSH": frozenset({2, 3, 4, 5, 6, 8, 9, 10, 11, 14, 15}),  # the second is MSH-3: MSH-1 is the separator itself
    "EVN": frozenset({1, 2, 3, 6}),
    "PID": frozenset({2, 3, 7, 8, 18, 29, 30}),
    "PV1": frozenset({2, 3, 4, 6, 10, 11, 19, 36, 42, 44, 45, 50}),
    "PV2": frozenset({1, 3, 8, 9}),
    "MRG": frozenset({1, 5}),
    "DG1": frozenset({2, 3, 6, 15}),
    "PR1": frozenset({2, 3, 5}),
    "NPU": frozenset({1, 2}),
}
"""The fields that we read; the others are not parsed."""
ENCODINGS = {
    "ASCII": "ascii",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UNICODE UTF-16": "utf-16",
    "UNICODE UTF-32": "utf-32",
    "ISO IR6": "ascii",
    "GB 18030-2000": "gb18030",
    "GB18030": "gb18030",
    "BIG-5": "big5",
    "KS X 1001": "euc_kr",
    "ISO IR87": "iso2022_jp",
    **{f"8859/{part}": f"iso8859_{part}" for part in (*range(1, 12), 13, 14, 15, 16)},
}
"""MSH-18 (HL7 table 0211) to Python's codecs."""

hl7.util.logger.disabled = True  # it would write fields, and so names, into the log

_BREAKS = re.compile(r"[\r\n]+")
_WIDE = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class NotHl7(FactRejected):
    """The bytes are no HL7 v2 message: no MSH segment begins them."""


class Rejected(FactRejected):
    """The message is HL7 v2, but what it says cannot be used; names segment and field."""


class Hl7Message:
    """Fields by segment, number, component and subcomponent, all counted from 1 as HL7 does.

    Parameters
    ----------
    raw : bytes
        One message, MLLP framing and byte order mark allowed.
    further : collection of (str, int)
        Fields to read beyond `FIELDS`, such as ("PV1", 5).

    Raises
    ------
    NotHl7
        When no MSH segment begins it.
    Rejected
        When its header does not say how to read it.
    """

    def __init__(self, raw: bytes, further: Collection[tuple[str, int]] = ()) -> None:
        text = decode(raw)
        lines = [line for line in (part.strip(" \t\x0b\x1c\x00") for part in _BREAKS.split(text)) if line]
        if not lines or not lines[0].startswith("MSH"):
            raise NotHl7("No MSH segment begins the message; send HL7 v2.")
        if len(lines[0]) < 8 or lines[0][3].isalnum() or lines[0].find(lines[0][3], 4) < 5:
            raise Rejected("MSH-1 and MSH-2 do not declare the separators; write MSH|^~\\&| as the standard says.")
        separator = lines[0][3]
        if len({*lines[0][3 : lines[0].find(separator, 4)]}) != lines[0].find(separator, 4) - 3:
            raise Rejected("MSH-2 declares one character twice; each separator must be its own.")
        wanted = [_used(line, separator, further) for line in lines if line[:3] in FIELDS and line[3:4] == separator]
        try:
            self._message = hl7.parse("\r".join(wanted))
        except Exception:  # noqa: BLE001 - whatever the library meets, the message is kept and named
            raise Rejected("The segments cannot be parsed by the separators that MSH-1 and MSH-2 declare.") from None
        self._segments: dict[str, list[Any]] = {}
        for segment in self._message:
            self._segments.setdefault(str(segment[0][0]), []).append(segment)
        self._escape = self._message.esc
        escape = re.escape(self._escape)
        self._layout = re.compile(f"{escape}\\.[^{escape}]*{escape}")  # `.sp999999999` would be as many line breaks

    @property
    def separators(self) -> str:
        """MSH-1 and MSH-2."""
        header = self._segments["MSH"][0]
        return f"{header[1]}{header[2]}"

    def raw(self, segment: str, field: int) -> str:
        """Return a field as it stands, separators and escapes included."""
        found = self._segments.get(segment, ())
        return str(found[0][field]) if found and field < len(found[0]) else ""

    def count(self, segment: str) -> int:
        """Return how often a segment stands in the message."""
        return len(self._segments.get(segment, ()))

    def get(self, segment: str, field: int, component: int = 1, subcomponent: int = 1, *, nth: int = 0) -> str:
        """Return one value, escapes decoded; empty where there is none or it is the HL7 null."""
        for value in self.repetitions(segment, field, component, subcomponent, nth=nth):
            return value
        return ""

    def repetitions(
        self, segment: str, field: int, component: int = 1, subcomponent: int = 1, *, nth: int = 0
    ) -> Iterator[str]:
        """Return the value of each repetition of a field."""
        found = self._segments.get(segment, ())
        if nth >= len(found) or field >= len(found[nth]):
            return
        for repetition in found[nth][field]:
            yield self._value(_part(_part(repetition, component), subcomponent))

    def place(self, where: str, *, nth: int = 0) -> str:
        """Return the value at a place such as PV1-19 or PID-3.4."""
        segment, _, rest = where.partition("-")
        field, _, component = rest.partition(".")
        return self.get(segment, int(field), int(component or 1), nth=nth)

    def order(self) -> list[str]:
        """Return the names of the segments, as they stand."""
        return [str(segment[0][0]) for segment in self._message]

    def _value(self, text: str) -> str:
        if text == '""':
            return ""
        if self._escape in text:
            text = self._layout.sub(" ", text)
            try:
                text = self._message.unescape(text)
            except Exception:  # noqa: BLE001 - whatever the library meets, the message is kept and named
                raise Rejected("An escape sequence cannot be read; correct it at the sender.") from None
        return text.strip()


def _used(line: str, separator: str, further: Collection[tuple[str, int]]) -> str:
    """Return a segment without the fields that nobody reads."""
    name, values = line[:3], line.split(separator)
    used = FIELDS[name]
    if further:
        used = used | {number for segment, number in further if segment == name}
    last = min(max(used), len(values) - 1)
    kept = [value if number in used or number < 2 else "" for number, value in enumerate(values[: last + 1])]
    return separator.join(kept)


def _part(container: Any, number: int) -> Any:
    """Return the part of a repetition or component; one that has no parts is its own first."""
    if isinstance(container, str):
        return container if number == 1 else ""
    return container[number - 1] if number <= len(container) else ""


def decode(raw: bytes) -> str:
    """Return the message as text: by MSH-18, or what the bytes are in truth.

    UTF-8 under a header that says ASCII, or nothing, is UTF-8; what is no UTF-8 is taken as ISO 8859-1, byte by byte,
    so that no message is lost for a letter.
    """
    raw = raw.strip(b"\x0b\x1c\r\n \t")
    if raw[:2] in _WIDE:
        return raw.decode("utf-16", errors="replace")
    if raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
    encoding = ENCODINGS.get(_declared(raw), "ascii")
    for candidate in (encoding, "utf-8"):
        try:
            return raw.decode(candidate)
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode("iso8859_1")


def _declared(raw: bytes) -> str:
    """Return the first repetition of MSH-18, before anything else is decoded."""
    header = re.split(rb"[\r\n]", raw, maxsplit=1)[0]
    fields = header.split(header[3:4]) if len(header) > 4 else []
    if len(fields) < 18:
        return ""
    repetition = header[5:6] or b"~"
    return fields[17].split(repetition)[0].decode("ascii", errors="replace").strip().upper()
