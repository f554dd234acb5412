"""Times of HL7 v2, of any precision from the day on, with or without an offset."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple

from schemas.errors import InvalidInput

_TIME = re.compile(
    r"(?P<year>\d{4})(?P<dash>-?)(?P<month>\d{2})(?P=dash)(?P<day>\d{2})"
    r"(?:[T ]?(?P<hour>\d{2})(?::?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:\.?(?P<fraction>\d{1,6})\d*|\.)?)?)?)?"
    r"(?P<offset>[+-]\d{2}(?::?\d{2})?|Z)?",
    re.ASCII,
)
"""DTM of HL7, and what senders write in its place: ISO 8601, a fraction without a point, an offset with a colon."""

_DAY, _HOUR, _MINUTE, _SECOND = (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))

_NEAR = timedelta(hours=3)
"""How close to its sending a time must be for the offset of the sending to tell which repeated hour is meant."""


class Moment(NamedTuple):
    """A time and its precision."""

    at: datetime
    """In UTC; the first instant of a day without an hour, and so on."""
    precision: timedelta
    """A day, an hour, a minute, a second or a part of one."""

    @property
    def has_hour(self) -> bool:
        """Whether it is more than a day."""
        return self.precision < _DAY

    def may_be(self, other: datetime) -> bool:
        """Return whether the other time lies within the day, hour, minute or second that this one names."""
        return timedelta(0) <= other - self.at < self.precision


class Zones(NamedTuple):
    """How times without an offset are read."""

    zone: tzinfo | None = None
    """Of the sender, as the mapping says. None: the offset of MSH-7, else UTC."""
    sent_offset: timedelta | None = None
    """The offset in MSH-7."""
    sent_at: datetime | None = None
    """MSH-7 in local time, without a zone."""

    def aware(self, local: datetime) -> datetime:
        """Return a local time with its zone.

        An hour that occurs twice in autumn is the one with the offset of MSH-7, for times close to MSH-7; else the
        first one.
        """
        if self.zone is None:
            return local.replace(tzinfo=UTC if self.sent_offset is None else timezone(self.sent_offset))
        first = local.replace(tzinfo=self.zone)
        if self.sent_offset is None or self.sent_at is None or abs(local - self.sent_at) > _NEAR:
            return first
        second = first.replace(fold=1)
        is_repeated = (first.utcoffset() or timedelta(0)) > (second.utcoffset() or timedelta(0))
        if not is_repeated or second.utcoffset() != self.sent_offset:
            return first
        is_after_sending = local > self.sent_at  # no message tells of what comes: the hour before the change is meant
        return first if is_after_sending else second


def read_moment(text: str, where: str, zones: Zones) -> Moment | None:
    """Return an HL7 time (DTM, TS), or None where the text is empty.

    Parameters
    ----------
    text : str
        YYYYMMDD[HH[MM[SS[.S[S[S[S]]]]]]][+/-ZZZZ], or the same with the separators of ISO 8601. 24:00 is the end of the
        day, and second 60 the next minute.
    where : str
        The field, for the error.
    zones : Zones
        For a time without an offset.

    Raises
    ------
    InvalidInput
        When it is not a valid time, or less precise than a day.
    """
    if not text:
        return None
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(where, "not a valid time. Write YYYYMMDDHHMMSS, with an offset where it is known.")
    hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    try:
        if (hour, minute, second) > (24, 0, 0) or second > 60:
            raise ValueError
        local = datetime(int(found["year"]), int(found["month"]), int(found["day"]), hour % 24, minute)  # noqa: DTZ001
        local += timedelta(days=hour // 24, seconds=second, microseconds=int((found["fraction"] or "0").ljust(6, "0")))
        offset = offset_of(text)
        time = zones.aware(local) if offset is None else local.replace(tzinfo=timezone(offset))
        return Moment(time.astimezone(UTC), _precision(found))
    except (ValueError, OverflowError):
        raise InvalidInput(where, "not a valid date or time. Correct it at the sender.") from None


def local_time(text: str) -> datetime | None:
    """Return a time as the sender's clock showed it, without a zone; None where it is not a valid time."""
    try:
        moment = read_moment(re.sub(_OFFSET, "", text.strip()), "", Zones())
    except InvalidInput:
        return None
    return None if moment is None else moment.at.replace(tzinfo=None)


def offset_of(text: str) -> timedelta | None:
    """Return the offset at the end of a time, None where it has none.

    Examples
    --------
    >>> offset_of("20260302203005-0500") == timedelta(hours=-5), offset_of("20260302")
    (True, None)
    """
    found = _TIME.fullmatch(text.strip())
    if found is None or found["offset"] is None:
        return None
    if found["offset"] == "Z":
        return timedelta(0)
    digits = found["offset"].replace(":", "")
    offset = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:] or 0))
    return -offset if digits[0] == "-" else offset


_OFFSET = r"(?:[+-]\d{2}:?\d{2}|Z)$"


def _precision(found: re.Match[str]) -> timedelta:
    if found["fraction"] is not None:
        return timedelta(microseconds=10 ** (6 - len(found["fraction"])))
    for part, precision in (("second", _SECOND), ("minute", _MINUTE), ("hour", _HOUR)):
        if found[part] is not None:
            return precision
    return _DAY
