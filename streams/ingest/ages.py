"""Ages in years from birth dates; the birth date itself is not stored."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo


def age_in_years(birth_date: str, at: datetime, zone: tzinfo = UTC) -> int | None:
    """Return the age in whole years, or None where the birth date is not a valid day.

    Parameters
    ----------
    birth_date : str
        YYYYMMDD; further digits are ignored.
    at : datetime
        Time of the age. Its date in the zone counts, as birth dates are local dates.
    zone : tzinfo
        Zone of the birth date. A child born on the next day is 0 years old, as clocks of two senders differ.

    Examples
    --------
    >>> age_in_years("20180811000000", datetime(2026, 8, 10, tzinfo=UTC))
    7
    >>> age_in_years("20260302", datetime(2026, 3, 1, 23, 45, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    0
    """
    digits = birth_date[:8]
    if len(digits) < 8 or not digits.isascii() or not digits.isdigit():
        return None
    try:
        born, today = date(int(digits[:4]), int(digits[4:6]), int(digits[6:])), at.astimezone(zone).date()
    except (ValueError, OverflowError):
        return None
    if born - today == timedelta(days=1):
        return 0
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return years if 0 <= years <= 130 else None
