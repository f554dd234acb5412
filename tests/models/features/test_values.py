"""Features use only what was known at the moment."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.features.catalogue import FEATURES, in_words
from models.features.snapshot import known_by
from models.features.values import Features, features
from models.labels.rules import Definition
from schemas.events import AdmissionType, AdtEvent, Diagnosis, PatientClass, Sex
from schemas.state import Encounter, EncounterStatus, KnownService, UnitStay
from streams.fold.encounter import fold
from tests.models.builders import day, diagnosis, ed_visit, stay
from tests.models.labels.readmission_cases import HOSPITAL
from tests.streams.builders import admit, at, discharge, transfer, update

INDEX = stay("E1", 0, 5)


def value(name: str, *history: Encounter, as_of: float = 5.0, encounter: Encounter = INDEX) -> float | str | None:
    return features([encounter, *history], encounter, day(as_of))[name]


def test_every_feature_of_the_catalogue_is_there_in_its_order_and_of_its_kind() -> None:
    row = features([INDEX], INDEX, day(5))
    assert list(row) == [feature.name for feature in FEATURES] == list(dict.fromkeys(row))
    for feature in FEATURES:
        kinds = (str,) if feature.kind == "categorical" else (float,)
        assert row[feature.name] is None or isinstance(row[feature.name], kinds), feature.name


def test_a_stay_at_its_end_says_what_a_person_would_count() -> None:
    row = features([INDEX], INDEX, day(5))
    assert (row["age_years"], row["sex"], row["admission_type"], row["service"]) == (
        70.0,
        "female",
        "urgent",
        "cardiology",
    )
    assert (row["length_of_stay_days"], row["discharge_disposition"]) == (5.0, "01")
    assert row["discharge_weekday"] == "saturday"  # 7 March 2026


def test_before_the_discharge_nothing_of_it_is_known() -> None:
    row = features([INDEX], INDEX, day(4.75))
    assert row["length_of_stay_days"] == 4.75
    assert row["discharge_disposition"] is row["discharge_weekday"] is None


def test_a_discharged_stay_grows_no_longer() -> None:
    assert value("length_of_stay_days", as_of=9) == 5.0


def test_what_is_missing_is_none_and_not_zero() -> None:
    bare = stay("E1", 0, 5, age_years=None, sex=Sex.UNKNOWN, admission_type=None, service=None, unit_stays=())
    row = features([], bare, day(5))
    for name in (
        "age_years",
        "sex",
        "admission_type",
        "service",
        "unit_transfers",
        "ed_hours",
        "ed_boarding_hours",
        "number_of_diagnoses",
        "charlson_index",
        "condition_heart_failure",
        "days_since_last_discharge",
    ):
        assert row[name] is None, name


def test_a_diagnosis_counts_from_when_it_was_reported() -> None:
    known_later = stay("E1", 0, 5, diagnoses=(diagnosis("I509", 1), diagnosis("N179", 3)))
    assert value("number_of_diagnoses", encounter=known_later, as_of=0.5) is None
    assert value("number_of_diagnoses", encounter=known_later, as_of=1) == 1.0
    assert value("number_of_diagnoses", encounter=known_later, as_of=3) == 2.0
    assert value("condition_heart_failure", encounter=known_later, as_of=0.5) is None
    assert value("condition_heart_failure", encounter=known_later, as_of=1) == 1.0
    assert value("condition_renal", encounter=known_later, as_of=5) == 0.0
    assert value("charlson_index", encounter=known_later, as_of=5) == 2.0


def test_a_code_said_twice_is_one_diagnosis() -> None:
    twice = stay("E1", 0, 5, diagnoses=(diagnosis("I509", 0), diagnosis("I509", 1, principal=True)))
    assert value("number_of_diagnoses", encounter=twice) == 1.0


def test_conditions_of_the_twelve_months_before_count_and_older_ones_do_not() -> None:
    recent = stay("E0", -100, -95, diagnoses=(diagnosis("J449", -99),))
    old = stay("E00", -400, -390, diagnoses=(diagnosis("C679", -399),))
    assert value("condition_chronic_pulmonary", recent, old) == 1.0
    assert value("condition_cancer", recent, old) == 0.0
    assert value("number_of_diagnoses", recent, old) is None


def test_with_codes_of_icd_9_alone_the_comorbidities_are_unknown() -> None:
    old_codes = stay("E1", 0, 5, diagnoses=(diagnosis("4280", 0, system="ICD9CM"),))
    assert value("charlson_index", encounter=old_codes) is None
    assert value("condition_heart_failure", encounter=old_codes) is None
    assert value("number_of_diagnoses", encounter=old_codes) == 1.0


def test_inpatient_stays_begun_in_the_365_days_before_are_counted() -> None:
    history = [stay("A", -364, -360), stay("B", -370, -366), stay("C", -40, -35), ed_visit("D", -20, -19.9)]
    assert value("admissions_past_12_months", *history) == 2.0
    assert value("days_since_last_discharge", *history) == 35.0


def test_a_transfer_is_one_admission_with_its_days_counted_together() -> None:
    first, moved = stay("A", -40, -35), stay("B", -34.9, -30, facility="LSG")
    assert value("admissions_past_12_months", first, moved) == 1.0
    assert value("days_since_last_discharge", first, moved) == 30.0
    # The patient came to another hospital three days before, through its ED, and was moved here on day 0.
    elsewhere = stay("C", -3, -0.1, facility="LSG", inpatient_from=day(-2.9), admission_type=AdmissionType.EMERGENCY)
    row = features([INDEX, first, moved, elsewhere], INDEX, day(5))
    assert (row["admissions_past_12_months"], row["ed_visits_past_6_months"]) == (1.0, 0.0)
    assert (row["length_of_stay_days"], row["days_since_last_discharge"]) == (8.0, 27.0)


def test_an_episode_is_known_only_once_its_stays_are() -> None:
    coded = stay("E1", 0.5, 5, diagnoses=(diagnosis("I509", 2, principal=True),))
    same_day = stay("A", -2, 0, principal="I50.9")
    assert value("length_of_stay_days", same_day, encounter=coded, as_of=1.5) == 1.0
    assert value("length_of_stay_days", same_day, encounter=coded, as_of=2) == 4.0
    assert value("admissions_past_12_months", same_day, encounter=coded, as_of=1.5) == 1.0
    assert value("admissions_past_12_months", same_day, encounter=coded, as_of=2) == 0.0


def test_a_stay_in_rehabilitation_is_no_admission_where_the_hospital_file_says_so() -> None:
    rehab = stay("R", -20, -10, unit_stays=(UnitStay(facility_id="HG", unit_id="REH", arrived_at=day(-20)),))
    assert value("admissions_past_12_months", rehab) == 1.0
    known = Definition(hospital=HOSPITAL)
    assert features([INDEX, rehab], INDEX, day(5), known)["admissions_past_12_months"] == 0.0


def test_a_newborn_under_the_mothers_number_is_not_her_admission() -> None:
    newborn = stay("B", -40, -38, age_years=0)
    assert value("admissions_past_12_months", newborn) == 0.0


def test_an_admission_without_any_before_has_none_and_no_last_discharge() -> None:
    assert value("admissions_past_12_months") == 0.0
    assert value("days_since_last_discharge") is None


def test_a_later_stay_and_a_cancelled_one_are_not_seen() -> None:
    cancelled = stay("B", -40, None, status=EncounterStatus.CANCELLED)
    assert value("admissions_past_12_months", stay("A", 10, 12), cancelled, as_of=20) == 0.0


def test_ed_visits_of_six_months_are_counted_without_the_one_that_led_here() -> None:
    led_here = ed_visit("A", -0.3, -0.01)
    earlier = [ed_visit("B", -30, -29.8), ed_visit("C", -181, -180.9), ed_visit("D", -183, -182.9)]
    assert value("ed_visits_past_6_months", led_here, *earlier) == 2.0


def test_an_ed_visit_that_was_never_closed_led_here_unless_it_is_days_old() -> None:
    assert value("ed_visits_past_6_months", ed_visit("A", -0.5, None)) == 0.0
    assert value("ed_visits_past_6_months", ed_visit("A", -3, None)) == 1.0


def test_an_earlier_stay_that_began_in_the_ed_was_a_visit_there_too() -> None:
    through_ed = stay("A", -30, -25, inpatient_from=day(-29.8), admission_type=AdmissionType.EMERGENCY)
    assert value("ed_visits_past_6_months", through_ed) == 1.0
    assert value("admissions_past_12_months", through_ed) == 1.0


def boarder() -> Encounter:
    """In the ED at day 0, admission ordered after 6 h, on the ward after 10 h, to another unit after 34 h."""
    hours = [0.0, 10 / 24, 34 / 24, 5.0]
    stays = tuple(
        UnitStay(facility_id="HG", unit_id=unit, arrived_at=day(hours[i]), left_at=day(hours[i + 1]))
        for i, unit in enumerate(["ED", "4W", "5E"])
    )
    return stay("E1", 0, 5, unit_stays=stays, inpatient_from=day(6 / 24), admission_type=AdmissionType.EMERGENCY)


@pytest.mark.parametrize(
    ("hours", "in_ed", "boarding", "transfers"),
    [(8, 8.0, 2.0, 0.0), (10, 10.0, 4.0, 1.0), (20, 10.0, 4.0, 1.0), (34, 10.0, 4.0, 2.0)],
)
def test_boarding_runs_from_the_order_to_leaving_the_ed(
    hours: float, in_ed: float, boarding: float, transfers: float
) -> None:
    row = features([], boarder(), day(hours / 24))
    assert row["ed_hours"] == pytest.approx(in_ed)
    assert row["ed_boarding_hours"] == pytest.approx(boarding)
    assert row["unit_transfers"] == transfers


def test_another_bed_of_the_unit_is_no_transfer() -> None:
    beds = tuple(
        UnitStay(facility_id="HG", unit_id="4W", bed_id=bed, arrived_at=day(number))
        for number, bed in enumerate(["01", "02"])
    )
    assert value("unit_transfers", encounter=stay("E1", 0, 5, unit_stays=beds)) == 0.0


def test_an_encounter_is_unknown_before_it_began_and_when_it_was_cancelled() -> None:
    assert known_by(INDEX, day(-0.1)) is None
    assert known_by(INDEX, day(0)) is not None
    assert known_by(msgspec.structs.replace(INDEX, status=EncounterStatus.CANCELLED), day(3)) is None
    assert known_by(INDEX, day(5)) is INDEX


def test_an_expected_discharge_is_dropped_for_nobody_noted_when_it_was_said() -> None:
    seen = known_by(stay("E1", 0, 5, expected_discharge_at=day(4)), day(1))
    assert seen is not None
    assert seen.expected_discharge_at is None


def test_times_that_cannot_be_give_missing_values_and_no_error() -> None:
    backwards = stay("E1", 5, 1, unit_stays=())
    assert features([backwards], backwards, day(1))["length_of_stay_days"] is None
    timeless = Encounter(encounter_id="E1", patient_token="P1", status=EncounterStatus.IN_PROGRESS)
    assert features([timeless, INDEX], timeless, day(1))["admissions_past_12_months"] is None


def test_values_are_worded_for_people() -> None:
    named = {feature.name: feature for feature in FEATURES}
    assert in_words(named["condition_renal"], 1.0) == "yes"
    assert in_words(named["admissions_past_12_months"], 1.0) == "1 admission"
    assert in_words(named["admissions_past_12_months"], 3.0) == "3 admissions"
    assert in_words(named["number_of_diagnoses"], 1.0) == "1 diagnosis"
    assert in_words(named["discharge_disposition"], "06") == "home with home health care"
    assert in_words(named["discharge_disposition"], "99") == "99"


UNITS = ("4W/01", "4W/02", "5E/01", "6N/03")
CODES = ("I509", "E119", "E1122", "J449", "C7951", "I10", "N179")


@st.composite
def patient_facts(draw: st.DrawFn) -> list[list[AdtEvent]]:
    """Encounters of one patient as a feed reports them, one after the other, without corrections or cancels."""
    encounters: list[list[AdtEvent]] = []
    now = 0.0
    for number in range(draw(st.integers(1, 4))):
        name, through_ed = f"E{number}", draw(st.booleans())
        facts: list[AdtEvent] = []
        now += draw(st.floats(0.01, 3_000))
        kind = PatientClass.EMERGENCY if through_ed else PatientClass.INPATIENT
        reason = AdmissionType.EMERGENCY if through_ed else AdmissionType.ELECTIVE
        service = "emergency medicine" if through_ed else "cardiology"
        facts.append(
            admit(
                now,
                "ED/01" if through_ed else "4W/01",
                e=name,
                patient_class=kind,
                admission_type=reason,
                service=service,
                age_years=60 + number,
                sex=Sex.MALE,
            )
        )
        inpatient = not through_ed
        for step in range(draw(st.integers(0, 4))):
            now += draw(st.floats(0.01, 100))
            if draw(st.booleans()):
                details = {"patient_class": PatientClass.INPATIENT, "service": "cardiology"} if not inpatient else {}
                inpatient = True
                facts.append(transfer(now, draw(st.sampled_from(UNITS)), e=name, id=f"t{number}-{step}", **details))
            else:
                codes = draw(st.lists(st.sampled_from(CODES), max_size=3, unique=True))
                told_codes = tuple(Diagnosis(code=code) for code in codes)
                facts.append(update(now, e=name, id=f"u{number}-{step}", diagnoses=told_codes))
        if draw(st.booleans()) or number == 0:
            now += draw(st.floats(0.01, 100))
            codes = draw(st.lists(st.sampled_from(CODES), max_size=3, unique=True))
            disposition = draw(st.sampled_from(["01", "03", "20", None]))
            coded = tuple(Diagnosis(code=code) for code in codes)
            facts.append(discharge(now, disposition, e=name, diagnoses=coded))
        encounters.append(facts)
    return encounters


def at_moment(encounters: list[list[AdtEvent]], number: int, hours: float, *, cut: bool) -> Features | None:
    """The features from the facts until then, or from all facts."""
    until = at(hours)
    folded = [fold([fact for fact in facts if not cut or fact.occurred_at <= until]) for facts in encounters]
    encounter = folded[number]
    return None if encounter is None else features([each for each in folded if each is not None], encounter, until)


@settings(max_examples=300, deadline=None)
@given(patient_facts(), st.data())
def test_features_from_everything_equal_features_from_what_had_happened(
    encounters: list[list[AdtEvent]], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(encounters) - 1))
    moments = [(fact.occurred_at - at(0)).total_seconds() / 3_600 for facts in encounters for fact in facts]
    hours = data.draw(st.one_of(st.sampled_from(moments), st.floats(0, max(moments))))
    from_what_had_happened = at_moment(encounters, number, hours, cut=True)
    if from_what_had_happened is not None:
        assert at_moment(encounters, number, hours, cut=False) == from_what_had_happened


def test_a_service_counts_from_when_it_was_said() -> None:
    services = (KnownService(value="medicine", known_at=day(0)), KnownService(value="surgery", known_at=day(5)))
    moved = stay("E1", 0, 9, service="surgery", services=services)
    assert [features([], moved, day(at))["service"] for at in (1, 6, 9)] == ["medicine", "surgery", "surgery"]
