"""The inputs of the bedside scores: as of the moment, and known only where they were observed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from models.bedside.catalogue import SCORES, headline
from models.bedside.inputs import Inputs, bedside_scores, inputs_of
from models.bedside.items import Amount, Conditions
from models.features.values import features
from schemas.events import AdmissionType
from schemas.state import Encounter, KnownObservation, KnownProcedure, KnownService
from tests.models.builders import day, diagnosis, ed_visit, stay

LONG_AGO = day(-800)
INDEX = stay("E1", 0, 5)


def inputs(
    *history: Encounter, encounter: Encounter = INDEX, as_of: float = 5.0, since: datetime | None = LONG_AGO
) -> Inputs:
    return inputs_of([encounter, *history], encounter, day(as_of), since)


def test_a_stay_at_its_end_has_a_final_length() -> None:
    assert inputs().length_of_stay_days == Amount(5.0)


def test_a_stay_that_goes_on_has_at_least_the_days_so_far() -> None:
    assert inputs(as_of=3.5).length_of_stay_days == Amount(3.5, is_final=False)


def test_a_moment_before_the_stay_gives_no_length() -> None:
    assert inputs(as_of=-1).length_of_stay_days is None


@pytest.mark.parametrize(
    ("kind", "emergent"),
    [
        (AdmissionType.EMERGENCY, True),
        (AdmissionType.URGENT, True),
        (AdmissionType.TRAUMA, True),
        (AdmissionType.ELECTIVE, False),
        (AdmissionType.ROUTINE, False),
        (AdmissionType.NEWBORN, False),
        (None, None),
    ],
)
def test_an_admission_is_emergent_by_its_type(kind: AdmissionType | None, emergent: bool | None) -> None:
    assert inputs(encounter=stay("E1", 0, 5, admission_type=kind)).emergent is emergent


def test_without_any_code_the_conditions_are_not_known() -> None:
    assert inputs().conditions is None
    assert inputs().comorbidities is None


def coded(*codes: Any, left: float | None = 5) -> Encounter:
    return stay("E1", 0, left, diagnoses=codes)


def test_conditions_come_from_this_stay_and_the_year_before() -> None:
    before = stay("E0", -100, -95, diagnoses=(diagnosis("N18.30", -100),))
    long_before = stay("E9", -500, -495, diagnoses=(diagnosis("C50.911", -500),))
    found = inputs(before, long_before, encounter=coded(diagnosis("I509", 1))).conditions
    assert found == Conditions(frozenset({"heart_failure", "renal"}))


def test_conditions_are_not_final_while_the_stay_goes_on_or_the_feed_covers_less_than_a_year() -> None:
    encounter = coded(diagnosis("I509", 1))
    groups = frozenset({"heart_failure"})
    assert inputs(encounter=encounter, as_of=3).conditions == Conditions(groups, is_final=False)
    assert inputs(encounter=encounter, since=day(-364)).conditions == Conditions(groups, is_final=False)
    assert inputs(encounter=encounter, since=None).conditions == Conditions(groups, is_final=False)
    assert inputs(encounter=encounter, since=day(-365)).conditions == Conditions(groups)


def test_the_principal_diagnosis_is_not_a_comorbidity() -> None:
    encounter = coded(diagnosis("I509", 0, principal=True), diagnosis("E119", 0), diagnosis("I509", 1))
    assert inputs(encounter=encounter).comorbidities == Conditions(frozenset({"DM"}))


def test_a_stay_with_a_principal_code_alone_is_known_to_have_no_comorbidity() -> None:
    assert inputs(encounter=coded(diagnosis("I509", 0, principal=True))).comorbidities == Conditions(frozenset())


def test_a_code_reported_after_the_moment_is_not_seen() -> None:
    encounter = coded(diagnosis("I509", 0), diagnosis("C50.911", 4))
    assert inputs(encounter=encounter, as_of=3).conditions == Conditions(frozenset({"heart_failure"}), is_final=False)


def test_admissions_of_the_year_before_are_counted() -> None:
    history = [stay("A", -10, -8), stay("B", -364, -360), stay("C", -366, -365.5), ed_visit("D", -5, -4.8)]
    assert inputs(*history).admissions_past_12_months == Amount(2.0)


def test_no_admission_in_a_look_back_that_was_not_observed_is_not_known() -> None:
    assert inputs(since=day(-100)).admissions_past_12_months is None
    assert inputs(since=None).admissions_past_12_months is None
    assert inputs().admissions_past_12_months == Amount(0.0)


def test_admissions_in_the_part_that_was_observed_are_at_least() -> None:
    assert inputs(stay("A", -10, -8), since=day(-100)).admissions_past_12_months == Amount(1.0, is_final=False)


def test_ed_visits_of_six_months_are_counted_without_the_one_that_led_here() -> None:
    history = [ed_visit("A", -10, -9.8), ed_visit("B", -181, -180.9), ed_visit("C", -183, -182.9)]
    led_here = ed_visit("D", -0.2, -0.02)
    assert inputs(*history, led_here).ed_visits_past_6_months == Amount(2.0)
    assert inputs(led_here).ed_visits_past_6_months == Amount(0.0)
    assert inputs(led_here, since=day(-181)).ed_visits_past_6_months is None
    assert inputs(led_here, since=day(-182)).ed_visits_past_6_months == Amount(0.0)


@pytest.mark.parametrize(
    ("service", "is_oncology"),
    [
        ("oncology", True),
        ("Medical Oncology", True),
        ("ONC", True),
        ("HEM/ONC", True),
        ("neuro-oncology", True),
        ("cardiology", False),
        ("concierge", False),
        (None, None),
    ],
)
def test_the_service_says_whether_it_is_oncology(service: str | None, is_oncology: bool | None) -> None:
    assert inputs(encounter=stay("E1", 0, 5, service=service)).oncology_service is is_oncology


def test_the_service_is_that_of_the_moment() -> None:
    services = (KnownService(value="cardiology", known_at=day(0)), KnownService(value="oncology", known_at=day(3)))
    moved = stay("E1", 0, 5, service="oncology", services=services)
    assert inputs(encounter=moved, as_of=2).oncology_service is False
    assert inputs(encounter=moved).oncology_service is True


def test_a_stay_without_a_reported_procedure_may_have_had_one() -> None:
    operated = stay("E1", 0, 5, procedures=(KnownProcedure(code="0DTJ4ZZ", system="ICD10PCS", known_at=day(2)),))
    assert inputs(encounter=operated).procedure is True
    assert inputs(encounter=operated, as_of=1).procedure is None
    assert inputs().procedure is None


def test_all_scores_come_in_the_order_of_the_catalogue() -> None:
    encounter = coded(diagnosis("I509", 0), diagnosis("E119", 0))
    scores = bedside_scores([encounter], encounter, day(5), LONG_AGO)
    assert [score.name for score in scores] == list(SCORES)
    assert [headline(score) for score in scores] == [
        "LACE 10 of 19, high",  # 5 days: 4; urgent: 3; heart failure 2 and diabetes 1: 3; no ED visit
        "HOSPITAL 3 to 6 of 13, low or intermediate",  # urgent 1, stay 2; haemoglobin, sodium, procedure not known
        "Simplified HOSPITAL 3 to 5 of 12",
        "Two or more admissions in 12 months: no",
        "Charlson (1987) 2 of 29",
        "Charlson (Quan 2011) 2 of 22",
        "Elixhauser (readmission) 19 of 208",
        "Elixhauser (mortality) 9 of 92",
    ]


def test_an_encounter_without_any_time_has_scores_all_the_same() -> None:
    bare = Encounter(encounter_id="E1", patient_token="P1", status=INDEX.status)
    scores = bedside_scores([bare], bare, day(0), LONG_AGO)
    assert [score.low for score in scores] == [0, 0, 0, 0, 0, 0, -4, -32]


def seen(
    *values: tuple[float, float] | tuple[float, float, str], code: str = "718-7", left: float | None = 5
) -> Encounter:
    observations = tuple(
        KnownObservation(
            code=code, value=value, observed_at=day(at), known_at=day(at), comparator=more[0] if more else None
        )
        for at, value, *more in values
    )
    return stay("E1", 0, left, observations=observations)


def test_haemoglobin_and_sodium_are_the_last_before_the_discharge() -> None:
    assert inputs(encounter=seen((1, 9.0), (4, 11.0), (5.2, 13.0)), as_of=6).haemoglobin_g_dl == 11.0
    assert inputs(encounter=seen((1, 130.0), (4, 136.0), code="2951-2")).sodium_mmol_l == 136.0
    assert inputs(encounter=seen((1, 130.0), code="2951-2")).haemoglobin_g_dl is None


def test_a_value_that_was_not_known_at_the_moment_is_not_seen() -> None:
    assert inputs(encounter=seen((1, 9.0), (4, 11.0)), as_of=3).haemoglobin_g_dl == 9.0
    assert inputs(encounter=seen((1, 9.0)), as_of=0.5).haemoglobin_g_dl is None


def test_a_value_that_is_only_compared_counts_where_it_decides() -> None:
    assert inputs(encounter=seen((1, 5.0, "<"))).haemoglobin_g_dl == 5.0
    assert inputs(encounter=seen((1, 20.0, ">"))).haemoglobin_g_dl == 20.0
    assert inputs(encounter=seen((1, 14.0, "<"))).haemoglobin_g_dl is None
    assert inputs(encounter=seen((1, 5.0, ">"))).haemoglobin_g_dl is None


def test_a_transfer_is_one_admission_with_its_days_together_as_in_the_features() -> None:
    first, moved = stay("A", -40, -35), stay("B", -34.9, -30, facility="LSG")
    elsewhere = stay("C", -3, -0.1, facility="LSG", inpatient_from=day(-2.9), admission_type=AdmissionType.EMERGENCY)
    found = inputs(first, moved, elsewhere)
    assert (found.admissions_past_12_months, found.ed_visits_past_6_months) == (Amount(1.0), Amount(0.0))
    assert found.length_of_stay_days == Amount(8.0)
    row = features([INDEX, first, moved, elsewhere], INDEX, day(5))
    assert row["admissions_past_12_months"] == 1.0
    assert row["length_of_stay_days"] == 8.0
