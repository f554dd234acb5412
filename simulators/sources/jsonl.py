"""Facts from a file and to a file: one canonical fact a line, plain or gzip."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, cast

from schemas.errors import FactRejected, SourceError
from schemas.events import AnyFact, decode_fact, encode_fact


def read(path: Path) -> Iterator[AnyFact]:
    """Yield the facts of a file in its order; empty lines are skipped.

    Parameters
    ----------
    path : Path
        Compressed when its name ends in ``.gz``.

    Raises
    ------
    SourceError
        When the file cannot be read or a line is not a valid fact; names file and line.
    """
    try:
        with _open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _fact(line, f"{path}:{number}")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"{path}: {reason}. Give a file of facts, one JSON object a line.") from None


def write(facts: Iterable[AnyFact], path: Path) -> int:
    """Write facts, one a line, and return how many.

    Parameters
    ----------
    facts : iterable of AnyFact
        In the order wanted.
    path : Path
        Compressed when its name ends in ``.gz``; the same facts give the same bytes.

    Raises
    ------
    SourceError
        When the file cannot be written.
    """
    count = 0
    try:
        with _open(path, "wb") as file:
            for fact in facts:
                file.write(encode_fact(fact) + b"\n")
                count += 1
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}. Give a file that can be written.") from None
    return count


def _fact(line: bytes, place: str) -> AnyFact:
    try:
        return decode_fact(line)
    except FactRejected as error:
        raise SourceError(f"{place}: {str(error).rstrip('.')}. Correct or delete the line.") from None


def _open(path: Path, mode: str) -> IO[bytes]:
    if path.suffix != ".gz":
        return cast("IO[bytes]", path.open(mode))
    # The gzip header would hold the time of writing.
    return cast("IO[bytes]", gzip.GzipFile(path, mode, mtime=0, compresslevel=6))
