"""Queries of the page of dead letters: messages that could not be understood."""

from __future__ import annotations

from sqlalchemy import Engine

from schemas.errors import UsageError
from streams.store.dead_letters import Letter, LetterName, contents, letters

LISTED = 300
"""Maximum number of letters on the page."""


def open_letters(engine: Engine) -> list[Letter]:
    """Return the letters that are not settled, the latest first."""
    with engine.connect().execution_options(read_only=True) as connection:
        return letters(connection, settled=False, limit=LISTED)


def record_of(engine: Engine, name: str) -> bytes | None:
    """Return a letter's record as it came, or None when no letter has this name."""
    with engine.connect().execution_options(read_only=True) as connection:
        try:
            return contents(connection, LetterName.parse(name)).value or b""
        except UsageError:
            return None
