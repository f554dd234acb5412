"""Files and folders named on the command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from schemas.errors import SourceError

MAX_NAMED = 3
"""Files named in one remark."""
_CHUNK_BYTES = 65_536
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def files_to_read(
    paths: Sequence[Path],
    suffixes: Collection[str],
    what: str,
    remark: Callable[[str], None] | None = None,
    *,
    numbered: bool = False,
) -> list[Path]:
    """Return the files, and those in the folders, in order of name, without empty ones.

    Parameters
    ----------
    paths : sequence of Path
        Files of any name, and folders. Of a folder, files with one of the suffixes are read, but not hidden ones.
    suffixes : collection of str
        In lower case, with their dot; empty for files without a suffix.
    what : str
        Content of the files, for the error.
    remark : callable, optional
        Called with a sentence where files of a folder are skipped, and with one where files are empty.
    numbered : bool
        Whether files of folders whose suffix is a number are read: m.001, m.002.

    Raises
    ------
    SourceError
        When a path is missing, no file is to be read, or all of them are empty.
    """
    files: list[Path] = []
    skipped = 0
    for path in paths:
        if not _is_there(path, what):
            raise SourceError(f"{shown(path)}: no such file or folder. Name files or folders of {what}.")
        if not path.is_dir():
            files.append(path)
            continue
        within = [entry for entry in path.rglob("*") if not entry.is_dir()]
        taken = sorted(file for file in within if _is_read(file, suffixes, numbered))
        files += taken
        skipped += len(within) - len(taken)
    read = ", ".join(sorted(filter(None, suffixes)))
    read += ", with a number (.001)" if numbered else ""
    read += " or with no suffix" if "" in suffixes else ""
    skipping = f"Files skipped in the folders: {skipped:,}. Only files named {read} are read."
    if not files:
        raise SourceError(f"No file to read. {skipping} Name other files one by one.")
    empty = [file for file in files if _is_empty(file)]
    if len(empty) == len(files):
        raise SourceError(f"Empty files: {named(empty)}. Nothing to read. Name other files of {what}.")
    if skipped and remark is not None:
        remark(skipping)
    if empty and remark is not None:
        remark(f"Empty files: {named(empty)}.")
    left_out = set(empty)
    return [file for file in files if file not in left_out]


def _is_there(path: Path, what: str) -> bool:
    try:
        return path.exists()
    except OSError as error:  # a name may be too long for the file system
        raise SourceError(f"A path cannot be read ({error.strerror}). Name files or folders of {what}.") from None


def _is_empty(file: Path) -> bool:
    """Return whether a file holds only white space; a file that cannot be read is an error later."""
    if not file.is_file():  # a pipe can be read only once
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
    """Return a path as valid text: on Linux a name is bytes, which need not be UTF-8."""
    return os.fsencode(path).decode(errors="replace")


def named(files: Sequence[Path]) -> str:
    """Return the names of the first `MAX_NAMED` files, and the number of the others, for a remark."""
    more = f" and {len(files) - MAX_NAMED:,} more" if len(files) > MAX_NAMED else ""
    return ", ".join(shown(file) for file in files[:MAX_NAMED]) + more
