"""Encounter.location: where the patient is now, and not where it was, or will be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from streams.fold.encounter import fold
from tests.streams.ingest.fhir.resources import encounter, facts, lies, read

RECORDED = {"versionId": "2", "lastUpdated": "2026-03-05T12:00:00Z"}
FIRST, SECOND, THIRD = "2026-03-02T10:00:00Z", "2026-03-03T10:00:00Z", "2026-03-04T10:00:00Z"
FUTURE = "2026-03-09T10:00:00Z"


def left(unit: str, since: str | None, until: str | None, **fields: Any) -> dict[str, Any]:
    """An entry with an end."""
    period = {key: time for key, time in (("start", since), ("end", until)) if time is not None}
    return {"location": {"reference": f"Location/{unit}"}, "period": period, **fields}


def state(*entries: dict[str, Any], status: str = "in-progress", end: str | None = None) -> Any:
    period = {"start": FIRST} if end is None else {"start": FIRST, "end": end}
    found = fold(facts(encounter(status, period=period, meta=RECORDED, location=list(entries))))  # type: ignore[arg-type]
    assert found is not None
    return found


def places(found: Any) -> list[tuple[str, str]]:
    return [(stay.unit_id, stay.arrived_at.strftime("%d %H:%M")) for stay in found.unit_stays]


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([lies("l1", status="completed"), lies("l2", SECOND, status="active")], [("l2", "03 10:00")]),
        ([left("l1", None, SECOND), lies("l2", SECOND, status="active")], [("l2", "03 10:00")]),
        ([left("l1", None, SECOND), lies("l2", SECOND)], [("l2", "03 10:00")]),
        ([lies("l1", status="completed"), lies("l2", status="active")], [("l2", "05 12:00")]),
        ([lies("l1"), lies("l2", status="active")], [("l2", "05 12:00")]),
        (
            [lies("l1", FIRST), lies("l2", SECOND, status="active"), lies("l3")],
            [("l1", "02 10:00"), ("l2", "03 10:00")],
        ),
        ([lies("l1", FIRST, status="completed"), lies("l2", FIRST, status="active")], [("l2", "02 10:00")]),
        ([left("l1", FIRST, FIRST), lies("l2", FIRST)], [("l2", "02 10:00")]),
        ([lies("l1", FIRST), left("l2", SECOND, SECOND)], [("l1", "02 10:00")]),
        ([lies("l1", FIRST), left("l2", SECOND, SECOND, status="active")], [("l1", "02 10:00"), ("l2", "03 10:00")]),
        (
            [lies("l1", FIRST, status="active"), left("or", SECOND, "2026-03-03T14:00:00Z", status="completed")],
            [("l1", "02 10:00"), ("or", "03 10:00"), ("l1", "03 14:00")],
        ),
    ],
)
def test_a_place_that_was_left_is_not_the_place_now(
    entries: list[dict[str, Any]], expected: list[tuple[str, str]]
) -> None:
    for ordered in (entries, entries[::-1]):
        found = state(*ordered)
        assert (places(found), found.problems) == (expected, ())
        assert found.unit_stays[-1].left_at is None


def test_a_place_that_begins_after_all_was_said_is_a_transfer_to_come() -> None:
    found = state(lies("l1", FIRST), lies("l2", FUTURE), lies("l3", "2026-03-20T10:00:00Z"))
    assert places(found) == [("l1", "02 10:00")]
    assert found.reservation.unit_id == "l2"
    assert found.reservation.expected_at == datetime(2026, 3, 9, 10, tzinfo=UTC)


def test_a_clock_that_is_fast_by_minutes_makes_no_plan() -> None:
    found = state(lies("l1", FIRST), lies("l2", "2026-03-05T12:03:00Z"))
    assert places(found) == [("l1", "02 10:00"), ("l2", "05 12:03")]


def test_of_a_stay_that_is_over_all_places_count() -> None:
    entries = [left("l1", FIRST, SECOND, status="completed"), left("l2", SECOND, THIRD, status="completed")]
    assert places(state(*entries, status="finished", end=THIRD)) == [("l1", "02 10:00"), ("l2", "03 10:00")]
    only = lies("l1", status="completed")
    assert places(state(only, status="finished", end=THIRD)) == [("l1", "02 10:00")]


@pytest.mark.parametrize("field", ["location", "contained", "diagnosis", "statusHistory", "identifier"])
def test_a_list_that_is_too_long_is_refused(field: str) -> None:
    assert read(encounter(**{field: [{"value": "1"}] * 1_000})).facts
    (wrong,) = read(encounter(**{field: [{"value": "1"}] * 1_001})).problems
    assert wrong.where == f"Encounter.{field}"
    assert "more than 1000 entries" in wrong.reason


def test_a_name_is_one_name_however_its_accents_are_written() -> None:
    for name in ("Entre\u0301e", "Entr\u00e9e"):
        (stay,) = state({"location": {"display": name}, "period": {"start": FIRST}}).unit_stays
        assert stay.unit_id == "Entr\u00e9e"
