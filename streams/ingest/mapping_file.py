"""Mapping file of a feed, in YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from schemas.errors import UsageError
from schemas.names import composed_file


class Mapping(Protocol):
    """Settings of a feed that have a time zone."""

    @property
    def time_zone(self) -> str | None:
        """IANA name, for times without an offset."""


M = TypeVar("M", bound=Mapping)


def read_mapping(path: Path | None, kind: type[M], variable: str, page: str) -> M:
    """Return the mapping in a file, or its defaults where no file is set.

    Parameters
    ----------
    path : Path or None
        YAML.
    kind : type
        A struct with a default for every field, and a `time_zone`.
    variable, page : str
        The setting that names the file, and the page that documents its content, for errors.

    Raises
    ------
    UsageError
        When the file is missing or invalid; names the file, the setting and the problem.
    """
    if path is None:
        return kind()
    try:
        mapping = msgspec.yaml.decode(composed_file(path.read_bytes()), type=kind)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}). Correct {variable}.") from None
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: {error}. See {page} for the settings.") from None
    if mapping.time_zone is not None:
        check_zone(mapping.time_zone, f"{path}: time_zone")
    return mapping


def check_zone(name: str, where: str) -> None:
    """Load a time zone.

    Raises
    ------
    UsageError
        When it is not known; names the setting.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # `Europe` is a folder of zones
        raise UsageError(f"{where} is not a known time zone. Write an IANA name such as Europe/Berlin.") from None
