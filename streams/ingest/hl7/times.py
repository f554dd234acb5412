"""Times of HL7 v2, of any precision from the day on, with or without an offset."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.errors import InvalidInput

_TIME = re.compile(
    r"(?P<date>\d{8})(?P<hour>\d{2})?(?P<minute>\d{2})?(?P<second>\d{2})?(?:\.(?P<fraction>\d{1,6})\d*)?"
    r"(?P<zone>[+-]\d{4}|Z)?"
)


class Moment(NamedTuple):
    """A time and its precision."""

    at: datetime
    """In UTC; the first instant of a day without an hour."""
    has_hour: bool

    def may_be(self, other: datetime) -> bool:
        """Return whether this is a day without an hour, and the other time is on that day."""
        return not self.has_hour and timedelta(0) <= other - self.at < timedelta(days=1)


def read_moment(text: str, where: str, zone: ZoneInfo) -> Moment | None:
    """Return an HL7 time (DTM, TS), or None where the text is empty.

    Parameters
    ----------
    text : str
        YYYYMMDD[HH[MM[SS[.S[S[S[S]]]]]]][+/-ZZZZ].
    where : str
        The field, for the error.
    zone : ZoneInfo
        For a time without an offset. An hour that occurs twice in autumn counts as the first one.

    Raises
    ------
    InvalidInput
        When it is not a valid time.
    """
    if not text:
        return None
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(where, "not a valid time. Write YYYYMMDDHHMMSS, with an offset where it is known.")
    day = found["date"]
    micros = int((found["fraction"] or "0").ljust(6, "0"))
    try:
        time = datetime(
            int(day[:4]), int(day[4:6]), int(day[6:]),
            int(found["hour"] or 0), int(found["minute"] or 0), int(found["second"] or 0), micros,
            tzinfo=_offset(found["zone"]) or zone,
        )  # fmt: skip
        return Moment(time.astimezone(UTC), found["hour"] is not None)
    except (ValueError, OverflowError):
        raise InvalidInput(where, "not a valid date or time. Correct it at the sender.") from None


def _offset(zone: str | None) -> timezone | None:
    if zone is None:
        return None
    if zone == "Z":
        return UTC
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
    return timezone(-offset if zone[0] == "-" else offset)
