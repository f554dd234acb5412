"""Times of a stay that are known to the day only, and when a version was recorded that does not say so."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.events import EncounterPartReported
from schemas.state import EncounterStatus, Problem
from streams.fold.encounter import fold
from streams.ingest.fhir.mapping import FhirOptions
from tests.streams.ingest.fhir.resources import RECEIVED, bundle, encounter, facts, lies, read

LATER = {"versionId": "3", "lastUpdated": "2026-03-07T12:00:00Z"}


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def state(resource: object, options: FhirOptions | None = None) -> Any:
    found = fold(facts(resource, options))  # type: ignore[arg-type]
    assert found is not None
    assert found.problems == ()
    return found


@pytest.mark.parametrize(
    ("start", "end", "recorded", "zone", "discharged_at"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-05", "2026-03-07T12:00:00Z", "UTC", utc(2026, 3, 5, 23, 59, 59)),
        ("2026-03-01T10:00:00Z", "2026-03-01", "2026-03-07T12:00:00Z", "UTC", utc(2026, 3, 1, 23, 59, 59)),
        ("2026-03-01", "2026-03-01", "2026-03-07T12:00:00Z", "UTC", utc(2026, 3, 1, 23, 59, 59)),
        ("2026-03-01T10:00:00Z", "2026-03-05", "2026-03-05T14:00:00Z", "UTC", utc(2026, 3, 5, 14)),
        ("2026-03-05T15:00:00Z", "2026-03-05", "2026-03-05T14:00:00Z", "UTC", utc(2026, 3, 5, 15)),
        ("2026-03-01T10:00:00Z", "2026-03-05", "2026-03-07T12:00:00Z", "Europe/Berlin", utc(2026, 3, 5, 22, 59, 59)),
    ],
)
def test_an_end_known_to_the_day_is_the_end_of_that_day_and_no_later_than_it_was_said(
    start: str, end: str, recorded: str, zone: str, discharged_at: datetime
) -> None:
    stay = encounter("finished", period={"start": start, "end": end}, meta={"lastUpdated": recorded})
    found = state(stay, FhirOptions(time_zone=zone))
    assert (found.status, found.discharged_at) == (EncounterStatus.DISCHARGED, discharged_at)


def test_an_end_known_to_the_day_is_not_before_the_last_move() -> None:
    stay = encounter(
        "finished",
        period={"start": "2026-03-01T10:00:00Z", "end": "2026-03-05"},
        location=[lies("w4", "2026-03-01T10:00:00Z"), lies("icu", "2026-03-05T09:00:00Z")],
        meta={"lastUpdated": "2026-03-05T08:59:00Z"},
    )
    found = state(stay)
    assert found.discharged_at == utc(2026, 3, 5, 9)
    assert [(stay.unit_id, stay.arrived_at) for stay in found.unit_stays] == [
        ("w4", utc(2026, 3, 1, 10)),
        ("icu", utc(2026, 3, 5, 9)),
    ]


@pytest.mark.parametrize(
    ("fields", "admitted_at"),
    [
        ({}, utc(2026, 3, 1)),
        ({"location": [lies("w4", "2026-03-01T10:00:00Z")]}, utc(2026, 3, 1, 10)),
        ({"location": [lies("w4", "2026-03-01")]}, utc(2026, 3, 1)),
        ({"location": [lies("w4"), lies("icu", "2026-03-01T10:00:00Z", status="active")]}, utc(2026, 3, 1)),
        ({"location": [lies("w4", "2026-03-02T10:00:00Z")]}, utc(2026, 3, 1)),
        (
            {
                "location": [lies("w4", "2026-03-01T10:00:00Z")],
                "statusHistory": [{"status": "arrived", "period": {"start": "2026-03-01T09:30:00Z"}}],
            },
            utc(2026, 3, 1, 9, 30),
        ),
    ],
)
def test_a_start_known_to_the_day_is_no_later_than_what_is_known_of_that_day(
    fields: dict[str, Any], admitted_at: datetime
) -> None:
    assert state(encounter(period={"start": "2026-03-01"}, meta=LATER, **fields)).admitted_at == admitted_at


def test_days_alone_make_a_whole_stay_with_its_place() -> None:
    stay = encounter(
        "finished",
        period={"start": "2026-03-01", "end": "2026-03-01"},
        location=[lies("w4", "2026-03-01T10:00:00Z")],
        meta=LATER,
    )
    found = state(stay)
    assert (found.admitted_at, found.discharged_at) == (utc(2026, 3, 1, 10), utc(2026, 3, 1, 23, 59, 59))
    assert [(one.unit_id, one.arrived_at, one.left_at) for one in found.unit_stays] == [
        ("w4", utc(2026, 3, 1, 10), utc(2026, 3, 1, 23, 59, 59))
    ]


def test_a_leave_of_days_fits_into_the_stay() -> None:
    history = [{"status": "onleave", "period": {"start": "2026-03-01", "end": "2026-03-02"}}]
    found: Any = facts(encounter(period={"start": "2026-03-01T10:00:00Z"}, statusHistory=history, meta=LATER))
    assert [(type(fact).__name__, fact.occurred_at) for fact in found] == [
        ("PatientAdmitted", utc(2026, 3, 1, 10)),
        ("LeaveStarted", utc(2026, 3, 1, 10)),
        ("LeaveEnded", utc(2026, 3, 2, 23, 59, 59)),
    ]


def test_a_version_that_does_not_say_when_it_was_written_was_written_when_the_last_thing_in_it_happened() -> None:
    void = encounter("cancelled", meta=None, statusHistory=[{"status": "planned", "period": {"end": "2026-03-04"}}])
    assert read(void).facts[0].recorded_at == utc(2026, 3, 4, 23, 59, 59)
    in_bundle = bundle(void) | {"timestamp": "2026-03-06T09:00:00+01:00"}
    assert read(in_bundle).facts[0].recorded_at == utc(2026, 3, 6, 8)
    assert read(bundle(void) | {"timestamp": "2030-01-01T00:00:00Z"}).facts[0].recorded_at == utc(
        2026, 3, 4, 23, 59, 59
    )
    plan = encounter("planned", meta=None, period={"start": "2027-03-01"})
    assert read(plan).facts[0].recorded_at == RECEIVED
    own = bundle(encounter("cancelled")) | {"timestamp": "2026-03-06T09:00:00Z"}
    assert read(own).facts[0].recorded_at == utc(2026, 3, 2, 12)


TO_COME = "2026-03-07T14:00:00Z"


def begun(*places: dict[str, Any], start: str = TO_COME, status: str = "in-progress", **fields: Any) -> Any:
    stay = encounter(status, period={"start": start}, meta=LATER, location=list(places), **fields)
    found = fold(facts(stay))  # type: ignore[arg-type]
    assert found is not None
    return found


@pytest.mark.parametrize("status", ["arrived", "in-progress", "onleave", "on-hold"])
def test_a_stay_that_goes_on_began_no_later_than_it_was_recorded(status: str) -> None:
    found = begun(lies("w4", TO_COME, status="active"), status=status)
    assert (found.status, found.admitted_at) == (EncounterStatus.IN_PROGRESS, utc(2026, 3, 7, 12))
    assert [(one.unit_id, one.arrived_at) for one in found.unit_stays] == [("w4", utc(2026, 3, 7, 12))]
    assert found.problems == (Problem.RECORDED_BEFORE_IT_HAPPENED,)
    stay = encounter(status, period={"start": TO_COME}, meta=LATER)
    first: Any
    first, *others = facts(stay)
    assert first.data.time_written == utc(2026, 3, 7, 14)
    assert all(fact.occurred_at == utc(2026, 3, 7, 12) for fact in (first, *others))


def test_what_is_known_of_the_stay_goes_before_a_start_that_is_to_come() -> None:
    wrong = "2027-03-01T10:00:00Z"
    found = begun(lies("w4", "2026-03-01T10:00:00Z"), lies("icu", "2026-03-03T10:00:00Z"), start=wrong)
    assert (found.admitted_at, found.problems) == (utc(2026, 3, 1, 10), (Problem.RECORDED_BEFORE_IT_HAPPENED,))
    assert [one.unit_id for one in found.unit_stays] == ["w4", "icu"]
    arrived = [{"status": "arrived", "period": {"start": "2026-03-01T09:30:00Z"}}]
    assert begun(start=wrong, statusHistory=arrived).admitted_at == utc(2026, 3, 1, 9, 30)


def test_a_place_after_a_start_that_is_to_come_is_a_plan() -> None:
    found = begun(lies("w4", TO_COME), lies("icu", "2026-03-08T10:00:00Z"))
    assert [one.unit_id for one in found.unit_stays] == ["w4"]
    assert (found.reservation.unit_id, found.reservation.expected_at) == ("icu", utc(2026, 3, 8, 10))


@pytest.mark.parametrize(
    ("start", "admitted_at"),
    [("2026-03-07T12:05:00Z", utc(2026, 3, 7, 12, 5)), ("2026-03-07", utc(2026, 3, 7)), (TO_COME, None)],
)
def test_clocks_that_differ_by_minutes_and_plans_are_taken_at_their_word(
    start: str, admitted_at: datetime | None
) -> None:
    found = begun(start=start, status="planned" if admitted_at is None else "in-progress")
    assert (found.admitted_at, found.problems) == (admitted_at, ())
    assert admitted_at is not None or found.expected_admission_at == utc(2026, 3, 7, 14)


def test_a_later_version_that_is_past_its_start_is_taken_at_its_word() -> None:
    early = encounter(period={"start": TO_COME}, meta=LATER)
    late = encounter(period={"start": TO_COME}, meta={"versionId": "4", "lastUpdated": "2026-03-07T15:00:00Z"})
    found = fold([*facts(late), *facts(early)])  # type: ignore[list-item]
    assert found is not None
    assert (found.admitted_at, found.problems) == (utc(2026, 3, 7, 14), ())


@pytest.mark.parametrize("written", ["yesterday", "2026-03", "2026-02-30T10:00:00Z", 5, {}])
@pytest.mark.parametrize(
    ("status", "fields", "where"),
    [
        ("in-progress", {"location": [{"period": {"start": None}}]}, "location[0].period.start"),
        ("in-progress", {"period": {"start": "2026-03-02T10:00:00Z", "end": None}}, "period.end"),
        ("in-progress", {"plannedEndDate": None}, "plannedEndDate"),
        ("planned", {"period": {"start": None}}, "period.start"),
        ("planned", {"plannedStartDate": None}, "plannedStartDate"),
        ("cancelled", {"period": {"start": None}}, "period.start"),
        (
            "in-progress",
            {"statusHistory": [{"status": "onleave", "period": {"start": None}}]},
            "statusHistory[0].period.start",
        ),
        (
            "in-progress",
            {"statusHistory": [{"status": "onleave", "period": {"start": "2026-03-02T11:00:00Z", "end": None}}]},
            "statusHistory[0].period.end",
        ),
    ],
)
def test_an_invalid_time_that_matters_little_is_as_if_missing_and_is_named(
    status: str, fields: dict[str, Any], where: str, written: object
) -> None:
    invalid = json.loads(json.dumps(fields).replace("null", json.dumps(written)))
    found = read(encounter(status, **invalid))
    assert found.facts
    assert found.problems == ()
    assert [problem.where for problem in found.warnings] == [f"Encounter.{where}"]
    assert "as if it were missing" in found.warnings[0].reason
    assert "yesterday" not in found.warnings[0].reason


def test_a_place_with_an_invalid_start_is_still_the_place() -> None:
    stay = encounter(location=[{"location": {"display": "4W"}, "period": {"start": "noon"}}])
    state = fold(read(stay).facts)  # type: ignore[arg-type]
    assert state is not None
    assert [stay.unit_id for stay in state.unit_stays] == ["4W"]


def test_invalid_times_of_a_part_never_lose_its_move() -> None:
    part = encounter(
        id="e2",
        identifier=None,
        partOf={"reference": "Encounter/e1"},
        period={"start": "noon", "end": "later"},
        location=[{"location": {"display": "4W"}, "period": {"start": "2026-03-02T11:00:00Z"}}],
    )
    for status in ("in-progress", "finished"):
        found = read({**part, "status": status})
        (fact,) = found.facts
        assert isinstance(fact, EncounterPartReported)
        assert [place.location.unit_id for place in fact.data.placements] == ["4W"]
        assert [problem.where for problem in found.warnings] == ["Encounter.period.start", "Encounter.period.end"]
