"""FHIR resources in files: one a file, or one a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from schemas.errors import SourceError


def fhir_files(paths: Sequence[Path]) -> Iterator[tuple[Path, int, bytes]]:
    """Return file, number within it (from 0) and bytes of each resource in files and folders, by name.

    A `.ndjson` file holds one resource a line, any other file one. In folders, `.json` and `.ndjson` files are read.

    Raises
    ------
    SourceError
        When a path is not there, at once; when a file cannot be read, when its turn comes.
    """
    missing = next((path for path in paths if not path.exists()), None)
    if missing is not None:
        raise SourceError(f"{missing} is not there. Name files or folders of FHIR resources.")
    return _resources([file for path in paths for file in _files(path)])


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = (file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
    return sorted(file for file in found if file.suffix.lower() in (".json", ".ndjson"))


def _resources(files: Sequence[Path]) -> Iterator[tuple[Path, int, bytes]]:
    for file in files:
        try:
            raw = file.read_bytes().removeprefix(b"\xef\xbb\xbf")
        except OSError as error:
            raise SourceError(f"{file} cannot be read ({error.strerror}). Check its permissions.") from None
        parts = split_lines(raw) if file.suffix.lower() == ".ndjson" else [raw]
        for index, resource in enumerate(parts):
            yield file, index, resource


def split_lines(body: bytes) -> list[bytes]:
    """Return the lines that are not empty."""
    return [line for line in (line.strip() for line in body.split(b"\n")) if line]
