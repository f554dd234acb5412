"""HL7 v2 messages in files and folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from schemas.errors import SourceError
from streams.ingest.files import contents, files_to_read, named
from streams.ingest.hl7.splitting import split_messages

SUFFIXES = frozenset({"", ".hl7", ".hl7v2", ".er7", ".adt", ".msg", ".txt", ".dat"})
"""Of the files of a folder that are read, besides numbers: a key or a database in it must not become a dead letter."""


def hl7_files(paths: Sequence[Path], remark: Callable[[str], None] | None = None) -> Iterator[tuple[Path, int, bytes]]:
    """Return file, number within it (from 0) and bytes of each message in files and folders, by name.

    Parameters
    ----------
    paths : sequence of Path
        Files and folders.
    remark : callable, optional
        Called with a remark where files of a folder are skipped, and where a file holds no message.

    Raises
    ------
    SourceError
        At once when a path is missing, no file is to be read, or all are empty; later when a file cannot be read; at
        the end when no file holds a message.
    """
    return _messages(files_to_read(paths, SUFFIXES, "HL7 v2 messages", remark, numbered=True), remark)


def _messages(files: Sequence[Path], remark: Callable[[str], None] | None) -> Iterator[tuple[Path, int, bytes]]:
    without: list[Path] = []
    for file in files:
        found = split_messages(contents(file))
        if not found:
            without.append(file)
        for index, message in enumerate(found):
            yield file, index, message
    if len(without) == len(files):
        raise SourceError(f"No message in the files ({len(files):,} read). Name files of HL7 v2 messages.")
    if without and remark is not None:
        remark(f"Files without a message: {named(without)}.")
