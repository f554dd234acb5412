"""UCI's table as stays: what is a stay, what is missing, what is history, and what can never become a feature."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.sources.stay_table import StayTable
from models.sources.uci import COLUMNS, LABEL, read_uci
from models.sources.uci_history import earlier_stays, is_order_trusted
from schemas.errors import SourceError
from tests.models.sources.uci_like import plain_row, uci_like, write

REAL = Path(__file__).parents[3].parent / "shared" / "data" / "uci_diabetes130_train.csv.gz"


def read(tmp_path: Path, *rows: dict[str, str]) -> StayTable:
    return read_uci(write(pd.DataFrame(rows), tmp_path / "table.csv"))


def same_features(first: StayTable, second: StayTable) -> bool:
    return (
        first.ids.tolist() == second.ids.tolist()
        and first.numbers.equals(second.numbers)
        and first.categories.equals(second.categories)
        and np.array_equal(first.prior_admissions, second.prior_admissions)
    )


def test_only_a_return_within_30_days_counts(tmp_path: Path) -> None:
    labels = ("<30", ">30", "NO")
    found = read(tmp_path, *(plain_row(i, i, readmitted=label) for i, label in enumerate(labels, start=1)))
    assert found.outcomes.tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("code", ["11", "13", "14", "19", "20", "21"])
def test_a_stay_that_ended_in_death_or_a_hospice_is_left_out(tmp_path: Path, code: str) -> None:
    found = read(tmp_path, plain_row(1, 1, discharge_disposition_id=code), plain_row(2, 2))
    assert found.ids.tolist() == ["2"]
    assert found.excluded == {"hospice" if code in ("13", "14") else "died": 1}


def test_the_word_none_is_a_value_and_a_question_mark_is_missing(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        plain_row(1, 1, A1Cresult="None", max_glu_serum=">300", weight="?"),
        plain_row(2, 2, A1Cresult="Norm", max_glu_serum="None", weight="[75-100)", num_medications="?"),
    ).numbers
    assert found["a1c_measured"].tolist() == [0.0, 1.0]
    assert found["glucose_measured"].tolist() == [1.0, 0.0]
    assert found["glucose"].tolist()[0] == 2.0
    assert found["weight_known"].tolist() == [0.0, 1.0]
    assert found["num_medications"].isna().tolist() == [False, True]


def test_drugs_are_counted_by_what_was_done_with_them(tmp_path: Path) -> None:
    found = read(tmp_path, plain_row(1, 1, insulin="Up", metformin="Steady", glipizide="Down")).numbers.iloc[0]
    assert found[["drugs", "oral_drugs", "drugs_up", "drugs_down"]].tolist() == [3.0, 2.0, 1.0, 1.0]
    assert found["drugs_per_medication"] == pytest.approx(0.3)


def history(tmp_path: Path, *rows: dict[str, str]) -> dict[str, list[float]]:
    found = read(tmp_path, *rows)
    names = ["earlier_stays", "earlier_days", "earlier_same_section", "last_stay_days"]
    values = found.numbers[names].fillna(-1.0).to_numpy()
    return {str(stay): row.tolist() for stay, row in zip(found.ids, values, strict=True)}


def test_history_needs_a_smaller_id_and_fewer_admissions(tmp_path: Path) -> None:
    found = history(
        tmp_path,
        plain_row(10, 1, number_inpatient="1", time_in_hospital="4"),
        plain_row(20, 1, number_inpatient="0", time_in_hospital="2"),  # a larger id, but fewer admissions before it
        plain_row(30, 1, number_inpatient="2", time_in_hospital="6"),
        plain_row(40, 2, number_inpatient="5"),
    )
    assert found == {
        "10": [0.0, 0.0, 0.0, -1.0],
        "20": [0.0, 0.0, 0.0, -1.0],
        "30": [2.0, 6.0, 2.0, 2.0],
        "40": [0.0, 0.0, 0.0, -1.0],
    }


def test_the_same_number_of_admissions_is_not_history(tmp_path: Path) -> None:
    found = history(tmp_path, plain_row(1, 1, number_inpatient="1"), plain_row(2, 1, number_inpatient="1"))
    assert found["2"][0] == 0.0


def test_a_stay_that_ended_in_a_hospice_is_still_history(tmp_path: Path) -> None:
    ended = plain_row(1, 1, discharge_disposition_id="13")
    assert history(tmp_path, ended, plain_row(2, 1, number_inpatient="1"))["2"][0] == 1.0


def test_an_unknown_number_of_admissions_neither_has_nor_is_history() -> None:
    found = earlier_stays(
        pd.Series(["a"] * 3), np.arange(3.0), np.array([np.nan, 1.0, 2.0]), np.ones(3), pd.Series(["x"] * 3)
    )
    assert found["earlier_stays"].tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("prior", "trusted"),
    [
        ([0, 1, 2], [True, True, True]),
        ([0, 0], [False, False]),
        ([1, 0], [False, False]),
        ([0, 2, 1], [True, False, False]),
        ([3], [True]),
    ],
)
def test_the_order_is_trusted_where_ids_and_admissions_agree(prior: list[int], trusted: list[bool]) -> None:
    found = is_order_trusted(pd.Series(["a"] * len(prior)), np.arange(len(prior), dtype=float), np.array(prior, float))
    assert found.tolist() == trusted


def test_the_labels_of_all_other_rows_change_no_feature(tmp_path: Path) -> None:
    frame = uci_like(60, seed=1)
    other = frame.assign(readmitted=np.roll(frame[LABEL].to_numpy(), 1))
    assert (other[LABEL] != frame[LABEL]).any()
    first, second = (read_uci(write(each, tmp_path / "t.csv")) for each in (frame, other))
    assert not np.array_equal(first.outcomes, second.outcomes)
    assert same_features(first, second)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), row=st.integers(0, 40))
def test_later_rows_change_no_feature_of_a_row(tmp_path_factory: pytest.TempPathFactory, seed: int, row: int) -> None:
    folder = tmp_path_factory.mktemp("uci")
    frame = uci_like(20, seed=seed)
    frame = frame.assign(number=frame["encounter_id"].astype(int)).sort_values("number").drop(columns="number")
    row = min(row, len(frame) - 1)
    later = frame.iloc[row + 1 :]
    content = [column for column in frame.columns if column != "encounter_id"]
    shuffled = later.assign(**{name: later[name].to_numpy()[::-1] for name in content})
    features = [
        read_uci(write(pd.concat([frame.iloc[: row + 1], rest]), folder / f"{name}.csv"))
        for name, rest in {"as_it_is": later, "shuffled": shuffled, "absent": later.iloc[:0]}.items()
    ]
    kept = [table.rows(np.isin(table.ids.astype(str), frame["encounter_id"][: row + 1])) for table in features]
    assert same_features(kept[0], kept[1])
    assert same_features(kept[0], kept[2])


def test_the_order_of_the_rows_and_gzip_change_nothing(tmp_path: Path) -> None:
    frame = uci_like(50, seed=3)
    first = read_uci(write(frame, tmp_path / "a.csv"))
    second = read_uci(write(frame.sample(frac=1.0, random_state=1), tmp_path / "b.csv.gz"))
    assert same_features(first, second)
    assert first.outcomes.tolist() == second.outcomes.tolist()


def test_a_column_that_is_not_used_may_be_missing_or_new(tmp_path: Path) -> None:
    frame = uci_like(30, seed=4)
    assert "examide" not in COLUMNS
    read = [read_uci(write(each, tmp_path / "t.csv")) for each in (frame, frame.assign(examide="No", note="x"))]
    assert same_features(*read)


def test_whole_numbers_with_a_decimal_point_are_the_same_codes(tmp_path: Path) -> None:
    plain = {"discharge_disposition_id": "11", "number_inpatient": "1", "admission_source_id": "7"}
    pointed = {name: f"{value}.0" for name, value in plain.items()}
    tables = [
        read(tmp_path, plain_row(1, 1, **each), plain_row(2, 2, number_inpatient="3")) for each in (plain, pointed)
    ]
    assert same_features(*tables)
    assert tables[1].excluded == {"died": 1}


def test_codes_that_are_new_or_not_valid_are_read_as_they_are(tmp_path: Path) -> None:
    row = plain_row(1, 1, diag_1="Q99.9", medical_specialty="Telepathy", age="old", insulin="?", admission_type_id="77")
    found = read(tmp_path, row)
    assert found.categories["diag_1_section"].tolist() == ["unknown"]
    assert found.numbers["age"].isna().all()
    assert found.numbers["insulin_dose"].tolist() == [0.0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"drop": ["payer_code"]}, "column payer_code missing. Use the columns of diabetic_data.csv"),
        ({"drop": ["diag_1", "age"]}, "columns age, diag_1 missing"),
        ({"drop": [LABEL]}, "column readmitted missing"),
        ({"set": ("time_in_hospital", "three")}, ":3: time_in_hospital is not a number"),
        ({"set": ("number_inpatient", "inf")}, ":3: number_inpatient is not a number"),
        ({"set": (LABEL, "?")}, ":3: readmitted is not one of <30, >30, NO"),
        ({"set": ("encounter_id", "1")}, ":3: encounter_id occurs a second time"),
        ({"set": ("encounter_id", "x7")}, ":3: encounter_id is not a number"),
        ({"set": ("encounter_id", "")}, ":3: encounter_id is empty"),
    ],
)
def test_an_error_names_the_column_the_line_and_the_remedy(
    tmp_path: Path, change: dict[str, object], says: str
) -> None:
    frame = pd.DataFrame([plain_row(1, 1), plain_row(2, 2)])
    match change:
        case {"drop": list(columns)}:
            frame = frame.drop(columns=columns)
        case {"set": (str(column), str(value))}:
            frame.loc[1, column] = value
    with pytest.raises(SourceError) as error:
        read_uci(write(frame, tmp_path / "table.csv"))
    assert says in str(error.value)


@pytest.mark.parametrize("content", [b"", b"\x1f\x8bnot gzip", b"\xff\xfe\x00", b"a,b\n1,2,3,4\n5\n"])
def test_a_file_that_is_not_a_table_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"table\.csv"):
        read_uci(path)


def test_a_file_with_a_header_alone_has_no_stays(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no rows"):
        read_uci(write(pd.DataFrame([plain_row(1, 1)]).iloc[:0], tmp_path / "table.csv"))


@pytest.mark.skipif(not REAL.is_file(), reason="UCI's table is not at ../shared/data")
def test_the_published_table_has_the_rows_that_were_counted_by_other_means() -> None:
    found = read_uci(REAL)
    # Counted with awk: rows, those of the six dispositions, and `<30` among the rest.
    assert len(found) == 74_214
    assert found.excluded == {"died": 1_215, "hospice": 560}
    assert found.outcomes.sum() == 8_456
