"""Any CSV by a mapping file: what becomes what, and errors that name key, column and line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.sources.choose import read_source
from models.sources.mapped_csv import decode_mapping
from models.sources.stay_table import StayTable
from schemas.errors import SourceError, UsageError

EXAMPLE = Path(__file__).parents[3] / "docs" / "how-to" / "example_stays_mapping.yaml"

MAPPING = """
name: Harbour, 2025
stay: visit
patient: person
outcome: back
positive: ["yes"]
negative: ["no"]
numbers: [days]
categories: [ward]
diagnoses: [dx1, dx2]
combinations: [[ward, dx1]]
prior_admissions: before
discharged_at: left
exclude: {how: [died]}
missing: ["", "NULL"]
"""

ROWS = """visit,person,back,days,ward,dx1,dx2,before,left,how
b,p1,no,2.5,W1,I50,NULL,3,2025-03-02T10:00+02:00,home
a,p1,yes,NULL,W2,E11,I50,1,2025-01-01,home
c,p2,no,1,W1,I50,E11,,2025-05-01T00:00,died
"""


def read(tmp_path: Path, rows: str = ROWS, mapping: str = MAPPING) -> StayTable:
    (tmp_path / "stays.csv").write_text(rows, encoding="utf-8")
    return read_source("csv", tmp_path / "stays.csv", mapping.encode(), mapping_name="mapping.yaml")


def test_the_columns_are_read_as_the_mapping_says(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found.source == "Harbour, 2025"
    assert found.ids.tolist() == ["a", "b"]
    assert found.outcomes.tolist() == [1.0, 0.0]
    assert found.numbers["days"].fillna(-1.0).tolist() == [-1.0, 2.5]
    assert found.categories["ward by dx1"].tolist() == ["W2|E11", "W1|I50"]
    assert found.categories["dx2"].tolist() == ["I50", "?"]
    assert found.pooled == {"diagnosis": ["dx1", "dx2"]}
    assert found.rule_flags.tolist() == [False, True]
    assert found.excluded == {"how": 1}
    assert found.discharged_at is not None
    assert found.discharged_at.tolist() == np.array(["2025-01-01", "2025-03-02T08:00"], "datetime64[s]").tolist()


def test_without_a_column_of_admissions_the_rule_flags_no_stay(tmp_path: Path) -> None:
    assert not read(tmp_path, mapping=MAPPING.replace("prior_admissions: before", "")).rule_flags.any()


def test_another_mapping_is_another_schema(tmp_path: Path) -> None:
    other = MAPPING.replace("categories: [ward]", "categories: []")
    assert read(tmp_path).schema != read(tmp_path, mapping=other).schema
    assert read(tmp_path).schema == read(tmp_path, mapping=MAPPING + "\n# a remark\n").schema


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("stay: visit", "", "missing required field `stay`"),
        ("numbers:", "numbres:", "numbres"),
        ("numbers: [days]", "numbers: days", "Expected `array`, got `str` - at `$.numbers`"),
        ("categories: [ward]", "categories: [ward, back]", "back cannot be a feature"),
        ("numbers: [days]", "numbers: [days, person]", "person cannot be a feature"),
        ('negative: ["no"]', 'negative: ["yes"]', "none in common"),
        ('positive: ["yes"]', "positive: []", "must each have a value"),
    ],
)
def test_an_error_in_the_mapping_names_the_key(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(UsageError, match=r"mapping\.yaml: ") as error:
        read(tmp_path, mapping=MAPPING.replace(old, new))
    assert says in str(error.value)


def test_a_mapping_without_a_feature_is_refused() -> None:
    plain = "{stay: a, patient: b, outcome: c, positive: ['1'], negative: ['0']}"
    with pytest.raises(UsageError, match="no column is a feature"):
        decode_mapping(plain.encode(), "mapping.yaml")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("visit,person", "visits,person", "column visit missing"),
        ("p1,no,", "p1,maybe,", ":2: back is neither positive nor negative"),
        ("2.5", "two", ":2: days is not a number. Correct the value, or write ''"),
        ("2025-01-01,", "soon,", ":3: left is not a valid time"),
        ("\na,", "\nb,", ":3: visit occurs a second time"),
    ],
)
def test_an_error_in_the_table_names_column_and_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(SourceError) as error:
        read(tmp_path, rows=ROWS.replace(old, new))
    assert says in str(error.value)


def test_a_mapping_and_its_source_go_together(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs --mapping"):
        read_source("csv", tmp_path / "x.csv", None)
    with pytest.raises(UsageError, match="not used with --source uci"):
        read_source("uci", tmp_path / "x.csv", b"{}")


def test_the_example_of_the_docs_is_valid() -> None:
    assert decode_mapping(EXAMPLE.read_bytes(), EXAMPLE.name).prior_admissions == "admissions_12_months"
