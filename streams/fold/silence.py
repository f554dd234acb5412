"""How long a silence of the feed is likely at an hour of the week. Pure.

Of each hour of the week the mean number of facts is learnt from the weeks before; of a silence follows how many facts
were to be expected in it. Facts come in groups (an admission is several), so the expectation is divided by the index of
dispersion of that hour, variance to mean, which is 1 for facts that come independently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import mean, pvariance

HOUR = timedelta(hours=1)
MIN_WEEKS, MIN_DAYS = 3, 7
"""An hour of the week is known after so many weeks; until then the hour of the day, after so many days."""

MAX_WEEKS = 12
"""Weeks that are learnt from."""

UNLIKELY = 6.9
"""Expected groups of facts in a silence that happens by chance once in a thousand times: -ln(1/1000)."""


class Rhythm:
    """How many groups of facts are expected at each hour.

    Parameters
    ----------
    facts_by_hour : mapping
        Facts recorded in each full hour (UTC); hours without facts may be missing.
    until : datetime
        The present: its hour is not complete and is not learnt from.
    """

    def __init__(self, facts_by_hour: Mapping[datetime, int], until: datetime) -> None:
        last = until.replace(minute=0, second=0, microsecond=0)
        first = min(facts_by_hour, default=last)
        first = max(first + HOUR, last - MAX_WEEKS * 7 * 24 * HOUR)  # the first hour is not complete either
        self._of_week: dict[int, list[int]] = {}
        self._of_day: dict[int, list[int]] = {}
        for number in range(max((last - first) // HOUR, 0)):
            hour = first + number * HOUR
            facts = facts_by_hour.get(hour, 0)
            self._of_week.setdefault(_hour_of_week(hour), []).append(facts)
            self._of_day.setdefault(hour.hour, []).append(facts)

    def expected(self, since: datetime, until: datetime) -> float | None:
        """Return how many groups of facts were to be expected; None while an hour of the time is not known."""
        total, at = 0.0, since
        while at < until:
            end = min(at.replace(minute=0, second=0, microsecond=0) + HOUR, until)
            groups = self._groups(at)
            if groups is None:
                return None
            total += groups * ((end - at) / HOUR)
            if total > UNLIKELY:
                return total
            at = end
        return total

    def is_unlikely(self, since: datetime, until: datetime) -> bool:
        """Return whether a silence of the feed from `since` to `until` is longer than is likely."""
        expected = self.expected(since, until)
        return expected is not None and expected > UNLIKELY

    def _groups(self, at: datetime) -> float | None:
        counts: Sequence[int] = self._of_week.get(_hour_of_week(at), ())
        if len(counts) < MIN_WEEKS:
            counts = self._of_day.get(at.hour, ())
            if len(counts) < MIN_DAYS:
                return None
        facts = mean(counts)
        return facts / max(pvariance(counts) / facts, 1.0) if facts else 0.0


def _hour_of_week(time: datetime) -> int:
    return time.weekday() * 24 + time.hour
