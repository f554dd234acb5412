"""The sources of the command line by their names: `uci`, and `csv` with a mapping file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from models.sources.mapped_csv import decode_mapping, read_mapped_csv
from models.sources.stay_table import StayTable
from models.sources.uci import read_uci
from schemas.errors import UsageError

Source = Literal["uci", "csv"]


def read_source(source: Source, path: Path, mapping: bytes | None, *, mapping_name: str = "mapping file") -> StayTable:
    """Read a table of stays.

    Parameters
    ----------
    source : {"uci", "csv"}
    path : Path
        The table.
    mapping : bytes or None
        Content of the mapping file; for `csv` alone.
    mapping_name : str
        Its name, for errors.

    Raises
    ------
    UsageError
        When mapping and source do not go together, or the mapping or the table is not valid.
    """
    if source == "uci":
        if mapping is not None:
            raise UsageError("--mapping: not used with --source uci, whose columns are known. Leave it out.")
        return read_uci(path)
    if mapping is None:
        raise UsageError("--source csv needs --mapping FILE. It says what the columns are; see docs/how-to.")
    return read_mapped_csv(path, decode_mapping(mapping, mapping_name))
