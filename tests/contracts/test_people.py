"""Merges and unmerges in SQL, on every engine: encounters, histories, beds and plans follow them."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select
from sqlalchemy import update as update_row

from schemas import events, tables
from schemas.events import AnyFact, PatientClass
from schemas.hospital import parse_hospital
from schemas.state import decode_patient, encode_patient
from schemas.topics import CapacityMetrics, unit_key
from streams.capacity.census import unit_metrics
from streams.capacity.store import CapacityStore
from streams.operate.as_of import house_as_of, person_as_of
from streams.operate.rebuild import rebuild
from streams.operate.status import _counts
from streams.store import histories
from tests.contracts.test_processing import rows, state, take
from tests.streams.builders import admit, at, bed, discharge, merge, of_patient, place, said, transfer, unmerge, update

HOSPITAL = parse_hospital(
    b"""
facilities:
  - facility_id: HG
    name: Harbour
    units:
      - {unit_id: ED, name: Emergency, type: emergency, licensed_beds: 3}
      - {unit_id: 4W, name: 4 West, type: medical_surgical, licensed_beds: 3}
""",
    "test",
)


def history(engine: Engine, token: str) -> list[str]:
    with engine.connect() as connection:
        return sorted(encounter.encounter_id for encounter in histories.of_persons(connection, {token})[token])


def board(engine: Engine, unit_id: str, hours: float = 100) -> CapacityMetrics:
    with engine.connect() as connection:
        found = CapacityStore().unit_facts(connection, {("HG", unit_id)}, at(hours))
    return next(unit_metrics(facts, HOSPITAL, at(hours)) for facts in found if facts.unit_id == unit_id)


def beds(metrics: CapacityMetrics) -> dict[str, tuple[str, str | None]]:
    return {found.bed_id: (found.status.value, found.encounter_id or found.reserved_for) for found in metrics.beds}


def aliases(engine: Engine) -> list[Any]:
    return rows(engine, tables.alias, "patient_token", "person_token")


def test_a_merge_joins_two_histories_and_an_unmerge_separates_them(engine: Engine) -> None:
    take(engine, admit(0, e="E1", p="a"), admit(5, "4W/02", e="E2", p="b"))
    assert (history(engine, "a"), history(engine, "b")) == (["E1"], ["E2"])
    take(engine, merge(6, "a", "b"))
    assert history(engine, "a") == history(engine, "b") == ["E1", "E2"]
    with engine.connect() as connection:
        assert _counts(connection)["patients"] == 1
    take(engine, unmerge(7, "a"))
    assert (history(engine, "a"), history(engine, "b")) == (["E1"], ["E2"])
    assert aliases(engine) == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)])
def test_a_chain_of_merges_is_followed_in_any_order_of_arrival(engine: Engine, order: tuple[int, ...]) -> None:
    facts = [merge(1, "a", "b"), merge(2, "b", "c"), merge(3, "x", "c")]
    for position in order:
        take(engine, facts[position])
    assert aliases(engine) == [("a", "c"), ("b", "c"), ("x", "c")]
    take(engine, unmerge(9, "b"))
    assert aliases(engine) == [("a", "b"), ("x", "c")]


def test_the_encounters_of_a_merged_patient_are_announced_again(engine: Engine) -> None:
    take(engine, admit(0, "4W/01", e="E1", p="a"))
    with engine.begin() as connection:
        connection.execute(tables.outbox.delete())
    take(engine, merge(6, "a", "b"))
    with engine.connect() as connection:
        messages = connection.execute(select(tables.outbox.columns.topic, tables.outbox.columns.value)).all()
    assert sorted(topic for topic, _ in messages) == ["encounters.changed.v1", "units.changed.v1"]
    assert any(b"identity_changed_at" in value for _, value in messages)


def test_a_patient_with_two_open_encounters_occupies_one_bed(engine: Engine) -> None:
    take(
        engine,
        said(events.PatientRegistered, 0, "ED/01", e="E1", p="a", patient_class=PatientClass.EMERGENCY),
        admit(4, "4W/02", e="E2", p="a", patient_class=PatientClass.INPATIENT),
    )
    assert beds(board(engine, "4W"))["02"] == ("occupied", "E2")
    emergency = board(engine, "ED")
    assert (beds(emergency)["01"], emergency.census) == (("dirty", None), 0)
    take(engine, discharge(9, e="E2", p="a"))
    emergency = board(engine, "ED")
    assert (beds(emergency)["01"], emergency.census) == (("dirty", None), 0)  # E1 has not ended, but the patient left


def test_a_merge_shows_that_one_patient_was_in_two_beds(engine: Engine) -> None:
    take(engine, admit(0, "4W/01", e="E1", p="a"), admit(4, "4W/02", e="E2", p="b"))
    assert [beds(board(engine, "4W"))[number][0] for number in ("01", "02")] == ["occupied", "occupied"]
    take(engine, merge(6, "a", "b"))
    assert [beds(board(engine, "4W"))[number][0] for number in ("01", "02")] == ["dirty", "occupied"]
    take(engine, unmerge(7, "a"))
    assert [beds(board(engine, "4W"))[number][0] for number in ("01", "02")] == ["occupied", "occupied"]


def test_a_day_visit_does_not_empty_the_bed_of_an_inpatient(engine: Engine) -> None:
    visit = said(events.PatientRegistered, 9, "ED/03", e="E2", p="a", patient_class=PatientClass.OUTPATIENT)
    take(engine, admit(0, "4W/01", e="E1", p="a", patient_class=PatientClass.INPATIENT), visit)
    assert beds(board(engine, "4W"))["01"] == ("occupied", "E1")


def test_plans_reserve_beds_until_the_patient_is_admitted(engine: Engine) -> None:
    waiting = of_patient(
        events.AdmissionPending, 1, "a", location=events.Location(facility_id="HG", unit_id="4W", bed_id="03")
    )
    take(engine, waiting, bed(0, "4W/03", "available"), said(events.AdmissionPending, 1, "4W/02", e="E2", p="b"))
    assert beds(board(engine, "4W")) == {
        "01": ("available", None),
        "02": ("reserved", "E2"),
        "03": ("reserved", "patient:a"),
    }
    take(engine, admit(5, "4W/01", e="E1", p="a"), said(events.PendingAdmissionCancelled, 6, e="E2", p="b"))
    assert beds(board(engine, "4W")) == {"01": ("occupied", "E1"), "02": ("available", None), "03": ("available", None)}


PLAN: dict[str, Any] = {"id": "plan", "location": place("4W/02")}


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_cancel_under_the_surviving_token_cancels_a_plan_under_the_merged_one(
    engine: Engine, order: tuple[int, ...]
) -> None:
    facts = [
        of_patient(events.AdmissionPending, 0, "a", **PLAN),
        merge(1, "a", "b"),
        of_patient(events.PendingAdmissionCancelled, 2, "b"),
    ]
    for index in order:
        take(engine, facts[index])
    assert reserved(engine) == {}
    take(engine, unmerge(3, "a"))
    assert reserved(engine) == {"02": "patient:a"}


@pytest.mark.parametrize(
    ("cancel", "kept"),
    [
        pytest.param(of_patient(events.PendingAdmissionCancelled, -1, "b"), True, id="recorded before the plan"),
        pytest.param(of_patient(events.PreadmissionCancelled, 2, "b"), True, id="of another kind"),
        pytest.param(of_patient(events.PendingAdmissionCancelled, 2, "c"), True, id="of another patient"),
        pytest.param(of_patient(events.PendingAdmissionCancelled, 2, "b", cancels="other"), True, id="of another plan"),
        pytest.param(of_patient(events.PendingAdmissionCancelled, 2, "b", cancels="plan"), False, id="by its id"),
        pytest.param(said(events.PendingAdmissionCancelled, 2, e="E9", p="b"), False, id="with a visit number"),
        pytest.param(said(events.PendingAdmissionCancelled, 2, e="E8", p="a"), True, id="of the plan of that visit"),
    ],
)
def test_which_plans_a_cancel_withdraws(engine: Engine, cancel: AnyFact, kept: bool) -> None:
    take(engine, of_patient(events.AdmissionPending, 0, "a", **PLAN), merge(1, "a", "b"))
    take(engine, said(events.AdmissionPending, 0.5, e="E8", p="a"))
    hinted = units_hinted(engine)
    take(engine, cancel)
    assert reserved(engine) == ({"02": "patient:a"} if kept else {})
    if not kept:
        assert units_hinted(engine) - hinted == 1


def test_a_cancelled_plan_stays_cancelled_after_a_visit_by_day(engine: Engine) -> None:
    take(engine, of_patient(events.AdmissionPending, 0, "a", **PLAN), said(events.PendingAdmissionCancelled, 2, p="a"))
    take(engine, said(events.PatientRegistered, 3, p="a", patient_class=PatientClass.OUTPATIENT))
    assert reserved(engine) == {}


def test_a_patient_stored_before_plans_had_a_kind_can_be_read(engine: Engine) -> None:
    take(engine, of_patient(events.AdmissionPending, 0, "a", **PLAN))
    column = tables.patient.columns
    with engine.begin() as connection:
        state = decode_patient(connection.scalars(select(column.state)).one())
        old = [msgspec.structs.replace(plan, kind=None, recorded_at=None) for plan in state.pending]
        connection.execute(
            update_row(tables.patient).values(state=encode_patient(msgspec.structs.replace(state, pending=tuple(old))))
        )
    assert reserved(engine) == {"02": "patient:a"}
    take(engine, of_patient(events.PendingAdmissionCancelled, 1, "a"))
    assert reserved(engine) == {}


def reserved(engine: Engine) -> dict[str, str | None]:
    """Return for whom each bed of 4W is reserved."""
    return {found.bed_id: found.reserved_for for found in board(engine, "4W").beds if found.status == "reserved"}


def units_hinted(engine: Engine) -> int:
    """Return the number of hints for 4W in the outbox."""
    return sum(key == unit_key("HG", "4W").encode() for (key,) in rows(engine, tables.outbox, "key"))


def test_a_reserved_bed_that_is_still_occupied_shows_its_occupant(engine: Engine) -> None:
    take(engine, admit(0, "4W/01", e="E1", p="a"), admit(0, "ED/01", e="E2", p="b"))
    take(engine, said(events.TransferPending, 2, "4W/01", e="E2", p="b"))
    assert beds(board(engine, "4W"))["01"] == ("occupied", "E1")
    take(engine, transfer(3, "4W/02", e="E1", p="a"))
    assert beds(board(engine, "4W"))["01"] == ("dirty", "E2")


def test_facts_with_an_invalid_subject_go_to_the_dead_letters(engine: Engine) -> None:
    wrong: list[AnyFact] = [
        said(events.PatientsMerged, 1, e="patient:a", p="b", into="b"),
        admit(0, e="patient:a", p="a"),
        said(events.AdmissionPending, 1, e="patient:a", p="b"),
    ]
    assert take(engine, *wrong).rejected == 3
    assert rows(engine, tables.fact, "subject") == []


def test_of_circular_merges_the_latest_counts_in_any_order_of_arrival(engine: Engine) -> None:
    take(engine, merge(1, "a", "b"), merge(2, "b", "a"))
    assert aliases(engine) == [("b", "a")]
    take(engine, merge(3, "a", "b", id="repeated"))
    assert aliases(engine) == [("a", "b")]


def visits_merged(hours: float, away: str, into: str, p: str = "P1") -> Any:
    return said(events.EncountersMerged, hours, e=away, p=p, id=f"m-{away}-{into}-{hours}", into=into)


def standing_encounters(engine: Engine) -> dict[str, tuple[str, str]]:
    """Return token and status by id, of the encounters that were not merged away."""
    found = rows(engine, tables.encounter, "encounter_id", "patient_token", "status", "merged_into")
    return {key: (token, status) for key, token, status, merged_into in found if merged_into is None}


RENUMBERED = [
    admit(0, "4W/01", e="E1"),
    visits_merged(5, "E1", "E2"),
    transfer(6, "4W/02", e="E2"),
    update(7, "4W/02", e="E1"),
    visits_merged(8, "E2", "E3"),
]


@pytest.mark.parametrize("order", list(permutations(range(5)))[::9])
def test_a_renumbered_visit_occupies_one_bed_in_any_order_of_arrival(engine: Engine, order: tuple[int, ...]) -> None:
    for index in order:
        take(engine, RENUMBERED[index])
    assert standing_encounters(engine) == {"E3": ("P1", "in_progress")}
    assert beds(board(engine, "4W")) == {
        "01": ("dirty", None),
        "02": ("occupied", "E3"),
        "03": ("available", None),
    }
    assert rows(engine, tables.unit_stay, "encounter_id", "bed_id") == [("E3", "01"), ("E3", "02")]
    assert rebuild(engine).differed == 0


def test_an_unmerge_of_visits_restores_both(engine: Engine) -> None:
    take(engine, admit(0, "4W/01", e="E1"), admit(1, "4W/02", e="E2", p="P2"))
    before = standing_encounters(engine)
    take(engine, visits_merged(5, "E1", "E2", "P2"))
    assert standing_encounters(engine) == {"E2": ("P2", "in_progress")}
    assert beds(board(engine, "4W"))["01"] == ("available", None)
    take(engine, said(events.EncountersUnmerged, 6, e="E1", p="P2"))
    take(engine, update(7, e="E1"))
    assert standing_encounters(engine) == before
    assert state(engine, "E1").problems == ()
    assert beds(board(engine, "4W"))["01"] == ("occupied", "E1")
    assert rebuild(engine).differed == 0


def test_the_census_at_a_moment_counts_a_renumbered_visit_once(engine: Engine) -> None:
    take(engine, *RENUMBERED)
    with engine.connect() as connection:
        for hours in (1, 5.5, 100):
            assert house_as_of(connection, at(hours), known=False).encounters["in_progress"] == 1
        person = person_as_of(connection, "P1", at(5.5), known=False)
    assert person is not None
    assert [encounter.encounter_id for encounter in person.encounters] == ["E2"]


def test_a_visit_moved_to_another_patient_is_in_the_history_of_that_patient(engine: Engine) -> None:
    take(engine, admit(0, e="E1", p="a"), said(events.EncounterMoved, 5, e="E1", p="b", moved_from="a"))
    take(engine, discharge(9, e="E1", p="a"))
    assert (history(engine, "b"), standing_encounters(engine)) == (["E1"], {"E1": ("b", "discharged")})


def link(hours: float, number: str, into: str) -> AnyFact:
    fact: AnyFact = of_patient(events.PatientIdentifiersLinked, hours, number, into=into)
    return fact


def test_further_numbers_are_one_person_whatever_comes_first(engine: Engine) -> None:
    take(engine, admit(0, e="E1", p="a"), admit(5, "4W/02", e="E2", p="b"), admit(6, "4W/03", e="E3", p="c"))
    take(engine, link(7, "b", "a"))
    assert (aliases(engine), history(engine, "b")) == ([("b", "a")], ["E1", "E2"])
    take(engine, link(8, "b", "a"), merge(9, "b", "c"))
    assert aliases(engine) == [("a", "c"), ("b", "c")]
    assert history(engine, "a") == history(engine, "c") == ["E1", "E2", "E3"]
    with engine.connect() as connection:
        found = person_as_of(connection, "a", at(100), known=False)
        before = person_as_of(connection, "a", at(8), known=True)
    assert found is not None
    assert before is not None
    assert (found.person_token, found.tokens) == ("c", ["a", "b", "c"])
    assert (before.person_token, before.tokens) == ("a", ["a", "b"])
    assert rebuild(engine).differed == 0
    take(engine, unmerge(10, "b", apart_from="c"))
    assert (aliases(engine), history(engine, "c")) == ([("b", "a")], ["E3"])
    assert rebuild(engine).differed == 0


def test_a_rebuild_finds_links_that_are_missing(engine: Engine) -> None:
    take(engine, admit(0, e="E1", p="a"), admit(5, "4W/02", e="E2", p="b"), link(7, "b", "a"))
    with engine.begin() as connection:
        connection.execute(tables.patient_link.delete())
        connection.execute(tables.alias.delete())
    assert [(found.table, found.missing) for found in rebuild(engine).differences] == [
        ("patient_link", 1),
        ("alias", 1),
    ]
    assert history(engine, "b") == ["E1", "E2"]


def test_a_number_known_to_be_linked_takes_no_lock_of_all_persons(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(engine, admit(0, e="E1", p="a"), link(1, "b", "a"))
    monkeypatch.setattr("streams.store.unit_of_work.UnitOfWork._people", None)
    take(engine, admit(2, e="E2", p="a"), link(2, "b", "a"))
    assert history(engine, "b") == ["E1", "E2"]
