"""The fold of the facts about one encounter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import AdtEvent, Diagnosis, PatientClass
from schemas.state import Encounter, EncounterStatus, Problem
from streams.fold.encounter import fold
from tests.streams.builders import (
    admit,
    at,
    cancel_admission,
    cancel_discharge,
    cancel_transfer,
    discharge,
    transfer,
    update,
)


def folded(*facts: AdtEvent) -> Encounter:
    encounter = fold(facts)
    assert encounter is not None
    return encounter


def trail(encounter: Encounter) -> list[tuple[str, str | None, Any, Any]]:
    return [(stay.unit_id, stay.bed_id, stay.arrived_at, stay.left_at) for stay in encounter.unit_stays]


def test_without_facts_there_is_no_encounter() -> None:
    assert fold([]) is None


def test_an_admitted_patient_is_in_progress_in_the_bed_of_the_admission() -> None:
    encounter = folded(admit(0, "4W/01", patient_class=PatientClass.INPATIENT, age_years=70))
    assert encounter.status is EncounterStatus.IN_PROGRESS
    assert encounter.admitted_at == encounter.inpatient_from == at(0)
    assert encounter.age_years == 70
    assert trail(encounter) == [("4W", "01", at(0), None)]
    assert not encounter.provisional


def test_a_transfer_ends_one_stay_and_begins_the_next() -> None:
    encounter = folded(admit(0, "ED/07"), transfer(5, "4W/01"), discharge(80))
    assert encounter.status is EncounterStatus.DISCHARGED
    assert encounter.discharged_at == at(80)
    assert trail(encounter) == [("ED", "07", at(0), at(5)), ("4W", "01", at(5), at(80))]


def test_an_update_whose_location_differs_is_a_transfer() -> None:
    encounter = folded(admit(0, "4W/01"), update(3, "4W/02"))
    assert trail(encounter) == [("4W", "01", at(0), at(3)), ("4W", "02", at(3), None)]


def test_an_update_that_repeats_the_location_is_not_a_transfer() -> None:
    assert trail(folded(admit(0, "4W/01"), update(3, "4W/01"), update(4, "4W"))) == [("4W", "01", at(0), None)]


def test_a_cancelled_admission_leaves_the_bed_empty() -> None:
    encounter = folded(admit(0), transfer(1, "5E/02"), cancel_admission(2))
    assert encounter.status is EncounterStatus.CANCELLED
    assert encounter.unit_stays == ()


def test_a_patient_admitted_again_after_a_cancelled_admission_is_in_progress() -> None:
    encounter = folded(admit(0, "4W/01"), cancel_admission(1), admit(2, "5E/03"))
    assert encounter.status is EncounterStatus.IN_PROGRESS
    assert encounter.admitted_at == at(2)
    assert trail(encounter) == [("5E", "03", at(2), None)]


def test_a_cancelled_transfer_puts_the_patient_back() -> None:
    encounter = folded(admit(0, "4W/01"), transfer(2, "5E/02"), cancel_transfer(3))
    assert trail(encounter) == [("4W", "01", at(0), None)]


def test_a_cancel_removes_the_latest_transfer_before_it() -> None:
    facts: list[AdtEvent] = [
        admit(0, "4W/01"),
        transfer(2, "5E/02"),
        transfer(4, "ICU/01"),
        cancel_transfer(5),
        transfer(6, "6N/01"),
    ]
    assert trail(folded(*facts)) == [("4W", "01", at(0), at(2)), ("5E", "02", at(2), at(6)), ("6N", "01", at(6), None)]


def test_two_cancels_remove_two_transfers() -> None:
    facts: list[AdtEvent] = [
        admit(0, "4W/01"),
        transfer(2, "5E/02"),
        transfer(4, "ICU/01"),
        cancel_transfer(5),
        cancel_transfer(6),
    ]
    assert trail(folded(*facts)) == [("4W", "01", at(0), None)]


def test_a_cancel_that_names_a_fact_removes_that_one() -> None:
    facts: list[AdtEvent] = [
        admit(0, "4W/01"),
        transfer(2, "5E/02", id="first"),
        transfer(4, "ICU/01"),
        cancel_transfer(5, cancels="first"),
    ]
    assert trail(folded(*facts)) == [("4W", "01", at(0), at(4)), ("ICU", "01", at(4), None)]


def test_a_cancelled_discharge_reopens_the_encounter() -> None:
    encounter = folded(admit(0, "4W/01"), discharge(48), cancel_discharge(49))
    assert encounter.status is EncounterStatus.IN_PROGRESS
    assert encounter.discharged_at is None
    assert encounter.discharge_disposition is None
    assert trail(encounter) == [("4W", "01", at(0), None)]


def test_a_cancel_without_a_fact_to_cancel_is_a_problem() -> None:
    assert folded(admit(0), cancel_transfer(1)).problems == (Problem.CANCEL_WITHOUT_TARGET,)


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ([discharge(5)], Problem.NO_ADMISSION),
        ([transfer(5, "4W/01")], Problem.NO_ADMISSION),
        ([admit(0), admit(3, id="again")], Problem.ADMITTED_TWICE),
        ([admit(0), discharge(3), admit(5, id="again")], Problem.ADMITTED_AFTER_DISCHARGE),
        ([discharge(3), admit(5)], Problem.DISCHARGED_BEFORE_ADMISSION),
        ([transfer(1, "4W/02"), admit(2)], Problem.MOVED_BEFORE_ADMISSION),
        ([admit(0), discharge(3), transfer(5, "5E/01")], Problem.MOVED_AFTER_DISCHARGE),
        ([admit(0), discharge(3), discharge(5)], Problem.DISCHARGED_TWICE),
        ([admit(0), transfer(1, None)], Problem.TRANSFER_WITHOUT_LOCATION),
        ([admit(0), update(1, p="P2")], Problem.TWO_PATIENTS),
        ([admit(0, "4W/01", id="x"), admit(0, "4W/02", id="x")], Problem.ID_COLLISION),
        ([admit(0), discharge(9), update(10, discharged_at=at(-1))], Problem.TIMES_OUT_OF_ORDER),
        ([admit(0, time_written=at(2))], Problem.RECORDED_BEFORE_IT_HAPPENED),
    ],
)
def test_a_fact_that_does_not_fit_is_kept_and_named_as_a_problem(facts: list[AdtEvent], problem: Problem) -> None:
    encounter = folded(*facts)
    assert problem in encounter.problems
    assert encounter.provisional


def test_a_cancel_alone_gives_the_same_encounter_now_as_at_a_later_moment() -> None:
    alone = [cancel_transfer(1)]
    assert fold(alone) == fold(alone, as_of=at(2))
    assert fold(alone, as_of=at(0)) is None


def test_a_discharge_without_an_admission_is_a_provisional_encounter() -> None:
    encounter = folded(discharge(5))
    assert encounter.status is EncounterStatus.DISCHARGED
    assert encounter.admitted_at is None


def test_an_update_corrects_the_times_of_admission_and_discharge() -> None:
    encounter = folded(
        admit(0, "4W/01", patient_class=PatientClass.INPATIENT),
        discharge(48),
        update(50, admitted_at=at(-2), discharged_at=at(47)),
    )
    assert (encounter.admitted_at, encounter.inpatient_from, encounter.discharged_at) == (at(-2), at(-2), at(47))
    assert trail(encounter) == [("4W", "01", at(-2), at(47))]


def test_the_inpatient_stay_begins_with_the_class_inpatient() -> None:
    encounter = folded(
        admit(0, "ED/01", patient_class=PatientClass.EMERGENCY),
        transfer(6, "4W/01", patient_class=PatientClass.INPATIENT),
    )
    assert encounter.admitted_at == at(0)
    assert encounter.inpatient_from == at(6)


def test_a_diagnosis_carries_the_time_it_was_first_reported() -> None:
    code = Diagnosis(code="I50.9")
    encounter = folded(admit(0), update(5, diagnoses=(code,)), discharge(40, diagnoses=(code,)))
    assert [(diagnosis.code, diagnosis.known_at) for diagnosis in encounter.diagnoses] == [("I50.9", at(5))]


FACTS: list[AdtEvent] = [
    admit(0, "ED/07", patient_class=PatientClass.EMERGENCY),
    transfer(5, "4W/01", patient_class=PatientClass.INPATIENT),
    update(6, diagnoses=(Diagnosis(code="E11.9"),)),
    update(6, "4W/02", id="same instant"),
    transfer(9, "ICU/03"),
    cancel_transfer(10),
    transfer(30, "5E/04"),
    discharge(80),
    cancel_discharge(81),
    discharge(90, "03"),
    admit(0, "ED/08", id="collides"),
    admit(0, "ED/09", id="collides"),
    update(91, discharged_at=at(89)),
]


@settings(max_examples=300, deadline=None)
@given(order=st.permutations(FACTS), repeated_locations=st.lists(st.sampled_from(FACTS), max_size=6))
def test_neither_order_nor_duplicates_change_the_fold(
    order: list[AdtEvent], repeated_locations: list[AdtEvent]
) -> None:
    assert fold([*order, *repeated_locations]) == fold(FACTS)


def test_a_class_in_an_update_after_the_discharge_does_not_count() -> None:
    stay: list[AdtEvent] = [admit(0, patient_class=PatientClass.INPATIENT), discharge(48)]
    assert folded(*stay, update(60, patient_class=PatientClass.OUTPATIENT)).inpatient_from == at(0)


def test_every_service_keeps_the_time_when_it_was_first_reported() -> None:
    moved = transfer(5, "5E/01", service="surgery")
    encounter = folded(admit(0, service="medicine"), moved, update(6, service="surgery"))
    assert encounter.service == "surgery"
    assert [(service.value, service.known_at) for service in encounter.services] == [
        ("medicine", at(0)),
        ("surgery", at(5)),
    ]


def test_a_cancel_that_names_its_fact_leaves_other_facts_to_cancels_without_a_name() -> None:
    facts: list[AdtEvent] = [
        admit(0, "4W/01"),
        transfer(2, "5E/02", id="wrong"),
        transfer(1, "ICU/01"),
        cancel_transfer(3),
        cancel_transfer(4, cancels="wrong"),
    ]
    assert trail(folded(*facts)) == [("4W", "01", at(0), None)]
    assert folded(*facts).problems == ()


def test_a_fact_sent_again_with_the_same_time_is_not_a_problem() -> None:
    twice: list[AdtEvent] = [admit(0), admit(0, id="again"), discharge(9), discharge(9, id="left again")]
    assert folded(*twice).problems == ()
