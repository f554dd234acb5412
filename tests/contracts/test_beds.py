"""Beds on the board, on every engine: reports under one id, plans that end elsewhere, a corrected past."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select

from schemas import events, tables
from schemas.events import BedStatus, PatientClass
from schemas.topics import UnitChanged
from streams.capacity.agent import RECOMPUTE_ALL_S, Capacity
from streams.capacity.census import unit_metrics
from streams.capacity.store import CapacityStore
from streams.worker.transactions import Transactions
from tests.contracts.test_people import HOSPITAL, beds, board
from tests.contracts.test_processing import rows, take
from tests.streams.builders import admit, at, bed, cancel_transfer, merge, of_patient, place, said, transfer

INPATIENT, EMERGENCY, OUTPATIENT = PatientClass.INPATIENT, PatientClass.EMERGENCY, PatientClass.OUTPATIENT
PLAN = of_patient(events.AdmissionPending, 1, "a", location=place("4W/02"))


def hinted(engine: Engine) -> dict[str, bool]:
    """Take all hints from the outbox and return, by unit, whether its past changed."""
    with engine.begin() as connection:
        query = select(tables.outbox.columns.value).where(tables.outbox.columns.topic == "units.changed.v1")
        hints = [msgspec.json.decode(raw, type=UnitChanged) for raw in connection.scalars(query)]
        connection.execute(tables.outbox.delete())
    return {hint.unit_id: hint.past_changed for hint in hints}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("at_once", [True, False])
def test_of_two_reports_on_a_bed_under_one_id_the_same_counts_in_any_order(
    engine: Engine, order: tuple[int, int], at_once: bool
) -> None:
    reports = [bed(5, "4W/01", "available"), msgspec.structs.replace(bed(5, "4W/01", "blocked"), id="bed-available")]
    reports[0] = msgspec.structs.replace(reports[0], id="bed-available")
    for batch in [[reports[n] for n in order]] if at_once else [[reports[n]] for n in order]:
        take(engine, *batch)
    assert rows(engine, tables.bed_status, "status") == [("blocked",)]


def test_a_slash_in_a_name_does_not_make_two_beds_one(engine: Engine) -> None:
    odd = [
        said(
            events.BedStatusChanged,
            5,
            e=events.bed_subject(where),
            p=events.bed_subject(where),
            location=where,
            status=status,
        )
        for where, status in (
            (events.Location(facility_id="HG", unit_id="4W/A", bed_id="1"), BedStatus.AVAILABLE),
            (events.Location(facility_id="HG", unit_id="4W", bed_id="A/1"), BedStatus.BLOCKED),
        )
    ]
    take(engine, *odd)
    assert rows(engine, tables.bed_status, "unit_id", "bed_id", "status") == [
        ("4W", "A/1", "blocked"),
        ("4W/A", "1", "available"),
    ]


def test_a_bed_reported_occupied_is_not_free_although_no_encounter_claims_it(engine: Engine) -> None:
    take(engine, admit(0, "4W/01"), bed(5, "4W/02", "occupied"))
    assert beds(board(engine, "4W"))["02"] == ("occupied", None)


def test_a_plan_that_waits_on_a_patient_does_not_hide_the_plan_of_a_visit(engine: Engine) -> None:
    take(engine, PLAN, said(events.AdmissionPending, 2, "4W/03", e="E9", p="a"))
    take(engine, said(events.PatientRegistered, 3, "ED/01", e="E1", p="a", patient_class=EMERGENCY))
    shown = beds(board(engine, "4W"))
    assert (shown["02"], shown["03"]) == (("reserved", "patient:a"), ("reserved", "E9"))


def test_an_admission_ends_a_plan_and_a_visit_by_day_does_not(engine: Engine) -> None:
    take(engine, PLAN, said(events.PatientRegistered, 3, "ED/01", e="E1", p="a", patient_class=OUTPATIENT))
    assert beds(board(engine, "4W"))["02"] == ("reserved", "patient:a")
    take(engine, admit(5, "4W/03", e="E2", p="a", patient_class=INPATIENT))
    assert beds(board(engine, "4W"))["02"] == ("available", None)


def test_the_unit_with_the_planned_bed_is_announced_when_the_patient_is_admitted_elsewhere(engine: Engine) -> None:
    take(engine, PLAN, merge(2, "a", "b"))
    hinted(engine)
    take(engine, admit(5, "ED/01", e="E2", p="b", patient_class=INPATIENT))
    assert hinted(engine) == {"4W": False, "ED": False}


def test_a_corrected_past_is_announced_and_dropped_from_the_cache(engine: Engine) -> None:
    take(engine, admit(-100, "4W/01"), transfer(-90, "4W/02"), transfer(-80, "4W/03"))
    hinted(engine)
    store = CapacityStore()

    def shown() -> Any:
        with engine.connect() as connection:
            [facts] = store.unit_facts(connection, {("HG", "4W")}, at(0))
        return beds(unit_metrics(facts, HOSPITAL, at(0)))

    assert shown()["02"] == ("dirty", None)
    take(engine, cancel_transfer(-79), cancel_transfer(-78))
    assert hinted(engine) == {"4W": True}
    store.forget([("HG", "4W")])
    assert (shown()["01"], shown()["02"]) == (("occupied", "E1"), ("available", None))


def test_visits_without_a_discharge_count_for_as_long_as_they_are_open(engine: Engine) -> None:
    visits = [
        said(events.PatientRegistered, hour, "CLINIC", e=f"E{hour}", p=f"P{hour}", patient_class=OUTPATIENT)
        for hour in (-400, -30, -2)
    ]
    take(engine, *visits, admit(-40, "CLINIC/01", e="E9", p="P9"))

    def shown(hours: float) -> tuple[int, int, tuple[int, ...], int]:
        with engine.connect() as connection:
            [facts] = CapacityStore().unit_facts(connection, {("HG", "CLINIC")}, at(hours))
        metrics = unit_metrics(facts, HOSPITAL, at(hours))
        return metrics.census, metrics.without_bed, metrics.census_by_hour[-4:], len(facts.presences)

    assert shown(0) == (4, 3, (3, 4, 4, 4), 2)
    assert shown(300) == (4, 3, (4, 4, 4, 4), 1)
    take(engine, said(events.PatientDischarged, 299, e="E-30", p="P-30"))
    assert shown(300) == (3, 2, (4, 4, 3, 3), 2)


def test_all_units_are_recomputed_after_a_minute_without_hints(engine: Engine) -> None:
    take(engine, admit(0, "4W/01"), admit(0, "ED/01", e="E2", p="P2"))
    agent = Capacity(Transactions(engine, "test"), HOSPITAL, lambda: None, lambda: at(1))
    agent.recompute(engine, [UnitChanged(facility_id="HG", unit_id=unit, occurred_at=at(1)) for unit in ("4W", "ED")])
    with engine.begin() as connection:
        connection.execute(tables.unit_capacity.update().values(metrics=b""))
    agent.recompute(engine, [])
    assert rows(engine, tables.unit_capacity, "metrics") == [(b"",), (b"",)]
    agent._recomputed_all_at -= RECOMPUTE_ALL_S
    agent.recompute(engine, [])
    assert b"" not in [raw for (raw,) in rows(engine, tables.unit_capacity, "metrics")]
