"""Replay speed: real time, a multiple of it, or as fast as possible."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from schemas.errors import UsageError

_TIMES = re.compile(r"(\d+(?:\.\d+)?)x")


@dataclass(frozen=True)
class Speed:
    """Seconds of event time per second of wall-clock time; None: without a pause."""

    factor: float | None

    @classmethod
    def parse(cls, text: str) -> Speed:
        """Read a speed as it is written on the command line.

        Parameters
        ----------
        text : str
            ``1x``, ``600x``, ``0.5x`` or ``max``.

        Raises
        ------
        UsageError
            When the text is none of these.

        Examples
        --------
        >>> Speed.parse("600x")
        Speed(factor=600.0)
        >>> Speed.parse("max")
        Speed(factor=None)
        """
        written = text.strip().lower()
        if written == "max":
            return cls(None)
        match = _TIMES.fullmatch(written)
        if match is None or not float(match[1]) > 0.0:
            raise UsageError(f"A speed must be like 600x, 1x or max. Got {text!r} instead.")
        return cls(float(match[1]))

    def __str__(self) -> str:
        return "max" if self.factor is None else f"{self.factor:g}x"


class Pacer:
    """Compute how long to wait before a fact is due.

    Parameters
    ----------
    speed : Speed
        The first fact is due at once, the others by their `recorded_at`, at this speed.
    clock : callable
        Seconds of a monotonic clock.
    since : tuple of datetime and float, or None
        An event time and the clock's seconds at which it was due; None: the first fact's, when it comes.

    Examples
    --------
    >>> from datetime import UTC
    >>> pacer = Pacer(Speed(60.0), clock=lambda: 100.0)
    >>> pacer.wait_s(datetime(2026, 1, 1, 8, 0, tzinfo=UTC))
    0.0
    >>> pacer.wait_s(datetime(2026, 1, 1, 8, 5, tzinfo=UTC))
    5.0
    """

    def __init__(
        self,
        speed: Speed,
        clock: Callable[[], float] = time.monotonic,
        since: tuple[datetime, float] | None = None,
    ) -> None:
        self._factor, self._clock = speed.factor, clock
        self._first: datetime | None = since[0] if since else None
        self._began_s = since[1] if since else 0.0

    def header(self) -> bytes:
        """Return what the header of a record says: the pace, and an event time with the wall clock's time of it.

        The worker lets the board's time go on by it. Seconds since 1970; `max` without a pace.
        """
        if self._factor is None or self._first is None:
            return b"max"
        wall_s = time.time() - (self._clock() - self._began_s)
        return f"{self._factor:g} {self._first.timestamp():.3f} {wall_s:.1f}".encode()

    def wait_s(self, recorded_at: datetime) -> float:
        """Return the seconds until a fact recorded then is due; 0 when it is late."""
        if self._factor is None:
            return 0.0
        now_s = self._clock()
        if self._first is None:
            self._first, self._began_s = recorded_at, now_s
            return 0.0
        due_s = self._began_s + (recorded_at - self._first).total_seconds() / self._factor
        return max(0.0, due_s - now_s)
