"""The versions of an Encounter as a stay goes on: each a message of its own, in any order, and some of them twice."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import msgspec
import pytest

from schemas.state import Encounter, EncounterStatus, Problem
from streams.fold.encounter import fold
from tests.streams.ingest.fhir.resources import HOUSE, bundle, encounter, facts, lies

BEGAN, MOVED = "2026-03-02T10:00:00Z", "2026-03-03T10:30:00Z"
STAY = {"start": BEGAN, "end": "2026-03-05T14:00:00Z"}
IN_4W, IN_ICU = lies("4W", BEGAN, status="active"), lies("ICU", MOVED, status="active")
LEFT_4W = lies("4W", BEGAN, status="completed")


def version(number: int, said: str, status: str, *places: dict[str, Any], **fields: Any) -> dict[str, Any]:
    fields = {"period": {"start": BEGAN}, "location": list(places), **fields}
    return encounter(status, meta={"versionId": str(number), "lastUpdated": f"2026-03-{said}:00Z"}, **fields)


PLAN = version(1, "01T10:00", "planned", lies("4W", status="reserved"), period={"start": "2026-03-02T09:00:00Z"})
ARRIVED = version(2, "02T10:01", "arrived", IN_4W)
HERE = version(3, "02T11:00", "in-progress", IN_4W)
IN_THE_ICU = version(4, "03T11:00", "in-progress", LEFT_4W, IN_ICU)
OVER = version(5, "05T14:05", "finished", LEFT_4W, IN_ICU, period=STAY)
WAS_OVER = [
    {"status": "in-progress", "period": {"start": BEGAN, "end": "2026-03-05T14:05:00Z"}},
    {"status": "finished", "period": {"start": "2026-03-05T14:05:00Z", "end": "2026-03-05T15:00:00Z"}},
]
REOPENED = version(6, "05T15:00", "in-progress", LEFT_4W, IN_ICU, statusHistory=WAS_OVER)
STILL_HERE = version(7, "06T09:00", "in-progress", LEFT_4W, IN_ICU, statusHistory=WAS_OVER)


def state(*versions: dict[str, Any]) -> Encounter:
    """Fold the versions as separate messages, in every order, with one of them twice: it is one state."""
    found = [fold([fact for one in (*order, order[0]) for fact in facts(one)]) for order in permutations(versions)]  # type: ignore[misc]
    assert found[0] is not None
    assert all(other == found[0] for other in found)
    return found[0]


def stays(found: Encounter) -> list[tuple[str, str, str | None]]:
    return [
        (one.unit_id, f"{one.arrived_at:%d %H:%M}", None if one.left_at is None else f"{one.left_at:%d %H:%M}")
        for one in found.unit_stays
    ]


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


IN_BOTH: list[tuple[str, str, str | None]] = [("4W", "02 10:00", "03 10:30"), ("ICU", "03 10:30", None)]


def test_a_stay_from_its_plan_to_its_end() -> None:
    found = state(PLAN)
    assert (found.status, found.expected_admission_at) == (EncounterStatus.PLANNED, utc(2, 9))
    found = state(PLAN, ARRIVED, HERE)
    assert (found.status, found.admitted_at, found.reservation) == (EncounterStatus.IN_PROGRESS, utc(2, 10), None)
    assert stays(found) == [("4W", "02 10:00", None)]
    assert stays(state(PLAN, HERE, IN_THE_ICU)) == IN_BOTH
    found = state(PLAN, HERE, IN_THE_ICU, OVER)
    assert (found.status, found.admitted_at, found.discharged_at) == (
        EncounterStatus.DISCHARGED,
        utc(2, 10),
        utc(5, 14),
    )
    assert stays(found) == [("4W", "02 10:00", "03 10:30"), ("ICU", "03 10:30", "05 14:00")]
    assert found.problems == ()


def test_a_stay_that_was_ended_by_mistake_goes_on() -> None:
    for versions in ((HERE, OVER, REOPENED), (HERE, OVER, REOPENED, STILL_HERE), (OVER, STILL_HERE)):
        found = state(*versions)
        assert (found.status, found.discharged_at, found.problems) == (EncounterStatus.IN_PROGRESS, None, ())
        assert stays(found) == IN_BOTH
    end = {"start": BEGAN, "end": "2026-03-07T09:00:00Z"}
    again = version(8, "07T09:05", "finished", LEFT_4W, IN_ICU, period=end, statusHistory=WAS_OVER)
    found = state(OVER, REOPENED, STILL_HERE, again)
    assert (found.status, found.discharged_at, found.problems) == (EncounterStatus.DISCHARGED, utc(7, 9), ())


def test_a_stay_that_is_cancelled_or_was_an_error_is_gone() -> None:
    cancelled = version(4, "02T12:00", "cancelled")
    for versions in (
        (PLAN, cancelled),
        (PLAN, HERE, cancelled),
        (HERE, OVER, version(6, "06T12:00", "entered-in-error")),
    ):
        found = state(*versions)
        assert (found.status, found.unit_stays, found.reservation) == (EncounterStatus.CANCELLED, (), None)
        assert found.problems == ()


def test_an_arrival_that_was_a_mistake_is_a_plan_again() -> None:
    history = [{"status": "arrived", "period": {"start": BEGAN, "end": "2026-03-02T12:00:00Z"}}]
    starts = {"start": "2026-03-04T10:00:00Z"}
    plan = version(4, "02T12:00", "planned", period=starts, statusHistory=history)
    found = state(PLAN, ARRIVED, plan)
    assert (found.status, found.admitted_at, found.unit_stays) == (EncounterStatus.PLANNED, None, ())
    assert (found.expected_admission_at, found.problems) == (utc(4, 10), ())
    found = state(ARRIVED, plan, version(5, "04T10:05", "in-progress", period=starts, statusHistory=history))
    assert (found.status, found.admitted_at, found.problems) == (EncounterStatus.IN_PROGRESS, utc(4, 10), ())


def test_a_leave_lasts_as_the_history_says() -> None:
    away = version(4, "03T12:00", "onleave", IN_4W)
    found = state(HERE, away)
    assert (found.on_leave_since, stays(found)) == (utc(3, 12), [("4W", "02 10:00", None)])
    history = [{"status": "onleave", "period": {"start": "2026-03-03T12:00:00Z", "end": "2026-03-04T14:00:00Z"}}]
    found = state(HERE, away, version(5, "04T14:00", "in-progress", IN_4W, statusHistory=history))
    assert (found.on_leave_since, found.problems) == (None, ())


def test_a_stay_goes_on_again_even_where_no_history_says_so() -> None:
    reopened = version(6, "05T15:00", "in-progress", LEFT_4W, IN_ICU)
    found = state(HERE, OVER, reopened)
    assert (found.status, found.discharged_at, found.problems) == (EncounterStatus.IN_PROGRESS, None, ())
    assert stays(found) == IN_BOTH


def test_a_cancelled_stay_goes_on_again() -> None:
    found = state(
        HERE, version(4, "02T12:00", "cancelled"), IN_THE_ICU | {"meta": {"lastUpdated": "2026-03-03T11:00:00Z"}}
    )
    assert (found.status, found.problems) == (EncounterStatus.IN_PROGRESS, ())
    assert stays(found) == IN_BOTH


def test_a_stay_is_a_plan_again_even_where_no_history_says_so() -> None:
    found = state(PLAN, ARRIVED, version(4, "02T12:00", "planned", period={"start": "2026-03-04T10:00:00Z"}))
    assert (found.status, found.unit_stays, found.problems) == (EncounterStatus.PLANNED, (), ())


@pytest.mark.parametrize("hour", [9, 11])
def test_a_start_that_was_corrected_is_the_start(hour: int) -> None:
    start = f"2026-03-02T{hour:02}:00:00Z"
    later = version(
        5, "03T14:00", "in-progress", lies("4W", start, status="completed"), IN_ICU, period={"start": start}
    )
    found = state(ARRIVED, HERE, IN_THE_ICU, later)
    assert (found.admitted_at, found.problems) == (utc(2, hour), ())
    assert stays(found) == [("4W", f"02 {hour:02}:00", "03 10:30"), ("ICU", "03 10:30", None)]


@pytest.mark.parametrize("hour", [13, 15])
def test_an_end_that_was_corrected_is_the_end(hour: int) -> None:
    period = {"start": BEGAN, "end": f"2026-03-05T{hour}:00:00Z"}
    found = state(HERE, OVER, version(6, "06T14:00", "finished", LEFT_4W, IN_ICU, period=period))
    assert (found.discharged_at, found.problems) == (utc(5, hour), ())
    assert stays(found) == [("4W", "02 10:00", "03 10:30"), ("ICU", "03 10:30", f"05 {hour}:00")]


def test_a_move_that_is_no_longer_told_was_none() -> None:
    found = state(HERE, IN_THE_ICU, version(5, "03T14:00", "in-progress", IN_4W))
    assert stays(found) == [("4W", "02 10:00", None)]


def test_a_bed_that_is_no_longer_reserved_is_free() -> None:
    wanted = version(4, "02T12:00", "in-progress", IN_4W, lies("ICU", status="reserved"))
    assert state(HERE, wanted).reservation is not None
    assert state(HERE, wanted, version(5, "02T13:00", "in-progress", IN_4W)).reservation is None


@pytest.mark.parametrize(("earlier", "later"), [("9", "10"), ("99", "100"), ("10", "10a"), ("a", "b")])
def test_of_two_versions_of_one_instant_the_later_by_its_number_stands(earlier: str, later: str) -> None:
    first, second = ({"versionId": number, "lastUpdated": "2026-03-05T14:05:00Z"} for number in (earlier, later))
    found = state(HERE | {"meta": first}, OVER | {"meta": second})
    assert (found.status, found.problems) == (EncounterStatus.DISCHARGED, ())
    found = state(OVER | {"meta": first}, HERE | {"meta": second})
    assert (found.status, found.discharged_at, found.problems) == (EncounterStatus.IN_PROGRESS, None, ())


def test_a_version_without_a_number_is_earlier_than_one_of_its_instant_with_a_number() -> None:
    over: list[Any] = [
        msgspec.structs.replace(fact, id=f"before/{fact.id}", data=msgspec.structs.replace(fact.data, version=None))
        for fact in facts(OVER | {"meta": HERE["meta"]})
    ]
    for told in ([*over, *facts(HERE)], [*facts(HERE), *over]):
        found = fold(told)
        assert found is not None
        assert (found.status, found.problems) == (EncounterStatus.IN_PROGRESS, ())


OTHERWISE = [
    {"status": "finished", "period": STAY},
    {"location": [lies("5E", BEGAN, status="active")]},
    {"period": {"start": "2026-03-02T09:00:00Z"}},
    {"class": {"code": "EMER"}},
    {"serviceType": {"text": "cardiology"}},
    {"status": "entered-in-error"},
]


@pytest.mark.parametrize("other", OTHERWISE)
def test_one_version_with_two_contents_is_flagged_and_both_are_kept(other: dict[str, Any]) -> None:
    assert Problem.ID_COLLISION in state(HERE, HERE | other).problems
    unnumbered = HERE | {"meta": {"lastUpdated": HERE["meta"]["lastUpdated"]}}
    assert Problem.ID_COLLISION in state(unnumbered, unnumbered | other).problems
    recorded_later = HERE | other | {"meta": HERE["meta"] | {"lastUpdated": "2026-03-05T15:00:00Z"}}
    assert Problem.ID_COLLISION in state(HERE, recorded_later).problems
    assert state(HERE, IN_THE_ICU | other).problems == ()


def test_of_two_contents_of_one_version_both_count() -> None:
    here = HERE | {"serviceType": {"text": "cardiology"}}
    found = state(here, here | {"serviceType": {"text": "surgery"}})
    assert sorted(service.value for service in found.services) == ["cardiology", "surgery"]


def test_one_version_in_other_company_or_with_another_narrative_is_one_content() -> None:
    alone, told = facts(HERE), facts(bundle(*HOUSE, HERE | {"text": {"div": "<div/>"}, "language": "de"}))
    found = fold([*alone, *told])  # type: ignore[list-item]
    assert found is not None
    assert found.problems == ()
    bare = HERE | {"meta": None}
    assert all(fact.data.version_digest is None for fact in facts(bare))  # type: ignore[union-attr]
