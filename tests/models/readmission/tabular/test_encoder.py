"""The target encoding: values by hand, and that a row never sees its own patient's outcomes."""

from __future__ import annotations

from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.readmission.tabular.encoder import FOLDS, TargetEncoder, patient_folds
from models.sources.stay_table import StayTable
from models.sources.uci import read_uci
from schemas.errors import UsageError
from tests.models.sources.uci_like import uci_like, write


def log_odds(rate: float) -> float:
    return log(rate / (1 - rate))


def table_of(codes: list[str], outcomes: list[float], patients: list[str] | None = None) -> StayTable:
    rows = len(codes)
    names = [f"p{n}" for n in range(rows)] if patients is None else patients
    return StayTable(
        source="test",
        schema="test-1",
        fingerprint="",
        ids=np.array([str(n) for n in range(rows)], dtype=object),
        patients=np.array(names, dtype=object),
        numbers=pd.DataFrame({"n": np.arange(float(rows))}),
        categories=pd.DataFrame({"code": np.array(codes, dtype=object), "other": np.array(["?"] * rows, dtype=object)}),
        pooled={"any": ["code", "other"]},
        outcomes=np.array(outcomes),
        prior_admissions=np.zeros(rows),
        order_trusted=np.ones(rows, dtype=bool),
        discharged_at=None,
        excluded={},
    )


def test_new_rows_are_encoded_by_all_rows_drawn_to_the_overall_rate() -> None:
    encoder = TargetEncoder(seed=1)
    encoder.fit_transform(table_of(["a"] * 10 + ["b"] * 30, [1.0] * 6 + [0.0] * 4 + [1.0] * 4 + [0.0] * 26))
    found = encoder.transform(table_of(["a", "b", "new"], [0.0] * 3))
    place = encoder.names.index("code")
    # Overall 10 of 40; 30 rows at that rate (7.5 events) are added to those of each code.
    expected = [log_odds(13.5 / 40) - log_odds(0.25), log_odds(11.5 / 60) - log_odds(0.25), 0.0]
    assert found[:, place].tolist() == pytest.approx(expected, abs=1e-6)
    assert found[:, encoder.names.index("n")].tolist() == [0.0, 1.0, 2.0]


def test_a_pool_is_the_same_code_in_any_position_and_an_empty_one_adds_nothing() -> None:
    table = table_of(["a"] * 20 + ["b"] * 20, [1.0] * 10 + [0.0] * 30)
    encoder = TargetEncoder(seed=1)
    encoder.fit_transform(table)
    swapped = replace(table, categories=table.categories.assign(code="?", other="a"))
    first, second = (encoder.transform(each.rows(np.arange(1))) for each in (table, swapped))
    places = [encoder.names.index(f"any, {which}") for which in ("sum", "highest", "lowest")]
    assert first[0, places].tolist() == second[0, places].tolist()
    assert first[0, places[0]] == first[0, places[1]] > 0.0
    assert first[0, places[2]] == 0.0


def test_the_encoding_of_a_training_row_never_uses_its_patient(tmp_path: Path) -> None:
    table = read_uci(write(uci_like(150, seed=2), tmp_path / "t.csv"))
    before = TargetEncoder(seed=4).fit_transform(table)
    changed = 0
    for patient in np.unique(table.patients.astype(str))[:40]:
        own = table.patients == patient
        flipped = replace(table, outcomes=np.where(own, 1.0 - table.outcomes, table.outcomes))
        after = TargetEncoder(seed=4).fit_transform(flipped)
        assert np.array_equal(after[own], before[own], equal_nan=True)
        changed += not np.array_equal(after[~own], before[~own], equal_nan=True)
    assert changed == 40  # others do learn from the patient


def test_a_code_of_one_patient_alone_says_nothing_about_its_own_rows() -> None:
    codes = [f"only {n}" for n in range(200)]
    outcomes = [float(n % 4 == 0) for n in range(200)]
    encoder = TargetEncoder(seed=1)
    found = encoder.fit_transform(table_of(codes, outcomes))
    assert np.abs(found[:, encoder.names.index("code")]).max() == 0.0
    assert encoder.transform(table_of(codes[:1], outcomes[:1]))[0, 1] > 0.0


def test_the_order_of_the_rows_changes_no_encoding(tmp_path: Path) -> None:
    table = read_uci(write(uci_like(80, seed=3), tmp_path / "t.csv"))
    order = np.random.default_rng(1).permutation(len(table))
    first = TargetEncoder(seed=4).fit_transform(table)[order]
    second = TargetEncoder(seed=4).fit_transform(table.rows(order))
    np.testing.assert_allclose(second, first, atol=1e-6)


def test_a_fold_follows_from_the_patient_and_the_seed_alone() -> None:
    patients = np.array([f"p{n}" for n in range(1_000)], dtype=object)
    found = patient_folds(patients, FOLDS, 1)
    assert patient_folds(patients[500:], FOLDS, 1).tolist() == found[500:].tolist()
    assert patient_folds(np.repeat(patients[:3], 2), FOLDS, 1).tolist() == np.repeat(found[:3], 2).tolist()
    assert (patient_folds(patients, FOLDS, 2) != found).mean() > 0.6
    assert np.bincount(found).min() > 150


def test_a_number_that_the_training_never_has_is_left_out() -> None:
    table = table_of(["a"] * 20, [1.0, 0.0] * 10)
    empty = replace(table, numbers=table.numbers.assign(never=np.nan))
    encoder = TargetEncoder(seed=1)
    assert encoder.fit_transform(empty).shape[1] == len(encoder.names) == 1 + 2 + 3
    assert "never" not in encoder.names
    assert encoder.transform(replace(table, numbers=table.numbers.assign(never=1.0))).shape[1] == len(encoder.names)


def test_a_table_of_other_columns_is_refused() -> None:
    encoder = TargetEncoder(seed=1)
    table = table_of(["a"] * 20, [1.0, 0.0] * 10)
    encoder.fit_transform(table)
    with pytest.raises(UsageError, match="other columns"):
        encoder.transform(replace(table, categories=table.categories.assign(third="x")))
