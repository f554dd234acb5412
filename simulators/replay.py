"""The facts of a recording, by the name of its source and its path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple, cast, get_args

from schemas.errors import SourceError, UsageError
from schemas.events import AnyFact
from schemas.pseudonyms import load_key
from schemas.settings import Settings
from simulators.sources import fact_log, jsonl, mimic_iv, mimic_physionet, synthea
from simulators.sources.csv_tables import find_table
from simulators.sources.stays import Dates


class Source(NamedTuple):
    """A kind of recording: what PATH must be, how to check that, and how to read it."""

    meaning: str
    is_there: Callable[[Path], bool]
    read: Callable[[str, Settings, Dates], Iterator[AnyFact]]


SOURCES: dict[str, Source] = {
    "jsonl": Source(
        "file of facts, one JSON object a line (.gz too)",
        Path.is_file,
        lambda path, _settings, _dates: jsonl.read(Path(path)),
    ),
    "mimic-iv": Source(
        "folder of the CLIF tables of the MIMIC-IV demo, or of MIMIC-IV's own",
        Path.is_dir,
        lambda path, settings, dates: _mimic_iv(Path(path), settings, dates),
    ),
    "mimic-iii": Source(
        "folder of MIMIC-III's tables",
        Path.is_dir,
        lambda path, settings, dates: mimic_physionet.read(
            Path(path),
            mimic_physionet.MIMIC_III,
            pseudonym_key=load_key(settings),
            now=datetime.now(UTC),
            dates=dates,
        ),
    ),
    "synthea": Source(
        "folder of Synthea's CSV files",
        Path.is_dir,
        lambda path, settings, _dates: synthea.read(Path(path), pseudonym_key=load_key(settings)),
    ),
    "log": Source(
        "SQLite file, or address of a PostgreSQL database, that holds a fact log, or an archive of one",
        lambda _path: True,
        lambda path, _settings, _dates: fact_log.read(path),
    ),
}


def _mimic_iv(path: Path, settings: Settings, dates: Dates) -> Iterator[AnyFact]:
    """Read MIMIC-IV in the one of its two layouts that the folder has."""
    key, now = load_key(settings), datetime.now(UTC)
    if any(find_table(path, name) for name in ("admissions", "transfers")):
        return mimic_physionet.read(path, mimic_physionet.MIMIC_IV, pseudonym_key=key, now=now, dates=dates)
    return mimic_iv.read(path, pseudonym_key=key, now=now, dates=dates)


def _require(path: str, source: str, wanted: Source) -> None:
    if not path:
        raise SourceError(f"An empty path was given. The source {source} needs a {wanted.meaning}.")
    try:
        if wanted.is_there(Path(path)):
            return
        found = ("is a folder" if Path(path).is_dir() else "is not a folder") if Path(path).exists() else "not found"
    except OSError as error:  # a name may be too long for the file system
        found = f"cannot be read ({error.strerror})"
    raise SourceError(f"{path}: {found}. The source {source} needs a {wanted.meaning}.")


def facts(
    source: str, path: str | Path, settings: Settings, *, dates: str = "auto", also: Sequence[str] = ()
) -> Iterator[AnyFact]:
    """Return the facts of a recording, in the order to publish them.

    Parameters
    ----------
    source : str
        A key of `SOURCES`.
    path : str or Path
        The file or folder, or the address of a database.
    settings : Settings
        With the pseudonym key, for sources with patient identifiers.
    dates : {"auto", "keep", "window"}
        How the dates of MIMIC are moved; see `simulators.sources.stays.shifts`.
    also : sequence of str
        Names of sources that the caller reads itself, for the error message.

    Raises
    ------
    UsageError
        When the source or the choice of dates is unknown.
    SourceError
        When the path is not found or contains no facts, at once; when it cannot be read, at once or while reading.
    """
    known = SOURCES.get(source)
    if known is None:
        raise UsageError(f"Unknown source {source!r}. Choose one of: {', '.join((*SOURCES, *also))}.")
    _require(str(path), source, known)
    if dates not in get_args(Dates):
        raise UsageError(f"--dates must be one of {', '.join(get_args(Dates))}. Got {dates!r} instead.")
    found = known.read(str(path), settings, cast("Dates", dates))
    first = next(found, None)
    if first is None:
        where = fact_log.shown(str(path))
        raise SourceError(f"{where}: contains no facts. The source {source} needs a {known.meaning}.")
    return chain([first], found)
