"""Times as people read them; `tests/dashboard/test_browser_addresses.py` runs the same cases in the browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from schemas.local_time import roughly, when

NOW = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)
"""In Berlin 23:30 of the day before the clocks go forward; in New York the afternoon."""

CASES = [
    (timedelta(0), "Europe/Berlin", "today 23:30"),
    (timedelta(minutes=30), "Europe/Berlin", "tomorrow 00:00"),
    (timedelta(hours=10), "Europe/Berlin", "tomorrow 10:30"),  # an hour is left out in the night
    (timedelta(hours=-23, minutes=-30), "Europe/Berlin", "today 00:00"),
    (timedelta(hours=-24), "Europe/Berlin", "yesterday 23:30"),
    (timedelta(hours=25), "Europe/Berlin", "Mon 30 Mar 01:30"),
    (timedelta(hours=25), "America/New_York", "tomorrow 19:30"),
    (timedelta(hours=-20), "America/New_York", "yesterday 22:30"),
    (timedelta(days=-400), "Europe/Berlin", "Fri 21 Feb 2025 23:30"),
]


@pytest.mark.parametrize(("distance", "zone", "words"), CASES)
def test_a_time_carries_its_day_in_the_zone_of_the_hospital(distance: timedelta, zone: str, words: str) -> None:
    assert when(NOW + distance, NOW, ZoneInfo(zone)) == words


def test_an_unknown_time_is_said_to_be() -> None:
    assert when(None, NOW, ZoneInfo("UTC")) == "not known"


def test_no_duration_is_negative() -> None:
    assert roughly(timedelta(hours=-3)) == "0 min"
