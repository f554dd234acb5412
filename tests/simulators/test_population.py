from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from schemas.events import AdmissionType, AnyFact, PatientAdmitted, PatientClass, PatientDischarged, Sex, is_bed_subject
from schemas.hospital import Hospital, load_hospital
from simulators.draws import Draws
from simulators.hospital import DischargeTruth, simulate
from simulators.population import CONDITIONS, Person, Stay, person, readmission_probability
from streams.fold.encounter import fold
from tests.simulators.conftest import DAYS, START
from tests.simulators.places import inpatient_encounters, without_cancelled

HEART_FAILURE = next(condition for condition in CONDITIONS if condition.code == "I509")


def a_person(*conditions: object) -> Person:
    return Person("0" * 32, 70.0, Sex.FEMALE, conditions, 1.0, 0)  # type: ignore[arg-type]


def stay(**changes: object) -> Stay:
    usual: dict[str, object] = {
        "age_years": 70,
        "length_of_stay_days": 3.0,
        "emergency": True,
        "admissions_past_year": 2,
        "ed_visits_past_six_months": 1,
        "discharge_disposition": "01",
    }
    return Stay(**{**usual, **changes})  # type: ignore[arg-type]


def test_the_risk_is_the_documented_logistic_function() -> None:
    # -3.5 + 0.12 + 0.62 + 2 * 0.25 + 0.50 + 2 * 0.15 + 0.08 = -1.38; 1 / (1 + e^1.38) = 1 / 4.97490
    assert readmission_probability(a_person(HEART_FAILURE), stay()) == pytest.approx(0.201009, abs=1e-6)


def test_the_dead_do_not_return() -> None:
    assert readmission_probability(a_person(HEART_FAILURE), stay(discharge_disposition="20")) == 0.0


@pytest.mark.parametrize(
    "more",
    [
        {"age_years": 80},
        {"length_of_stay_days": 6.0},
        {"admissions_past_year": 3},
        {"ed_visits_past_six_months": 2},
        {"discharge_disposition": "07"},
    ],
)
def test_each_burden_raises_the_risk(more: dict[str, object]) -> None:
    assert readmission_probability(a_person(), stay(**more)) > readmission_probability(a_person(), stay())


def test_visits_beyond_the_most_counted_change_nothing() -> None:
    many, more = stay(admissions_past_year=4), stay(admissions_past_year=9)
    assert readmission_probability(a_person(), many) == readmission_probability(a_person(), more)


def test_a_token_depends_on_seed_facility_and_number_alone() -> None:
    one = person("1", "HG", 5, 0, 0, Draws(np.random.default_rng(1)))
    two = person("1", "HG", 5, 9, 86_400, Draws(np.random.default_rng(2)))
    other = person("2", "HG", 5, 0, 0, Draws(np.random.default_rng(1)))
    assert one.token == two.token != other.token


def test_visits_are_counted_before_the_admission_and_no_longer_than_said() -> None:
    day_s = 86_400
    who = a_person()
    for day in (0, 100, 300, 400):
        who.remember_admission(day * day_s)
    for day in (200, 230, 400):
        who.remember_ed_visit(day * day_s)
    assert who.admissions_past_year(400 * day_s) == 2  # days 100 and 300
    assert who.ed_visits_past_six_months(400 * day_s) == 1  # day 230


def admissions_by_patient(facts: list[AnyFact]) -> dict[str, list[tuple[datetime, str]]]:
    inpatients = inpatient_encounters(facts)
    admitted: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for fact in without_cancelled(facts):
        if isinstance(fact, PatientAdmitted) and fact.subject in inpatients:
            admitted[fact.partition_key].append((fact.occurred_at, str(fact.data.admission_type)))
    for times in admitted.values():
        times.sort()
    return admitted


def test_who_returns_within_30_days_is_decided_by_the_risk_alone(
    facts: list[AnyFact], truths: list[DischargeTruth]
) -> None:
    admitted = admissions_by_patient(facts)
    tokens = {fact.subject: fact.partition_key for fact in facts if isinstance(fact, PatientDischarged)}
    followed = [t for t in truths if t.discharged_at < START + timedelta(days=DAYS - 33)]
    assert len(followed) > 1_000
    for truth in followed:
        times = admitted[tokens[truth.encounter_id]]
        after = bisect_right(times, (truth.discharged_at, ""))
        back = after < len(times) and times[after][0] - truth.discharged_at <= timedelta(days=30)
        assert back == truth.returns, truth.encounter_id
        if back:
            assert times[after][1] == AdmissionType.EMERGENCY
            assert times[after][0].date() > truth.discharged_at.date()


def test_about_as_many_return_as_the_risk_says_and_it_is_worth_knowing(hospital: Hospital) -> None:
    truths: list[DischargeTruth] = []
    for _ in simulate(hospital, seed=11, start=START, days=365, on_discharge=truths.append):
        pass
    risk = np.array([truth.readmission_probability for truth in truths])
    returned = np.array([truth.returns for truth in truths])
    assert 0.13 <= risk.mean() <= 0.18
    standard_error = float(np.sqrt((risk * (1 - risk)).sum())) / len(risk)
    assert abs(returned.mean() - risk.mean()) < 4 * standard_error
    assert 0.69 <= roc_auc_score(returned, risk) <= 0.78


def test_the_ages_of_adult_inpatients_are_those_of_published_discharges() -> None:
    """HCUP Facts and Figures 2007, Exhibit 1.5: 26, 23, 26 and 7 of the 82% of discharges that were of adults."""
    facts: dict[str, list[Any]] = defaultdict(list)
    for fact in simulate(load_hospital(), seed=3, start=datetime(2026, 1, 1, tzinfo=UTC), days=60):
        facts[fact.subject].append(fact)
    discharged = [
        encounter
        for subject, about in facts.items()
        if not is_bed_subject(subject) and (encounter := fold(about)) is not None and encounter.discharged_at
    ]
    ages = [
        encounter.age_years
        for encounter in discharged
        if encounter.patient_class is PatientClass.INPATIENT and encounter.age_years is not None
    ]
    adults = [age for age in ages if age >= 18]
    assert len(adults) > 1_000
    bands = {"18-44": (18, 45), "45-64": (45, 65), "65-84": (65, 85), "85+": (85, 200)}
    shares = {name: sum(first <= age < last for age in adults) / len(adults) for name, (first, last) in bands.items()}
    published = {"18-44": 0.32, "45-64": 0.28, "65-84": 0.32, "85+": 0.09}
    assert shares == pytest.approx(published, abs=0.05)
    assert sum(age == 99 for age in ages) / len(ages) < 0.005
    assert max(ages) < 110
