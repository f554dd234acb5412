"""Times as people read them: in the zone of the hospital, and with their day. All pages and messages use these alone.

`assets/js/words.js` has the same words for what the browser paints; one table of cases tests both.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

DAY_WORDS = {-1: "yesterday", 0: "today", 1: "tomorrow"}
YEAR_FROM = timedelta(days=300)
"""Distance from which on a time carries its year."""


def moment(time: datetime | None, zone: tzinfo) -> str:
    """Return a time with its day, year and zone.

    Examples
    --------
    >>> from datetime import UTC
    >>> from zoneinfo import ZoneInfo
    >>> moment(datetime(2026, 11, 23, 14, 5, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    'Mon 23 Nov 2026, 15:05 CET'
    """
    if time is None:
        return "not known"
    local = time.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M %Z}"


def when(time: datetime | None, now: datetime, zone: tzinfo) -> str:
    """Return a time as seen from `now`: its hour, with the day in words or as a date.

    Parameters
    ----------
    time : datetime or None
        Aware.
    now : datetime
        Aware: the board's clock for what the feed reports, the wall clock for what a person did.
    zone : tzinfo
        Of the facility.

    Examples
    --------
    >>> from datetime import UTC
    >>> from zoneinfo import ZoneInfo
    >>> now, zone = datetime(2026, 3, 10, 23, 30, tzinfo=UTC), ZoneInfo("Europe/Berlin")  # there it is past midnight
    >>> when(datetime(2026, 3, 11, 9, 26, tzinfo=UTC), now, zone), when(datetime(2026, 3, 10, 9, tzinfo=UTC), now, zone)
    ('today 10:26', 'yesterday 10:00')
    >>> when(datetime(2026, 3, 14, 9, 26, tzinfo=UTC), now, zone), when(datetime(2025, 1, 2, tzinfo=UTC), now, zone)
    ('Sat 14 Mar 10:26', 'Thu 2 Jan 2025 01:00')
    """
    if time is None:
        return "not known"
    local, here = time.astimezone(zone), now.astimezone(zone)
    day = DAY_WORDS.get((local.date() - here.date()).days)
    if day is None:
        year = f" {local:%Y}" if abs(time - now) >= YEAR_FROM else ""
        day = f"{local:%a} {local.day} {local:%b}{year}"
    return f"{day} {local:%H:%M}"


def roughly(span: timedelta) -> str:
    """Return a duration in its largest unit; never below zero.

    Examples
    --------
    >>> [roughly(timedelta(minutes=minutes)) for minutes in (-3, 48, 60, 679, 2879, 2880)]
    ['0 min', '48 min', '1 h', '11 h', '47 h', '2 d']
    """
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"
