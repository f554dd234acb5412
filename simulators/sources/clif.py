"""Tables of the Common Longitudinal ICU data Format (CLIF) as CSV: read strictly; errors name file and row."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path

from schemas.errors import SourceError

Row = dict[str, str]


def read_table(folder: Path, table: str, columns: tuple[str, ...]) -> list[Row]:
    """Return the rows of a table, with the columns asked for.

    Parameters
    ----------
    folder : Path
        Holds ``<table>.csv`` or ``<table>.csv.gz``.
    table : str
        Such as ``clif_adt``.
    columns : tuple of str
        Required columns.

    Raises
    ------
    SourceError
        When the table or a column is missing, or the file cannot be read.
    """
    path = next((p for p in (folder / f"{table}.csv", folder / f"{table}.csv.gz") if p.is_file()), None)
    if path is None:
        raise SourceError(
            f"{folder}: neither {table}.csv nor {table}.csv.gz found. Give the folder of the CLIF tables."
        )
    try:
        with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames is None:
                raise SourceError(f"{path}: file is empty. Download the table again.")
            missing = [column for column in columns if column not in reader.fieldnames]
            if missing:
                raise SourceError(f"{path}: column {missing[0]} is missing. Use the table as CLIF 2.1 defines it.")
            rows = []
            for row in reader:
                if any(row[column] is None for column in columns):
                    raise SourceError(f"{path}:{reader.line_num}: the row is too short. Correct or delete it.")
                rows.append({column: row[column].strip() for column in columns})
            return rows
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: {error}. Download the table again.") from None


def instant(text: str, record: str) -> datetime:
    """Return an aware UTC time.

    Parameters
    ----------
    text : str
        ISO 8601 with an offset.
    record : str
        The record that it belongs to, for the error message.

    Raises
    ------
    SourceError
        When it is not a valid time, or has no offset.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SourceError(f"{record}: a time is missing or not valid. Correct or delete the row.") from None
    if moment.tzinfo is None:
        raise SourceError(f"{record}: a time has no offset from UTC. Add it, as in 2026-01-01 08:00:00+00:00.")
    return moment.astimezone(UTC)
