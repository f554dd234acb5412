"""What helps and what leaks on UCI's table: boosting alone, in cross-validation by patient, with one thing changed.

python -m benchmarks.readmission_features diabetic_data.csv.gz
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from models.readmission.evaluation import Ranking
from models.readmission.tabular.candidates import boosting
from models.readmission.tabular.encoder import TargetEncoder, patient_folds
from models.readmission.tabular.nested import FOLDS
from models.sources.stay_table import Floats, StayTable
from models.sources.uci import COMBINATIONS, read_uci
from models.sources.uci_history import HISTORY

SEED = 1


def without_history(table: StayTable) -> StayTable:
    return replace(table, numbers=table.numbers.drop(columns=list(HISTORY)))


def without_combinations(table: StayTable) -> StayTable:
    return replace(table, categories=table.categories.drop(columns=["_by_".join(names) for names in COMBINATIONS]))


def leaking_history(table: StayTable) -> StayTable:
    """Add what must never be a feature: the outcome of the patient's row with the next smaller id."""
    rows = pd.DataFrame({"patient": table.patients, "id": table.ids.astype(int), "outcome": table.outcomes})
    before = rows.sort_values("id").groupby("patient")["outcome"].shift(1).reindex(rows.index)
    return replace(table, numbers=table.numbers.assign(outcome_before=before))


def encoded(table: StayTable, here: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    """Return the risks of the rows `here` by a model of the others."""
    encoder = TargetEncoder(seed=SEED)
    learnt = table.rows(~here)
    model = boosting(SEED).fit(encoder.fit_transform(learnt), learnt.outcomes)
    risks: Floats = model.predict_proba(encoder.transform(table.rows(here)))[:, 1]
    return risks


def encoded_from_own_rows(table: StayTable, here: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    """Encode the training rows from themselves: what cross-fitting is there to prevent."""
    encoder = TargetEncoder(seed=SEED)
    learnt = table.rows(~here)
    encoder.fit_transform(learnt)
    model = boosting(SEED).fit(encoder.transform(learnt), learnt.outcomes)
    risks: Floats = model.predict_proba(encoder.transform(table.rows(here)))[:, 1]
    return risks


def native(table: StayTable, here: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    """Give boosting the codes as native categories: the 254 most frequent of each, and the rest as one."""
    numbers = table.numbers.to_numpy(dtype=np.float64)
    codes = []
    for name in table.categories:
        values = table.categories[name]
        frequent = values[~here].value_counts().index[:254]
        codes.append(frequent.get_indexer(pd.Index(values)).astype(np.float64) + 1.0)  # 0: the rest
    matrix = np.column_stack([numbers, *codes])
    is_code = [False] * numbers.shape[1] + [True] * len(codes)
    parameters = boosting(SEED).get_params() | {"categorical_features": is_code, "max_bins": 255}
    model = HistGradientBoostingClassifier(**parameters).fit(matrix[~here], table.outcomes[~here])
    risks: Floats = model.predict_proba(matrix[here])[:, 1]
    return risks


Change = tuple[Callable[[StayTable], StayTable], Callable[..., Floats]]
CHANGES: dict[str, Change] = {
    "as trained": (lambda table: table, encoded),
    "without history": (without_history, encoded),
    "without combinations of codes": (without_combinations, encoded),
    "codes as native categories": (lambda table: table, native),
    "codes encoded from the training rows themselves": (lambda table: table, encoded_from_own_rows),
    "LEAK: outcome of the row with the next smaller id": (leaking_history, encoded),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    table = read_uci(parser.parse_args().data)
    folds = patient_folds(table.patients, FOLDS, SEED)
    for name, (change, predict) in CHANGES.items():
        changed, risks = change(table), np.empty(len(table))
        with threadpool_limits(limits=1):
            for fold in range(FOLDS):
                risks[folds == fold] = predict(changed, folds == fold)
        ranking, ones = Ranking(risks, table.outcomes), np.ones(len(table))
        brier = float(((risks - table.outcomes) ** 2).mean())
        print(f"| {name} | {ranking.auroc(ones):.4f} | {ranking.auprc(ones):.4f} | {brier:.5f} |", flush=True)


if __name__ == "__main__":
    main()
