"""Findings marked as seen: who, when, for which occurrence, and what happens when two people mark one."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, delete, update

from dashboard.data.findings import finding_list
from schemas import tables
from schemas.errors import FindingConflict
from streams.quality.seen import FindingKey, mark
from tests.dashboard.builders import HOUR, NOON, save_finding

ZONE = ZoneInfo("Europe/Berlin")
KEY = FindingKey("stale_stay", "E1", "A text. A remedy.")


@pytest.fixture
def listed(engine: Engine) -> Engine:
    with engine.begin() as connection:
        save_finding(connection, *KEY, since=NOON - 40 * HOUR)
    return engine


def seen(engine: Engine, version: int, *, by: str = "Ada", value: bool = True) -> None:
    mark(engine, KEY, version, seen=value, by=by, now=NOON, zone=ZONE)


def marks(engine: Engine) -> list[tuple[str | None, int]]:
    return [(each.seen_by, each.seen_version) for each in finding_list(engine).findings]


def test_a_mark_says_who_and_when(listed: Engine) -> None:
    seen(listed, 0)
    (found,) = finding_list(listed).findings
    assert (found.seen_by, found.seen_at, found.seen_version) == ("Ada", NOON, 1)
    assert finding_list(listed).seen == 1
    assert finding_list(listed, unseen=True).findings == ()


def test_who_comes_second_is_told_who_was_first_and_changes_nothing(listed: Engine) -> None:
    seen(listed, 0)
    with pytest.raises(FindingConflict, match=r"E1: already marked as seen by Ada, today 13:00\. Nothing to do\."):
        seen(listed, 0, by="Ben")
    assert marks(listed) == [("Ada", 1)]


def test_a_mark_is_taken_back_and_set_again(listed: Engine) -> None:
    seen(listed, 0)
    seen(listed, 1, value=False)
    assert marks(listed) == [(None, 2)]
    with pytest.raises(FindingConflict, match="taken back while you looked"):
        seen(listed, 1, by="Ben")
    seen(listed, 2, by="Ben")
    assert marks(listed) == [("Ben", 3)]


def test_a_new_occurrence_of_the_same_problem_is_not_seen(listed: Engine) -> None:
    seen(listed, 0)
    with listed.begin() as connection:
        connection.execute(update(tables.finding).values(since=NOON))
    assert marks(listed) == [(None, 1)]
    seen(listed, 1, by="Ben")
    assert marks(listed) == [("Ben", 2)]


def test_a_finding_without_a_time_stays_seen(engine: Engine) -> None:
    with engine.begin() as connection:
        save_finding(connection, *KEY)
    seen(engine, 0)
    assert marks(engine) == [("Ada", 1)]


def test_a_finding_that_has_gone_cannot_be_marked(listed: Engine) -> None:
    with listed.begin() as connection:
        connection.execute(delete(tables.finding))
    with pytest.raises(FindingConflict, match="no longer in the list"):
        seen(listed, 0)
