from __future__ import annotations

from msgspec.structs import replace

from dashboard.live.board import BoardState
from dashboard.live.wire import Attention, Figure, Summary
from schemas.topics import CapacityMetrics
from streams.capacity.rules import Severity
from tests.dashboard.builders import HOUR, MINUTE, NOON, bed, hospital, metrics, taken


def summary(*units: CapacityMetrics) -> Summary:
    state = BoardState(hospital())
    state.replace(units)
    return state.draw().summary


def figure(found: Summary, name: str) -> Figure:
    return next(figure for figure in found.figures if figure.id == name)


def titles(found: Summary, severity: Severity) -> list[str]:
    return [item.title for item in found.attention if item.severity is severity]


def full_surgery() -> CapacityMetrics:
    beds = (taken("01", "E1"), taken("02", "E2"), taken("03", "E3"), bed("04", "unstaffed"))
    return metrics("SUR", beds, staffed=3)


def medicine(occupied: int = 6) -> CapacityMetrics:
    here = tuple(taken(f"{number:02d}", f"M{number}") for number in range(1, occupied + 1))
    free = tuple(bed(f"{number:02d}") for number in range(occupied + 1, 11))
    return metrics("MED", here + free, hours=(5,) * 23 + (occupied,))


def test_occupancy_counts_inpatients_against_the_staffed_beds_of_their_units() -> None:
    emergency = metrics("ED", (taken("01", "A1"), taken("02", "A2")), staffed=4)
    found = figure(summary(medicine(), full_surgery(), emergency), "occupancy")
    # 6 in Medicine and 3 in Surgery of 10 + 3 staffed beds; 24 h ago 5 + 3. The emergency department does not count.
    assert (found.value, found.unit) == ("69.2", "%")
    assert found.note == "9/13 · ▲ 7.7 pt, 24 h"
    assert found.tone == ""


def test_occupancy_over_the_staffed_beds_is_said_as_it_is() -> None:
    over = metrics("SUR", full_surgery().beds, staffed=3, without_bed=1)
    crowded = metrics("MED", medicine(10).beds, without_bed=2)
    found = figure(summary(over, crowded), "occupancy")
    assert (found.value, found.tone) == ("123.1", "critical")  # 16 of 13


def test_without_any_staffed_bed_patients_are_counted_and_no_percentage_is_made_up() -> None:
    recorded = [metrics(name, staffed=0, census=4, facility_id="MIMIC") for name in ("Medicine", "Neurology")]
    found = summary(*recorded)
    assert (figure(found, "occupancy").value, figure(found, "occupancy").unit) == ("8", "patients")
    assert figure(found, "available").value == "–"
    assert figure(found, "without_bed").value == "–"
    assert found.hours == (8,) * 24
    assert [item.title for item in found.attention] == ["2 units are not in the hospital file"]


def test_learnt_beds_are_called_so_once_and_nothing_is_red_for_being_full() -> None:
    wards = [
        replace(metrics(name, (taken("1", name), taken("2", f"{name}2")), staffed=2, facility_id="MIMIC"), learnt=True)
        for name in ("Medicine", "Neurology")
    ]
    found = summary(*wards)
    occupancy = figure(found, "occupancy")
    assert (occupancy.value, occupancy.note, occupancy.tone) == ("100.0", "4/4 beds seen · ± 0.0 pt, 24 h", "")
    assert (figure(found, "available").value, figure(found, "available").tone) == ("0", "")
    (line,) = found.attention
    assert (line.severity, line.title) == (Severity.INFO, "The numbers of beds of MIMIC are estimates")
    assert line.act == "Ask the administrator for a hospital file"


def test_an_emergency_department_is_known_by_its_name_where_no_file_says_it() -> None:
    emergency = replace(metrics("Emergency Department", staffed=3, census=1, facility_id="MIMIC"), learnt=True)
    ward = replace(metrics("Medicine", staffed=4, census=1, facility_id="MIMIC"), learnt=True)
    assert figure(summary(emergency, ward), "occupancy").value == "25.0"


def test_patients_of_unlisted_units_do_not_count_against_the_staffed_beds_of_others() -> None:
    found = figure(summary(medicine(), metrics("XRAY", staffed=0, census=5)), "occupancy")
    assert found.value == "46.2"  # 6 of 13: Surgery has 3 staffed beds too, though nothing is known of it yet


def test_available_beds_are_those_of_inpatient_units() -> None:
    emergency = metrics("ED", (bed("01"), bed("02")), staffed=4)
    found = figure(summary(medicine(), full_surgery(), emergency), "available")
    assert (found.value, found.note) == ("4", "in 1 of 2 inpatient units")


def test_a_bed_claimed_by_two_patients_is_critical_and_named() -> None:
    found = summary(metrics("MED", (taken("07", "E1", conflicts=("E2",)),)))
    assert (figure(found, "conflicts").value, figure(found, "conflicts").note) == ("1", "MED 07")
    assert titles(found, Severity.CRITICAL) == ["Medicine: bed 07 is claimed twice"]


def test_a_full_unit_is_critical_and_says_why_nothing_can_be_given() -> None:
    item = attention(summary(full_surgery()), "Surgery is full")
    assert item.note == "3 patients, 3 beds · 1 out of use"


def test_a_unit_beyond_its_beds_says_by_how_many() -> None:
    over = metrics("SUR", full_surgery().beds, staffed=3, without_bed=2)
    assert "Surgery is over by 2" in titles(summary(over), Severity.CRITICAL)


def test_a_unit_that_is_not_full_but_has_nothing_to_give_says_why() -> None:
    beds = (taken("01", "E1"), bed("02", "dirty", since=NOON), bed("03", "reserved"), bed("04", "blocked"))
    item = attention(summary(metrics("MED", beds)), "Medicine has no free bed")
    assert (item.severity, item.note) == (Severity.WARNING, "1 to clean, 1 reserved, 1 out of use")


def test_of_a_unit_that_the_hospital_file_does_not_name_nobody_knows_what_it_could_give() -> None:
    found = summary(metrics("unknown", (taken("101-A", "E1"),), staffed=0))
    assert titles(found, Severity.WARNING) == []


def test_overdue_cleaning_names_the_longest_wait() -> None:
    beds = (bed("01", "dirty", since=NOON - 50 * MINUTE), bed("02", "dirty", since=NOON - 130 * MINUTE), bed("03"))
    item = attention(summary(metrics("MED", beds)), "Medicine: cleaning overdue, 2 beds")
    assert (item.bed_id, item.note) == ("02", "bed 02 dirty 2 h 10 min, target 45 min")


def test_patients_without_a_bed_are_a_warning_with_what_the_unit_could_give() -> None:
    emergency = metrics("ED", (bed("01"), taken("02", "E1")), staffed=4, without_bed=2)
    found = summary(emergency)
    assert attention(found, "2 in Emergency without a bed").note == "1 bed available in the unit"
    assert (figure(found, "without_bed").value, figure(found, "without_bed").note) == ("2", "ED 2")


def test_a_calm_hospital_needs_nothing() -> None:
    assert summary(medicine()).attention == ()


def test_the_most_severe_comes_first() -> None:
    late = metrics("MED", (bed("01", "dirty", since=NOON - 2 * HOUR), bed("02")))
    severities = [item.severity for item in summary(late, full_surgery(), metrics("XRAY", staffed=0)).attention]
    assert severities == [Severity.CRITICAL, Severity.WARNING, Severity.INFO]


def test_departures_are_listed_in_their_order_with_the_overdue_first() -> None:
    beds = (
        taken("01", "E1", expected_discharge_at=NOON + 3 * HOUR),
        taken("02", "E2", expected_discharge_at=NOON - HOUR),
        taken("03", "E3", expected_discharge_at=NOON + 30 * HOUR),
    )
    found = summary(metrics("MED", beds))
    assert [(one.bed_id, one.overdue) for one in found.departures] == [("02", True), ("01", False)]
    assert (figure(found, "leaving").value, figure(found, "leaving").note) == ("2", "1 past the expected time")


def attention(found: Summary, title: str) -> Attention:
    matching = [item for item in found.attention if item.title == title]
    assert len(matching) == 1, [item.title for item in found.attention]
    return matching[0]
