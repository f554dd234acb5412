"""Bedside scores: patients worked out by hand (score_cases.py), and every row of the published tables."""

from __future__ import annotations

import pytest

from models.bedside import charlson, elixhauser, hospital_score, lace
from models.bedside.catalogue import SCORES, band, headline, missing_in_words
from models.bedside.items import Amount, BedsideScore, Conditions, Item
from tests.models.bedside.score_cases import GROUPS, Case, Group, score_of, written

CASES = [pytest.param(group, case, id=f"{group.score}: {case.title}") for group in GROUPS for case in group.cases]


@pytest.mark.parametrize(("group", "case"), CASES)
def test_a_patient_has_the_points_that_were_worked_out_by_hand(group: Group, case: Case) -> None:
    score = score_of(group.score, case.known)
    assert written(group, score) == case.points
    assert band(score) == case.band


def test_every_score_has_ten_worked_patients() -> None:
    counts = {group.score: len({case.known for case in group.cases}) for group in GROUPS}
    assert counts.keys() == SCORES.keys()
    assert min(counts.values()) >= 10


def points(name: str, known: str, key: str) -> tuple[int, int]:
    score = score_of(name, known)
    return next((item.low, item.high) for item in score.items if item.key == key)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (0, 0), (0.99, 0), (1, 1), (1.99, 1), (2, 2), (2.99, 2), (3, 3), (3.99, 3), (4, 4), (5, 4), (6, 4), (6.99, 4),
        (7, 5), (10, 5), (13, 5), (13.99, 5), (14, 7), (15, 7), (365, 7),
    ],
)  # fmt: skip
def test_the_days_of_lace(days: float, expected: int) -> None:
    assert points("lace", f"stay={days}", "length_of_stay") == (expected, expected)


@pytest.mark.parametrize(("answer", "expected"), [("yes", 3), ("no", 0)])
def test_the_acuity_of_lace(answer: str, expected: int) -> None:
    assert points("lace", f"emergent={answer}", "emergent") == (expected, expected)


@pytest.mark.parametrize(
    ("codes", "weight", "expected"),
    [
        ("I10", 0, 0),
        ("I25.2", 1, 1),
        ("I50.9", 2, 2),
        ("F03.90", 3, 3),
        ("B20", 4, 5),
        ("C78.7", 6, 5),
        ("I25.2,I63.9,E11.9", 3, 3),
        ("I25.2,I63.9,E11.9,I73.9", 4, 5),
    ],
)
def test_the_comorbidity_of_lace(codes: str, weight: int, expected: int) -> None:
    groups = charlson.comorbidities([(code, "ICD10CM") for code in codes.split(",")])
    assert groups is not None
    assert charlson.charlson_index(groups, lace.WEIGHTS) == weight
    assert points("lace", f"codes={codes}", "comorbidity") == (expected, expected)


@pytest.mark.parametrize(("visits", "expected"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 4), (12, 4)])
def test_the_ed_visits_of_lace(visits: int, expected: int) -> None:
    assert points("lace", f"ed={visits}", "ed_visits") == (expected, expected)


LACE_TABLE = {
    "I21.4": 1,
    "I63.9": 1,
    "I70.209": 1,
    "E11.9": 1,
    "I50.9": 2,
    "J44.9": 2,
    "C50.911": 2,
    "K73.9": 2,
    "E11.22": 2,
    "G30.9": 3,
    "M32.9": 3,
    "K76.6": 4,
    "B20": 4,
    "C78.7": 6,
    "K25.9": 0,
    "G82.20": 0,
    "N18.4": 0,
}


@pytest.mark.parametrize(("code", "weight"), LACE_TABLE.items())
def test_a_condition_weighs_in_lace_what_its_table_says(code: str, weight: int) -> None:
    group = charlson.group_of(code)
    assert group is not None
    assert lace.WEIGHTS[group] == weight


def test_the_table_of_lace_has_a_row_for_every_group() -> None:
    assert {charlson.group_of(code) for code in LACE_TABLE} == set(charlson.GROUPS) == lace.WEIGHTS.keys()


def test_lace_with_the_weights_of_1987_counts_dementia_as_one() -> None:
    groups = Conditions(frozenset({charlson.DEMENTIA, charlson.RENAL}))
    score = lace.lace(
        length_of_stay_days=Amount(2),
        emergent=True,
        conditions=groups,
        ed_visits_past_6_months=Amount(0),
        weights=charlson.WEIGHTS_1987,
    )
    assert [item.low for item in score.items] == [2, 3, 3, 0]


@pytest.mark.parametrize(
    ("known", "key", "expected"),
    [
        ("hb=11.9", "haemoglobin", 1),
        ("hb=11.99", "haemoglobin", 1),
        ("hb=12", "haemoglobin", 0),
        ("hb=17", "haemoglobin", 0),
        ("oncology=yes", "oncology_service", 2),
        ("oncology=no", "oncology_service", 0),
        ("na=134.9", "sodium", 1),
        ("na=135", "sodium", 0),
        ("procedure=yes", "procedure", 1),
        ("procedure=no", "procedure", 0),
        ("urgent=yes", "urgent", 1),
        ("urgent=no", "urgent", 0),
        ("admissions=0", "admissions", 0),
        ("admissions=1", "admissions", 0),
        ("admissions=2", "admissions", 2),
        ("admissions=3", "admissions", 2),
        ("admissions=4", "admissions", 2),
        ("admissions=5", "admissions", 2),
        ("admissions=6", "admissions", 5),
        ("admissions=30", "admissions", 5),
        ("stay=4.99", "length_of_stay_5_days", 0),
        ("stay=5", "length_of_stay_5_days", 2),
        ("stay=90", "length_of_stay_5_days", 2),
    ],
)
def test_the_rows_of_hospital(known: str, key: str, expected: int) -> None:
    assert points("hospital", known, key) == (expected, expected)
    if key not in ("oncology_service", "procedure"):
        assert points("simplified_hospital", known, key) == (expected, expected)


@pytest.mark.parametrize(
    ("total", "name"),
    [(0, "low"), (4, "low"), (5, "intermediate"), (6, "intermediate"), (7, "high"), (13, "high")],
)
def test_the_bands_of_hospital(total: int, name: str) -> None:
    assert band(BedsideScore("hospital", (Item("all", "known", total, total),))) == name


@pytest.mark.parametrize(("total", "name"), [(0, "not high"), (9, "not high"), (10, "high"), (19, "high")])
def test_the_bands_of_lace(total: int, name: str) -> None:
    assert band(BedsideScore("lace", (Item("all", "known", total, total),))) == name


@pytest.mark.parametrize("name", SCORES)
def test_the_range_of_a_score_of_which_nothing_is_known_is_its_whole_range(name: str) -> None:
    score = score_of(name, "")
    assert score.high == SCORES[name].most
    assert score.low == {"elixhauser_readmission": -4, "elixhauser_mortality": -32}.get(name, 0)
    assert len(score.missing) == len(score.items)


@pytest.mark.parametrize("name", SCORES)
def test_every_item_has_a_name_for_people(name: str) -> None:
    for known in ("", "codes=I13.2,E11.9,C50.911+"):
        assert all(item.key in SCORES[name].item_labels for item in score_of(name, known).items)


def test_a_score_in_words_says_what_is_not_known() -> None:
    score = score_of("hospital", "oncology=no na=134 procedure=yes urgent=yes admissions=0 stay=6")
    assert headline(score) == "HOSPITAL 5 to 6 of 13, intermediate"
    assert missing_in_words(score) == "Not known: haemoglobin"
    assert headline(score_of("lace", "emergent=yes")) == "LACE at least 3 of 19, not high or high"
    assert headline(score_of("two_admissions", "admissions=1+")) == "Two or more admissions in 12 months: not known"


ELIXHAUSER_TABLE = {
    "AIDS": (19, 0), "ALCOHOL": (6, -1), "ANEMDEF": (9, -2), "ARTH": (4, 0), "BLDLOSS": (3, -3), "CHF": (13, 9),
    "CHRNLUNG": (8, 3), "COAG": (7, 11), "DEPRESS": (4, -5), "DM": (6, 0), "DMCX": (9, -3), "DRUG": (14, -7),
    "HTN_C": (-1, -1), "HYPOTHY": (0, 0), "LIVER": (10, 4), "LYMPH": (16, 6), "LYTES": (8, 11), "METS": (21, 14),
    "NEURO": (7, 5), "OBESE": (-3, -5), "PARA": (6, 5), "PERIVASC": (4, 3), "PSYCH": (10, -5), "PULMCIRC": (5, 6),
    "RENLFAIL": (15, 6), "TUMOR": (15, 7), "ULCER": (0, 0), "VALVE": (0, 0), "WGHTLOSS": (10, 9),
}  # fmt: skip


@pytest.mark.parametrize(("name", "weights"), ELIXHAUSER_TABLE.items())
def test_a_comorbidity_weighs_what_the_program_of_ahrq_says(name: str, weights: tuple[int, int]) -> None:
    assert (elixhauser.READMISSION_WEIGHTS[name], elixhauser.MORTALITY_WEIGHTS[name]) == weights


def test_there_are_29_comorbidities() -> None:
    assert len(ELIXHAUSER_TABLE) == 29 == len(elixhauser.LABELS)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("B20", "AIDS"), ("F10.20", "ALCOHOL"), ("D64.9", "ANEMDEF"), ("M05.79", "ARTH"), ("D50.0", "BLDLOSS"),
        ("I50.9", "CHF"), ("J44.9", "CHRNLUNG"), ("D69.6", "COAG"), ("F32.9", "DEPRESS"), ("E11.9", "DM"),
        ("E11.22", "DMCX"), ("F11.20", "DRUG"), ("I10", "HTN_C"), ("E03.9", "HYPOTHY"), ("K74.60", "LIVER"),
        ("C83.30", "LYMPH"), ("E87.1", "LYTES"), ("C78.7", "METS"), ("G20", "NEURO"), ("E66.9", "OBESE"),
        ("G81.90", "PARA"), ("I70.209", "PERIVASC"), ("F20.9", "PSYCH"), ("I27.0", "PULMCIRC"), ("N18.6", "RENLFAIL"),
        ("C50.911", "TUMOR"), ("K25.7", "ULCER"), ("I35.0", "VALVE"), ("E43", "WGHTLOSS"), ("D47.3", ""),
        ("Z00.00", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_code_belongs_to_the_comorbidity_of_the_list(code: str, found: str) -> None:
    assert elixhauser.comorbidities_of(code) == (frozenset({found}) if found else frozenset())


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("I16.0", "HTN_C"),
        ("I95.9", ""),
        ("I15.9", "HTN_C"),
        ("I11.9", "HTN_C"),
        ("I11.0", "CHF HTN_C"),
        ("I12.9", "HTN_C"),
        ("I12.0", "HTN_C RENLFAIL"),
        ("I13.10", "HTN_C"),
        ("I13.0", "CHF HTN_C"),
        ("I13.11", "HTN_C RENLFAIL"),
        ("I13.2", "CHF HTN_C RENLFAIL"),
        ("O11.9", "HTN_C"),
        ("O16.9", "HTN_C"),
    ],
)
def test_a_hypertension_code_says_all_that_it_names(code: str, found: str) -> None:
    assert sorted(elixhauser.comorbidities_of(code)) == found.split()


def test_the_whole_list_of_codes_is_read() -> None:
    listed = elixhauser.code_list()
    assert len(listed) == 3_494
    assert [code for code, found in listed.items() if not found] == ["D473"]
    assert frozenset().union(*listed.values()) == elixhauser.LABELS.keys()


def test_codes_of_another_system_have_no_comorbidity() -> None:
    assert elixhauser.elixhauser([("4280", "ICD9CM")]) is None
    assert elixhauser.elixhauser([("4280", "ICD9CM"), ("I509", "ICD10CM")]) == frozenset({"CHF"})


def test_the_limits_of_the_bands_are_those_of_the_papers() -> None:
    assert (lace.HIGH, hospital_score.INTERMEDIATE, hospital_score.HIGH) == (10, 5, 7)
