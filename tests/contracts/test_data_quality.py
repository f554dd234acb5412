"""The list of data-quality findings, on every engine."""

from __future__ import annotations

import msgspec
from sqlalchemy import Engine

from schemas import events, tables
from schemas.events import PatientClass
from schemas.state import Problem
from streams.quality.findings import findings
from streams.quality.kinds import PROBLEMS
from streams.quality.store import EVERY, keep, look
from tests.contracts.test_people import HOSPITAL
from tests.contracts.test_processing import rows, take
from tests.streams.builders import (
    admit,
    at,
    bed,
    cancel_transfer,
    discharge,
    merge,
    of_patient,
    part,
    place,
    said,
    transfer,
    unmerge,
    update,
)

INPATIENT, EMERGENCY = PatientClass.INPATIENT, PatientClass.EMERGENCY


def listed(engine: Engine, hours: float | None = None) -> list[tuple[str, str]]:
    with engine.connect() as connection:
        found = findings(connection, HOSPITAL, None if hours is None else at(hours))
    return [(each.kind.value, each.subject) for each in found]


def test_consistent_facts_give_no_findings(engine: Engine) -> None:
    assert listed(engine) == []
    take(engine, admit(0, "4W/01", patient_class=INPATIENT), admit(1, "4W/02", e="E2", p="P2"), discharge(9))
    assert listed(engine) == []


def test_contradicting_facts_and_colliding_ids_are_listed(engine: Engine) -> None:
    twice = [admit(0, where, e="E2", p="P2", id="x") for where in ("4W/02", "4W/03")]
    take(engine, transfer(5, "4W/01"), *twice)
    assert listed(engine) == [("facts_do_not_fit", "E1"), ("id_collision", "E2")]


def test_an_id_that_a_source_used_for_two_encounters_is_listed_once_and_both_count(engine: Engine) -> None:
    take(engine, admit(0, "4W/01", id="x"), admit(1, "4W/02", e="E2", p="P2", id="x"), discharge(9, id="y"))
    with engine.connect() as connection:
        found = findings(connection, HOSPITAL)
    assert [(each.kind.value, each.subject) for each in found] == [("id_collision", "E1")]
    assert "gave the id x to several facts about E1, E2" in found[0].says


def test_an_id_used_in_one_batch_or_in_several_is_noted_for_all_its_subjects(engine: Engine) -> None:
    take(engine, admit(0, "4W/01", id="x"), admit(1, "4W/02", e="E2", p="P2", id="x"), update(2, id="y"), update(3))
    take(engine, admit(1, "4W/03", e="E3", p="P3", id="x"), update(2, id="y"))
    assert rows(engine, tables.shared_id, "source", "event_id", "subject") == [
        ("test", "x", "E1"),
        ("test", "x", "E2"),
        ("test", "x", "E3"),
    ]
    with engine.connect() as connection:
        assert ["E1, E2, E3;" in each.says for each in findings(connection, HOSPITAL)] == [True]


def test_a_place_that_a_correction_has_emptied_is_no_longer_listed(engine: Engine) -> None:
    take(engine, admit(0, "4W/01"), transfer(2, "9Z/01"))
    assert listed(engine) == [("unknown_unit", "HG/9Z")]
    take(engine, cancel_transfer(3))
    assert listed(engine) == []
    assert ("HG", "9Z", "01") in rows(engine, tables.place, "facility_id", "unit_id", "bed_id")


def test_two_reports_on_a_bed_under_one_id_are_listed(engine: Engine) -> None:
    reports = [msgspec.structs.replace(bed(5, "4W/01", status), id="x") for status in ("available", "blocked")]
    take(engine, *reports)
    assert listed(engine) == [("id_collision", "bed:HG/4W/01")]


def test_a_stay_without_recent_facts_is_listed_and_stays_open(engine: Engine) -> None:
    take(engine, admit(0, "ED/01", patient_class=EMERGENCY), admit(0, "4W/01", e="E2", p="P2", patient_class=INPATIENT))
    assert listed(engine, 23) == []
    assert listed(engine, 25) == [("stale_stay", "E1")]
    assert listed(engine, 31 * 24) == [("stale_stay", "E1"), ("stale_stay", "E2")]
    take(engine, update(30))
    assert listed(engine, 31) == []


def test_a_stay_whose_contacts_report_is_not_stale(engine: Engine) -> None:
    take(engine, admit(0, "ED/01", patient_class=EMERGENCY, version_of="e1"), part(0, "e2", "#e1"))
    assert listed(engine, 25) == [("stale_stay", "E1")]
    take(engine, part(20, "e3", "#e2", ("ED/01", 20, None)))
    assert listed(engine, 25) == []


def test_a_contact_whose_stay_is_unknown_is_listed_until_the_stay_is_known(engine: Engine) -> None:
    take(engine, part(1, "e3", "#e2", ("4W/01", 1, None)), part(1, "e2", "V1", ("4W", 1, None)))
    with engine.connect() as connection:
        found = findings(connection, HOSPITAL, at(2))
    assert [(each.kind.value, each.subject) for each in found] == [
        ("part_without_stay", "Encounter/e2"),
        ("part_without_stay", "Encounter/e3"),
    ]
    assert found[0].says.startswith("Part of V1, from which no stay is known")
    assert found[1].says.startswith("Part of Encounter/e2, from which")
    take(engine, admit(0, None, e="V1"))
    assert listed(engine, 2) == []


def test_contacts_in_a_circle_are_listed(engine: Engine) -> None:
    take(engine, part(1, "e3", "#e2"), part(1, "e2", "#e3"))
    assert [kind for kind, _ in listed(engine, 2)] == ["part_without_stay"] * 2


def test_a_stay_is_stale_only_without_recent_facts_under_all_its_numbers(engine: Engine) -> None:
    take(engine, admit(0, "ED/01", patient_class=EMERGENCY), said(events.EncountersMerged, 1, into="E2"))
    take(engine, update(20))
    assert listed(engine, 43) == []
    assert listed(engine, 45) == [("stale_stay", "E2")]


def test_a_patient_in_two_beds_and_a_bed_with_two_patients_are_listed(engine: Engine) -> None:
    take(engine, said(events.PatientRegistered, 0, "ED/01", patient_class=EMERGENCY))
    take(engine, admit(4, "4W/01", e="E2", patient_class=INPATIENT), admit(5, "4W/01", e="E3", p="P3"))
    assert listed(engine) == [("bed_claimed_twice", "HG/4W/01"), ("second_bed", "E1")]


def test_a_merge_resolves_the_finding_of_two_tokens_in_an_encounter(engine: Engine) -> None:
    take(engine, admit(0, "4W/01", p="a"), update(1, p="b"))
    assert listed(engine) == [("facts_do_not_fit", "E1")]
    take(engine, merge(2, "a", "b"))
    assert listed(engine) == []


def test_a_patient_merged_into_two_is_listed_until_the_two_are_merged_or_one_is_unmerged(engine: Engine) -> None:
    take(engine, merge(1, "a", "b"), merge(2, "a", "c"))
    assert listed(engine) == [("facts_do_not_fit", "a")]
    take(engine, merge(3, "c", "b"))
    assert listed(engine) == []
    take(engine, unmerge(4, "c"))
    assert listed(engine) == [("facts_do_not_fit", "a")]
    take(engine, unmerge(5, "a", apart_from="b"))
    assert listed(engine) == []


def test_a_merge_resolves_the_finding_of_a_cancel_under_another_token(engine: Engine) -> None:
    take(engine, of_patient(events.AdmissionPending, 0, "a", id="plan", location=place("4W/02")))
    take(engine, of_patient(events.PendingAdmissionCancelled, 1, "b"))
    take(engine, said(events.PendingAdmissionCancelled, 1, e="E9", p="c"))
    assert listed(engine) == [("facts_do_not_fit", "E9"), ("facts_do_not_fit", "b")]
    take(engine, merge(2, "a", "b"))
    assert listed(engine) == [("facts_do_not_fit", "E9")]
    take(engine, merge(3, "c", "b"))
    assert listed(engine) == []
    take(engine, unmerge(4, "a"))
    assert listed(engine) == [("facts_do_not_fit", "E9"), ("facts_do_not_fit", "b")]


def test_places_that_the_hospital_file_does_not_name_are_listed(engine: Engine) -> None:
    take(engine, admit(0, "9Z/01"), admit(0, "4W/77", e="E2", p="P2"), bed(1, "4W/78", "available"))
    assert listed(engine) == [("unknown_unit", "HG/9Z"), ("unknown_bed", "HG/4W/77"), ("unknown_bed", "HG/4W/78")]


def test_contradicting_facts_about_a_patient_are_listed(engine: Engine) -> None:
    take(engine, unmerge(1, "a"))
    assert listed(engine) == [("facts_do_not_fit", "a")]


def test_every_problem_has_its_words() -> None:
    assert set(PROBLEMS) == set(Problem)


def test_a_fact_with_a_time_in_the_future_does_not_make_the_others_stale_nor_its_own_stay_fresh(engine: Engine) -> None:
    take(engine, admit(0, "ED/01", patient_class=EMERGENCY), update(500))
    assert listed(engine, 23) == []
    assert listed(engine, 25) == [("stale_stay", "E1")]


def test_an_overdue_plan_is_listed_until_the_patient_is_admitted(engine: Engine) -> None:
    waiting = of_patient(events.AdmissionPending, 0, "a", location=place("4W/02"), expected_at=at(10))
    take(engine, waiting, said(events.AdmissionPending, 0, "4W/03", e="E9", p="b"))
    assert listed(engine, 33) == []
    assert listed(engine, 35) == [("stale_plan", "patient:a")]
    assert listed(engine, 31 * 24) == [("stale_plan", "E9"), ("stale_plan", "patient:a")]
    take(engine, admit(34, "ED/01", e="E1", p="a", patient_class=INPATIENT))
    assert listed(engine, 35) == []


def test_a_finding_has_its_place_and_time(engine: Engine) -> None:
    take(engine, admit(0, "ED/01", patient_class=EMERGENCY))
    with engine.connect() as connection:
        [found] = findings(connection, HOSPITAL, at(25))
    assert (found.facility_id, found.unit_id, found.bed_id, found.since) == ("HG", "ED", "01", at(0))


def kept(engine: Engine) -> list[tuple[str, ...]]:
    return sorted(rows(engine, tables.finding, "part", "kind", "subject"))


def look_and_keep(engine: Engine, part: str, hours: float) -> bool:
    found = look(engine, HOSPITAL, part, at(hours))
    if found is not None:
        keep(engine, part, *found, at(hours))
    return found is not None


def test_the_list_is_stored_for_the_dashboard_without_resolved_findings(engine: Engine) -> None:
    take(engine, transfer(5, "4W/01"), admit(6, "9Z/01", e="E2", p="P2"))
    assert look_and_keep(engine, "state", 0)
    assert look_and_keep(engine, "log", 0)
    assert kept(engine) == [("log", "unknown_unit", "HG/9Z"), ("state", "facts_do_not_fit", "E1")]
    take(engine, admit(1, "ED/01"))
    assert look_and_keep(engine, "state", 1)
    assert kept(engine) == [("log", "unknown_unit", "HG/9Z")]
    assert rows(engine, tables.finding_look, "part", "looked_at") == [("log", at(0)), ("state", at(1))]


def test_a_list_that_another_worker_has_just_refreshed_is_not_refreshed(engine: Engine) -> None:
    take(engine, transfer(5, "4W/01"))
    assert look_and_keep(engine, "state", 0)
    assert not look_and_keep(engine, "state", EVERY["state"].total_seconds() * 0.5 / 3600)
    assert look_and_keep(engine, "state", EVERY["state"].total_seconds() / 3600)
