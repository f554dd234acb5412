"""What must hold of the verdicts on any history."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from models.labels.index_stays import Exclusion
from models.labels.rules import ADULTS, CMS, Counted, Definition, Rules, Window
from models.labels.verdicts import verdicts
from schemas.events import PatientClass
from schemas.state import Encounter, EncounterStatus, UnitStay
from tests.models.builders import day, stay
from tests.models.labels.readmission_cases import CODES, HOSPITAL

VARIANTS = [
    ADULTS,
    CMS,
    Rules("adults", counted=Counted.OBSERVATION),
    Rules("adults", window=Window.HOURS),
    Rules("adults", or_death=True),
]
PLACES = [("HG", "4W"), ("HG", "REH"), ("LSG", "2N"), ("AKL", "K1")]


@st.composite
def histories(draw: st.DrawFn) -> list[Encounter]:
    found = []
    for number in range(draw(st.integers(1, 7))):
        came = draw(st.integers(0, 150)) / 2
        left = came + draw(st.sampled_from([-1, 0, 0.5, 1, 3, 3, 40]))
        opened = draw(st.integers(0, 6)) == 0
        facility, unit = draw(st.sampled_from(PLACES))
        kind = draw(st.sampled_from([PatientClass.INPATIENT] * 3 + [PatientClass.OBSERVATION]))
        changes: dict[str, Any] = {
            "status": EncounterStatus.CANCELLED if draw(st.integers(0, 9)) == 0 else None,
            "patient_class": kind,
            "inpatient_from": day(came + draw(st.sampled_from([0, 0.1]))) if kind is PatientClass.INPATIENT else None,
            "discharge_disposition": draw(st.sampled_from(["01", "01", "01", "02", "07", "20", "81", None])),
            "age_years": draw(st.sampled_from([64, 70])),
            "unit_stays": (UnitStay(facility_id=facility, unit_id=unit, arrived_at=day(came)),),
        }
        given_changes = {name: value for name, value in changes.items() if name != "status" or value is not None}
        dx = draw(st.sampled_from(["I50.9", "J18.9", "F32.9", None]))
        found.append(stay(f"E{number}", came, None if opened else left, principal=dx, **given_changes))
    return found


@settings(max_examples=600, deadline=None)
@given(
    history=histories(),
    order=st.randoms(use_true_random=False),
    rules=st.sampled_from(VARIANTS),
    died=st.one_of(st.none(), st.integers(0, 80)),
)
def test_every_stay_has_one_verdict_and_a_return_counts_once(
    history: list[Encounter], order: object, rules: Rules, died: int | None
) -> None:
    definition = Definition(rules, HOSPITAL, CODES)
    died_at = None if died is None else day(died)
    found = verdicts(history, definition, died_at=died_at)
    assert [verdict.stay for verdict in found] == history
    assert all((verdict.exclusion is None) == (verdict.outcome is not None) for verdict in found)

    shuffled = list(history)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    again = {verdict.stay.encounter_id: verdict for verdict in verdicts(shuffled, definition, died_at=died_at)}
    assert [again[verdict.stay.encounter_id] for verdict in found] == found

    returns = Counter(verdict.returned.encounter_id for verdict in found if verdict.is_index and verdict.returned)
    assert not returns or max(returns.values()) == 1
    for verdict in found:
        back = verdict.returned
        if back is not None:
            left = verdict.stay.discharged_at
            assert left is not None
            assert verdict.days_to_return is not None
            assert 0 <= verdict.days_to_return <= 31
            assert again[back.encounter_id].leg == 1
            assert again[back.encounter_id].episode_id != verdict.episode_id
    carriers = Counter(
        verdict.episode_id for verdict in found if verdict.episode_id and verdict.exclusion is not Exclusion.CONTINUED
    )
    assert all(carriers[verdict.episode_id] >= 1 for verdict in found if verdict.episode_id)
    index_stays = Counter(verdict.episode_id for verdict in found if verdict.is_index)
    assert not index_stays or max(index_stays.values()) == 1


@settings(max_examples=300, deadline=None)
@given(history=histories(), hours=st.integers(0, 150 * 24))
def test_until_the_30_days_are_over_a_stay_has_no_label_and_then_it_keeps_it(
    history: list[Encounter], hours: int
) -> None:
    definition = Definition(ADULTS, HOSPITAL, CODES)
    until = day(0) + timedelta(hours=hours)
    final = verdicts(history, definition)
    for now, then in zip(verdicts(history, definition, followed_until=until), final, strict=True):
        ends = definition.window_ends(then.stay)
        if then.is_index and ends is not None and ends > until:
            assert now.exclusion is Exclusion.FOLLOW_UP
        else:
            assert now == then
