"""One HL7 v2 message as its fields: python-hl7 parses, this reads out of it what ADT needs.

Only the segments and fields that we use are parsed: a result or a note of a megabyte costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import hl7.util

from schemas.errors import FactRejected
from streams.ingest.hl7.charset import Escapes, decode

FIELDS: dict[str, frozenset[int]] = {
    "MSH": frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 15, 16}),
    "EVN": frozenset({1, 2, 3, 6}),
    "PID": frozenset({2, 3, 7, 8, 18, 29, 30}),
    "PV1": frozenset({2, 3, 4, 6, 10, 11, 19, 36, 42, 44, 45, 50}),
    "PV2": frozenset({1, 3, 8, 9}),
    "MRG": frozenset({1, 3, 5, 6}),
    "DG1": frozenset({2, 3, 6, 15}),
    "PR1": frozenset({2, 3, 5}),
    "NPU": frozenset({1, 2}),
}
"""The fields that we read; the others are not parsed."""

MAX_SEGMENTS = 1_000
"""Of those that we read."""
MAX_REPETITIONS = 1_000
"""Of one field."""
MAX_PARTS = 20_000
"""Repetitions, components and subcomponents of a whole message: each costs microseconds, and others wait."""

hl7.util.logger.disabled = True  # it would write fields, and so names, into the log

_BREAKS = re.compile(r"[\r\n]+")
_BEGINS_AGAIN = re.compile(r"(?<=[\r\n\x0b\x1c\x00])[ \t]*MSH[^A-Za-z0-9\s]")
_OF_NOBODY = frozenset({"MSH", "EVN"})
_OF_NO_VISIT = _OF_NOBODY | {"PID"}


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
        if raw.endswith(b"\x0b"):
            raise Rejected("The message was cut: a frame begins where its end should be. Send it again.")
        text, declared = decode(raw)
        lines = [line for line in (part.strip(" \t\x0b\x1c\x00") for part in _BREAKS.split(text)) if line]
        if not lines or not lines[0].startswith("MSH"):
            raise NotHl7("No MSH segment begins the message; send HL7 v2.")
        separator, marks = _separators(lines[0])
        if _BEGINS_AGAIN.search(text, text.index("MSH") + 3):
            raise Rejected("A second MSH segment stands in the message; put each message into a frame of its own.")
        self._positions = _positions(further)
        used = (line for line in lines if line[:3] in self._positions and line[3:4] == separator)
        wanted = [_kept(line, separator, self._positions[line[:3]]) for line in used]
        _check_size(wanted, separator, marks, self._positions)
        try:
            self._message = hl7.parse("\r".join(wanted))
        except Exception:  # noqa: BLE001 - whatever the library meets, the message is kept and named
            raise Rejected("The segments cannot be parsed by the separators that MSH-1 and MSH-2 declare.") from None
        _, field, repetition, component, subcomponent = self._message.separators
        letters = {"F": field, "R": repetition, "S": component, "T": subcomponent, "E": self._message.esc}
        self._escapes = Escapes(self._message.esc, letters, declared)
        self._hold(list(self._message))

    def _hold(self, segments: Sequence[Any]) -> None:
        self._in_order = segments
        self._segments: dict[str, list[Any]] = {}
        for segment in segments:
            self._segments.setdefault(str(segment[0][0]), []).append(segment)

    def by_person(self) -> list[Hl7Message]:
        """Return a message for each PID, with the segments after it up to the next, and with MSH and EVN.

        What stands before the first PID belongs to it. Without a PID there is one message.
        """
        return self._by("PID", _OF_NOBODY)

    def by_merge(self) -> list[Hl7Message]:
        """Return a message for each MRG, with the segments after it up to the next, and with MSH, EVN and PID."""
        return self._by("MRG", _OF_NO_VISIT)

    def _by(self, first: str, common: frozenset[str]) -> list[Hl7Message]:
        shared = [segment for segment in self._in_order if str(segment[0][0]) in common]
        groups: list[list[Any]] = [[]]
        for segment in self._in_order:
            name = str(segment[0][0])
            if name == first and any(str(other[0][0]) == first for other in groups[-1]):
                groups.append([])
            if name not in common:
                groups[-1].append(segment)
        return [self._part(shared + group) for group in groups]

    def _part(self, segments: Sequence[Any]) -> Hl7Message:
        part = object.__new__(Hl7Message)
        part._message, part._escapes, part._positions = self._message, self._escapes, self._positions
        part._hold(segments)
        return part

    @property
    def separators(self) -> str:
        """MSH-1 and MSH-2."""
        header = self._segments["MSH"][0]
        return f"{header[1]}{header[2]}"

    def raw(self, segment: str, field: int) -> str:
        """Return a field as it stands, separators and escapes included."""
        found, position = self._segments.get(segment, ()), self._positions[segment][field]
        return str(found[0][position]) if found and position < len(found[0]) else ""

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
        found, position = self._segments.get(segment, ()), self._positions[segment][field]
        if nth >= len(found) or position >= len(found[nth]):
            return
        for repetition in found[nth][position]:
            yield self._value(_part(_part(repetition, component), subcomponent))

    def place(self, where: str, *, nth: int = 0) -> str:
        """Return the value at a place such as PV1-19 or PID-3.4."""
        segment, _, rest = where.partition("-")
        field, _, component = rest.partition(".")
        return self.get(segment, int(field), int(component or 1), nth=nth)

    def _value(self, text: str) -> str:
        if "\x0b" in text:
            raise Rejected("A frame begins within a field (0B), so the message may have been cut there; send it again.")
        return "" if text == '""' else self._escapes.decoded(text).strip()


def _separators(header: str) -> tuple[str, str]:
    """Return MSH-1 and MSH-2, where they say how to read the message."""
    if len(header) < 8 or header[3].isalnum() or header.find(header[3], 4) < 5:
        raise Rejected("MSH-1 and MSH-2 do not declare the separators; write MSH|^~\\&| as the standard says.")
    separator, marks = header[3], header[4 : header.find(header[3], 4)]
    if len({separator, *marks}) != len(marks) + 1:
        raise Rejected("MSH-2 declares one character twice; each separator must be its own.")
    return separator, marks


def _placed(numbers: Collection[int]) -> dict[int, int]:
    return {number: position for position, number in enumerate(sorted(numbers), start=1)}


_POSITIONS = {segment: _placed(numbers) for segment, numbers in FIELDS.items()}
"""Where each field stands among those that are kept."""


def _positions(further: Collection[tuple[str, int]]) -> dict[str, dict[int, int]]:
    positions = dict(_POSITIONS)
    for segment, number in further:
        if number not in positions.get(segment, ()):
            positions[segment] = _placed({*positions.get(segment, ()), number})
    return positions


def _kept(line: str, separator: str, positions: dict[int, int]) -> str:
    """Return a segment without the fields that nobody reads."""
    first = 1 if line.startswith("MSH") else 0  # MSH-1 is the separator itself: the second value is MSH-2
    last = max(positions) - first
    values = line.split(separator, last + 1)[: last + 1]
    kept = [values[number - first] for number in positions if first < number < len(values) + first]
    return separator.join((values[0], *kept))


def _check_size(lines: Sequence[str], separator: str, marks: str, positions: dict[str, dict[int, int]]) -> None:
    """Refuse, before anything is parsed, what nobody sends and what would keep others waiting."""
    if len(lines) > MAX_SEGMENTS:
        raise Rejected(f"The message has more than {MAX_SEGMENTS:,} segments; send it in parts.")
    component, repetition, _, subcomponent, *_ = [*marks, *"^~\\&"[len(marks) :]]
    for line in lines:
        if line.count(repetition) >= MAX_REPETITIONS:
            _check_repetitions(line, separator, repetition, [*positions[line[:3]]])
    parts = sum(line.count(mark) for line in lines for mark in (component, repetition, subcomponent))
    if parts > MAX_PARTS:
        raise Rejected(f"The fields have more than {MAX_PARTS:,} parts between them; send the message in parts.")


def _check_repetitions(line: str, separator: str, repetition: str, numbers: Sequence[int]) -> None:
    values = line.split(separator)[1:]
    for number, value in zip(numbers[1:] if line.startswith("MSH") else numbers, values, strict=False):
        if value.count(repetition) >= MAX_REPETITIONS:
            where = f"{line[:3]}-{number}"
            raise Rejected(f"{where} has more than {MAX_REPETITIONS:,} repetitions; correct it at the sender.")


def _part(container: Any, number: int) -> Any:
    """Return the part of a repetition or component; one that has no parts is its own first."""
    if isinstance(container, str):
        return container if number == 1 else ""
    return container[number - 1] if number <= len(container) else ""
