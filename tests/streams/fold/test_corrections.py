"""What a fact meant when it was said: what cancels take back, which places are only repeated, what is corrected."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas import events
from schemas.events import PatientClass
from schemas.state import Encounter, EncounterStatus, Problem
from streams.fold.encounter import fold
from streams.fold.patient import fold_patient
from tests.streams.builders import (
    T0,
    admit,
    at,
    cancel_admission,
    cancel_discharge,
    cancel_transfer,
    discharge,
    merge,
    place,
    said,
    transfer,
    unmerge,
    update,
)

EMERGENCY, INPATIENT, OUTPATIENT = PatientClass.EMERGENCY, PatientClass.INPATIENT, PatientClass.OUTPATIENT
DISCHARGED, IN_PROGRESS, PLANNED = EncounterStatus.DISCHARGED, EncounterStatus.IN_PROGRESS, EncounterStatus.PLANNED
CANCELLED = EncounterStatus.CANCELLED


def recorded(fact: Any, hours: float) -> Any:
    return msgspec.structs.replace(fact, recorded_at=at(hours))


def folded(*facts: Any) -> Encounter:
    encounter = fold(facts)
    assert encounter is not None
    return encounter


def hours(time: Any) -> float | None:
    return None if time is None else (time - T0).total_seconds() / 3600


def trail(encounter: Encounter) -> list[tuple[str, float | None, float | None]]:
    return [
        (f"{stay.unit_id}/{stay.bed_id}", hours(stay.arrived_at), hours(stay.left_at)) for stay in encounter.unit_stays
    ]


HOME = [("4W/01", 0, None)]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            [admit(0), transfer(2, "5E/02"), update(3, "5E/02"), cancel_transfer(4)],
            HOME,
            id="an update that repeated the place of a cancelled transfer does not bring it back",
        ),
        pytest.param(
            [admit(0), update(3, "5E/02"), cancel_transfer(4)],
            HOME,
            id="a transfer that came as an update can be cancelled",
        ),
        pytest.param(
            [admit(0), transfer(2, "5E/02"), update(3, "ICU/01"), cancel_transfer(4)],
            [("4W/01", 0, 2), ("5E/02", 2, None)],
            id="of a transfer and an update that moved, the one said last is cancelled",
        ),
        pytest.param(
            [admit(0), recorded(transfer(2, "5E/02"), 6), update(3, "4W/01")],
            [("4W/01", 0, 2), ("5E/02", 2, None)],
            id="an update said before a late transfer was known does not move the patient back",
        ),
        pytest.param(
            [admit(0), update(5, "4W/01"), recorded(transfer(5, "5E/02"), 5.01)],
            [("4W/01", 0, 5), ("5E/02", 5, None)],
            id="an update of the same instant does not undo a transfer",
        ),
        pytest.param(
            [admit(0), update(5, "4W/01"), transfer(5, "5E/02")],
            [("4W/01", 0, 5), ("5E/02", 5, None)],
            id="nor when both were recorded at one instant",
        ),
        pytest.param(
            [
                admit(0),
                transfer(10, "5E/02"),
                cancel_transfer(10.1),
                recorded(transfer(10, "ICU/03", id="right"), 10.2),
            ],
            [("4W/01", 0, 10), ("ICU/03", 10, None)],
            id="a cancel takes nothing back that was said after it",
        ),
        pytest.param(
            [admit(0), transfer(2, "5E/02"), transfer(4, "ICU/01"), recorded(cancel_transfer(2), 5)],
            [("4W/01", 0, 4), ("ICU/01", 4, None)],
            id="a cancel with the time of a transfer takes back that one",
        ),
        pytest.param(
            [admit(0), transfer(2, "5E/02"), recorded(transfer(10, "ICU/01"), 3), cancel_transfer(4)],
            [("4W/01", 0, 2), ("5E/02", 2, None)],
            id="a transfer with a time in the future can be cancelled",
        ),
        pytest.param(
            [admit(0), transfer(2, "5E/02"), transfer(2, "5E/02", id="resent"), cancel_transfer(3)],
            HOME,
            id="a transfer said twice is cancelled as one",
        ),
        pytest.param(
            [
                admit(0),
                transfer(2, "5E/02"),
                transfer(4, "ICU/01"),
                cancel_transfer(5),
                msgspec.structs.replace(cancel_transfer(5), id="resent"),
            ],
            [("4W/01", 0, 2), ("5E/02", 2, None)],
            id="a cancel said twice takes back one transfer",
        ),
        pytest.param(
            [admit(0), said(events.TransferCancelled, 9, "4W/01")],
            HOME,
            id="a cancel that says where the patient is anyway moves nobody",
        ),
        pytest.param(
            [admit(0), discharge(10), said(events.DischargeCancelled, 12, "5E/02")],
            [("4W/01", 0, 12), ("5E/02", 12, None)],
            id="a cancelled discharge may bring the patient back to another bed",
        ),
        pytest.param(
            [admit(0), transfer(2, "5E/02"), said(events.TransferCancelled, 3, "5E/02")],
            HOME,
            id="a cancel that repeats the cancelled place does not mean it",
        ),
        pytest.param(
            [admit(0), transfer(2, "5E/02"), said(events.TransferCancelled, 3, "4W/01")],
            HOME,
            id="a cancel that says where the patient was moves nobody",
        ),
        pytest.param(
            [admit(0), update(1, "4W/01"), cancel_admission(2), admit(3, "5E/03")],
            [("5E/03", 3, None)],
            id="what was said of a cancelled admission does not count for the next one",
        ),
        pytest.param(
            [admit(0), transfer(1, "5E/02"), discharge(2), cancel_admission(3), admit(4, "6N/03")],
            [("6N/03", 4, None)],
            id="nor does a transfer or a discharge of it",
        ),
    ],
)
def test_where_the_patient_was(facts: list[Any], expected: Any) -> None:
    encounter = folded(*facts)
    assert trail(encounter) == expected
    assert set(encounter.problems) <= {Problem.CANCEL_WITHOUT_TARGET}


@pytest.mark.parametrize(
    ("facts", "status", "discharged", "disposition"),
    [
        pytest.param(
            [admit(0), discharge(48), cancel_discharge(49), recorded(discharge(48.5, "20"), 50)],
            DISCHARGED,
            48.5,
            "20",
            id="the discharge said after the cancel stands",
        ),
        pytest.param(
            [admit(0), discharge(48), cancel_discharge(49), recorded(discharge(49, "03"), 49.1)],
            DISCHARGED,
            49,
            "03",
            id="even within the minute of the cancel",
        ),
        pytest.param(
            [admit(0), discharge(48), discharge(48, id="resent"), cancel_discharge(49)],
            IN_PROGRESS,
            None,
            None,
            id="a discharge said twice is cancelled as one",
        ),
        pytest.param(
            [admit(0), discharge(48), discharge(48.5, "03"), cancel_discharge(49)],
            IN_PROGRESS,
            None,
            None,
            id="after a cancelled discharge the patient is here, however often the discharge was reported",
        ),
        pytest.param(
            [
                admit(0),
                discharge(48),
                update(50, discharged_at=at(47)),
                cancel_discharge(51),
                recorded(discharge(49, "03", id="new"), 52),
            ],
            DISCHARGED,
            49,
            "03",
            id="a correction of a cancelled discharge is void with it",
        ),
        pytest.param(
            [admit(0), discharge(48), cancel_discharge(49), update(50, discharged_at=at(48))],
            IN_PROGRESS,
            None,
            None,
            id="an update that still carries the time of the cancelled discharge discharges nobody",
        ),
        pytest.param(
            [admit(0), admit(0, id="resent"), cancel_admission(1)],
            CANCELLED,
            None,
            None,
            id="an admission said twice is cancelled as one",
        ),
        pytest.param([cancel_admission(3)], CANCELLED, None, None, id="a cancel alone leaves nobody here"),
        pytest.param(
            [update(1, "4W/01"), cancel_admission(3), update(4, "4W/01")],
            CANCELLED,
            None,
            None,
            id="nor does an update before or after it",
        ),
        pytest.param(
            [said(events.PatientPreadmitted, 0, "4W/01"), update(1, "4W/01"), said(events.PreadmissionCancelled, 2)],
            CANCELLED,
            None,
            None,
            id="a cancelled plan that an update repeated is no patient in a bed",
        ),
        pytest.param(
            [said(events.PatientPreadmitted, 0, "4W/01"), admit(10), cancel_admission(11)],
            PLANNED,
            None,
            None,
            id="a cancelled admission leaves the plan that was there before",
        ),
        pytest.param(
            [admit(0), cancel_admission(1), said(events.PatientPreadmitted, 2, "5E/01")],
            PLANNED,
            None,
            None,
            id="a visit can be planned anew after its admission was cancelled",
        ),
        pytest.param(
            [admit(0), said(events.EncounterDeleted, 1), said(events.PatientPreadmitted, 2, "5E/01")],
            PLANNED,
            None,
            None,
            id="and after it was deleted",
        ),
        pytest.param(
            [admit(0), cancel_admission(1), transfer(5, "5E/02")],
            IN_PROGRESS,
            None,
            None,
            id="a transfer after a cancelled admission is of somebody who is here",
        ),
        pytest.param(
            [update(100, "4W/01", discharged_at=at(-10))],
            DISCHARGED,
            -10,
            None,
            id="a bill of a visit that is over claims no bed",
        ),
    ],
)
def test_what_became_of_the_stay(
    facts: list[Any], status: EncounterStatus, discharged: float | None, disposition: str | None
) -> None:
    encounter = folded(*facts)
    assert (encounter.status, hours(encounter.discharged_at), encounter.discharge_disposition) == (
        status,
        discharged,
        disposition,
    )


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ([cancel_admission(3)], Problem.CANCEL_WITHOUT_TARGET),
        ([admit(0), cancel_admission(1), update(2, "4W/01")], Problem.REPORTED_AFTER_CANCELLATION),
        ([admit(0), cancel_admission(1), transfer(5, "5E/02")], Problem.NO_ADMISSION),
        ([admit(0), cancel_admission(1, p="P2")], Problem.TWO_PATIENTS),
        (
            [admit(0), said(events.EncounterDeleted, 1), said(events.PatientClassChanged, 2, patient_class=INPATIENT)],
            Problem.REPORTED_AFTER_DELETION,
        ),
        (
            [admit(0), discharge(10), admit(20, id="again"), update(31, discharged_at=at(25))],
            Problem.TIMES_OUT_OF_ORDER,
        ),
    ],
)
def test_what_does_not_fit_is_named(facts: list[Any], problem: Problem) -> None:
    assert problem in folded(*facts).problems


REGISTERED = said(events.PatientRegistered, 0, "ED/01", patient_class=EMERGENCY)


def test_the_first_time_of_a_visit_that_senders_keep_moves_no_later_admission() -> None:
    came = folded(
        REGISTERED, transfer(2, "ED/02"), admit(4, patient_class=INPATIENT), update(5, "4W/01", admitted_at=at(0))
    )
    assert trail(came) == [("ED/01", 0, 2), ("ED/02", 2, 4), ("4W/01", 4, None)]
    assert (hours(came.admitted_at), hours(came.inpatient_from), came.problems) == (0, 4, ())
    again = folded(admit(0), discharge(10), admit(20, "5E/01", id="again"), update(21, admitted_at=at(0)))
    assert (again.status, trail(again)) == (IN_PROGRESS, [("4W/01", 0, 10), ("5E/01", 20, None)])


def test_a_correction_does_not_carry_a_discharge_over_the_next_admission() -> None:
    again = folded(admit(0), discharge(10), admit(20, "5E/01", id="again"), update(31, discharged_at=at(25)))
    assert again.status is IN_PROGRESS


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        pytest.param(
            [admit(8), recorded(discharge(7), 10), update(10.5, "4W/01", discharged_at=at(9.5))],
            [admit(8), discharge(9.5)],
            id="a discharge before the admission",
        ),
        pytest.param(
            [recorded(admit(9), 10), recorded(discharge(8), 10.1), update(10.5, admitted_at=at(7))],
            [admit(7), discharge(8)],
            id="an admission after the discharge",
        ),
        pytest.param(
            [admit(8), transfer(9, "5E/01"), recorded(discharge(8.5), 10), update(11, discharged_at=at(9.5))],
            [admit(8), transfer(9, "5E/01"), discharge(9.5)],
            id="a discharge before the last move",
        ),
        pytest.param(
            [recorded(admit(10), 10), recorded(transfer(9, "5E/01"), 10.1), update(11, "5E/01", admitted_at=at(8))],
            [admit(8), transfer(9, "5E/01")],
            id="an admission after the first move",
        ),
        pytest.param(
            [
                recorded(admit(10), 11),
                recorded(transfer(9, "5E/01"), 11),
                recorded(discharge(9.5), 11),
                update(12, "5E/01", admitted_at=at(8), discharged_at=at(10.5)),
            ],
            [admit(8), transfer(9, "5E/01"), discharge(10.5)],
            id="both",
        ),
        pytest.param(
            [
                admit(0),
                discharge(5),
                admit(8, "5E/01", id="again"),
                transfer(10, "5E/02"),
                recorded(discharge(9, id="left"), 11),
                update(12, discharged_at=at(10.5)),
            ],
            [admit(0), discharge(5), admit(8, "5E/01"), transfer(10, "5E/02"), discharge(10.5)],
            id="a second discharge before the last move",
        ),
    ],
)
def test_a_correction_puts_right_what_was_out_of_order(wrong: list[Any], right: list[Any]) -> None:
    mended, clean = folded(*wrong), folded(*right)
    assert (mended.status, trail(mended), mended.problems) == (clean.status, trail(clean), clean.problems)
    assert (mended.admitted_at, mended.discharged_at) == (clean.admitted_at, clean.discharged_at)


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param([REGISTERED, transfer(2, "ED/02"), admit(4), update(5, admitted_at=at(1))], id="a visit goes on"),
        pytest.param([admit(0), transfer(5, "5E/01"), discharge(9), update(10, discharged_at=at(4))], id="a move"),
        pytest.param([admit(0), discharge(5), admit(8, id="again"), update(9, admitted_at=at(3))], id="an old stay"),
        pytest.param(
            [admit(0), discharge(5), transfer(6, "5E/01"), admit(8, id="again"), update(9, discharged_at=at(8.5))],
            id="the next stay",
        ),
    ],
)
def test_a_correction_that_would_bring_about_disorder_does_not_count(facts: list[Any]) -> None:
    mended, clean = folded(*facts), folded(*facts[:-1])
    assert Problem.TIMES_OUT_OF_ORDER in mended.problems
    assert (mended.status, trail(mended)) == (clean.status, trail(clean))


def test_a_cancelled_admission_of_an_emergency_patient_leaves_the_registration() -> None:
    back = folded(
        REGISTERED, update(1, "ED/01"), admit(4), transfer(5, "5E/02"), cancel_admission(6), update(7, "ED/01")
    )
    assert (back.status, trail(back)) == (IN_PROGRESS, [("ED/01", 0, None)])


def test_an_emergency_patient_discharged_and_admitted_at_one_instant_is_here() -> None:
    left = discharge(5, "09")
    admitted = recorded(admit(5, patient_class=INPATIENT, id="inpatient"), 5.01)
    assert folded(REGISTERED, left, admitted).status is IN_PROGRESS
    assert folded(admit(5), recorded(discharge(5), 5.01)).status is DISCHARGED


def test_a_place_for_a_while_stays_when_the_bed_is_repeated() -> None:
    gone = folded(
        admit(0), said(events.PatientDeparted, 2, "4W/01", temporary_location=place("XR")), update(3, "4W/01")
    )
    assert gone.temporary_place is not None
    assert (gone.temporary_place.unit_id, trail(gone)) == ("XR", HOME)


def test_a_reservation_ends_when_the_patient_moves_however_that_was_said() -> None:
    pending = said(events.TransferPending, 5, "ICU/02")
    for arrival in (update(7, "ICU/02"), said(events.PatientArrived, 7, "ICU/02"), transfer(7, "ICU/02")):
        assert folded(admit(0), pending, arrival).reservation is None
    waiting = folded(admit(0), pending, update(7, "4W/01")).reservation
    assert waiting is not None


@pytest.mark.parametrize(
    ("plan", "cancel"),
    [
        (events.TransferPending, events.PendingTransferCancelled),
        (events.DischargePending, events.PendingDischargeCancelled),
    ],
)
def test_a_plan_said_again_is_one_plan_and_is_cancelled_as_one(plan: Any, cancel: Any) -> None:
    first, changed = said(plan, 1, "ICU/01", expected_at=at(30)), said(plan, 2, "ICU/02", expected_at=at(40))
    assert folded(admit(0), first, changed, said(cancel, 3)) == folded(admit(0))


def test_an_undone_merge_brings_back_the_one_before_it() -> None:
    facts: list[Any] = [merge(1, "a", "b"), merge(2, "a", "c"), unmerge(3, "a")]
    undone = fold_patient(facts)
    assert undone is not None
    assert undone.merged_into == "b"
    twice = fold_patient([merge(1, "a", "b"), merge(1, "a", "b", id="resent"), unmerge(3, "a")])
    assert twice is not None
    assert twice.merged_into is None


def test_an_unmerge_that_names_the_other_person_takes_back_that_merge() -> None:
    facts: list[Any] = [merge(1, "a", "b"), merge(2, "a", "c"), unmerge(3, "a", apart_from="b")]
    undone = fold_patient(facts)
    assert undone is not None
    assert undone.merged_into == "c"


def test_an_unmerge_of_nothing_is_named() -> None:
    undone = fold_patient([unmerge(3, "a")])
    assert undone is not None
    assert undone.problems == (Problem.CANCEL_WITHOUT_TARGET,)
