"""FHIR JSON, of which nothing may be taken for granted: texts, codes, times, references."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

LONGEST_NAME = 200

Json = dict[str, Any]

_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6})\d*)?)?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII
)
_HISTORY = re.compile(r"/_history/[^/]*$")


class Refused(Exception):
    """A resource cannot be used: where in it, and why with the remedy; never what stood there."""

    def __init__(self, path: str, error: str) -> None:
        super().__init__(f"{path}: {error}")
        self.path, self.error = path, error


def part(value: object, *names: str) -> Any:
    """Return what stands under the names, one in another; None where something else stands on the way."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def items(value: object) -> list[tuple[int, Json]]:
    """Return the objects of a list with their positions; one object alone counts as a list of it."""
    if isinstance(value, dict):
        return [(0, value)]
    if isinstance(value, list):
        return [(index, item) for index, item in enumerate(value) if isinstance(item, dict)]
    return []


def text(value: object) -> str | None:
    """Return a text that can be stored; None where there is none."""
    if not isinstance(value, str):
        return None
    found = value.strip()
    try:
        found.encode()
    except UnicodeEncodeError:
        return None
    return found if found and "\0" not in found else None


def name(value: object, path: str) -> str | None:
    """Return a text that fits a name of a fact.

    Raises
    ------
    Refused
        When it is too long.
    """
    found = text(value)
    if found is not None and len(found) > LONGEST_NAME:
        raise Refused(path, f"is longer than {LONGEST_NAME} characters; shorten it at the sender.")
    return found


def codings(value: object) -> Iterator[tuple[str, str]]:
    """Give system and code of a Coding, of a CodeableConcept, or of a list of either."""
    for _, item in items(value):
        for _, coding in items(item.get("coding")) or [(0, item)]:
            code = text(coding.get("code"))
            if code is not None:
                yield text(coding.get("system")) or "", code


def codes(value: object) -> list[str]:
    """Return the codes alone."""
    return [code for _, code in codings(value)]


def identifier(value: object, types: Sequence[str]) -> tuple[int, Json] | None:
    """Return the Identifier of the first of the types that is there, else the first one; it has a value."""
    found = [(index, item) for index, item in items(value) if text(item.get("value")) and item.get("use") != "old"]
    for wanted in types:
        for index, item in found:
            if wanted in codes(item.get("type")):
                return index, item
    return found[0] if found else None


def instant(value: object, path: str, zone: ZoneInfo) -> datetime | None:
    """Return a dateTime or instant in UTC; a day begins at midnight of the zone. None where nothing is written.

    Raises
    ------
    Refused
        When it is no time, or not known to the day.
    """
    if value is None:
        return None
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Refused(path, "is no time that can be used; write YYYY-MM-DDThh:mm:ss with its offset.")
    day, hour, minute, second, fraction, offset = found.groups()
    try:
        written = datetime.fromisoformat(f"{day}T{hour or '00'}:{minute or '00'}:{second or '00'}{_offset(offset)}")
        exact = written.replace(microsecond=int((fraction or "0").ljust(6, "0")))
        return exact.replace(tzinfo=exact.tzinfo or zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(path, "names a day or an hour that there is not; correct it at the sender.") from None


def _offset(written: str | None) -> str:
    return "+00:00" if written == "Z" else written or ""


def latest(times: Iterable[datetime | None], until: datetime) -> datetime | None:
    """Return the latest of the times that are not after `until`."""
    return max((time for time in times if time is not None and time <= until), default=None)


def tail(reference: object) -> tuple[str | None, str] | None:
    """Return type and id of a Reference.reference: `Patient/1`, a whole address, `urn:uuid:...` or `#contained`."""
    written = text(reference)
    if written is None:
        return None
    written = _HISTORY.sub("", written)
    if written.startswith(("urn:", "#")):
        last = written.rpartition(":")[2].lstrip("#")
        return (None, last) if last else None
    steps = [step for step in written.split("/") if step]
    if not steps:
        return None
    return (steps[-2] if len(steps) > 1 else None), steps[-1]


def keys(reference: object) -> list[str]:
    """Return the ways in which a reference may be known in a Bundle: as it stands, and as `Type/id`."""
    written, end = text(reference), tail(reference)
    if written is None or end is None:
        return []
    found = [_HISTORY.sub("", written)]
    if end[0] is not None:
        found.append(f"{end[0]}/{end[1]}")
    return found
