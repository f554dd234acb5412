"""The table of labels, and rates made from it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from models.labels.rates import By, rate_of, rates_by
from models.labels.rules import CRUDE, Definition, Rules
from models.labels.table import LabelRow, label_rows, outcome_name, summarise
from schemas.state import Encounter
from tests.models.builders import day, stay
from tests.models.labels.readmission_cases import CODES, HOSPITAL
from tests.models.labels.readmission_cases import stay as written

PLAIN = Definition()


def rows(*histories: list[Encounter], definition: Definition = PLAIN, **options: Any) -> list[LabelRow]:
    persons = {f"P{number}": history for number, history in enumerate(histories, start=1)}
    return label_rows(persons, definition, options.get("died_at", {}), options.get("followed_until"))


def test_a_row_says_what_the_rate_rests_on() -> None:
    first, second = stay("E1", 0, 5, principal="I50.9"), stay("E2", 14, 15, facility="LSG")
    [row, other] = rows([first, second])
    assert (row.encounter_id, row.person_token, row.facility_id, row.unit_id) == ("E1", "P1", "HG", "4W")
    assert (row.month, row.condition, row.discharge_disposition) == ("2026-03", "I50", "01")
    assert (row.episode_id, row.leg, row.legs, row.is_index_admission, row.reason) == ("E1", 1, 1, True, None)
    assert (row.outcome, row.readmitted, row.readmission_encounter_id) == ("readmitted", True, "E2")
    assert (row.readmitted_at, row.days_to_readmission) == (day(14), 9)
    assert (row.is_planned, row.plan_reason) == (None, "not_known_no_code_sets")
    assert (other.outcome, other.readmission_encounter_id) == ("not_readmitted", None)


def test_the_month_is_that_of_the_hospital() -> None:
    # 23:30 UTC on 31 March is 01:30 on 1 April in Berlin.
    [row] = rows([written("A 03-28T10:00 04-01T01:30 4W")], definition=Definition(hospital=HOSPITAL))
    assert row.month == "2026-04"


def test_the_condition_has_the_name_of_its_category() -> None:
    coded = Definition(codes=CODES)
    [known] = rows([stay("E1", 0, 5, principal="I50.9")], definition=coded)
    [unknown] = rows([stay("E1", 0, 5, principal="Q99.9")], definition=coded)
    assert (known.condition, unknown.condition) == ("CCS 108 Congestive heart failure; nonhypertensive", "Q99")


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({}, ("no_principal_diagnosis",)),
        ({"discharge_disposition": None}, ("no_disposition", "no_principal_diagnosis")),
        ({"unit_stays": ()}, ("no_place", "no_principal_diagnosis")),
        ({"admitted_at": day(-400)}, ("no_principal_diagnosis", "long_stay")),
        ({"discharged_at": None}, ()),
    ],
)
def test_doubts_about_the_data_are_named(changes: dict[str, Any], flags: tuple[str, ...]) -> None:
    [row] = rows([msgspec.structs.replace(stay("E1", 0, 5), **changes)])
    assert row.data_quality == flags


def test_doubts_that_other_stays_and_a_death_raise() -> None:
    opened = stay("E0", -20, None)
    first, second = stay("E1", 0, 5, principal="I50.9"), stay("E2", 4, 8, principal="I50.9")
    found = {row.encounter_id: row.data_quality for row in rows([opened, first, second], died_at={"P1": day(2)})}
    assert found == {
        "E0": (),
        "E1": ("overlaps", "open_stay_before"),
        "E2": ("overlaps", "open_stay_before", "after_death"),
    }


def test_a_diagnosis_without_a_category_is_named_only_with_code_sets() -> None:
    unknown = stay("E1", 0, 5, principal="Q99.9")
    assert rows([unknown])[0].data_quality == ()
    assert rows([unknown], definition=Definition(codes=CODES))[0].data_quality == ("diagnosis_not_mapped",)


PLANNED = "B 03-16T08:00 03-17T08:00 4W dx=M17.11 pr=0SRD0J9"
UNPLANNED = "B 03-16T08:00 03-17T08:00 4W dx=I25.10 pr=B2111ZZ"
NOT_KNOWN = "B 03-16T08:00 03-17T08:00 4W dx=J18.9"
INDEX = "A 03-02T10:00 03-07T14:00 4W dx=I50.9"


@pytest.mark.parametrize(
    ("returns", "codes", "name", "readmissions"),
    [
        pytest.param([PLANNED, UNPLANNED], True, "unplanned readmission", 1, id="all known"),
        pytest.param([PLANNED, UNPLANNED, NOT_KNOWN], True, "all-cause readmission", 3, id="one not known"),
        pytest.param([PLANNED, UNPLANNED], False, "all-cause readmission", 2, id="no lists"),
        pytest.param([], True, "all-cause readmission", 0, id="no return"),
    ],
)
def test_a_rate_is_called_unplanned_only_if_that_is_known_of_every_return(
    returns: list[str], codes: bool, name: str, readmissions: int
) -> None:
    definition = Definition(hospital=HOSPITAL, codes=CODES if codes else None)
    found = rows(
        *[[written(INDEX), written(back)] for back in returns], [written(INDEX)], definition=definition
    )  # fmt: skip
    stays = [row for row in found if row.encounter_id == "A"]
    assert outcome_name(stays, definition) == name
    assert rate_of("all", stays, name, {}).readmissions == readmissions


def test_a_rate_of_returns_and_deaths_is_called_so() -> None:
    definition = Definition(Rules("adults", or_death=True))
    found = rows([stay("E1", 0, 5)], [stay("E2", 0, 5)], definition=definition, died_at={"P1": day(9)})
    name = outcome_name(found, definition)
    assert name == "all-cause readmission or death"
    assert rate_of("all", found, name, {}).readmissions == 1


def test_observed_against_expected_counts_scored_stays_alone() -> None:
    found = rows(*[[stay(f"E{n}", 0, 5), stay(f"R{n}", 9 if n < 3 else 90)] for n in range(5)])
    stays = [row for row in found if row.encounter_id.startswith("E")]
    rate = rate_of("all", stays, "all-cause readmission", {"E0": 0.25, "E1": 0.25, "E2": 0.25, "E4": 0.25})
    assert (rate.index_stays, rate.readmissions, rate.rate) == (5, 3, 0.6)
    against = rate.against_expected
    assert against is not None
    assert (against.stays, against.observed, against.expected, against.ratio) == (4, 3, 1.0, 3.0)
    # Four stays of 0.25: at least three events have 5.1%, four 0.4%.
    assert (against.limits_95, against.signal) == ((0.0, 3.0), "none")


@pytest.mark.parametrize(("returned", "signal"), [(0, "none"), (3, "none"), (4, "warning_higher"), (6, "higher")])
def test_a_group_beyond_the_limits_is_a_signal(returned: int, signal: str) -> None:
    found = rows(*[[stay(f"E{n}", 0, 5), stay(f"R{n}", 9 if n < returned else 90)] for n in range(10)])
    stays = [row for row in found if row.encounter_id.startswith("E")]
    # Ten stays of 0.1: more than three 1.3%, more than five 0.015%; none 35%.
    against = rate_of("all", stays, "all-cause readmission", dict.fromkeys([f"E{n}" for n in range(10)], 0.1))
    assert against.against_expected is not None
    assert against.against_expected.signal == signal


def test_groups_are_those_of_the_discharge() -> None:
    histories = [
        [stay("E1", 0, 5, principal="I50.9"), stay("R1", 9, 10)],
        [stay("E2", 40, 45, discharge_disposition="3")],
    ]
    found = [row for row in rows(*histories) if row.encounter_id.startswith("E")]
    name = outcome_name(found, PLAIN)
    assert [(rate.group, rate.readmissions) for rate in rates_by(By.MONTH, found, name, {})] == [
        ("2026-03", 1),
        ("2026-04", 0),
    ]
    assert [rate.group for rate in rates_by(By.DISPOSITION, found, name, {})] == [
        "01 home",
        "03 skilled nursing facility",
    ]
    assert [rate.group for rate in rates_by(By.CONDITION, found, name, {})] == ["I50", "not reported"]
    assert [(rate.group, rate.index_stays) for rate in rates_by(By.UNIT, found, name, {})] == [("HG/4W", 2)]


def test_a_summary_counts_every_encounter_once() -> None:
    died = stay("E2", 20, 25, discharge_disposition="20")
    found = rows([stay("E1", 0, 5), died], [stay("E3", 0, 5, age_years=17)])
    summary = summarise(found, PLAIN, None)
    assert (summary.encounters, summary.index_stays) == (3, 1)
    assert summary.reasons == {"died": 1, "under_18": 1}
    assert summary.outcomes == {"readmitted": 1}
    assert sum(summary.reasons.values()) + summary.index_stays == summary.encounters


def test_the_crude_count_takes_every_discharge_of_a_living_patient() -> None:
    found = rows(
        [stay("E1", 0, 5, age_years=3), stay("E2", 5, 9, discharge_disposition="20")], definition=Definition(CRUDE)
    )
    assert [(row.is_index_admission, row.readmitted, row.reason) for row in found] == [
        (True, True, None),
        (False, None, "died"),
    ]
