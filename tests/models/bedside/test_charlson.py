"""The Charlson groups and indices, against cases worked out by hand from the tables of Quan 2005 and 2011."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.bedside import charlson
from models.bedside.charlson import WEIGHTS_1987, WEIGHTS_2011, charlson_index, comorbidities, group_of

REFERENCE = Path(__file__).parents[3].parent / "shared" / "reference" / "charlson_quan2005_icd10.txt"


@pytest.mark.parametrize(
    ("code", "group"),
    [
        ("I50.9", "heart_failure"),
        ("i509", "heart_failure"),
        ("I252", "myocardial_infarction"),
        ("I251", None),
        ("E1122", "complicated_diabetes"),
        ("E119", "diabetes"),
        ("K766", "severe_liver"),
        ("K760", "mild_liver"),
        ("K761", None),
        ("C7951", "metastatic_cancer"),
        ("C44", None),
        ("N18.30", "renal"),
        ("N18", "renal"),
        ("N032", "renal"),
        ("N031", None),
        ("F05.1", "dementia"),
        ("F050", None),
        ("I10", None),
        ("", None),
    ],
)
def test_a_code_belongs_to_the_group_of_its_prefix(code: str, group: str | None) -> None:
    assert group_of(code) == group


@pytest.mark.parametrize("system", ["ICD9CM", "ICD-9-CM", "SNOMED", "ICD10PCS"])
def test_a_code_of_another_system_belongs_to_no_group(system: str) -> None:
    assert group_of("I509", system) is None


@pytest.mark.parametrize("system", ["ICD10CM", "ICD-10-CM", "icd10", "ICD10GM", "I10"])
def test_the_versions_of_icd_10_are_read(system: str) -> None:
    assert group_of("I509", system) == "heart_failure"


def test_without_any_icd_10_code_the_groups_are_unknown() -> None:
    assert comorbidities([]) is None
    assert comorbidities([("4280", "ICD9CM"), ("25000", "ICD9CM")]) is None


def test_icd_10_codes_without_a_condition_are_known_to_hold_none() -> None:
    assert comorbidities([("I10", "ICD10CM"), ("4280", "ICD9CM")]) == frozenset()


@pytest.mark.parametrize(
    ("mild", "severe", "left"),
    [
        ("K760", "K766", "severe_liver"),
        ("E119", "E1122", "complicated_diabetes"),
        ("C679", "C7951", "metastatic_cancer"),
    ],
)
def test_the_worse_form_takes_the_place_of_the_milder(mild: str, severe: str, left: str) -> None:
    assert comorbidities([(mild, "ICD10CM"), (severe, "ICD10CM")]) == frozenset({left})
    assert comorbidities([(severe, "ICD10CM"), (mild, "ICD10CM")]) == frozenset({left})


def test_a_group_counts_once_however_many_of_its_codes_there_are() -> None:
    groups = comorbidities([("I509", "ICD10CM"), ("I5023", "ICD10CM"), ("I110", "ICD10CM")])
    assert groups == frozenset({"heart_failure"})


def test_an_old_man_with_four_conditions_has_the_points_of_either_table() -> None:
    codes = [("I509", "ICD10CM"), ("N1830", "ICD10CM"), ("E1122", "ICD10CM"), ("I252", "ICD10CM")]
    groups = comorbidities(codes)
    assert groups is not None
    assert sorted(groups) == ["complicated_diabetes", "heart_failure", "myocardial_infarction", "renal"]
    assert charlson_index(groups, WEIGHTS_1987) == 1 + 2 + 2 + 1
    assert charlson_index(groups, WEIGHTS_2011) == 2 + 1 + 1 + 0


def test_the_weights_are_those_of_the_two_tables() -> None:
    # MI, CHF, PVD, cerebrovascular, dementia, COPD, rheumatic, ulcer, mild liver, diabetes, complicated diabetes,
    # hemiplegia, renal, cancer, severe liver, metastatic, AIDS
    assert len(charlson.GROUPS) == 17
    assert list(WEIGHTS_1987.values()) == [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 6, 6]
    assert list(WEIGHTS_2011.values()) == [0, 2, 0, 0, 2, 1, 1, 0, 2, 0, 1, 2, 1, 2, 4, 6, 2]


def test_no_prefix_stands_in_two_groups() -> None:
    prefixes = [prefix for line in charlson.PREFIXES.values() for prefix in line.split()]
    assert len(prefixes) == len(set(prefixes)) == 289
    assert {len(prefix) for prefix in prefixes} == {3, 4}


def test_the_prefixes_equal_the_reference_list() -> None:
    if not REFERENCE.exists():
        pytest.skip("left out: ../shared/reference is not there to compare the prefixes with")
    lines = [line for line in REFERENCE.read_text().splitlines() if line and not line.startswith("#")]
    assert [line.split(": ")[1].split() for line in lines] == [
        charlson.PREFIXES[group].split() for group in charlson.GROUPS
    ]
