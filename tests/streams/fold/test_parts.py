"""Contacts of departments and beds within a stay: moves of the one stay, whatever comes first."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest

from schemas import events
from schemas.events import Diagnosis, PatientClass
from schemas.state import Encounter, EncounterStatus, Problem
from streams.fold.parts import fold_connected
from tests.streams.builders import admit, at, discharge, part, said

Stays = list[tuple[str, float, float | None]]


def folded(*facts: Any, hours: float | None = None) -> dict[str, Encounter]:
    """Fold the facts in every order of up to five, and check that it does not matter."""
    found: list[dict[str, Encounter]] = []
    for order in permutations(facts) if len(facts) < 6 else (facts, facts[::-1]):
        about: dict[str, list[Any]] = {}
        for fact in order:
            about.setdefault(fact.subject, []).append(fact)
        found.append(fold_connected(about, as_of=None if hours is None else at(hours)).encounters)
    assert all(other == found[0] for other in found)
    return found[0]


def waiting(*facts: Any) -> set[str]:
    about: dict[str, list[Any]] = {}
    for fact in facts:
        about.setdefault(fact.subject, []).append(fact)
    return {link.name for link, waits in fold_connected(about).links.items() if waits}


def where(encounter: Encounter) -> Stays:
    def hours(time: Any) -> Any:
        return None if time is None else (time - at(0)).total_seconds() / 3600

    return [
        (f"{stay.unit_id}/{stay.bed_id}" if stay.bed_id else stay.unit_id, hours(stay.arrived_at), hours(stay.left_at))
        for stay in encounter.unit_stays
    ]


def stay(hours: float = 0, place: str | None = None, *, e: str = "F1", **data: Any) -> Any:
    """The stay itself: the resource e1, whose visit number is F1."""
    return admit(hours, place, e=e, version_of="e1", **data)


def test_the_contact_of_a_bed_within_that_of_a_department_puts_the_patient_in_the_bed() -> None:
    found = folded(
        stay(),
        part(2, "e2", "#e1", ("4W", 1, None)),
        part(2, "e3", "#e2", ("4W/A", 1, None)),
    )
    assert list(found) == ["F1"]
    assert where(found["F1"]) == [("4W/A", 1, None)]
    assert (found["F1"].status, found["F1"].admitted_at) == (EncounterStatus.IN_PROGRESS, at(0))
    assert found["F1"].problems == ()


def test_the_end_of_a_contact_is_no_discharge_and_a_later_contact_keeps_its_bed() -> None:
    found = folded(
        stay(),
        part(9, "e2", "#e1", ("4W/A", 1, 8)),
        part(9, "e4", "#e1", ("5E/B", 8, None)),
        part(30, "e2", "#e1", ("4W/A", 1, 8), version="2"),
    )
    assert where(found["F1"]) == [("4W/A", 1, 8), ("5E/B", 8, None)]
    assert found["F1"].discharged_at is None
    assert found["F1"].problems == ()


def test_after_the_last_contact_the_patient_stays_where_the_contact_was() -> None:
    found = folded(stay(), part(9, "e2", "#e1", ("4W/A", 1, 8)))
    assert where(found["F1"]) == [("4W/A", 1, None)]
    assert found["F1"].status is EncounterStatus.IN_PROGRESS


def test_after_intensive_care_the_patient_is_back_in_the_bed_that_was_kept() -> None:
    department, bed = part(2, "e2", "#e1", ("4W", 1.5, None)), part(2, "e3", "#e2", ("4W/A", 1, None))
    found = folded(stay(), department, bed, part(9, "icu", "#e1", ("ICU/1", 4, 8)))
    assert where(found["F1"]) == [("4W/A", 1, 4), ("ICU/1", 4, 8), ("4W/A", 8, None)]


def test_after_intensive_care_the_patient_is_back_where_the_stay_itself_says() -> None:
    found = folded(stay(0, "4W/A"), part(9, "icu", "#e1", ("ICU/1", 4, 8)))
    assert where(found["F1"]) == [("4W/A", 0, 4), ("ICU/1", 4, 8), ("4W/A", 8, None)]


def test_a_stay_that_moves_the_patient_while_a_contact_goes_on_is_right() -> None:
    moved = said(events.PatientTransferred, 6, "5E/B", e="F1", version_of="e1")
    first = msgspec.structs.replace(stay(0, "4W/A"), recorded_at=moved.recorded_at)
    found = folded(first, moved, part(9, "e2", "#e1", ("4W/A", 1, 8)))
    assert where(found["F1"]) == [("4W/A", 0, 6), ("5E/B", 6, None)]


def test_a_contact_within_a_discharged_stay_never_opens_it_again() -> None:
    found = folded(
        stay(),
        msgspec.structs.replace(discharge(20, e="F1", version_of="e1"), recorded_at=at(0)),
        part(9, "e2", "#e1", ("4W/A", 1, None)),
        part(9, "icu", "#e1", ("ICU/1", 4, 20)),
    )
    assert where(found["F1"]) == [("4W/A", 1, 4), ("ICU/1", 4, 20)]
    assert (found["F1"].status, found["F1"].discharged_at) == (EncounterStatus.DISCHARGED, at(20))
    assert found["F1"].problems == ()


def test_a_contact_after_the_discharge_is_named() -> None:
    left = msgspec.structs.replace(discharge(20, e="F1", version_of="e1"), recorded_at=at(0))
    found = folded(stay(), left, part(30, "e2", "#e1", ("4W/A", 25, None)))
    assert found["F1"].status is EncounterStatus.DISCHARGED
    assert found["F1"].problems == (Problem.MOVED_AFTER_DISCHARGE,)


def test_a_contact_counts_from_the_admission_of_its_stay() -> None:
    found = folded(stay(3), part(9, "e2", "#e1", ("4W/A", 1, None)))
    assert where(found["F1"]) == [("4W/A", 3, None)]
    assert found["F1"].problems == ()


def test_a_contact_of_another_class_does_not_change_that_of_the_stay() -> None:
    found = folded(stay(patient_class=PatientClass.INPATIENT), part(9, "e2", "#e1", ("4W/A", 1, None)))
    assert (found["F1"].patient_class, found["F1"].inpatient_from) == (PatientClass.INPATIENT, at(0))


@pytest.mark.parametrize("whole", ["#e1", "F1"])
def test_a_contact_of_an_unknown_stay_waits_and_says_nothing(whole: str) -> None:
    facts = [part(2, "e2", whole, ("4W", 1, None)), part(2, "e3", "#e2", ("4W/A", 1, None))]
    assert folded(*facts) == {}
    assert waiting(*facts) == {"part:test/e2", "part:test/e3"}
    assert waiting(*facts, stay()) == set()
    assert where(folded(*facts, stay())["F1"]) == [("4W/A", 1, None)]


def test_contacts_in_a_circle_wait_and_lose_nothing() -> None:
    ring = [part(2, "e2", "#e3", ("4W", 1, None)), part(2, "e3", "#e2", ("4W/A", 1, None))]
    assert waiting(*ring) == {"part:test/e2", "part:test/e3"}
    mended = part(3, "e2", "#e1", ("4W", 1, None))
    assert where(folded(stay(), *ring, mended)["F1"]) == [("4W/A", 1, None)]


def test_a_cancelled_contact_takes_away_what_it_said() -> None:
    bed = part(2, "e3", "#e1", ("4W/A", 1, None), service="SURG", diagnoses=(Diagnosis(code="I50.9"),))
    void = part(5, "e3", "#e1", void=True)
    assert folded(stay(), bed, void) == folded(stay())
    assert waiting(bed, void) == set()


def test_a_cancelled_department_leaves_the_bed_of_its_bed_contact() -> None:
    bed, void = part(2, "e3", "#e2", ("4W/A", 1, None)), part(5, "e2", "#e1", void=True)
    assert where(folded(stay(), bed, void, part(2, "e2", "#e1", ("5E", 1, None)))["F1"]) == [("4W/A", 1, None)]


def test_contacts_of_a_cancelled_stay_say_nothing() -> None:
    gone = said(events.EncounterDeleted, 5, e="F1", version_of="e1", reason="entered-in-error")
    found = folded(stay(), gone, part(9, "e2", "#e1", ("4W/A", 1, None)))
    assert (found["F1"].status, found["F1"].unit_stays) == (EncounterStatus.CANCELLED, ())


def test_a_later_version_of_a_contact_replaces_the_earlier_one() -> None:
    first, second = part(2, "e2", "#e1", ("4W/A", 1, None)), part(5, "e2", "#e1", ("5E/B", 1, None))
    assert where(folded(stay(), first, second)["F1"]) == [("5E/B", 1, None)]
    same_time = msgspec.structs.replace(first, data=msgspec.structs.replace(first.data, version="9"))
    later = msgspec.structs.replace(second, recorded_at=at(2), data=msgspec.structs.replace(second.data, version="10"))
    assert where(folded(stay(), same_time, later)["F1"]) == [("5E/B", 1, None)]


def test_two_contents_of_one_version_of_a_contact_are_named() -> None:
    one = part(2, "e2", "#e1", ("4W/A", 1, None), version="1", version_digest="a")
    two = part(2, "e2", "#e1", ("5E/B", 1, None), version="1", version_digest="b", id="other")
    assert folded(stay(), one, two)["F1"].problems == (Problem.ID_COLLISION,)


def test_a_contact_that_moves_to_another_stay_leaves_the_first() -> None:
    other = admit(0, None, e="F2", version_of="e9")
    found = folded(stay(), other, part(2, "e2", "#e1", ("4W/A", 1, None)), part(5, "e2", "#e9", ("4W/A", 1, None)))
    assert (where(found["F1"]), where(found["F2"])) == ([], [("4W/A", 1, None)])


def test_a_stay_that_turns_out_to_be_a_contact_is_one_stay_with_its_whole() -> None:
    as_stay = admit(1, "4W/A", e="F2", version_of="e2", version="1")
    found = folded(stay(), as_stay, part(5, "e2", "#e1", ("4W/A", 1, None), version="2"))
    assert list(found) == ["F1"]
    assert where(found["F1"]) == [("4W/A", 1, None)]


def test_a_contact_that_turns_out_to_be_a_stay_is_one_of_its_own() -> None:
    as_stay = msgspec.structs.replace(admit(1, "4W/A", e="F2", version_of="e2", version="2"), recorded_at=at(5))
    found = folded(stay(), part(2, "e2", "#e1", ("4W/A", 1, None), version="1"), as_stay)
    assert (where(found["F1"]), where(found["F2"])) == ([], [("4W/A", 1, None)])


def test_a_deletion_under_the_number_of_the_stay_deletes_only_the_contact() -> None:
    gone = said(events.EncounterDeleted, 5, e="F1", version_of="e2", reason="entered-in-error")
    found = folded(stay(0, "4W/A"), part(2, "e2", "#e1", ("5E/B", 1, None)), gone)
    assert where(found["F1"]) == [("4W/A", 0, None)]


def test_a_contact_named_by_its_number_is_found_among_those_of_the_patient() -> None:
    facts = [stay(), part(2, "e2", "F1", ("4W", 1, None), numbers=("F1-2",)), part(2, "e3", "F1-2", ("4W/A", 1, None))]
    assert where(folded(*facts)["F1"]) == [("4W/A", 1, None)]
    assert waiting(*facts[:2], part(2, "e3", "F1-2", ("4W/A", 1, None), p="P2")) == {"part:test/e3"}


def test_a_contact_with_the_number_of_its_stay_is_found_by_it() -> None:
    found = folded(stay(), part(2, "e2", "F1", ("4W/A", 1, None), numbers=("F1",)))
    assert where(found["F1"]) == [("4W/A", 1, None)]


def test_a_contact_of_another_patient_is_named_and_the_patient_of_the_stay_remains() -> None:
    found = folded(stay(), part(9, "e2", "#e1", ("4W/A", 1, None), p="P2"))["F1"]
    assert (found.patient_token, found.other_tokens) == ("P1", ("P2",))
    assert found.problems == (Problem.TWO_PATIENTS,)
    assert where(found) == [("4W/A", 1, None)]


def test_the_service_follows_the_department_and_diagnoses_are_known_from_their_record() -> None:
    found = folded(
        stay(service="MED"),
        part(2, "e2", "#e1", ("4W", 1, None), service="SURG", diagnoses=(Diagnosis(code="I50.9"),)),
        part(9, "icu", "#e1", ("ICU/1", 4, 8), service="ICU"),
    )["F1"]
    assert [(service.value, service.known_at) for service in found.services] == [
        ("MED", at(0)),
        ("SURG", at(1)),
        ("ICU", at(4)),
        ("SURG", at(8)),
    ]
    assert [(each.code, each.known_at) for each in found.diagnoses] == [("I50.9", at(2))]


def test_a_planned_contact_reserves_its_place() -> None:
    planned = part(2, "e2", "#e1", planned=events.Location(facility_id="HG", unit_id="4W", bed_id="A"))
    here = folded(stay(0, "ED/1"), planned)["F1"]
    assert here.reservation is not None
    assert (here.reservation.bed_id, where(here)) == ("A", [("ED/1", 0, None)])
    plan = said(events.PatientPreadmitted, 5, e="F1", version_of="e1", expected_at=at(50))
    to_come = folded(plan, planned)["F1"]
    assert to_come.status is EncounterStatus.PLANNED
    assert to_come.reservation is not None
    assert to_come.reservation.bed_id == "A"
    assert to_come.problems == ()


def test_contacts_follow_their_stay_to_a_new_number_and_to_another_patient() -> None:
    merged = said(events.EncountersMerged, 10, e="F1", into="F9")
    found = folded(stay(), part(2, "e2", "#e1", ("4W/A", 1, None)), merged)
    assert (found["F1"].same_as, where(found["F9"])) == ("F9", [("4W/A", 1, None)])
    moved = said(events.EncounterMoved, 10, e="F1", p="P2", moved_from="P1")
    owned = folded(stay(), part(2, "e2", "#e1", ("4W/A", 1, None)), moved)["F1"]
    assert (owned.patient_token, owned.problems, where(owned)) == ("P2", (), [("4W/A", 1, None)])


def test_as_of_an_hour_only_the_moves_until_then_count() -> None:
    facts = [stay(), part(9, "e2", "#e1", ("4W/A", 1, 8)), part(9, "e4", "#e1", ("5E/B", 8, None))]
    assert where(folded(*facts, hours=5)["F1"]) == [("4W/A", 1, None)]
    assert folded(*facts, hours=-1) == {}
