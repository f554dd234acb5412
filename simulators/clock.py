"""The simulation's clock: simpy's environment, in whole seconds."""

from __future__ import annotations

import simpy


class Clock(simpy.Environment):
    """Counts whole seconds since the start; every delay given to it must be whole."""

    @property
    def now_s(self) -> int:
        """The present second."""
        return int(self._now)
