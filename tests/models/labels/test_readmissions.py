"""Index stays and readmissions, with every edge worked out by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from models.labels.index_stays import Exclusion, index_exclusion
from models.labels.readmissions import readmitted_within_30_days
from models.labels.rules import Definition, Rules, Window
from schemas.events import PatientClass
from schemas.hospital import Facility, Hospital
from schemas.state import Encounter, EncounterStatus
from tests.models.builders import day, ed_visit, stay

SECOND = timedelta(seconds=1)
INDEX = stay("E1", 0, 5)


def test_an_adult_who_went_home_from_an_inpatient_stay_is_an_index_stay() -> None:
    assert index_exclusion(INDEX) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"inpatient_from": None, "patient_class": PatientClass.OBSERVATION}, Exclusion.NOT_INPATIENT),
        ({"status": EncounterStatus.IN_PROGRESS, "discharged_at": None}, Exclusion.IN_PROGRESS),
        ({"status": EncounterStatus.CANCELLED}, Exclusion.CANCELLED),
        ({"status": EncounterStatus.PLANNED}, Exclusion.PLANNED),
        ({"admitted_at": None}, Exclusion.NO_ADMISSION),
        ({"admitted_at": day(6)}, Exclusion.TIMES_OUT_OF_ORDER),
        ({"inpatient_from": day(6)}, Exclusion.TIMES_OUT_OF_ORDER),
        ({"discharge_disposition": "20"}, Exclusion.DIED),
        ({"discharge_disposition": "41"}, Exclusion.DIED),
        ({"discharge_disposition": "07"}, Exclusion.AGAINST_ADVICE),
        ({"discharge_disposition": "7"}, Exclusion.AGAINST_ADVICE),
        ({"discharge_disposition": "02"}, Exclusion.TRANSFERRED_TO_ACUTE),
        ({"discharge_disposition": "82"}, Exclusion.TRANSFERRED_TO_ACUTE),
        ({"age_years": None}, Exclusion.AGE_UNKNOWN),
        ({"age_years": 17}, Exclusion.UNDER_18),
    ],
)
def test_a_stay_that_is_no_index_stay_has_its_reason(changes: dict[str, Any], reason: Exclusion) -> None:
    assert index_exclusion(msgspec.structs.replace(INDEX, **changes)) is reason


@pytest.mark.parametrize("code", ["01", "03", "06", "50", "62", None])
def test_whoever_left_alive_for_elsewhere_is_an_index_stay(code: str | None) -> None:
    assert index_exclusion(msgspec.structs.replace(INDEX, discharge_disposition=code)) is None


def test_a_patient_of_18_is_an_adult() -> None:
    assert index_exclusion(msgspec.structs.replace(INDEX, age_years=18)) is None


@pytest.mark.parametrize(
    ("comes_back", "readmitted"),
    [
        (5 + 59 / 86_400, False),  # in the minute of the discharge, the stay goes on
        (5 + 60 / 86_400, True),
        (6.0, True),
        (34.99, True),
        (35.0, True),
        (35 + 1 / 86_400, False),
        (36.0, False),
    ],
)
def test_by_hours_a_return_counts_until_exactly_30_days_after_the_discharge(
    comes_back: float, readmitted: bool
) -> None:
    hours = Definition(Rules("adults", window=Window.HOURS))
    assert readmitted_within_30_days([INDEX, stay("E2", comes_back)], INDEX, hours) is readmitted


def test_by_date_the_whole_of_day_30_counts() -> None:
    # Discharged at 08:00 on day 5: day 30 after it ends 15 hours 59 minutes later than 30 times 24 hours.
    assert readmitted_within_30_days([INDEX, stay("E2", 35 + 15.9 / 24)], INDEX)
    assert not readmitted_within_30_days([INDEX, stay("E2", 35 + 16 / 24)], INDEX)


def test_nobody_comes_back_when_there_is_no_other_encounter() -> None:
    assert not readmitted_within_30_days([INDEX], INDEX)
    assert not readmitted_within_30_days([], INDEX)


def test_an_earlier_stay_is_no_return() -> None:
    assert not readmitted_within_30_days([stay("E0", -20, -10), INDEX], INDEX)


@pytest.mark.parametrize(("admitted", "left"), [(3.0, 8.0), (0.0, 5.0), (5.0, 9.0)])
def test_a_stay_that_overlaps_or_touches_the_discharge_is_no_return(admitted: float, left: float) -> None:
    assert not readmitted_within_30_days([INDEX, stay("E2", admitted, left)], INDEX)


def test_a_stay_that_began_before_the_discharge_is_no_return_though_it_became_inpatient_later() -> None:
    assert not readmitted_within_30_days([INDEX, stay("E2", 4.9, 9, inpatient_from=day(5.2))], INDEX)


def test_ed_and_observation_visits_and_cancelled_admissions_are_no_returns() -> None:
    observed = stay("E3", 9, 10, inpatient_from=None, patient_class=PatientClass.OBSERVATION)
    cancelled = stay("E4", 11, None, status=EncounterStatus.CANCELLED)
    assert not readmitted_within_30_days([INDEX, ed_visit("E2", 7, 7.2), observed, cancelled], INDEX)


def test_the_day_counts_on_which_the_return_became_inpatient() -> None:
    midnight = day(35 + 16 / 24)
    through_ed = stay("E2", 35.5, 40, inpatient_from=midnight)
    assert not readmitted_within_30_days([INDEX, through_ed], INDEX)
    early = msgspec.structs.replace(through_ed, inpatient_from=midnight - SECOND)
    assert readmitted_within_30_days([INDEX, early], INDEX)


def test_a_later_death_is_no_readmission_but_an_admission_that_ends_in_death_is() -> None:
    assert readmitted_within_30_days([INDEX, stay("E2", 9, 12, discharge_disposition="20")], INDEX)


def same_day(principal: str, facility: str = "HG") -> tuple[Encounter, Encounter]:
    """Discharged at 08:00 on day 5, back at 20:00."""
    return stay("E1", 0, 5, principal="I50.9"), stay("E2", 5.5, 9, principal=principal, facility=facility)


def test_a_return_on_the_same_day_for_the_same_condition_goes_on_with_the_stay() -> None:
    first, second = same_day("I5023")
    assert not readmitted_within_30_days([first, second], first)
    assert index_exclusion(first, [first, second]) is Exclusion.CONTINUED
    assert index_exclusion(second, [first, second]) is None


def test_a_return_on_the_same_day_for_another_condition_is_a_readmission() -> None:
    first, second = same_day("J189")
    assert readmitted_within_30_days([first, second], first)
    assert index_exclusion(first, [first, second]) is None


def test_a_return_on_the_next_day_for_the_same_condition_is_a_readmission() -> None:
    first = stay("E1", 0, 5, principal="I509")
    assert readmitted_within_30_days([first, stay("E2", 6, 9, principal="I509")], first)


def test_without_a_principal_diagnosis_a_return_on_the_same_day_is_a_readmission() -> None:
    assert readmitted_within_30_days([INDEX, stay("E2", 5.5, 9)], INDEX)


@pytest.mark.parametrize(("admitted", "goes_on"), [(5.1, True), (6.6, True), (6.7, False)])
def test_an_admission_elsewhere_on_the_same_or_the_next_day_is_a_transfer(admitted: float, goes_on: bool) -> None:
    # Discharged on day 5 at 08:00; day 6.6 is 22:24 of the next day, day 6.7 is 00:48 of the one after.
    elsewhere = stay("E2", admitted, 9, facility="OTHER")
    assert readmitted_within_30_days([INDEX, elsewhere], INDEX) is not goes_on
    assert (index_exclusion(INDEX, [INDEX, elsewhere]) is Exclusion.CONTINUED) is goes_on


def test_the_last_stay_of_an_episode_carries_its_outcome() -> None:
    first, second = same_day("I509")
    third = stay("E3", 20, 22)
    assert not readmitted_within_30_days([first, second, third], first)
    assert readmitted_within_30_days([first, second, third], second)


def test_what_the_same_day_is_depends_on_the_zone_of_the_hospital() -> None:
    # Out at 08:00 and in at 20:00 UTC: in Auckland 21:00 and 09:00 of the next day.
    first, second = same_day("I509")
    auckland = Hospital(facilities=(Facility(facility_id="HG", name="HG", units=(), time_zone="Pacific/Auckland"),))
    assert readmitted_within_30_days([first, second], first, Definition(hospital=auckland))


def test_a_stay_that_is_only_planned_is_no_return() -> None:
    index = stay("E1", 0, 6)
    planned = stay("E2", 10, status=EncounterStatus.PLANNED)
    assert not readmitted_within_30_days([index, planned], index)
