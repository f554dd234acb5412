"""Merges of patients: their order does not matter, and an undone merge leaves no trace."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas import events
from schemas.state import Patient
from streams.fold.merges import merges_of, resolve_merges
from streams.fold.patient import fold_patient
from tests.streams.builders import at, merge, of_patient, unmerge


def folded(*facts: Any) -> Patient:
    patient = fold_patient(facts)
    assert patient is not None
    return patient


def test_the_latest_merge_or_unmerge_of_a_token_counts() -> None:
    assert folded(merge(1, "a", "b")).merged_into == "b"
    assert folded(merge(1, "a", "b"), merge(2, "a", "c")).merged_into == "c"
    assert folded(merge(1, "a", "b"), unmerge(2, "a")).merged_into is None
    assert folded(unmerge(2, "a"), merge(3, "a", "b")).merged_into == "b"


def test_a_detail_of_a_patient_is_kept_until_another_value_is_reported() -> None:
    patient = folded(
        of_patient(events.PatientUpdated, 1, "a", sex=events.Sex.FEMALE),
        of_patient(events.PatientUpdated, 2, "a", age_years=71),
    )
    assert (patient.sex, patient.age_years) == (events.Sex.FEMALE, 71)


def test_a_pending_admission_is_kept_on_the_patient_until_its_cancel() -> None:
    pending = of_patient(events.AdmissionPending, 1, "a", id="plan", expected_at=at(9))
    assert [item.expected_at for item in folded(pending).pending] == [at(9)]
    assert folded(pending, of_patient(events.PendingAdmissionCancelled, 2, "a")).pending == ()


def test_a_chain_of_merges_is_followed_to_its_end() -> None:
    assert resolve_merges({"a": ("b", (1,)), "b": ("c", (0,))}) == {"a": "c", "b": "c"}


def test_the_merges_of_patients_lead_each_token_to_the_one_that_remains() -> None:
    patients = [folded(merge(1, "a", "b")), folded(merge(2, "b", "c")), folded(unmerge(3, "d"))]
    assert merges_of(patients) == {"a": ("b", patients[0].merge_order), "b": ("c", patients[1].merge_order)}
    assert resolve_merges(merges_of(patients)) == {"a": "c", "b": "c"}


tokens = st.sampled_from("abcdef")


@given(st.dictionaries(tokens, tokens, max_size=6), st.randoms())
def test_any_merges_lead_every_token_to_one_that_was_not_merged(pairs: dict[str, str], chance: Any) -> None:
    merges = {token: (into, (number,)) for number, (token, into) in enumerate(pairs.items()) if token != into}
    people = resolve_merges(merges)
    assert all(person not in people for person in people.values())
    shuffled = list(merges.items())
    chance.shuffle(shuffled)
    assert resolve_merges(dict(shuffled)) == people
    assert all(people.get(token, token) == people.get(into, into) for token, (into, _) in merges.items())


def test_a_repeated_merge_has_the_order_of_its_latest_report() -> None:
    again = folded(merge(1, "a", "b", id="first"), merge(5, "a", "b", id="again"))
    assert again.merge_order == (at(5), at(5), "test", "again")
