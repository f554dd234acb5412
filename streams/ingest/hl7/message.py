"""One HL7 v2 message: fields by segment, number, component and subcomponent, parsed by python-hl7."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import hl7.util

from schemas.errors import InvalidInput, NotHl7
from streams.ingest.hl7.charset import decode
from streams.ingest.hl7.escapes import Escapes
from streams.ingest.hl7.segments import Positions, positions_of, select_segments

CUT_MARK = b"\x0b"
"""At the end of a message that was cut off: it is rejected, so that half a message never counts as a whole one."""

hl7.util.logger.disabled = True  # it would write fields, and so names, into the log

_BREAKS = re.compile(r"[\r\n]+")
_SECOND_HEADER = re.compile(r"(?<=[\r\n\x0b\x1c\x00])[ \t]*MSH[^A-Za-z0-9\s]")
_OF_THE_MESSAGE = frozenset({"MSH", "EVN"})
_OF_THE_PATIENT = _OF_THE_MESSAGE | {"PID"}
_OF_THE_VISIT = _OF_THE_PATIENT | {"PV1"}


class Hl7Message:
    """Fields of a parsed message, or of a part of it. All numbers count from 1, as in HL7.

    Parameters
    ----------
    segments : sequence
        Of python-hl7, in the order of the message; an MSH segment is among them.
    positions : dict
        Where the fields are in those segments; see `streams.ingest.hl7.segments`.
    escapes : Escapes
        Decodes the escape sequences of this message.
    """

    def __init__(self, segments: Sequence[Any], positions: Positions, escapes: Escapes) -> None:
        self._in_order, self._positions, self._escapes = segments, positions, escapes
        self._segments: dict[str, list[Any]] = {}
        for segment in segments:
            self._segments.setdefault(str(segment[0][0]), []).append(segment)

    def by_person(self) -> list[Hl7Message]:
        """Return a message for each PID, with the segments after it up to the next PID, and with MSH and EVN.

        Segments before the first PID belong to it. Without a PID there is one message.
        """
        return self._split_at("PID", _OF_THE_MESSAGE)

    def by_merge(self) -> list[Hl7Message]:
        """Return a message for each MRG, with the segments after it up to the next MRG, and with MSH, EVN and PID."""
        return self._split_at("MRG", _OF_THE_PATIENT)

    def by_order(self) -> list[Hl7Message]:
        """Return a message for each OBR, with the segments after it up to the next OBR, and with those of the visit."""
        return self._split_at("OBR", _OF_THE_VISIT)

    def _split_at(self, first: str, common: frozenset[str]) -> list[Hl7Message]:
        shared = [segment for segment in self._in_order if str(segment[0][0]) in common]
        groups: list[list[Any]] = [[]]
        for segment in self._in_order:
            name = str(segment[0][0])
            if name == first and any(str(other[0][0]) == first for other in groups[-1]):
                groups.append([])
            if name not in common:
                groups[-1].append(segment)
        return [Hl7Message(shared + group, self._positions, self._escapes) for group in groups]

    @property
    def separators(self) -> str:
        """MSH-1 and MSH-2."""
        header = self._segments["MSH"][0]
        return f"{header[1]}{header[2]}"

    def raw(self, segment: str, field: int) -> str:
        """Return a field as it was sent, with separators and escape sequences."""
        found, position = self._segments.get(segment, ()), self._positions[segment][field]
        return str(found[0][position]) if found and position < len(found[0]) else ""

    def count(self, segment: str) -> int:
        """Return how many segments of this name the message has."""
        return len(self._segments.get(segment, ()))

    def get(self, segment: str, field: int, component: int = 1, subcomponent: int = 1, *, nth: int = 0) -> str:
        """Return the value of a field's first repetition, decoded; empty where it is missing or the HL7 null."""
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
            raise InvalidInput(
                "", "A field contains the start of a frame (0B), so the message may have been cut off. Send it again."
            )
        return "" if text == '""' else self._escapes.decoded(text).strip()


def parse_message(raw: bytes, further: Collection[tuple[str, int]] = ()) -> Hl7Message:
    """Parse one message.

    Parameters
    ----------
    raw : bytes
        One message, with or without MLLP framing and byte order mark.
    further : collection of (str, int)
        Fields to parse in addition to `segments.FIELDS`, such as ("PV1", 5).

    Raises
    ------
    NotHl7
        When the bytes do not begin with an MSH segment.
    InvalidInput
        When the header does not say how to parse the message, or the message is cut off or beyond a limit.
    """
    if raw.endswith(CUT_MARK):
        raise InvalidInput("", "The message was cut off: a new frame starts before its end. Send it again.")
    text, declared = decode(raw)
    lines = [line for line in (part.strip(" \t\x0b\x1c\x00") for part in _BREAKS.split(text)) if line]
    if not lines or not lines[0].startswith("MSH"):
        raise NotHl7("MSH", "missing at the start. Send an HL7 v2 message, which begins with an MSH segment.")
    separator, marks = _separators(lines[0])
    if _SECOND_HEADER.search(text, text.index("MSH") + 3):
        raise InvalidInput("MSH", "a second MSH segment in the message. Send each message in a frame of its own.")
    positions = positions_of(further)
    selected = select_segments(lines, separator, marks, positions)
    try:
        parsed = hl7.parse("\r".join(selected))
    except Exception:  # noqa: BLE001 - whatever the library raises, the message is kept as a dead letter
        raise InvalidInput(
            "MSH-1 and MSH-2", "the segments cannot be parsed with the separators declared there. Correct MSH-2."
        ) from None
    _, field, repetition, component, subcomponent = parsed.separators
    letters = {"F": field, "R": repetition, "S": component, "T": subcomponent, "E": parsed.esc}
    return Hl7Message(list(parsed), positions, Escapes(parsed.esc, letters, declared))


def _separators(header: str) -> tuple[str, str]:
    """Return MSH-1 and MSH-2, once they are valid."""
    if len(header) < 8 or header[3].isalnum() or header.find(header[3], 4) < 5:
        raise InvalidInput("MSH-1 and MSH-2", "do not declare the separators. Begin the message with MSH|^~\\&|.")
    separator, marks = header[3], header[4 : header.find(header[3], 4)]
    if len({separator, *marks}) != len(marks) + 1:
        raise InvalidInput("MSH-2", "declares one character twice. Use a different character for each separator.")
    return separator, marks


def _part(container: Any, number: int) -> Any:
    """Return a component or subcomponent; a value without parts is its own first part."""
    if isinstance(container, str):
        return container if number == 1 else ""
    return container[number - 1] if number <= len(container) else ""
