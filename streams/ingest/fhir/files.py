"""FHIR resources in files and folders: one a file, or one a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from streams.ingest.files import contents, files_to_read
from streams.ingest.json_text import BYTE_ORDER_MARK, split_lines

SUFFIXES = frozenset({".json", ".ndjson"})


def fhir_files(paths: Sequence[Path], remark: Callable[[str], None] | None = None) -> Iterator[tuple[Path, int, bytes]]:
    """Return file, number within it (from 0) and bytes of each resource in files and folders, by name.

    A `.ndjson` file holds one resource a line, any other file one resource.

    Parameters
    ----------
    paths : sequence of Path
        Files, and folders of `.json` and `.ndjson` files.
    remark : callable, optional
        Called with a remark where files of a folder are skipped or empty.

    Raises
    ------
    SourceError
        At once when a path is missing, or no file is to be read; later when a file cannot be read.
    """
    return _resources(files_to_read(paths, SUFFIXES, "FHIR resources", remark))


def _resources(files: Sequence[Path]) -> Iterator[tuple[Path, int, bytes]]:
    for file in files:
        raw = contents(file).removeprefix(BYTE_ORDER_MARK)
        parts = split_lines(raw) if file.suffix.lower() == ".ndjson" else [raw]
        for index, resource in enumerate(parts):
            yield file, index, resource
