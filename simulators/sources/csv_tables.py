"""CSV tables as PhysioNet and Synthea ship them: plain or gzip, names and headers in any case, some of them missing."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from schemas.errors import SourceError


def find_table(folder: Path, name: str) -> Path | None:
    """Return the file of a table in a folder, or in its subfolder `hosp`."""
    wanted = {f"{name}.csv", f"{name}.csv.gz"}
    for place in (folder, folder / "hosp"):
        if place.is_dir():
            for file in sorted(place.iterdir()):
                if file.name.lower() in wanted:
                    return file
    return None


def read_columns(path: Path, needed: Sequence[str], optional: Sequence[str] = ()) -> pd.DataFrame:
    """Return columns of a table as text, their names in lower case; an optional one that is missing is empty.

    Raises
    ------
    SourceError
        When a column is missing, or the file cannot be read.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError:
        raise SourceError(f"{path}: file is empty. Download the table again.") from None
    except (OSError, EOFError, ValueError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(f"{path}: cannot be read ({type(error).__name__}). Download the table again.") from None
    frame.columns = frame.columns.str.strip().str.lower()
    missing = [column for column in needed if column not in frame.columns]
    if missing:
        raise SourceError(f"{path}: column {missing[0].upper()} is missing. Use the table as its publisher defines it.")
    for column in optional:
        if column not in frame.columns:
            frame[column] = ""
    return frame[[*needed, *optional]]


def rows(frame: pd.DataFrame) -> list[Any]:
    """Return the rows as named tuples; `Index` + 2 is the line in a file without breaks within fields."""
    return list(frame.itertuples(index=True, name="Row"))


def time_of(text: str, path: Path, row: Any) -> datetime | None:
    """Return a time in UTC (taken as UTC where no zone is written), or None if the text is empty.

    Raises
    ------
    SourceError
        With file and line.
    """
    if not text.strip():
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise SourceError(f"{path}:{row.Index + 2}: a time is not valid. Correct or delete the row.") from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
