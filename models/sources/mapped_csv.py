"""Any CSV of stays, by a small mapping file that says what its columns are."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import pandas as pd

from models.sources.csv_file import check_unique, read_csv, to_numbers
from models.sources.stay_table import Floats, StayTable
from schemas.errors import SourceError, UsageError
from schemas.names import composed_file

Column = Annotated[str, msgspec.Meta(min_length=1)]
Columns = list[Column]


class CsvMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Content of a mapping file, in YAML. Each key names a column of the CSV, or several."""

    name: str = "CSV"
    """Name of the source, as reports show it. A simulation is named as such."""
    stay: Column
    """Id of the stay, a different one in each row."""
    patient: Column
    """Id of the patient. All stays of a patient are in one fold."""
    outcome: Column
    """Whether the patient was readmitted within 30 days."""
    positive: list[str]
    """Values of the outcome that mean readmitted."""
    negative: list[str]
    """Values of the outcome that mean not readmitted; any other value is an error."""
    numbers: Columns = []
    """Columns of numbers that are known at the discharge."""
    categories: Columns = []
    """Columns of codes that are known at the discharge."""
    diagnoses: Columns = []
    """Columns of diagnoses in one vocabulary: also encoded in any position."""
    combinations: list[Annotated[Columns, msgspec.Meta(min_length=2)]] = []
    """Columns of codes that are encoded together, such as the source and the disposition."""
    prior_admissions: Column | None = None
    """Inpatient admissions in the 12 months before, for the one-line rule; without it the rule flags nobody."""
    discharged_at: Column | None = None
    """Time of the discharge in ISO 8601; with it there is a temporal split. A time without an offset is UTC."""
    exclude: dict[str, list[str]] = {}
    """For a column, the values of rows that are not index stays, such as dispositions of death."""
    missing: Annotated[list[str], msgspec.Meta(min_length=1)] = msgspec.field(default_factory=lambda: ["", "?"])
    """Texts that stand for a missing value."""

    @property
    def columns(self) -> list[str]:
        """All columns that the mapping names."""
        single = [self.stay, self.patient, self.outcome, self.prior_admissions, self.discharged_at]
        joined = [column for columns in self.combinations for column in columns]
        several = [*self.numbers, *self.categories, *self.diagnoses, *joined, *self.exclude]
        return list(dict.fromkeys([*(column for column in single if column is not None), *several]))

    @property
    def inputs(self) -> set[str]:
        """The columns that become features."""
        joined = [column for columns in self.combinations for column in columns]
        return {*self.numbers, *self.categories, *self.diagnoses, *joined}


def decode_mapping(raw: bytes, where: str) -> CsvMapping:
    """Decode a mapping file.

    Parameters
    ----------
    raw : bytes
        YAML.
    where : str
        Name of the file, for errors.

    Raises
    ------
    UsageError
        When it is not valid: names the key and the problem.
    """
    try:
        mapping = msgspec.yaml.decode(composed_file(raw), type=CsvMapping)
    except msgspec.DecodeError as error:
        raise UsageError(f"{where}: {error}. See docs/how-to/train-on-a-file.md for the keys.") from None
    if not mapping.inputs:
        raise UsageError(f"{where}: no column is a feature. Name some under numbers, categories or diagnoses.")
    told = {mapping.outcome, mapping.stay, mapping.patient} & mapping.inputs
    if told:
        raise UsageError(
            f"{where}: {', '.join(sorted(told))} cannot be a feature: it is the outcome or an id. Remove it from the "
            "numbers, categories, diagnoses and combinations."
        )
    if not mapping.positive or not mapping.negative or set(mapping.positive) & set(mapping.negative):
        raise UsageError(f"{where}: positive and negative must each have a value, and none in common. Correct them.")
    return mapping


def read_mapped_csv(path: Path, mapping: CsvMapping) -> StayTable:
    """Read a CSV as its mapping says.

    Returns
    -------
    StayTable
        In order of the stays' ids. The order of a patient's stays is taken as trusted: no feature depends on it.

    Raises
    ------
    SourceError
        When the file cannot be read, a column is missing, a value is not valid, or an id occurs twice.
    """
    frame, fingerprint = read_csv(path, mapping.columns, remedy="Correct the mapping file, or export the column")
    check_unique(frame, mapping.stay, path)
    if len(frame) == 0:
        raise SourceError(f"{path}: has a header and no rows. Name a file with stays.")
    outcomes = _outcomes(frame, path, mapping)
    numbers = {column: to_numbers(frame, column, path, mapping.missing) for column in mapping.numbers}
    prior: Floats = np.full(len(frame), np.nan)
    if mapping.prior_admissions is not None:
        prior = to_numbers(frame, mapping.prior_admissions, path, mapping.missing)
    reasons = _reasons(frame, mapping)
    every = StayTable(
        source=mapping.name,
        schema="csv-" + hashlib.sha256(msgspec.json.encode(mapping, order="deterministic")).hexdigest()[:16],
        fingerprint=fingerprint,
        ids=frame[mapping.stay].to_numpy(dtype=object),
        patients=frame[mapping.patient].to_numpy(dtype=object),
        numbers=pd.DataFrame(numbers, index=frame.index, dtype=np.float64),
        categories=_categories(frame, mapping),
        pooled={"diagnosis": list(mapping.diagnoses)} if mapping.diagnoses else {},
        outcomes=outcomes,
        prior_admissions=prior,
        order_trusted=np.ones(len(frame), dtype=bool),
        discharged_at=_times(frame, path, mapping),
        excluded={str(reason): int(number) for reason, number in reasons.value_counts().sort_index().items()},
    )
    order = np.argsort(every.ids.astype(str), kind="stable")
    return every.rows(order[reasons.isna().to_numpy()[order]])


def _outcomes(frame: pd.DataFrame, path: Path, mapping: CsvMapping) -> Floats:
    values = frame[mapping.outcome]
    wrong = ~values.isin([*mapping.positive, *mapping.negative]).to_numpy()
    if wrong.any():
        raise SourceError(
            f"{path}:{int(np.argmax(wrong)) + 2}: {mapping.outcome} is neither positive nor negative by the mapping "
            "file. Training and evaluation need the outcome of each row: correct the value or the mapping."
        )
    found: Floats = values.isin(mapping.positive).to_numpy().astype(np.float64)
    return found


def _categories(frame: pd.DataFrame, mapping: CsvMapping) -> pd.DataFrame:
    missing = dict.fromkeys(mapping.missing, "?")
    plain = frame.replace(missing)
    found = {column: plain[column] for column in dict.fromkeys([*mapping.categories, *mapping.diagnoses])}
    for columns in mapping.combinations:
        found[" by ".join(columns)] = plain[columns].agg("|".join, axis=1)
    return pd.DataFrame(found, index=frame.index, dtype=object)


def _reasons(frame: pd.DataFrame, mapping: CsvMapping) -> pd.Series:
    """Return for each row the column by which it is excluded; None for an index stay."""
    found = pd.Series([None] * len(frame), dtype=object)
    for column, values in mapping.exclude.items():
        found = found.where(~(frame[column].isin(values) & found.isna()), column)
    return found


def _times(
    frame: pd.DataFrame, path: Path, mapping: CsvMapping
) -> np.ndarray[tuple[int], np.dtype[np.datetime64]] | None:
    if mapping.discharged_at is None:
        return None
    found = pd.to_datetime(frame[mapping.discharged_at], format="ISO8601", utc=True, errors="coerce")
    wrong = found.isna().to_numpy()
    if wrong.any():
        raise SourceError(
            f"{path}:{int(np.argmax(wrong)) + 2}: {mapping.discharged_at} is not a valid time. "
            "Write ISO 8601, such as 2026-03-02T08:00."
        )
    return found.dt.tz_localize(None).to_numpy(dtype="datetime64[s]")
