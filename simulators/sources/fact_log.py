"""Wardwatch's own fact log: all facts of a database, or of the archives that left it, by event time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from heapq import merge
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError

from schemas import tables
from schemas.database import existing_engine
from schemas.database_errors import explain
from schemas.errors import SettingsError, SourceError
from schemas.events import AnyFact, decode_fact
from simulators.sources import jsonl

FETCH = 5_000


def read(address: str) -> Iterator[AnyFact]:
    """Return the facts of a log, exactly as they are.

    Parameters
    ----------
    address : str
        A SQLite file, or a SQLAlchemy address such as postgresql+psycopg://user@host/name; or an archive
        (`.jsonl.gz`), or a folder of archives.

    Raises
    ------
    SourceError
        At once, when the database is not found; while reading, when it contains no fact log.
    """
    archives = _archives(address)
    if archives:
        return merge(*map(jsonl.read, archives), key=_in_time)
    try:
        engine = existing_engine(address if "://" in address else f"sqlite:///{Path(address)}")
    except SettingsError:
        raise SourceError(
            f"{shown(address)}: not a database. Give a SQLite file, or an address of PostgreSQL."
        ) from None
    return _facts(engine, address)


def _archives(address: str) -> list[Path]:
    """Return the archives at an address, oldest first; none where it is a database."""
    path = Path(address)
    try:
        if "://" not in address and path.is_dir():
            return sorted(path.glob("facts-*.jsonl.gz"))
        return [path] if address.endswith(".jsonl.gz") and path.is_file() else []
    except OSError:  # a name may be too long for the file system
        return []


def _in_time(fact: AnyFact) -> tuple[datetime, str, str, str]:
    return (fact.occurred_at, fact.subject, fact.source, fact.id)


def shown(address: str) -> str:
    """Return an address without the password in it."""
    return re.sub(r"(://[^:/@]*):.*@", r"\1:***@", address)


def _facts(engine: Engine, address: str) -> Iterator[AnyFact]:
    column = tables.fact.columns
    query = select(column.body).order_by(column.occurred_at, column.subject, column.source, column.event_id)
    try:
        with engine.connect().execution_options(read_only=True, yield_per=FETCH) as connection:
            for row in connection.execute(query):
                yield decode_fact(bytes(row.body))
    except DBAPIError as error:
        raise SourceError(
            f"{shown(address)}: contains no fact log of Wardwatch, or cannot be read. Give a database of Wardwatch. "
            f"{explain(error)}"
        ) from None
    finally:
        engine.dispose()
