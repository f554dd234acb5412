"""Files and folders that somebody names on the command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from schemas.errors import SourceError

MAX_NAMED = 3
"""Names in one remark."""
_CHUNK_BYTES = 65_536
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def files_to_read(
    paths: Sequence[Path],
    suffixes: Collection[str],
    what: str,
    tell: Callable[[str], None] | None = None,
    *,
    numbered: bool = False,
) -> list[Path]:
    """Return the files named, and those in the folders named, by name; all but the empty ones.

    Parameters
    ----------
    paths : sequence of Path
        Files, taken as they are, and folders, of which all but hidden files with one of the suffixes are taken.
    suffixes : collection of str
        In small letters, with their dot; empty for files without one.
    what : str
        What the files hold; for the error.
    tell : callable, optional
        Hears a sentence where files of a folder are passed over, and one where files are empty.
    numbered : bool
        Take files of folders whose suffix is a number too: m.001, m.002.

    Raises
    ------
    SourceError
        When a path is not there, no file is to be read, or all of them are empty.
    """
    files: list[Path] = []
    passed_over = 0
    for path in paths:
        if not _is_there(path, what):
            raise SourceError(f"{shown(path)} is not there. Name files or folders of {what}.")
        if not path.is_dir():
            files.append(path)
            continue
        within = [entry for entry in path.rglob("*") if not entry.is_dir()]
        taken = sorted(file for file in within if _is_read(file, suffixes, numbered))
        files += taken
        passed_over += len(within) - len(taken)
    read = ", ".join(sorted(filter(None, suffixes)))
    read += ", with a number (.001)" if numbered else ""
    read += " or with no suffix" if "" in suffixes else ""
    said = f"Files passed over in the folders: {passed_over:,}. Those named {read} are read."
    if not files:
        raise SourceError(f"There is no file to read. {said} Name other files one by one.")
    empty = [file for file in files if _is_empty(file)]
    if len(empty) == len(files):
        raise SourceError(
            f"Files that are empty: {named(empty)}. There is nothing to read; name other files of {what}."
        )
    if passed_over and tell is not None:
        tell(said)
    if empty and tell is not None:
        tell(f"Files that are empty: {named(empty)}.")
    left_out = set(empty)
    return [file for file in files if file not in left_out]


def _is_there(path: Path, what: str) -> bool:
    try:
        return path.exists()
    except OSError as error:  # a name may be too long for the file system
        raise SourceError(f"A path cannot be read ({error.strerror}). Name files or folders of {what}.") from None


def _is_empty(file: Path) -> bool:
    """Say whether a file holds nothing but white space; one that cannot be looked at is said when its turn comes."""
    if not file.is_file():  # a pipe can be read but once
        return False
    try:
        with file.open("rb") as opened:
            start = opened.read(_CHUNK_BYTES)
            for mark in _MARKS:
                start = start.removeprefix(mark)
            rest = iter(lambda: opened.read(_CHUNK_BYTES), b"")
            return not start.strip() and not any(chunk.strip() for chunk in rest)
    except OSError:
        return False


def _is_read(file: Path, suffixes: Collection[str], numbered: bool) -> bool:
    if not file.is_file() or file.name.startswith("."):
        return False
    suffix = file.suffix.lower()
    return suffix in suffixes or (numbered and suffix[1:].isdecimal())


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
        raise SourceError(f"{shown(file)} cannot be read ({error.strerror}). Check its permissions.") from None


def shown(path: Path | str) -> str:
    """Return a path as UTF-8 can hold it: on Linux a name is bytes, and need not be text."""
    return os.fsencode(path).decode(errors="replace")


def named(files: Sequence[Path]) -> str:
    """Return the files for a remark: the first `MAX_NAMED` of them, and how many more there are."""
    more = f" and {len(files) - MAX_NAMED:,} more" if len(files) > MAX_NAMED else ""
    return ", ".join(shown(file) for file in files[:MAX_NAMED]) + more
