"""Reading of the table of stays that a command names, and of its mapping file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import UsageError

if TYPE_CHECKING:
    from models.sources.choose import Source
    from models.sources.stay_table import StayTable

SOURCES = ("uci", "csv")


def checked_source(source: str) -> Source:
    """Return the source that `--source` names."""
    if source == "uci":
        return "uci"
    if source == "csv":
        return "csv"
    raise UsageError(f"--source: {source!r} is not a source. Write {' or '.join(SOURCES)}.")


def mapping_of(path: Path | None) -> bytes | None:
    """Return the content of a mapping file; None where none is named."""
    if path is None:
        return None
    try:
        raw = path.read_bytes()
        raw.decode()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}). Name a mapping file.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8. Save the mapping file as UTF-8.") from None
    return raw


def read_stays(source: Source, data: Path, mapping: bytes | None, name: Path | None) -> StayTable:
    """Return the stays of a file; `name` is that of the mapping file, None if it comes from a model."""
    from models.sources.choose import read_source

    return read_source(source, data, mapping, mapping_name=str(name or "mapping stored in the model"))
