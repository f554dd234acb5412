"""From the name of a source and a path to facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from schemas.errors import SourceError, UsageError
from schemas.events import AnyFact
from schemas.pseudonyms import load_key
from schemas.settings import Settings
from simulators.sources import jsonl, mimic_iv


class Source(NamedTuple):
    """A kind of recording: what PATH must be, and how to read it."""

    meaning: str
    is_folder: bool
    read: Callable[[Path, Settings], Iterator[AnyFact]]


SOURCES: dict[str, Source] = {
    "jsonl": Source("file of facts, one JSON object a line (.gz too)", False, lambda path, _settings: jsonl.read(path)),
    "mimic-iv": Source(
        "folder of the CLIF tables of the MIMIC-IV demo",
        True,
        lambda path, settings: mimic_iv.read(path, pseudonym_key=load_key(settings)),
    ),
}


def facts(source: str, path: Path, settings: Settings) -> Iterator[AnyFact]:
    """Return the facts of a recording, in the order to publish them.

    Parameters
    ----------
    source : str
        A key of `SOURCES`.
    path : Path
        The file or folder.
    settings : Settings
        Where the pseudonym key is, for sources that name patients.

    Raises
    ------
    UsageError
        When there is no such source.
    SourceError
        When the path is not there, at once; when it cannot be read, while reading.
    """
    known = SOURCES.get(source)
    if known is None:
        raise UsageError(f"There is no source {source!r}. Take one of: {', '.join(SOURCES)}.")
    if not (path.is_dir() if known.is_folder else path.is_file()):
        raise SourceError(f"{path} is not there. The source {source} needs a {known.meaning}.")
    return known.read(path, settings)
