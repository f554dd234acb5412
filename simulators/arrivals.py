"""Arrival times: the shape of the day and the week, and arrivals drawn from it by thinning."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import simpy

from simulators.clock import Clock
from simulators.draws import Chooser, Draws

HOUR_S, DAY_S = 3_600, 86_400

ED_BY_HOUR = (
    0.58, 0.46, 0.39, 0.35, 0.34, 0.38, 0.50, 0.74, 1.02, 1.26, 1.42, 1.46,
    1.42, 1.38, 1.35, 1.34, 1.34, 1.34, 1.32, 1.28, 1.20, 1.08, 0.92, 0.74,
)  # fmt: skip
"""Relative rate by local hour: a trough at 4, a rise to 11, a plateau until 21 (the curve of NHS England's and of CDC's
ED statistics)."""
ED_BY_WEEKDAY = (1.10, 1.02, 0.99, 0.98, 0.98, 0.95, 0.98)
"""Monday to Sunday: Mondays are the busiest."""
ELECTIVE_BY_HOUR = (0.0,) * 6 + (3.0, 5.0, 4.0, 3.0, 2.0, 1.0) + (0.0,) * 12
ELECTIVE_BY_WEEKDAY = (1.1, 1.15, 1.1, 1.0, 0.65, 0.0, 0.0)
"""Lists run from Monday to Friday, fewer on Fridays."""
BIRTH_BY_HOUR = (0.9,) * 7 + (1.3, 1.3, 1.2, 1.1, 1.1) + (1.0,) * 6 + (0.9,) * 6
BIRTH_BY_WEEKDAY = (1.05, 1.08, 1.07, 1.06, 1.06, 0.88, 0.80)


class LocalTime:
    """Convert seconds of the simulation to the local time of the facility.

    Parameters
    ----------
    start : datetime
        Second 0, aware UTC.
    time_zone : str
        Of the facility, by its IANA name.
    """

    def __init__(self, start: datetime, time_zone: str) -> None:
        self._start, self._zone = start, ZoneInfo(time_zone)
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        self._into_day_s = int((start - midnight).total_seconds())
        self._weekday = start.weekday()
        self._offset_s: dict[int, int] = {}

    def of_week(self, now_s: int) -> tuple[int, int]:
        """Return (weekday with Monday 0, second of the day)."""
        day, second = divmod(now_s + self._into_day_s + self._offset(now_s), DAY_S)
        return (self._weekday + day) % 7, second

    def next_at(self, now_s: int, second_of_day: int) -> int:
        """Return the second of the simulation, nearest to `now_s`, at which the wall clock shows `second_of_day`."""
        _, second = self.of_week(now_s)
        difference = (second_of_day - second + DAY_S // 2) % DAY_S - DAY_S // 2
        return now_s + difference

    def _offset(self, now_s: int) -> int:
        day = now_s // DAY_S
        offset_s = self._offset_s.get(day)
        if offset_s is None:
            instant = self._start + timedelta(seconds=day * DAY_S + DAY_S // 2)
            shift = instant.astimezone(self._zone).utcoffset() or timedelta()
            offset_s = self._offset_s[day] = int(shift.total_seconds())
        return offset_s


class Shape:
    """Relative rates over a week, scaled to a mean of 1."""

    def __init__(self, by_hour: tuple[float, ...], by_weekday: tuple[float, ...]) -> None:
        mean = (sum(by_hour) / 24.0) * (sum(by_weekday) / 7.0)
        self._table = [day * hour / mean for day in by_weekday for hour in by_hour]
        self.peak = max(self._table)
        self._hours = Chooser(range(24), by_hour)

    def at(self, weekday: int, second: int) -> float:
        """Return the rate relative to the mean."""
        return self._table[24 * weekday + second // HOUR_S]

    def second_of_day(self, draws: Draws) -> int:
        """Draw a time of day."""
        return HOUR_S * self._hours.choose(draws) + int(HOUR_S * draws.uniform())


ED, ELECTIVE, BIRTH = (
    Shape(ED_BY_HOUR, ED_BY_WEEKDAY),
    Shape(ELECTIVE_BY_HOUR, ELECTIVE_BY_WEEKDAY),
    Shape(BIRTH_BY_HOUR, BIRTH_BY_WEEKDAY),
)


def poisson(
    environment: Clock,
    draws: Draws,
    clock: LocalTime,
    shape: Shape,
    per_day: float,
    arrive: Callable[[], None],
) -> simpy.events.ProcessGenerator:
    """Call `arrive` at the points of a Poisson process whose rate follows `shape` (Lewis and Shedler 1979).

    Parameters
    ----------
    environment, draws, clock : Clock, Draws, LocalTime
        Time and randomness.
    shape : Shape
        How the rate varies over the week.
    per_day : float
        Mean arrivals a day, 0 or more.
    arrive : callable
        Called once for each arrival.
    """
    if per_day <= 0.0:
        return
    mean_gap_s = DAY_S / (per_day * shape.peak)
    due_s = float(environment.now_s)
    while True:
        due_s += mean_gap_s * draws.exponential()
        yield environment.timeout(int(due_s) - environment.now_s)
        if draws.uniform() * shape.peak < shape.at(*clock.of_week(environment.now_s)):
            arrive()
