"""HL7 times: any precision from the day on, with or without a zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from streams.ingest.hl7_message import Rejected

_TIME = re.compile(
    r"(?P<date>\d{8})(?P<hour>\d{2})?(?P<minute>\d{2})?(?P<second>\d{2})?(?:\.(?P<fraction>\d{1,6})\d*)?"
    r"(?P<zone>[+-]\d{4}|Z)?"
)


def read_time(text: str, where: str, zone: ZoneInfo) -> datetime | None:
    """Return an HL7 time (DTM, TS) in UTC, or None where nothing is written.

    Parameters
    ----------
    text : str
        YYYYMMDD[HH[MM[SS[.S[S[S[S]]]]]]][+/-ZZZZ].
    where : str
        The field, for the error.
    zone : ZoneInfo
        For a time without a zone. Of an hour that comes twice in autumn the first is meant.

    Raises
    ------
    Rejected
        When it is no time.
    """
    if not text:
        return None
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise Rejected(f"{where} is no time; write YYYYMMDDHHMMSS, with a zone where it is known.")
    day = found["date"]
    micros = int((found["fraction"] or "0").ljust(6, "0"))
    try:
        time = datetime(
            int(day[:4]), int(day[4:6]), int(day[6:]),
            int(found["hour"] or 0), int(found["minute"] or 0), int(found["second"] or 0), micros,
            tzinfo=_offset(found["zone"]) or zone,
        )  # fmt: skip
        return time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Rejected(f"{where} names a day or an hour that there is not; correct it at the sender.") from None


def _offset(zone: str | None) -> timezone | None:
    if zone is None:
        return None
    if zone == "Z":
        return UTC
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
    return timezone(-offset if zone[0] == "-" else offset)


def age_in_years(birth_date: str, at: datetime) -> int | None:
    """Return the age in whole years, or None where the birth date is not known to the day.

    Examples
    --------
    >>> age_in_years("20180811000000", datetime(2026, 8, 10, tzinfo=UTC))
    7
    """
    digits = birth_date[:8]
    if len(digits) < 8 or not digits.isascii() or not digits.isdigit():
        return None
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
    years = at.year - born.year - ((at.month, at.day) < (born.month, born.day))
    return years if 0 <= years <= 130 else None
