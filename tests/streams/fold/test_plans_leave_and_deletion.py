"""Facts beyond admit, transfer and discharge: plans, registrations, tracking, leave and deletion."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas import events
from schemas.events import AdtEvent, PatientClass
from schemas.state import Encounter, EncounterStatus, Problem
from streams.fold.encounter import fold
from tests.streams.builders import admit, at, cancel_admission, discharge, place, said, transfer, update


def folded(*facts: AdtEvent) -> Encounter:
    encounter = fold(facts)
    assert encounter is not None
    return encounter


def trail(encounter: Encounter) -> list[tuple[str, str | None, Any, Any]]:
    return [(stay.unit_id, stay.bed_id, stay.arrived_at, stay.left_at) for stay in encounter.unit_stays]


PLAN = said(events.AdmissionPending, 0, "4W/01", expected_at=at(20), patient_class=PatientClass.OUTPATIENT)


def test_a_pending_admission_is_planned_and_reserves_its_bed() -> None:
    encounter = folded(PLAN)
    assert encounter.status is EncounterStatus.PLANNED
    assert (encounter.expected_admission_at, encounter.unit_stays) == (at(20), ())
    assert encounter.reservation is not None
    assert (encounter.reservation.bed_id, encounter.reservation.expected_at) == ("01", at(20))
    assert encounter.patient_class is PatientClass.UNKNOWN  # senders write O for an inpatient stay to come
    assert not encounter.provisional


def test_an_admission_ends_the_plan() -> None:
    encounter = folded(PLAN, admit(21, "4W/02"))
    assert (encounter.status, encounter.reservation) == (EncounterStatus.IN_PROGRESS, None)
    assert trail(encounter) == [("4W", "02", at(21), None)]


def test_a_plan_does_not_become_an_inpatient_stay_by_an_update() -> None:
    planned = folded(PLAN, update(1, patient_class=PatientClass.INPATIENT))
    assert (planned.status, planned.inpatient_from) == (EncounterStatus.PLANNED, None)
    came = folded(
        PLAN, update(1, patient_class=PatientClass.INPATIENT), admit(20, patient_class=PatientClass.INPATIENT)
    )
    assert came.inpatient_from == at(20)


def test_an_update_of_a_planned_stay_moves_only_the_reservation() -> None:
    encounter = folded(PLAN, update(1, "5E/03"))
    assert encounter.unit_stays == ()
    assert encounter.reservation is not None
    assert encounter.reservation.unit_id == "5E"


@pytest.mark.parametrize(
    ("plan", "cancel"),
    [
        (events.AdmissionPending, events.PendingAdmissionCancelled),
        (events.PatientPreadmitted, events.PreadmissionCancelled),
    ],
)
def test_a_cancelled_plan_is_a_cancelled_stay(plan: Any, cancel: Any) -> None:
    encounter = folded(said(plan, 0, "4W/01"), said(cancel, 1))
    assert (encounter.status, encounter.reservation) == (EncounterStatus.CANCELLED, None)
    assert not encounter.provisional


def test_a_registered_patient_who_is_admitted_is_one_stay_without_a_problem() -> None:
    encounter = folded(
        said(events.PatientRegistered, 0, "ED/01", patient_class=PatientClass.EMERGENCY),
        admit(4, "4W/01", patient_class=PatientClass.INPATIENT),
    )
    assert (encounter.admitted_at, encounter.inpatient_from) == (at(0), at(4))
    assert trail(encounter) == [("ED", "01", at(0), at(4)), ("4W", "01", at(4), None)]
    assert encounter.problems == ()


def test_a_cancel_of_an_admission_removes_the_registration_where_there_is_no_admission() -> None:
    assert folded(said(events.PatientRegistered, 0), cancel_admission(1)).status is EncounterStatus.CANCELLED


def test_a_class_change_begins_the_inpatient_stay_and_a_change_back_ends_it() -> None:
    start = admit(0, "ED/01", patient_class=PatientClass.EMERGENCY)
    up = said(events.PatientClassChanged, 3, "4W/01", patient_class=PatientClass.INPATIENT)
    down = said(events.PatientClassChanged, 5, patient_class=PatientClass.OUTPATIENT)
    assert folded(start, up).inpatient_from == at(3)
    assert trail(folded(start, up))[-1] == ("4W", "01", at(3), None)
    assert folded(start, up, down).inpatient_from is None


def test_a_pending_transfer_reserves_until_the_transfer_or_its_cancel() -> None:
    pending = said(events.TransferPending, 5, "ICU/02", expected_at=at(7))
    waiting = folded(admit(0, "4W/01"), pending)
    assert waiting.reservation is not None
    assert waiting.reservation.unit_id == "ICU"
    assert trail(waiting) == [("4W", "01", at(0), None)]
    assert folded(admit(0, "4W/01"), pending, transfer(7, "ICU/02")).reservation is None
    assert folded(admit(0, "4W/01"), pending, said(events.PendingTransferCancelled, 6)).reservation is None
    assert folded(admit(0, "4W/01"), pending, discharge(8)).reservation is None


def test_a_pending_discharge_sets_the_expected_time_until_its_cancel() -> None:
    pending = said(events.DischargePending, 5, expected_at=at(30))
    assert folded(admit(0), pending).expected_discharge_at == at(30)
    assert folded(admit(0), pending, said(events.PendingDischargeCancelled, 6)).expected_discharge_at is None


def test_leave_keeps_the_bed() -> None:
    away = folded(admit(0, "4W/01"), said(events.LeaveStarted, 10))
    assert (away.on_leave_since, trail(away)) == (at(10), [("4W", "01", at(0), None)])
    back = folded(admit(0, "4W/01"), said(events.LeaveStarted, 10), said(events.LeaveEnded, 20))
    assert (back.on_leave_since, trail(back)) == (None, [("4W", "01", at(0), None)])
    undone = folded(admit(0, "4W/01"), said(events.LeaveStarted, 10), said(events.LeaveStartCancelled, 11))
    assert undone == folded(admit(0, "4W/01"))


def test_tracking_moves_the_patient_but_a_temporary_place_keeps_the_bed() -> None:
    gone = folded(admit(0, "4W/01"), said(events.PatientDeparted, 2, temporary_location=place("XR")))
    assert gone.temporary_place is not None
    assert (gone.temporary_place.unit_id, trail(gone)) == ("XR", [("4W", "01", at(0), None)])
    back = folded(
        admit(0, "4W/01"),
        said(events.PatientDeparted, 2, temporary_location=place("XR")),
        said(events.PatientArrived, 3, "4W/01"),
    )
    assert (back.temporary_place, trail(back)) == (None, [("4W", "01", at(0), None)])
    moved = folded(admit(0, "4W/01"), said(events.PatientArrived, 3, "5E/02"))
    assert trail(moved) == [("4W", "01", at(0), at(3)), ("5E", "02", at(3), None)]


def test_a_deleted_encounter_is_void_and_later_facts_begin_a_new_stay() -> None:
    deleted = folded(admit(0, "4W/01"), transfer(1, "5E/01"), said(events.EncounterDeleted, 2))
    assert (deleted.status, deleted.unit_stays, deleted.problems) == (EncounterStatus.CANCELLED, (), ())
    again = folded(admit(0, "4W/01"), said(events.EncounterDeleted, 2), admit(3, "ICU/01", id="again"))
    assert (again.status, trail(again), again.problems) == (
        EncounterStatus.IN_PROGRESS,
        [("ICU", "01", at(3), None)],
        (),
    )


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ([admit(0), said(events.AdmissionPending, 1, "5E/01")], Problem.PLANNED_AFTER_ADMISSION),
        ([admit(0), said(events.PatientRegistered, 1)], Problem.REGISTERED_TWICE),
        ([admit(0), said(events.LeaveEnded, 1)], Problem.RETURN_WITHOUT_LEAVE),
        ([admit(0), discharge(1), said(events.LeaveStarted, 2)], Problem.LEAVE_WHILE_NOT_HERE),
        ([admit(0), discharge(1), said(events.TransferPending, 2, "5E/01")], Problem.PENDING_WHILE_NOT_HERE),
        ([admit(0), said(events.EncounterDeleted, 1), transfer(2, "5E/01")], Problem.REPORTED_AFTER_DELETION),
        ([admit(0), said(events.EncounterDeleted, 1), discharge(2)], Problem.REPORTED_AFTER_DELETION),
    ],
)
def test_a_fact_that_does_not_fit_is_named_as_a_problem(facts: list[AdtEvent], problem: Problem) -> None:
    assert problem in folded(*facts).problems


def test_a_wrong_time_later_corrected_leaves_no_trace() -> None:
    right = folded(admit(0, "ED/01", patient_class=PatientClass.INPATIENT), transfer(5, "4W/01"), discharge(50))
    facts: list[AdtEvent] = [
        admit(3, "ED/01", patient_class=PatientClass.INPATIENT, id="late"),
        transfer(5, "4W/01"),
        discharge(60),
        update(61, admitted_at=at(0)),
        update(62, discharged_at=at(50)),
    ]
    assert folded(*facts) == right


def test_a_wrong_time_in_the_future_is_corrected_by_what_was_recorded_later() -> None:
    wrong = msgspec.structs.replace(discharge(60), recorded_at=at(50.5))
    correction = update(51, discharged_at=at(50))
    assert folded(admit(0, "4W/01"), wrong, correction).discharged_at == at(50)


def test_a_correction_past_a_transfer_is_refused_and_named_as_a_problem() -> None:
    encounter = folded(admit(0, "ED/01"), transfer(5, "4W/01"), update(6, admitted_at=at(7)))
    assert encounter.admitted_at == at(0)
    assert Problem.TIMES_OUT_OF_ORDER in encounter.problems
