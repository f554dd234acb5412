"""How long a silence is likely, learnt by hour of the week."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from streams.fold.silence import Rhythm

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)


def weeks(number: int, by_day: int = 60, by_night: int = 3, on_sunday: int = 2) -> Counter[datetime]:
    """Facts of so many weeks: many by day, few by night and on Sundays."""
    found: Counter[datetime] = Counter()
    for hour in range(number * 7 * 24):
        at = MONDAY + hour * HOUR
        found[at] = on_sunday if at.weekday() == 6 else by_day if 8 <= at.hour < 20 else by_night
    return found


NOW = MONDAY + 4 * WEEK


@pytest.mark.parametrize(
    ("since", "minutes", "unlikely"),
    [
        pytest.param(10 * HOUR, 5, False, id="five minutes by day"),
        pytest.param(10 * HOUR, 8, True, id="eight minutes by day, where there is a fact a minute"),
        pytest.param(1 * HOUR, 120, False, id="two hours in the night"),
        pytest.param(1 * HOUR, 180, True, id="three hours in the night"),
        pytest.param(6 * 24 * HOUR + 10 * HOUR, 60, False, id="an hour on a Sunday"),
        pytest.param(7 * HOUR, 63, False, id="from the night into the day, just likely"),
        pytest.param(7 * HOUR, 65, True, id="from the night into the day"),
    ],
)
def test_a_silence_is_judged_by_the_hours_of_the_week_in_which_it_falls(
    since: timedelta, minutes: int, unlikely: bool
) -> None:
    begin = NOW + since
    assert Rhythm(weeks(4), NOW).is_unlikely(begin, begin + timedelta(minutes=minutes)) is unlikely


def test_before_enough_weeks_are_known_the_hour_of_the_day_counts_and_before_that_nothing_is_said() -> None:
    at = MONDAY + timedelta(days=9, hours=10)
    assert Rhythm(Counter({hour: n for hour, n in weeks(2).items() if hour < at}), at).is_unlikely(at, at + HOUR)
    at = MONDAY + timedelta(days=5, hours=10)
    assert not Rhythm(Counter({hour: n for hour, n in weeks(1).items() if hour < at}), at).is_unlikely(
        at, at + 9 * HOUR
    )


def test_facts_that_come_in_groups_make_a_longer_silence_likely() -> None:
    grouped = weeks(8)
    for hour in grouped:
        week = (hour - MONDAY) // WEEK
        grouped[hour] = grouped[hour] * 2 * (week % 2)  # none in one week, twice as many in the other
    now = MONDAY + 8 * WEEK
    since = now + 10 * HOUR
    assert not Rhythm(grouped, now).is_unlikely(since, since + timedelta(minutes=60))


def test_a_feed_that_never_brings_facts_at_an_hour_may_be_silent_then() -> None:
    since = NOW + HOUR
    assert not Rhythm(weeks(4, by_night=0), NOW).is_unlikely(since, since + 6 * HOUR)


def test_without_facts_nothing_is_known() -> None:
    assert not Rhythm(Counter(), NOW).is_unlikely(NOW, NOW + WEEK)
