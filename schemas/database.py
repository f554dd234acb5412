"""Engines and migrations for SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.pq import Format
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from schemas.database_errors import name_the_database
from schemas.errors import SettingsError

BUSY_TIMEOUT_S = 30
"""Time that a SQLite writer waits for another; PostgreSQL uses `lock_timeout` instead."""

_POSTGRES_OPTIONS = "-c timezone=UTC -c lock_timeout=10s -c statement_timeout=60s"
"""Bound every wait for a lock, so that a worker can always stop."""


def existing_engine(url: str) -> Engine:
    """Return an engine for an existing database: a typing error does not create a new SQLite file.

    Raises
    ------
    SettingsError
        When the address is neither PostgreSQL nor SQLite, or the SQLite file is not found.
    """
    return make_engine(url, create=False)


def make_engine(url: str, *, create: bool = True) -> Engine:
    """Return an engine for `url`, with a timeout on every statement and lock.

    Raises
    ------
    SettingsError
        When the address is neither PostgreSQL nor SQLite, or the folder of the SQLite file cannot be created.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        backend = ""
    if backend == "postgresql":
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            connect_args={"connect_timeout": 5, "options": _POSTGRES_OPTIONS, "cursor_factory": _BinaryCursor},
        )
        name_the_database(engine)
        return engine
    if backend == "sqlite":
        if parsed.database and not create and not _is_file(Path(parsed.database)):
            raise SettingsError(_not_there(Path(parsed.database)))
        if parsed.database:
            _make_folder(Path(parsed.database).parent)
        engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_immediate)
        name_the_database(engine)
        return engine
    raise SettingsError(
        "WARDWATCH_DATABASE_URL: not an address of PostgreSQL or SQLite. "
        "Write postgresql+psycopg://user@host/name or sqlite:///path/to/file.db."
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name may be too long for the file system
        return False


def _not_there(file: Path) -> str:
    demo = file.parent / "demo"
    look = f" For the database of the demo, set WARDWATCH_DATA_DIR={demo}." if _is_file(demo / file.name) else ""
    return f"{file}: database not found. Run `wardwatch db upgrade`, or correct WARDWATCH_DATABASE_URL.{look}"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"{folder}: cannot be created ({error.strerror}). Correct WARDWATCH_DATA_DIR or WARDWATCH_DATABASE_URL."
        ) from None


class _BinaryCursor(psycopg.Cursor[Any]):
    """Fetch values in binary: states and facts are bytes, and the text format would double their size."""

    def __init__(self, connection: psycopg.Connection[Any], **options: Any) -> None:
        super().__init__(connection, **options)
        self.format = Format.BINARY


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the `begin` event starts transactions; see _begin_immediate
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA cache_size=-65536")


def _begin_immediate(connection: Any) -> None:
    # SQLite cannot upgrade a transaction from reading to writing while another one writes. So take the write lock at
    # once, unless the caller only reads (execution_options(read_only=True)).
    read_only = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _alembic(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("schemas").joinpath("migrations")))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine) -> None:
    """Migrate the database to the newest revision; does nothing if it is up to date."""
    command.upgrade(_alembic(engine), "head")


def pending_migrations(engine: Engine) -> list[str]:
    """Return the revisions that are not applied yet, oldest first."""
    script = ScriptDirectory.from_config(_alembic(engine))
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    revisions = [revision.revision for revision in script.iterate_revisions("head", current or "base")]
    return revisions[::-1]


def driver_reason(error: Exception) -> str:
    """Return the driver's own reason for an error, one line without a statement: `database or disk is full`."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def as_utc(value: datetime | str) -> datetime:
    """Return a time read by a driver's own cursor (text on SQLite) as an aware UTC time."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value
