from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from schemas.errors import UsageError
from simulators.pacing import Pacer, Speed

EIGHT = datetime(2026, 1, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "factor"), [("1x", 1.0), ("600x", 600.0), ("0.5x", 0.5), (" 60X ", 60.0), ("max", None), ("MAX", None)]
)
def test_a_speed_is_a_factor_or_max(text: str, factor: float | None) -> None:
    assert Speed.parse(text) == Speed(factor)


@pytest.mark.parametrize("text", ["", "x", "600", "0x", "0.0x", "-1x", "fast", "1e3x", "infx", "nanx", "1x 2x"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="A speed must be like 600x, 1x or max"):
        Speed.parse(text)


def test_a_speed_is_shown_as_it_is_written() -> None:
    assert [str(Speed.parse(text)) for text in ("600x", "0.5x", "max")] == ["600x", "0.5x", "max"]


def test_ten_minutes_at_600x_take_a_second() -> None:
    now_s = [50.0]
    pacer = Pacer(Speed(600.0), clock=lambda: now_s[0])
    assert pacer.wait_s(EIGHT) == 0.0
    assert pacer.wait_s(EIGHT + timedelta(minutes=10)) == pytest.approx(1.0)
    now_s[0] = 50.75
    assert pacer.wait_s(EIGHT + timedelta(minutes=10)) == pytest.approx(0.25)


def test_what_is_late_does_not_wait_and_what_follows_keeps_the_schedule() -> None:
    now_s = [0.0]
    pacer = Pacer(Speed(1.0), clock=lambda: now_s[0])
    pacer.wait_s(EIGHT)
    now_s[0] = 30.0
    assert pacer.wait_s(EIGHT + timedelta(seconds=10)) == 0.0
    assert pacer.wait_s(EIGHT + timedelta(seconds=45)) == pytest.approx(15.0)


def test_max_never_waits() -> None:
    pacer = Pacer(Speed(None), clock=lambda: 0.0)
    assert [pacer.wait_s(EIGHT + timedelta(days=day)) for day in range(3)] == [0.0, 0.0, 0.0]
