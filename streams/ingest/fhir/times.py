"""Times of FHIR: instants, and days, of which only the first and the last second are known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from streams.ingest.fhir.json_values import Json, Refused

_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6})\d*)?)?(Z|[+-]\d{2}:\d{2})?)?", re.ASCII
)


class When(NamedTuple):
    """A time as precise as it was written, in UTC."""

    at: datetime
    """What was written; of a day its first second."""
    until: datetime
    """The same; of a day its last second, for the end of a Period takes in the whole day."""

    @property
    def is_day(self) -> bool:
        """Whether only the day is known."""
        return self.at != self.until

    def may_be(self, time: datetime) -> bool:
        """Say whether this can have been at that time."""
        return self.at <= time <= self.until


def when(value: object, path: str, zone: ZoneInfo) -> When | None:
    """Return a dateTime or instant; None where nothing is written.

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
        if hour is None:
            return When(_in_utc(f"{day}T00:00:00", zone), _in_utc(f"{day}T23:59:59", zone))
        exact = _in_utc(f"{day}T{hour}:{minute}:{second or '00'}{_offset(offset)}", zone)
        exact = exact.replace(microsecond=int((fraction or "0").ljust(6, "0")))
    except (ValueError, OverflowError):
        raise Refused(path, "names a day or an hour that there is not; correct it at the sender.") from None
    return When(exact, exact)


def _in_utc(written: str, zone: ZoneInfo) -> datetime:
    time = datetime.fromisoformat(written)
    return time.replace(tzinfo=time.tzinfo or zone).astimezone(UTC)


def _offset(written: str | None) -> str:
    return "+00:00" if written == "Z" else written or ""


def instant(value: object, path: str, zone: ZoneInfo) -> datetime | None:
    """Return a time as its first second in UTC; as `when` otherwise."""
    found = when(value, path, zone)
    return None if found is None else found.at


def latest(times: Iterable[When], until: datetime) -> datetime | None:
    """Return the latest that the times can have been, of what is not after `until`."""
    possible = (time.until if time.until <= until else time.at for time in times)
    return max((time for time in possible if time <= until), default=None)


def times_in(resource: Json, zone: ZoneInfo) -> Iterator[When]:
    """Give whatever times a resource tells of; what is contained in it is not its own, nor is `meta`."""
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
            except Refused:
                continue
            if found is not None:
                yield found
