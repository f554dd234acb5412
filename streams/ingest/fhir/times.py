"""Times of FHIR: instants, and days without an hour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.errors import InvalidInput
from streams.ingest.fhir.json_values import Json
from streams.ingest.reading import InputProblem

_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6})\d*)?)?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII
)


class When(NamedTuple):
    """A time in UTC, with its precision."""

    at: datetime
    """The instant, or the first second of the day."""
    until: datetime
    """The instant, or the last second of the day: the end of a Period includes the whole day."""

    @property
    def is_day(self) -> bool:
        """Whether only the day is known."""
        return self.at != self.until

    def may_be(self, time: datetime) -> bool:
        """Return whether a time is this instant or on this day."""
        return self.at <= time <= self.until


def when(value: object, path: str, zone: ZoneInfo) -> When | None:
    """Return a dateTime or instant, or None where it is missing.

    Raises
    ------
    InvalidInput
        When it is not a valid time, or less precise than a day.
    """
    if value is None:
        return None
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidInput(path, "not a valid date or time. Write YYYY-MM-DDThh:mm:ss with its offset.")
    day, hour, minute, second, fraction, offset = found.groups()
    try:
        if hour is None:
            return When(_in_utc(f"{day}T00:00:00", zone), _in_utc(f"{day}T23:59:59", zone))
        exact = _in_utc(f"{day}T{hour}:{minute}:{second or '00'}{_offset(offset)}", zone)
        exact = exact.replace(microsecond=int((fraction or "0").ljust(6, "0")))
    except (ValueError, OverflowError):
        raise InvalidInput(path, "not a valid date or time. Correct it at the sender.") from None
    return When(exact, exact)


def optional(value: object, path: str, zone: ZoneInfo, ignored: list[InputProblem]) -> When | None:
    """Return a time that matters little, or None where it is missing or invalid; an invalid one is added to `ignored`.

    Parameters
    ----------
    value, path, zone
        As for `when`.
    ignored : list of InputProblem
        Of this Encounter.
    """
    try:
        return when(value, path, zone)
    except InvalidInput as error:
        ignored.append(InputProblem(path, f"{error.reason} It was read as if it were missing."))
        return None


def _in_utc(written: str, zone: ZoneInfo) -> datetime:
    time = datetime.fromisoformat(written)
    return time.replace(tzinfo=time.tzinfo or zone).astimezone(UTC)


def _offset(written: str | None) -> str:
    return "+00:00" if written == "Z" else written or ""


def instant(value: object, path: str, zone: ZoneInfo) -> datetime | None:
    """Return a time as an instant in UTC: the first second of a day. Otherwise as `when`."""
    found = when(value, path, zone)
    return None if found is None else found.at


def latest(times: Iterable[When], until: datetime) -> datetime | None:
    """Return the latest of the times that is not after `until`; a day counts to its end where that is not after it."""
    possible = (time.until if time.until <= until else time.at for time in times)
    return max((time for time in possible if time <= until), default=None)


def times_in(resource: Json, zone: ZoneInfo) -> Iterator[When]:
    """Yield all times in a resource, except in `contained` and `meta`."""
    left: list[object] = [value for field, value in resource.items() if field not in ("contained", "meta")]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
        elif isinstance(value, str) and value[:4].isdecimal() and value[4:5] == "-":
            try:
                found = when(value, "", zone)
            except InvalidInput:
                continue
            if found is not None:
                yield found
