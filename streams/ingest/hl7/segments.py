"""The segments and fields of an HL7 v2 message that ADT needs, cut out before anything is parsed.

A result or a note of a megabyte costs nothing, and a message beyond the limits is rejected before it is parsed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from schemas.errors import InvalidInput

FIELDS: dict[str, frozenset[int]] = {
    "MSH": frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15, 16}),
    "EVN": frozenset({1, 2, 3, 6}),
    "PID": frozenset({2, 3, 7, 8, 18, 29, 30}),
    "PV1": frozenset({2, 3, 4, 6, 10, 11, 19, 36, 42, 44, 45, 50}),
    "PV2": frozenset({1, 3, 8, 9}),
    "MRG": frozenset({1, 3, 5, 6}),
    "DG1": frozenset({2, 3, 6, 15}),
    "PR1": frozenset({2, 3, 5}),
    "NPU": frozenset({1, 2}),
    "ZBE": frozenset({1, 2, 4, 5, 6}),
}
"""The fields that are parsed, by segment."""

MAX_SEGMENTS = 1_000
"""Per message, counting only the segments that are parsed."""
MAX_REPETITIONS = 1_000
"""Per field."""
MAX_PARTS = 20_000
"""Repetitions, components and subcomponents per message: parsing each takes microseconds, and other senders wait."""

Positions = dict[str, dict[int, int]]
"""For each segment, the position of a field among those that are kept."""


def positions_of(further: Collection[tuple[str, int]]) -> Positions:
    """Return the positions of the fields in `FIELDS` and of further ones, such as ("PV1", 5)."""
    positions = dict(_POSITIONS)
    for segment, number in further:
        if number not in positions.get(segment, ()):
            positions[segment] = _numbered({*positions.get(segment, ()), number})
    return positions


def select_segments(lines: Sequence[str], separator: str, marks: str, positions: Positions) -> list[str]:
    """Return the segments that are parsed, reduced to the fields that are parsed.

    Parameters
    ----------
    lines : sequence of str
        All segments of the message.
    separator, marks : str
        MSH-1 and MSH-2.
    positions : dict
        The fields to keep.

    Raises
    ------
    InvalidInput
        When the message is beyond one of the limits.
    """
    used = (line for line in lines if line[:3] in positions and line[3:4] == separator)
    selected = [_selected(line, separator, positions[line[:3]]) for line in used]
    _check_size(selected, separator, marks, positions)
    return selected


def _numbered(numbers: Collection[int]) -> dict[int, int]:
    return {number: position for position, number in enumerate(sorted(numbers), start=1)}


_POSITIONS = {segment: _numbered(numbers) for segment, numbers in FIELDS.items()}


def _selected(line: str, separator: str, positions: dict[int, int]) -> str:
    first = 1 if line.startswith("MSH") else 0  # MSH-1 is the separator itself: the second value is MSH-2
    last = max(positions) - first
    values = line.split(separator, last + 1)[: last + 1]
    kept = [values[number - first] for number in positions if first < number < len(values) + first]
    return separator.join((values[0], *kept))


def _check_size(lines: Sequence[str], separator: str, marks: str, positions: Positions) -> None:
    if len(lines) > MAX_SEGMENTS:
        raise InvalidInput("", f"The message has more than {MAX_SEGMENTS:,} segments. Send it in parts.")
    component, repetition, _, subcomponent, *_ = [*marks, *"^~\\&"[len(marks) :]]
    for line in lines:
        if line.count(repetition) >= MAX_REPETITIONS:
            _check_repetitions(line, separator, repetition, [*positions[line[:3]]])
    parts = sum(line.count(mark) for line in lines for mark in (component, repetition, subcomponent))
    if parts > MAX_PARTS:
        raise InvalidInput(
            "",
            f"The message has more than {MAX_PARTS:,} repetitions, components and subcomponents. Send it in parts.",
        )


def _check_repetitions(line: str, separator: str, repetition: str, numbers: Sequence[int]) -> None:
    values = line.split(separator)[1:]
    for number, value in zip(numbers[1:] if line.startswith("MSH") else numbers, values, strict=False):
        if value.count(repetition) >= MAX_REPETITIONS:
            raise InvalidInput(
                f"{line[:3]}-{number}", f"more than {MAX_REPETITIONS:,} repetitions. Correct it at the sender."
            )
