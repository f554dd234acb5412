"""FHIR resources in files: one a file, or one a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from streams.ingest.files import contents, files_to_read

SUFFIXES = frozenset({".json", ".ndjson"})


def fhir_files(paths: Sequence[Path], tell: Callable[[str], None] | None = None) -> Iterator[tuple[Path, int, bytes]]:
    """Return file, number within it (from 0) and bytes of each resource in files and folders, by name.

    A `.ndjson` file holds one resource a line, any other file one. In folders, `.json` and `.ndjson` files are read;
    `tell` hears a sentence where others are passed over.

    Raises
    ------
    SourceError
        When a path is not there, or no file is to be read, at once; when a file cannot be read, when its turn comes.
    """
    return _resources(files_to_read(paths, SUFFIXES, "FHIR resources", tell))


def _resources(files: Sequence[Path]) -> Iterator[tuple[Path, int, bytes]]:
    for file in files:
        raw = contents(file).removeprefix(b"\xef\xbb\xbf")
        parts = split_lines(raw) if file.suffix.lower() == ".ndjson" else [raw]
        for index, resource in enumerate(parts):
            yield file, index, resource


def split_lines(body: bytes) -> list[bytes]:
    """Return the lines that are not empty."""
    return [line for line in (line.strip() for line in body.split(b"\n")) if line]
