"""Observations: which value counts, and that nothing else changes."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest

from schemas import events
from schemas.events import ObservationStatus
from schemas.state import Encounter, KnownObservation, encode_encounter
from streams.fold.encounter import fold
from streams.fold.observations import MAX_DAYS
from streams.fold.parts import fold_connected
from tests.streams.builders import admit, at, cancel_admission, discharge, observe, said, transfer

STAY: list[Any] = [admit(0), transfer(5, "5E/02"), discharge(50)]
CORRECTED, CANCELLED = ObservationStatus.CORRECTED, ObservationStatus.CANCELLED


def recorded(fact: Any, hours: float, **changes: Any) -> Any:
    return msgspec.structs.replace(fact, recorded_at=at(hours), **changes)


def folded(*facts: Any, **how: Any) -> Encounter:
    encounter = fold([*STAY, *facts], **how)
    assert encounter is not None
    return encounter


def values(*facts: Any, **how: Any) -> list[tuple[str, float]]:
    return [(each.code, each.value) for each in folded(*facts, **how).observations]


def test_a_result_is_kept_with_its_times_and_unit() -> None:
    seen = recorded(observe(10, "718-7", 11.2, unit="g/dL"), 12)
    assert folded(seen).observations == (
        KnownObservation(code="718-7", value=11.2, unit="g/dL", observed_at=at(10), known_at=at(12)),
    )


def test_without_observations_the_stored_state_is_as_before() -> None:
    assert b"observations" not in encode_encounter(folded())


def test_observations_change_nothing_else() -> None:
    seen = folded(observe(10), observe(60, "2951-2", 131.0, p="P2"))
    assert msgspec.structs.replace(seen, observations=()) == folded()


def test_observations_alone_are_not_an_encounter() -> None:
    assert fold([observe(10)]) is None
    assert fold_connected({"E1": [observe(10)], "E2": [admit(0, e="E2")]}).encounters.keys() == {"E2"}


def test_an_observation_before_the_admission_is_known_counts_once_the_admission_comes() -> None:
    early = fold([observe(-1), *STAY])
    assert early is not None
    assert [each.value for each in early.observations] == [11.2]


def test_of_each_day_and_code_the_last_value_counts() -> None:
    facts = [observe(1, value=10.0), observe(5, value=9.0), observe(30, value=8.0), observe(5, "2951-2", 140.0)]
    for order in permutations(facts):
        assert values(*order) == [("2951-2", 140.0), ("718-7", 9.0), ("718-7", 8.0)]


def test_on_the_day_of_the_discharge_the_last_value_before_it_stays() -> None:
    assert values(observe(49, value=9.0), observe(49.5, value=9.5), observe(51, value=12.0)) == [
        ("718-7", 9.5),
        ("718-7", 12.0),
    ]


def test_of_two_values_at_one_time_the_one_recorded_last_counts_and_then_the_one_sent_last() -> None:
    first, second = observe(5, value=9.0, id="b"), observe(5, value=8.0, id="a")
    assert values(first, recorded(second, 6)) == values(recorded(second, 6), first) == [("718-7", 8.0)]
    numbered = [
        msgspec.structs.replace(first, sequence="9"),
        msgspec.structs.replace(second, sequence="10"),
    ]
    assert values(*numbered) == values(*numbered[::-1]) == [("718-7", 8.0)]


def test_a_correction_replaces_the_result_whatever_its_value_and_time() -> None:
    wrong = observe(5, value=19.0, result="r1")
    right = recorded(observe(4, value=9.1, result="r1", status=CORRECTED), 8)
    assert values(wrong, right) == values(right, wrong) == [("718-7", 9.1)]


def test_a_cancelled_result_does_not_count_and_the_one_before_it_does() -> None:
    facts = [
        observe(3, value=9.0, result="r0"),
        observe(5, value=19.0, result="r1"),
        recorded(observe(5, value=None, result="r1", status=CANCELLED, id="c"), 8),
    ]
    for order in permutations(facts):
        assert values(*order) == [("718-7", 9.0)]


def test_a_result_that_is_reported_again_after_its_cancel_counts() -> None:
    facts = [
        observe(5, value=19.0, result="r1"),
        recorded(observe(5, value=None, result="r1", status=CANCELLED, id="c"), 8),
        recorded(observe(5, value=9.0, result="r1", status=CORRECTED, id="d"), 9),
    ]
    assert values(*facts) == values(*facts[::-1]) == [("718-7", 9.0)]


def test_a_result_of_another_source_is_another_result() -> None:
    other = msgspec.structs.replace(observe(6, value=None, result="r1", status=CANCELLED), source="other")
    assert values(observe(5, value=9.0, result="r1"), other) == [("718-7", 9.0)]


def test_a_later_version_recorded_at_one_time_replaces_the_earlier() -> None:
    old, new = (observe(5, value=v, result="r1", version=n) for v, n in ((9.0, "9"), (8.0, "10")))
    assert values(old, new) == values(new, old) == [("718-7", 8.0)]


def test_a_result_without_a_number_does_not_hide_one_with_a_number() -> None:
    assert values(observe(5, value=9.0), observe(6, value=None)) == [("718-7", 9.0)]


def test_as_of_a_time_later_values_do_not_count_but_later_corrections_do() -> None:
    wrong = observe(5, value=19.0, result="r1")
    right = recorded(observe(5, value=9.1, result="r1", status=CORRECTED), 40)
    assert values(wrong, right, observe(7, value=5.0), as_of=at(6)) == [("718-7", 9.1)]


def test_the_latest_days_are_kept() -> None:
    facts = [observe(24 * day, value=float(day)) for day in range(MAX_DAYS + 5)]
    assert [value for _, value in values(*facts)] == [float(day) for day in range(5, MAX_DAYS + 5)]


def test_a_duplicate_changes_nothing() -> None:
    assert folded(observe(5), observe(5)) == folded(observe(5))


def test_observations_under_a_number_that_was_merged_away_belong_to_the_remaining_encounter() -> None:
    about = {
        "E1": [*STAY, observe(10, value=10.0)],
        "E2": [said(events.EncountersMerged, 20, e="E2", into="E1"), observe(8, "2951-2", 130.0, e="E2")],
    }
    found = fold_connected(about).encounters
    assert [(each.code, each.value) for each in found["E1"].observations] == [("2951-2", 130.0), ("718-7", 10.0)]
    assert found["E2"].observations == ()


@pytest.mark.parametrize("seen", [[], [observe(3)]])
def test_a_cancelled_admission_stays_cancelled(seen: list[Any]) -> None:
    encounter = fold([admit(0), cancel_admission(1), *seen])
    assert encounter is not None
    assert encounter.status == "cancelled"
