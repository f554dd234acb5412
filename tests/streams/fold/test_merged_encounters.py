"""Encounters that are merged, get a new number, or are moved to another patient."""

from __future__ import annotations

from itertools import pairwise, permutations
from typing import Any

import msgspec
import pytest

from schemas import events
from schemas.events import Diagnosis
from schemas.state import Encounter, EncounterStatus, Problem
from streams.fold.encounter import fold
from streams.fold.merged_encounters import fold_merged
from tests.streams.builders import admit, at, cancel_admission, discharge, said, transfer, update

IN_PROGRESS, CANCELLED, DISCHARGED = (
    EncounterStatus.IN_PROGRESS,
    EncounterStatus.CANCELLED,
    EncounterStatus.DISCHARGED,
)


def merged(hours: float, away: str, into: str, *, p: str = "P1", id: str | None = None) -> events.EncountersMerged:
    fact: events.EncountersMerged = said(events.EncountersMerged, hours, e=away, p=p, id=id, into=into)
    return fact


def unmerged(hours: float, away: str, **data: Any) -> events.EncountersUnmerged:
    fact: events.EncountersUnmerged = said(events.EncountersUnmerged, hours, e=away, **data)
    return fact


def folded(*facts: Any, hours: float | None = None) -> dict[str, Encounter]:
    about: dict[str, list[Any]] = {}
    for fact in facts:
        about.setdefault(fact.subject, []).append(fact)
    return fold_merged(about, as_of=None if hours is None else at(hours))


def known_as(encounter: Encounter, number: str) -> Encounter:
    return msgspec.structs.replace(encounter, encounter_id=number)


def test_an_encounter_under_a_new_number_is_the_same_encounter() -> None:
    course: list[Any] = [admit(0, "ED/01"), transfer(5, "4W/01"), update(6, diagnoses=(Diagnosis(code="I50.9"),))]
    after = [said(events.PatientDischarged, 20, e="E2")]
    found = folded(*course, merged(10, "E1", "E2"), *after)
    whole = fold([*course, *(msgspec.structs.replace(fact, subject="E1") for fact in after)])
    assert whole is not None
    assert found["E2"] == known_as(whole, "E2")
    assert (found["E1"].status, found["E1"].same_as, found["E1"].unit_stays) == (CANCELLED, "E2", ())


def test_a_late_fact_under_the_old_number_counts_for_the_remaining_encounter() -> None:
    found = folded(admit(0, "ED/01"), merged(10, "E1", "E2"), transfer(12, "4W/01"))
    assert [stay.unit_id for stay in found["E2"].unit_stays] == ["ED", "4W"]


def test_of_two_encounters_that_had_both_begun_the_remaining_one_keeps_its_course() -> None:
    away = [admit(0, "ED/01"), update(1, diagnoses=(Diagnosis(code="I50.9"),)), discharge(9)]
    stays = [admit(2, "4W/01", e="E2")]
    found = folded(*away, *stays, merged(10, "E1", "E2"))["E2"]
    assert (found.status, found.admitted_at, [stay.unit_id for stay in found.unit_stays]) == (
        IN_PROGRESS,
        at(2),
        ["4W"],
    )
    assert ([each.code for each in found.diagnoses], found.problems) == (["I50.9"], ())


def test_an_admission_after_the_merge_counts_for_the_encounter_under_its_old_number() -> None:
    found = folded(admit(0, "ED/01"), merged(10, "E1", "E2"), admit(11, "4W/01", e="E2"))["E2"]
    assert (found.admitted_at, found.problems) == (at(0), (Problem.ADMITTED_TWICE,))


ED, WARD = [said(events.PatientRegistered, 0, "ED/01", e="E2")], [admit(2, "4W/01")]


@pytest.mark.parametrize(
    "stays",
    [
        pytest.param([*ED, discharge(1, e="E2")], id="ended"),
        pytest.param([*ED, cancel_admission(1, e="E2")], id="was cancelled"),
        pytest.param([*ED, said(events.EncounterDeleted, 1, e="E2")], id="was deleted"),
        pytest.param([said(events.PatientRegistered, 0, e="E2")], id="tells no place"),
        pytest.param([said(events.PatientPreadmitted, 0, "5E/01", e="E2")], id="was only planned"),
    ],
)
def test_a_patient_in_a_bed_stays_there_when_the_encounter_is_merged_into_one_that(stays: list[Any]) -> None:
    found = folded(*stays, *WARD, merged(10, "E1", "E2"), update(10, e="E2"))["E2"]
    assert (found.status, [(stay.unit_id, stay.left_at) for stay in found.unit_stays]) == (IN_PROGRESS, [("4W", None)])


def test_the_discharge_of_a_duplicate_does_not_end_an_encounter_known_only_by_updates() -> None:
    double = [admit(0, "4W/01"), discharge(3)]
    found = folded(update(1, "5E/01", e="E2"), *double, merged(10, "E1", "E2"), update(11, "5E/01", e="E2"))["E2"]
    assert (found.status, [stay.unit_id for stay in found.unit_stays]) == (IN_PROGRESS, ["5E"])


def test_facts_under_the_old_number_after_the_merge_count_for_the_remaining_encounter() -> None:
    both = [admit(0, "4W/01", e="E2"), admit(1, "ED/01"), merged(10, "E1", "E2")]
    assert [stay.unit_id for stay in folded(*both, transfer(11, "5E/01"))["E2"].unit_stays] == ["4W", "5E"]
    assert folded(*both, discharge(11))["E2"].status is DISCHARGED


@pytest.mark.parametrize("through", [["E2"], ["E2", "E3"]])
def test_an_encounter_that_gets_its_first_number_back_is_one_encounter(through: list[str]) -> None:
    numbers = ["E1", *through, "E1"]
    changes = [merged(2 * n + 2, away, into) for n, (away, into) in enumerate(pairwise(numbers))]
    for end in (7.5, 20):  # before the return, or late
        found = folded(admit(0, "4W/01"), *changes, discharge(end, e=through[-1]))["E1"]
        assert (found.status, found.discharged_at, found.problems) == (DISCHARGED, at(end), ())
    left = [admit(0, "4W/01"), discharge(1), *changes, said(events.DischargeCancelled, 3, e=through[0])]
    assert folded(*left)["E1"].status is IN_PROGRESS


def test_two_encounters_merged_while_in_two_places_are_a_problem_until_a_location_is_reported() -> None:
    both = [admit(0, "ED/01"), admit(2, "4W/01", e="E2"), merged(10, "E1", "E2")]
    assert folded(*both)["E2"].problems == (Problem.MERGED_IN_TWO_PLACES,)
    assert folded(*both, update(10, "4W/01", e="E2"))["E2"].problems == ()


def test_an_encounter_whose_admission_was_cancelled_gives_up_its_course() -> None:
    found = folded(admit(0), admit(1, "4W/02", e="E2"), cancel_admission(2, e="E2"), merged(10, "E1", "E2"))["E2"]
    assert (found.status, found.admitted_at) == (IN_PROGRESS, at(0))


def test_a_number_that_changes_twice_is_followed_in_any_order_of_arrival() -> None:
    facts = [admit(0), merged(1, "E1", "E2"), merged(2, "E2", "E3"), discharge(9)]
    for order in permutations(facts):
        found = folded(*order)
        assert (found["E3"].status, found["E3"].admitted_at) == (DISCHARGED, at(0))
        assert {key: each.same_as for key, each in found.items()} == {"E1": "E3", "E2": "E3", "E3": None}


def test_of_two_merges_in_a_circle_the_later_one_counts() -> None:
    found = folded(admit(0), merged(1, "E1", "E2"), merged(2, "E2", "E1"))
    assert (found["E1"].status, found["E1"].same_as, found["E2"].same_as) == (IN_PROGRESS, None, "E1")


@pytest.mark.parametrize("apart_from", [None, "E2"])
def test_an_undone_merge_of_encounters_leaves_no_trace(apart_from: str | None) -> None:
    facts: list[Any] = [admit(0), discharge(9), admit(2, "4W/02", e="E2")]
    found = folded(*facts, merged(10, "E1", "E2"), unmerged(11, "E1", apart_from=apart_from))
    assert found == {"E1": fold(facts[:2]), "E2": fold(facts[2:])}


def test_before_the_merge_there_are_two_encounters() -> None:
    facts = [admit(0), admit(2, "4W/02", e="E2"), merged(10, "E1", "E2")]
    assert {key: each.status for key, each in folded(*facts, hours=9).items()} == {"E1": IN_PROGRESS, "E2": IN_PROGRESS}
    assert {key: each.status for key, each in folded(*facts, hours=11).items()} == {"E1": CANCELLED, "E2": IN_PROGRESS}


def test_a_deletion_of_the_old_number_does_not_delete_the_remaining_encounter() -> None:
    found = folded(admit(0), merged(10, "E1", "E2"), said(events.EncounterDeleted, 11))["E2"]
    assert (found.status, found.admitted_at, found.location is not None) == (IN_PROGRESS, at(0), True)


def test_a_merge_into_an_unknown_number_makes_no_encounter_of_that_number() -> None:
    assert list(folded(merged(10, "E1", "E2"))) == ["E1"]


MOVED = said(events.EncounterMoved, 10, p="P2", moved_from="P1")


def test_a_moved_encounter_belongs_to_the_new_patient_despite_late_facts_under_the_old_one() -> None:
    for order in permutations([admit(0), MOVED, discharge(20)]):
        found = fold(order)
        assert found is not None
        assert (found.patient_token, found.other_tokens, found.problems) == ("P2", (), ())
    assert fold([admit(0), MOVED], as_of=at(9)) == fold([admit(0)])


def test_an_encounter_that_is_moved_back_belongs_to_the_first_patient() -> None:
    found = fold([admit(0), MOVED, said(events.EncounterMoved, 12, p="P1", moved_from="P2"), update(13, p="P2")])
    assert found is not None
    assert (found.patient_token, found.problems) == ("P1", ())


def test_an_encounter_is_moved_from_all_tokens_of_its_patient() -> None:
    found = fold([admit(0), said(events.EncounterMoved, 10, p="P2", moved_from="P3"), update(12)])
    assert found is not None
    assert (found.patient_token, found.problems) == ("P2", ())


def test_a_third_patient_is_a_problem_after_a_move() -> None:
    found = fold([admit(0), MOVED, update(12, p="P3")])
    assert found is not None
    assert found.problems == (Problem.TWO_PATIENTS,)


def test_a_long_chain_of_numbers_is_followed() -> None:
    facts = [admit(0, e="N0"), *(merged(1 + n / 1000, f"N{n}", f"N{n + 1}") for n in range(2_000))]
    assert folded(*facts)["N2000"].admitted_at == at(0)


def test_two_merges_with_one_time_source_and_id_count_the_same_in_any_order() -> None:
    about = {
        "E1": [admit(1, "4W/01"), said(events.EncountersMerged, 15, e="E1", id="one", into="E3")],
        "E2": [admit(5, "4W/02", e="E2"), said(events.EncountersMerged, 15, e="E2", id="one", into="E3")],
        "E3": [admit(2, "5E/01", e="E3"), discharge(12, e="E3")],
    }
    orders = [dict(each) for each in permutations(about.items())]
    assert len({tuple(sorted((key, str(found)) for key, found in fold_merged(each).items())) for each in orders}) == 1
