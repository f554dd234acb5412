"""Cancels, repeated locations and corrected times; the table of cases is in cancel_cases.py."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas import events
from schemas.events import PatientClass
from schemas.state import Encounter, EncounterStatus, Problem
from streams.fold.encounter import fold
from streams.fold.fact_kinds import CANCELS
from tests.streams.builders import admit, at, discharge, said, transfer, update
from tests.streams.fold.cancel_cases import GROUPS, TRIGGERS, Case, facts, outcome, read

EMERGENCY, INPATIENT = PatientClass.EMERGENCY, PatientClass.INPATIENT
CASES = [pytest.param(case, id=case.title) for group in GROUPS for case in group.cases]


@pytest.mark.parametrize("case", CASES)
def test_what_counts_after_cancels_and_corrections(case: Case) -> None:
    assert outcome(facts(case)) == case.counts


@pytest.mark.parametrize("case", CASES)
def test_the_order_of_arrival_and_duplicates_do_not_change_what_counts(case: Case) -> None:
    sent = facts(case)
    assert outcome([*sent[::-1], *sent]) == case.counts


@pytest.mark.parametrize("case", CASES)
def test_the_cases_are_written_in_the_order_of_recording(case: Case) -> None:
    recorded = [read(text).recorded for text in case.sent]
    assert recorded == sorted(recorded)


def test_every_case_has_a_title_of_its_own_and_every_trigger_of_a_cancel_has_a_case() -> None:
    titles = [case.title for group in GROUPS for case in group.cases]
    assert len(titles) == len(set(titles))
    used = {read(text).trigger for group in GROUPS for case in group.cases for text in case.sent}
    assert {trigger for trigger, kind in TRIGGERS.items() if kind in CANCELS} <= used


def recorded(fact: Any, hours: float) -> Any:
    return msgspec.structs.replace(fact, recorded_at=at(hours))


def folded(*sent: Any) -> Encounter:
    encounter = fold(sent)
    assert encounter is not None
    return encounter


REGISTERED = said(events.PatientRegistered, 0, "ED/01", patient_class=EMERGENCY)


def test_the_inpatient_stay_begins_with_the_admission_whatever_time_senders_keep_in_an_update() -> None:
    came = folded(REGISTERED, admit(4, patient_class=INPATIENT), update(5, "4W/01", admitted_at=at(0)))
    assert (came.admitted_at, came.inpatient_from, came.problems) == (at(0), at(4), ())


def test_an_emergency_patient_discharged_and_admitted_at_one_instant_is_here() -> None:
    admitted = recorded(admit(5, patient_class=INPATIENT, id="inpatient"), 5.01)
    assert folded(REGISTERED, discharge(5, "09"), admitted).status is EncounterStatus.IN_PROGRESS
    assert folded(admit(5), recorded(discharge(5), 5.01)).status is EncounterStatus.DISCHARGED


def test_a_class_change_after_a_deletion_is_named_as_a_problem() -> None:
    deleted = [admit(0), said(events.EncounterDeleted, 1)]
    changed = said(events.PatientClassChanged, 2, patient_class=INPATIENT)
    assert Problem.REPORTED_AFTER_DELETION in folded(*deleted, changed).problems


def test_a_reservation_ends_when_the_patient_moves_whatever_kind_of_fact_reports_the_move() -> None:
    pending = said(events.TransferPending, 5, "ICU/02")
    for arrival in (update(7, "ICU/02"), said(events.PatientArrived, 7, "ICU/02"), transfer(7, "ICU/02")):
        assert folded(admit(0), pending, arrival).reservation is None


@pytest.mark.parametrize(
    ("plan", "cancel"),
    [
        (events.TransferPending, events.PendingTransferCancelled),
        (events.DischargePending, events.PendingDischargeCancelled),
    ],
)
def test_a_cancelled_plan_leaves_no_trace_however_often_it_was_changed(plan: Any, cancel: Any) -> None:
    first, changed = said(plan, 1, "ICU/01", expected_at=at(30)), said(plan, 2, "ICU/02", expected_at=at(40))
    assert folded(admit(0), first, changed, said(cancel, 3)) == folded(admit(0))
