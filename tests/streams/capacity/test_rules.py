"""One rule for a unit's level and for what needs a person in it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from schemas.topics import CapacityMetrics
from streams.capacity.census import Presence, UnitFacts, unit_metrics
from streams.capacity.rules import Level, Line, Need, Severity, Supply, level, level_of, lines, supply
from tests.dashboard.builders import HOUR, MINUTE, NOON, bed, hospital, metrics, taken

TARGET = timedelta(minutes=45)


def needs(metric: CapacityMetrics, *, is_emergency: bool = False) -> list[Line]:
    return lines(metric, NOON, cleaning_target=TARGET, is_emergency=is_emergency)


def one(metric: CapacityMetrics, need: Need, *, is_emergency: bool = False) -> Line:
    (line,) = [each for each in needs(metric, is_emergency=is_emergency) if each.need is need]
    return line


@pytest.mark.parametrize(
    ("can_give", "staffed", "expected"),
    [
        (Supply(free=5, to_clean=0, waiting=0), 26, Level.NORMAL),
        (Supply(free=2, to_clean=0, waiting=0), 26, Level.NORMAL),
        (Supply(free=1, to_clean=9, waiting=0), 26, Level.ELEVATED),
        (Supply(free=2, to_clean=0, waiting=0), 40, Level.ELEVATED),
        (Supply(free=3, to_clean=0, waiting=2), 26, Level.ELEVATED),
        (Supply(free=0, to_clean=1, waiting=0), 26, Level.HIGH),
        (Supply(free=2, to_clean=1, waiting=2), 26, Level.HIGH),
        (Supply(free=0, to_clean=2, waiting=2), 26, Level.FULL),
        (Supply(free=0, to_clean=0, waiting=0), 26, Level.FULL),
        (Supply(free=1, to_clean=0, waiting=3), 26, Level.FULL),
        (Supply(free=0, to_clean=0, waiting=0, unknown=4), 26, Level.HIGH),
        (Supply(free=9, to_clean=0, waiting=0), 0, Level.UNKNOWN),
    ],
)
def test_the_level_follows_what_can_be_given(can_give: Supply, staffed: int, expected: Level) -> None:
    assert level(can_give, staffed) is expected


def test_where_no_beds_are_named_the_staffed_beds_beyond_the_census_are_free() -> None:
    assert supply(metrics("MED", census=7, staffed=10)) == Supply(3, 0, 0)
    assert supply(metrics("MED", census=12, staffed=10)) == Supply(0, 0, 0)


@pytest.mark.parametrize("free", range(4))
def test_a_unit_is_called_full_exactly_where_its_level_is_full(free: int) -> None:
    beds = (*(bed(f"F{number}") for number in range(free)), *(taken(f"{number}", f"E{number}") for number in range(4)))
    metric = metrics("MED", beds, staffed=4 + free, without_bed=1)
    said_full = any(line.need is Need.NO_BED and line.severity is Severity.CRITICAL for line in needs(metric))
    assert said_full == (level(supply(metric), metric.staffed_beds) is Level.FULL) == (free <= 1)


def test_a_bed_that_is_free_for_somebody_who_waits_is_not_given_twice() -> None:
    metric = metrics("MED", (bed("01"), taken("02", "E2")), staffed=2, without_bed=1)
    assert one(metric, Need.NO_BED).severity is Severity.CRITICAL
    assert one(metric, Need.WITHOUT_BED).number == 1


def test_a_unit_whose_beds_are_learnt_is_never_called_full() -> None:
    beds = (taken("01", "E1"), taken("02", "E2"), bed("03", "dirty", since=NOON - 5 * HOUR))
    metric = replace(metrics("MED", beds, staffed=3, without_bed=1), learnt=True)
    assert level_of(metric) is Level.UNKNOWN
    assert [(line.need, line.severity) for line in needs(metric)] == [
        (Need.WITHOUT_BED, Severity.WARNING),
        (Need.LATE_CLEANING, Severity.INFO),
    ]


def test_overdue_discharges_are_counted_with_the_longest_first() -> None:
    beds = (
        taken("01", "E1", expected_discharge_at=NOON - 2 * HOUR),
        taken("02", "E2", expected_discharge_at=NOON - 11 * HOUR),
        taken("03", "E3", expected_discharge_at=NOON + HOUR),
        taken("04", "E4"),
        bed("05"),
        bed("06"),
    )
    line = one(metrics("MED", beds, staffed=6), Need.OVERDUE_DISCHARGE)
    assert line == Line(Need.OVERDUE_DISCHARGE, Severity.INFO, 2, ("02", "01"), timedelta(hours=11))


def test_what_holds_beds_back_is_a_warning_where_there_is_none_to_give() -> None:
    beds = (
        taken("01", "E1", expected_discharge_at=NOON - HOUR),
        bed("02", "blocked", since=NOON - 3 * HOUR, reason="Maintenance"),
    )
    full = metrics("MED", beds, staffed=2)
    assert one(full, Need.OVERDUE_DISCHARGE).severity is Severity.WARNING
    assert one(full, Need.BLOCKED) == Line(
        Need.BLOCKED, Severity.WARNING, 1, ("02",), timedelta(hours=3), "Maintenance"
    )
    calm = metrics("MED", (*beds, bed("03"), bed("04"), bed("05")), staffed=5)
    assert one(calm, Need.BLOCKED).severity is Severity.INFO


def test_a_bed_is_late_to_clean_only_past_the_target() -> None:
    at_target = metrics("MED", (bed("01", "dirty", since=NOON - 45 * MINUTE), bed("02"), bed("03")), staffed=3)
    assert [line.need for line in needs(at_target)] == []
    past = metrics("MED", (bed("01", "cleaning", since=NOON - 46 * MINUTE), bed("02"), bed("03")), staffed=3)
    assert one(past, Need.LATE_CLEANING).beds == ("01",)


def with_boarders(*hours: float) -> CapacityMetrics:
    beds = (taken("01", "E1", since=NOON - HOUR), *(bed(f"F{number}") for number in range(5)))
    since = tuple(NOON - timedelta(hours=each) for each in hours)
    return replace(metrics("ED", beds, staffed=6), boarding_since=since)


def test_admitted_patients_who_wait_in_the_emergency_department_past_four_hours_raise_a_line() -> None:
    line = one(with_boarders(9, 4.5, 4, 1), Need.BOARDING, is_emergency=True)
    assert (line.number, line.longest, line.severity) == (2, timedelta(hours=9), Severity.WARNING)
    assert needs(with_boarders(4, 1), is_emergency=True) == []


def test_a_long_stay_in_the_emergency_department_is_worth_knowing_in_a_bed_or_not() -> None:
    beds = (
        taken("01", "E1", since=NOON - 7 * HOUR),
        taken("02", "E2", since=NOON - HOUR),
        bed("03"),
        bed("04"),
        bed("05"),
    )
    metric = replace(metrics("ED", beds, staffed=5, without_bed=1), waiting_since=(NOON - 5 * HOUR,))
    line = one(metric, Need.LONG_ED_STAY, is_emergency=True)
    assert (line.number, line.beds, line.longest, line.severity) == (2, ("01",), timedelta(hours=7), Severity.INFO)
    assert Need.LONG_ED_STAY not in {line.need for line in needs(metric)}  # a ward keeps its patients longer


def test_a_calm_unit_needs_nobody() -> None:
    assert needs(metrics("MED", (taken("01", "E1"), bed("02"), bed("03")), staffed=3)) == []


def test_an_admitted_patient_boards_from_the_admission_or_the_arrival_whichever_is_later() -> None:
    here = [
        Presence("E1", "01", NOON - 6 * HOUR, None, inpatient_from=NOON - 5 * HOUR),
        Presence("E2", None, NOON - 3 * HOUR, None, inpatient_from=NOON - 9 * HOUR),
        Presence("E3", None, NOON - 2 * HOUR, None),
        Presence("E4", "02", NOON - 8 * HOUR, NOON - HOUR, inpatient_from=NOON - 7 * HOUR),
    ]
    emergency = unit_metrics(UnitFacts("TH", "ED", here, {}, {}), hospital(), NOON)
    assert emergency.boarding_since == (NOON - 5 * HOUR, NOON - 3 * HOUR)
    assert emergency.waiting_since == (NOON - 3 * HOUR, NOON - 2 * HOUR)
    assert unit_metrics(UnitFacts("TH", "MED", here, {}, {}), hospital(), NOON).boarding_since == ()
