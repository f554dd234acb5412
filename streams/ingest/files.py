"""Files and folders that somebody names on the command line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from schemas.errors import SourceError


def files_in(paths: Sequence[Path], suffixes: Collection[str], what: str) -> list[Path]:
    """Return the files named, and those in the folders named, by name.

    Parameters
    ----------
    paths : sequence of Path
        Files, taken as they are, and folders, of which all but hidden files with one of the suffixes are taken.
    suffixes : collection of str
        In small letters, with their dot.
    what : str
        What the files hold; for the error.

    Raises
    ------
    SourceError
        When a path is not there.
    """
    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None:
        raise SourceError(f"{missing} is not there. Name files or folders of {what}.")
    return [file for path in paths for file in _files(path, suffixes)]


def _files(path: Path, suffixes: Collection[str]) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = (file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    return sorted(file for file in found if file.suffix.lower() in suffixes)


def contents(file: Path) -> bytes:
    """Return a file's bytes.

    Raises
    ------
    SourceError
        When it cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise SourceError(f"{file} cannot be read ({error.strerror}). Check its permissions.") from None
