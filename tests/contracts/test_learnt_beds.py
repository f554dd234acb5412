"""Units of a facility that the hospital file does not name, on every engine: beds and occupancy as the feed shows."""

from __future__ import annotations

import random
from datetime import datetime

import msgspec
import pytest
from sqlalchemy import Engine

from schemas import tables
from schemas.events import AnyFact, PatientClass
from schemas.hospital import Hospital, parse_hospital
from schemas.topics import CapacityMetrics, UnitChanged
from streams.capacity import peaks
from streams.capacity.census import unit_metrics
from streams.capacity.store import CapacityStore
from streams.operate.discover import seen_units
from streams.operate.rebuild import rebuild
from streams.quality.findings import findings
from tests.contracts.test_processing import take
from tests.streams.builders import admit, at, bed, cancel_admission, discharge, merge, transfer

ELSEWHERE = parse_hospital(
    b"facilities: [{facility_id: OTHER, name: Other, units: [{unit_id: 4W, name: 4 West, type: other}]}]", "test"
)
PARTLY = parse_hospital(
    b"facilities: [{facility_id: HG, name: Harbour, units: [{unit_id: ED, name: ED, type: emergency}]}]", "test"
)
EMERGENCY = PatientClass.EMERGENCY

WEEKS: list[AnyFact] = [
    fact
    for number in range(40)
    for fact in (
        admit(7 * number, f"4W/{number % 6 + 1}", e=f"E{number}", p=f"P{number}"),
        transfer(7 * number + 9, "ICU", e=f"E{number}", p=f"P{number}"),
        discharge(7 * number + 16 + number % 9 * 3, e=f"E{number}", p=f"P{number}"),
    )
]
"""Twelve days: at most 2 at once in 4W, since each is there for 9 h and comes 7 h after the one before."""


def hints(engine: Engine) -> list[UnitChanged]:
    with engine.begin() as connection:
        query = tables.outbox.select().where(tables.outbox.columns.topic == "units.changed.v1")
        found = [msgspec.json.decode(row.value, type=UnitChanged) for row in connection.execute(query)]
        connection.execute(tables.outbox.delete())
    return found


def board(
    engine: Engine, now: datetime, store: CapacityStore | None = None, hospital: Hospital = ELSEWHERE
) -> dict[str, CapacityMetrics]:
    """Return the metrics of all units that stays or reports name."""
    store = store or CapacityStore(hospital)
    with engine.connect() as connection:
        units = {(unit.facility_id, unit.unit_id) for unit in seen_units(connection)}
        found = store.unit_facts(connection, units, now)
    return {facts.unit_id: unit_metrics(facts, hospital, now) for facts in found}


def beds(metrics: CapacityMetrics) -> dict[str, str]:
    return {found.bed_id: found.status.value for found in metrics.beds}


def test_a_unit_has_the_beds_that_the_feed_has_shown(engine: Engine) -> None:
    take(engine, admit(0, "4W/10"), admit(1, "4W/2", e="E2", p="P2"), discharge(2, e="E2", p="P2"))
    ward = board(engine, at(30))["4W"]
    assert (ward.learnt, ward.staffed_beds, ward.census, ward.occupancy) == (True, 2, 1, 0.5)
    assert beds(ward) == {"2": "available", "10": "occupied"}, "a bed stays on the board when its patient has left"


def test_a_unit_without_named_beds_has_as_many_as_patients_were_there_at_once(engine: Engine) -> None:
    take(engine, *(admit(number, "ICU", e=f"E{number}", p=f"P{number}") for number in range(4)))
    take(engine, *(discharge(90 + number, e=f"E{number}", p=f"P{number}") for number in range(3)))
    icu = board(engine, at(1000))["ICU"]
    assert (icu.staffed_beds, icu.census, icu.occupancy, beds(icu)) == (4, 1, 0.25, {})


def test_a_bed_is_clean_some_time_after_it_was_left_unless_the_facility_reports_bed_status(engine: Engine) -> None:
    take(engine, admit(0, "4W/1"), discharge(2))
    assert beds(board(engine, at(2.5))["4W"]) == {"1": "dirty"}
    assert beds(board(engine, at(3))["4W"]) == {"1": "available"}
    take(engine, bed(1, "ED/1", "blocked"))
    assert beds(board(engine, at(3))["4W"]) == {"1": "dirty"}, "who reports bed status reports that a bed is clean"
    assert beds(board(engine, at(3))["ED"]) == {"1": "blocked"}


def test_a_unit_that_is_missing_in_a_facility_of_the_file_has_no_learnt_beds(engine: Engine) -> None:
    take(engine, admit(0, "4W/1"), admit(0, "ED/1", e="E2", p="P2", patient_class=EMERGENCY))
    found = board(engine, at(1), hospital=PARTLY)
    assert (found["4W"].learnt, found["4W"].staffed_beds, found["4W"].occupancy) == (False, 0, None)
    with engine.connect() as connection:
        unknown = [(each.kind, each.subject) for each in findings(connection, PARTLY, at(1))]
        of_elsewhere = [(each.kind, each.subject) for each in findings(connection, ELSEWHERE, at(1))]
    assert unknown == [("unknown_unit", "HG/4W"), ("unknown_bed", "HG/ED/1")]
    assert of_elsewhere == [("unknown_facility", "HG")], "one line for the facility, none for each unit"


@pytest.mark.parametrize("seed", range(4))
def test_the_most_at_once_is_the_same_in_any_order_and_however_often_it_is_computed(
    engine: Engine, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peaks, "MIN_INTERVAL_RATIO", 0)
    order = random.Random(seed)
    facts = [*WEEKS, merge(200, "P3", "P4"), cancel_admission(300, e="E39", p="P39")]
    if seed:
        order.shuffle(facts)
    store = CapacityStore(ELSEWHERE)
    while facts:
        size = order.randint(1, 20)
        batch, facts = facts[:size], facts[size:]
        take(engine, *batch)
        store.note(hints(engine))
        now = max(fact.occurred_at for fact in batch)
        followed = board(engine, max(now, at(250)), store)
        again = board(engine, max(now, at(250)))
        assert {unit: found.staffed_beds for unit, found in followed.items()} == {
            unit: found.staffed_beds for unit, found in again.items()
        }
    store._peaks._known.clear()
    assert {unit: found.staffed_beds for unit, found in board(engine, at(400), store).items()} == {"4W": 6, "ICU": 4}
    with engine.connect() as connection:
        assert {unit.unit_id: (len(unit.beds), unit.most) for unit in seen_units(connection)} == {
            "4W": (6, 2),
            "ICU": (0, 4),
        }
    assert rebuild(engine).differed == 0
