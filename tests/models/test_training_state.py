"""Whether a model is being trained, as the worklist says it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from dashboard.data.alerts import Worklist
from dashboard.pages.worklist import empty_state, note
from models.training_state import ended, remaining, started

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def left(engine: Engine, now: datetime) -> timedelta | None:
    with engine.connect() as connection:
        return remaining(connection, now)


def test_nothing_is_expected_before_a_training_and_after_it(engine: Engine) -> None:
    assert left(engine, NOW) is None
    started(engine, NOW)
    ended(engine, NOW + MINUTE, succeeded=True)
    assert left(engine, NOW + MINUTE) is None


def test_a_first_training_is_expected_to_take_a_minute_and_a_next_one_as_long_as_the_last(engine: Engine) -> None:
    started(engine, NOW)
    assert left(engine, NOW + timedelta(seconds=20)) == timedelta(seconds=40)
    assert left(engine, NOW + 2 * MINUTE) == timedelta(0)
    ended(engine, NOW + 5 * MINUTE, succeeded=True)
    started(engine, NOW + 10 * MINUTE)
    assert left(engine, NOW + 11 * MINUTE) == 4 * MINUTE


def test_a_failed_training_is_over_and_teaches_nothing_about_its_length(engine: Engine) -> None:
    started(engine, NOW)
    ended(engine, NOW + 9 * MINUTE, succeeded=False)
    started(engine, NOW + 10 * MINUTE)
    assert left(engine, NOW + 10 * MINUTE) == MINUTE


def test_a_training_that_was_killed_is_not_waited_for(engine: Engine) -> None:
    started(engine, NOW)
    assert left(engine, NOW + 31 * MINUTE) is None


def worklist(**more: object) -> Worklist:
    values = {"alerts": (), "open": 0, "new": 0, "has_model": False, "has_facts": True, **more}
    return Worklist(**values)  # type: ignore[arg-type]


def test_an_empty_worklist_says_that_a_model_is_being_trained_and_how_long_it_takes_yet() -> None:
    said = empty_state(worklist(training=timedelta(seconds=50)))
    assert said == "A model is being trained, about 1 min. Then the patients at high risk appear here."
    assert "Ask the administrator" in empty_state(worklist())
    later = note(worklist(open=2, new=1, has_model=True, training=3 * MINUTE))
    assert later == "1 new · 1 acknowledged · the 0 most urgent are shown · a new model is being trained, about 3 min"
