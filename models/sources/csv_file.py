"""Reading of a CSV as text: no value is guessed to be missing or a number."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from models.sources.stay_table import Floats
from schemas.errors import SourceError

GZIP = b"\x1f\x8b"


def read_csv(path: Path, needed: Iterable[str], *, remedy: str) -> tuple[pd.DataFrame, str]:
    """Return a table as text, and the fingerprint of its content.

    Parameters
    ----------
    path : Path
        CSV with a header, plain or gzip (recognised by its content), in UTF-8.
    needed : iterable of str
        Columns that must be there; others are left out.
    remedy : str
        What to do when one is missing, as a sentence.

    Returns
    -------
    DataFrame
        The needed columns, all text, without spaces around values. `None`, `NA` and the like stay as they are.
    str
        SHA-256 of the content, uncompressed, in hexadecimal digits.

    Raises
    ------
    SourceError
        When the file cannot be read, is empty, or lacks a column; the error names all that are missing.
    """
    try:
        raw = path.read_bytes()
        content = gzip.decompress(raw) if raw.startswith(GZIP) else raw
        frame = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise SourceError(f"{path}: cannot be read ({why}). Name a CSV file, plain or gzip.") from None
    except pd.errors.EmptyDataError:
        raise SourceError(f"{path}: file is empty. Name a CSV file with a header.") from None
    except (EOFError, zlib.error, ValueError, csv.Error) as error:
        raise SourceError(
            f"{path}: not a valid CSV file in UTF-8 ({type(error).__name__}). Export the table again."
        ) from None
    frame.columns = frame.columns.str.strip()
    wanted = list(dict.fromkeys(needed))
    missing = [column for column in wanted if column not in frame.columns]
    if missing:
        raise SourceError(
            f"{path}: column{'s' if len(missing) > 1 else ''} {', '.join(missing)} missing. {remedy.rstrip('.')}."
        )
    # A row that is cut short has no text in its last columns.
    frame = frame[wanted].fillna("").astype(object)
    for column in wanted:
        frame[column] = frame[column].map(str.strip)
    return frame, hashlib.sha256(content).hexdigest()


def to_numbers(frame: pd.DataFrame, column: str, path: Path, missing: Sequence[str]) -> Floats:
    """Return a column as numbers, NaN where a value is one of `missing`.

    Raises
    ------
    SourceError
        With the line, when another value is not a finite number.
    """
    texts = frame[column]
    found: Floats = pd.to_numeric(texts.where(~texts.isin(missing)), errors="coerce").to_numpy(dtype=np.float64)
    wrong = ~np.isfinite(found) & ~texts.isin(missing).to_numpy()
    if wrong.any():
        line = int(frame.index[int(np.argmax(wrong))]) + 2
        instead = f", or write {missing[0]!r}" if missing else ""
        raise SourceError(f"{path}:{line}: {column} is not a number. Correct the value{instead}.")
    return found


def check_unique(frame: pd.DataFrame, column: str, path: Path) -> None:
    """Check that a column has a value in each row, and none twice.

    Raises
    ------
    SourceError
        With the line.
    """
    empty = (frame[column] == "").to_numpy()
    if empty.any():
        raise SourceError(f"{path}:{int(np.argmax(empty)) + 2}: {column} is empty. Give each stay an id of its own.")
    twice = frame[column].duplicated().to_numpy()
    if twice.any():
        raise SourceError(
            f"{path}:{int(np.argmax(twice)) + 2}: {column} occurs a second time. Remove the duplicate row."
        )
