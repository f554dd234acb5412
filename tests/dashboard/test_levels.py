from __future__ import annotations

import pytest

from dashboard.live.levels import Level, level_of


@pytest.mark.parametrize(
    ("occupancy", "level"),
    [
        (None, Level.UNKNOWN),
        (0.0, Level.NORMAL),
        (0.899, Level.NORMAL),
        (0.9, Level.ELEVATED),
        (0.95, Level.HIGH),
        (0.999, Level.HIGH),
        (1.0, Level.FULL),
        (1.3, Level.FULL),
    ],
)
def test_a_level_begins_at_its_threshold(occupancy: float | None, level: Level) -> None:
    assert level_of(occupancy) is level
