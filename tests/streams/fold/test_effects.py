"""Effects stand in for facts inside a fold, and never pass for something that was reported."""

from __future__ import annotations

from schemas import events
from schemas.events import Diagnosis, UpdateDetails
from streams.fold.applied_corrections import apply_corrections
from streams.fold.corrections import NO_CORRECTIONS, find_corrections
from streams.fold.effective_facts import EffectiveFacts, distinct_in_order
from streams.fold.effects import Effect, FactOrEffect
from streams.fold.locations_of_cancels import locations_of_cancels
from tests.streams.builders import admit, at, discharge, place, said, transfer, update


def effective(*facts: FactOrEffect) -> EffectiveFacts:
    found = locations_of_cancels(distinct_in_order(facts))
    return apply_corrections(found, find_corrections(found))


def test_the_location_of_a_cancel_is_an_effect_right_after_the_cancel() -> None:
    cancel = said(events.DischargeCancelled, 12, "5E/02")
    *_, effect = effective(admit(0), discharge(10), cancel).facts
    assert isinstance(effect, Effect)
    assert (effect.kind, effect.occurred_at, effect.source_fact) == (events.EncounterUpdated, at(12), cancel)
    assert effect.data == UpdateDetails(location=place("5E/02"))
    assert not hasattr(effect, "id")


def test_a_repeated_location_is_left_out_and_the_fact_reported_stays_as_it_is() -> None:
    repeated = update(3, "4W/01", diagnoses=(Diagnosis(code="I50.9"),))
    found = effective(admit(0), repeated)
    effect = found.facts[1]
    assert isinstance(effect, Effect)
    assert (effect.data, effect.source_fact) == (UpdateDetails(diagnoses=repeated.data.diagnoses), repeated)
    assert found.reported == [admit(0), repeated]


def test_facts_that_concern_no_other_are_used_as_they_are() -> None:
    facts: list[FactOrEffect] = [admit(0), transfer(5, "4W/02"), discharge(9)]
    found = distinct_in_order(facts)
    assert find_corrections(found) is NO_CORRECTIONS
    assert locations_of_cancels(found) is found
    assert found.facts == facts


def test_an_effect_given_twice_counts_once_and_one_with_other_details_is_a_collision() -> None:
    fact = update(3, "4W/01", diagnoses=(Diagnosis(code="I50.9"),))
    one = Effect(events.EncounterUpdated, at(3), at(3), UpdateDetails(diagnoses=fact.data.diagnoses), fact)
    other = Effect(events.EncounterUpdated, at(3), at(3), UpdateDetails(), fact)
    assert distinct_in_order([one, one]) == EffectiveFacts([one], [fact])
    assert [problem.value for problem in distinct_in_order([one, other]).problems] == ["id_collision"]
