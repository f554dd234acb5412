"""A bed has at most one occupant; the census counts each patient once."""

from __future__ import annotations

from datetime import timedelta

from schemas.events import BedStatus
from schemas.hospital import parse_hospital
from schemas.state import BedState
from streams.capacity.beds import BedStatusReport, Claim, bed_state
from streams.capacity.census import Presence, UnitFacts, census_by_hour, unit_metrics
from streams.fold.bed import latest_report
from tests.streams.builders import at, bed

HOSPITAL = parse_hospital(
    b"""
facilities:
  - facility_id: HG
    name: Harbour
    units: [{unit_id: 4W, name: 4 West, type: medical_surgical, licensed_beds: 4, staffed_beds: 3}]
""",
    "test",
)


def state(**given: object) -> BedState:
    arguments = {"claims": [], "left_at": None, "report": None, "now": at(100), "assumed_cleaning": None, **given}
    return bed_state("01", **arguments)  # type: ignore[arg-type]


def test_a_bed_without_claims_and_reports_is_available() -> None:
    assert state().status is BedStatus.AVAILABLE


def test_a_claim_occupies_a_bed_whatever_housekeeping_reports() -> None:
    found = state(claims=[Claim("E1", at(1))], report=BedStatusReport(BedStatus.AVAILABLE, at(2)))
    assert (found.status, found.encounter_id, found.since) == (BedStatus.OCCUPIED, "E1", at(1))


def test_the_latest_claim_holds_the_bed_and_the_others_are_conflicts() -> None:
    found = state(claims=[Claim("E1", at(1)), Claim("E2", at(5)), Claim("E0", at(1))])
    assert (found.encounter_id, found.conflicts) == ("E2", ("E0", "E1"))


def test_a_discharge_leaves_the_bed_dirty_not_free() -> None:
    found = state(left_at=at(9), report=BedStatusReport(BedStatus.AVAILABLE, at(2)))
    assert (found.status, found.since) == (BedStatus.DIRTY, at(9))


def test_a_bed_is_available_once_housekeeping_reports_it_after_the_patient_left() -> None:
    assert state(left_at=at(9), report=BedStatusReport(BedStatus.AVAILABLE, at(10))).status is BedStatus.AVAILABLE


def test_a_blocked_bed_has_its_reason() -> None:
    found = state(left_at=at(9), report=BedStatusReport(BedStatus.BLOCKED, at(10), "leak"))
    assert (found.status, found.reason) == (BedStatus.BLOCKED, "leak")


def test_without_a_bed_status_feed_a_bed_is_available_after_the_assumed_cleaning() -> None:
    usual = timedelta(minutes=45)
    assert state(left_at=at(99.5), assumed_cleaning=usual).status is BedStatus.DIRTY
    assert state(left_at=at(99.0), assumed_cleaning=usual).status is BedStatus.AVAILABLE


def test_the_latest_report_counts_in_any_order() -> None:
    facts = [bed(3, "4W/01", "dirty"), bed(5, "4W/01", "available"), bed(4, "4W/01", "cleaning")]
    assert {latest_report(order).id for order in (facts, facts[::-1])} == {facts[1].id}


def test_a_patient_counts_from_arrival_to_just_before_leaving() -> None:
    stays = [Presence("E1", "01", at(10), at(12)), Presence("E2", None, at(11.5), None)]
    # Hours 9, 10, 11, 12, 13: none, E1, E1, E2 (E1 left at 12:00), E2.
    assert census_by_hour(stays, at(13))[-5:] == (0, 1, 1, 1, 1)


def test_the_census_by_hour_has_24_values_and_counts_patients_who_arrived_long_ago() -> None:
    assert census_by_hour([Presence("E1", "01", at(-500), None)], at(30.5)) == (1,) * 24


def test_occupancy_is_census_over_staffed_beds_and_may_exceed_one() -> None:
    here = [Presence(f"E{number}", f"0{number}", at(1), None) for number in range(1, 5)]
    metrics = unit_metrics(UnitFacts("HG", "4W", here, {}, {}), HOSPITAL, at(5))
    assert (metrics.census, metrics.staffed_beds) == (4, 3)
    assert metrics.occupancy == 4 / 3
    assert metrics.available == 0


def test_patients_without_a_bed_count_in_the_census_and_separately() -> None:
    here = [Presence("E1", None, at(1), None), Presence("E2", "02", at(1), None)]
    metrics = unit_metrics(UnitFacts("HG", "4W", here, {"01": at(4)}, {}), HOSPITAL, at(5))
    assert (metrics.census, metrics.without_bed, metrics.dirty, metrics.available) == (2, 1, 1, 2)


def test_a_unit_and_bed_that_the_hospital_file_does_not_name_are_shown() -> None:
    metrics = unit_metrics(UnitFacts("X", "Y", [Presence("E1", "B7", at(1), None)], {}, {}), HOSPITAL, at(5))
    assert (metrics.census, metrics.staffed_beds, metrics.occupancy) == (1, 0, None)
    assert [(shown.bed_id, shown.status) for shown in metrics.beds] == [("B7", BedStatus.OCCUPIED)]
