"""Each way in which a database fails is named with its cause and remedy: real failures of both engines."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from alembic.util import CommandError
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from schemas import database
from schemas.database import make_engine, pending_migrations, upgrade
from schemas.database_errors import explain
from tests.support.postgres import PostgresServer

ROOT = Path(__file__).parents[2]
CREATE, FILL = "CREATE TABLE filler (body text)", "INSERT INTO filler VALUES (:body)"


def failure(url: str, *statements: str, before: str | None = None) -> str:
    """Return what the user reads when the last of the statements fails."""
    engine = make_engine(url)

    def work() -> None:
        with engine.connect() as connection:
            if before is not None:
                connection.exec_driver_sql(before)
            for statement in statements:
                connection.execute(text(statement), {"body": os.urandom(3_000).hex()} if ":body" in statement else {})
            connection.commit()

    try:
        with pytest.raises(DBAPIError) as found:
            work()
    finally:
        engine.dispose()
    return explain(found.value)


def made(path: Path) -> str:
    """Make a database with all tables in this file, and return its address."""
    engine = make_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return f"sqlite:///{path}"


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a memory disk; only root may."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False)
    if done.returncode != 0:
        pytest.skip("only root can mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def a_file_that_is_no_database(folder: Path) -> str:
    (folder / "ward.db").write_bytes(b"Dear Sir or Madam," * 500)
    return failure(f"sqlite:///{folder / 'ward.db'}", "SELECT 1")


def a_damaged_page(folder: Path) -> str:
    url = made(folder / "ward.db")
    raw = bytearray((folder / "ward.db").read_bytes())
    raw[4_096:] = b"\xa5" * (len(raw) - 4_096)
    (folder / "ward.db").write_bytes(raw)
    return failure(url, "SELECT count(*) FROM encounter")


def a_database_of_its_full_size(folder: Path) -> str:
    limit = "PRAGMA max_page_count = 3"
    return failure(f"sqlite:///{folder / 'ward.db'}", CREATE, *[FILL] * 20, before=limit)


def a_folder_in_place_of_the_file(folder: Path) -> str:
    (folder / "ward.db").mkdir()
    return failure(f"sqlite:///{folder / 'ward.db'}", "SELECT 1")


def a_read_only_database(folder: Path) -> str:
    return failure(made(folder / "ward.db"), "DELETE FROM fact", before="PRAGMA query_only = ON")


def a_writer_that_does_not_end(folder: Path) -> str:
    url = made(folder / "ward.db")
    writer = sqlite3.connect(folder / "ward.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        return failure(url, "DELETE FROM fact")
    finally:
        writer.close()


def a_database_without_tables(folder: Path) -> str:
    return failure(f"sqlite:///{folder / 'ward.db'}", "SELECT * FROM fact")


@pytest.mark.parametrize(
    ("fail", "cause", "driver", "remedy"),
    [
        (a_file_that_is_no_database, "damaged, or not a database", "file is not a database", "restore a backup"),
        (a_damaged_page, "damaged, or not a database", "malformed", "restore a backup"),
        (a_database_of_its_full_size, "the disk is full", "database or disk is full", "Free space on it"),
        (a_folder_in_place_of_the_file, "the file cannot be opened", "unable to open", "read and write the file"),
        (a_read_only_database, "the file is read-only", "readonly", "Give this user the right to write"),
        (a_writer_that_does_not_end, "locked by another process for too long", "locked", "End the process that holds"),
        (a_database_without_tables, "lacks its tables", "no such table: fact", "Run `wardwatch db upgrade`."),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_sqlite_errors_name_file_cause_and_remedy(
    fail: Callable[[Path], str],
    cause: str,
    driver: str,
    remedy: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.1)
    said = fail(tmp_path)
    assert said.startswith(f"Database {tmp_path / 'ward.db'}: {cause}")
    assert driver in said
    assert remedy in said
    assert "\n" not in said


def test_a_full_disk_below_sqlite(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "300k") as disk:
        said = failure(f"sqlite:///{disk / 'ward.db'}", CREATE, *[FILL] * 100)
    assert ": the disk is full (database or disk is full). Free space on it" in said


@pytest.fixture(scope="module")
def guarded(postgres: PostgresServer) -> str:
    """Return the address of a database as a user who needs the password `sesame`."""
    url = make_url(postgres.new_database())
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(False), autocommit=True) as server:
        server.execute("CREATE ROLE guarded LOGIN PASSWORD 'sesame'")
        ((file,),) = server.execute("SHOW hba_file").fetchall()
        rules = Path(file).read_text()
        Path(file).write_text(f"local all guarded scram-sha-256\nlocal all outcast reject\n{rules}")
        server.execute("SELECT pg_reload_conf()")
    return url.set(username="guarded", password="sesame").render_as_string(False)


def changed(url: str, **parts: object) -> str:
    return make_url(url).set(**parts).render_as_string(hide_password=False)  # type: ignore[arg-type]


def test_the_right_password_opens_the_database(guarded: str) -> None:
    engine = make_engine(guarded)
    assert pending_migrations(engine)[0] == "0001"
    engine.dispose()


@pytest.mark.parametrize(
    ("parts", "statements", "cause", "remedy"),
    [
        ({"password": "open"}, [], "wrong user or password (", "Correct both in WARDWATCH_DATABASE_URL."),
        ({"username": "outcast"}, [], "the server does not admit this user (", "allow it in pg_hba.conf"),
        ({"database": "nowhere"}, [], "the server has no database of this name (", "Create it with `createdb`"),
        ({"host": "127.0.0.1", "port": 1, "query": {}}, [], "no server answers (", "Start Postg"),
        ({"query": {"host": "/nowhere"}}, [], "no server answers (", "Start PostgreSQL"),
        ({"host": "no-such-host.invalid", "query": {}}, [], "the host is unknown (", "Correct the host in WARDWATCH_"),
        ({}, ["SELECT * FROM fact"], "lacks its tables or its newest migration (", "Run `wardwatch db upgrade`."),
        ({}, ["SET default_transaction_read_only = on", "COMMIT", CREATE], "the database is read-only (", "primary"),
        ({}, ["SET statement_timeout = 50", "SELECT pg_sleep(5)"], "a statement took too long", "less busy"),
        ({}, ["SELECT * FROM pg_authid"], "this user lacks a right (", "grant it the right"),
        ({}, ["SELECT pg_terminate_backend(pg_backend_pid())"], "the connection was lost (", "Retry once the server"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_postgresql_errors_name_database_cause_and_remedy(
    parts: dict[str, object], statements: list[str], cause: str, remedy: str, guarded: str
) -> None:
    url = changed(guarded, **parts)
    said = failure(url, *(statements or ["SELECT 1"]))
    assert said.startswith(f"Database {make_url(url).database} at ")
    assert f": {cause}" in said
    assert remedy in said
    assert "\n" not in said
    assert "sesame" not in said


def test_a_lock_that_is_held_too_long_on_postgresql(guarded: str) -> None:
    holder = make_engine(guarded)
    with holder.connect() as connection:
        connection.exec_driver_sql("SELECT pg_advisory_lock(99)")
        said = failure(guarded, "SET lock_timeout = 50", "SELECT pg_advisory_lock(99)")
    holder.dispose()
    assert ": locked by another process for too long (" in said
    assert "End the process that holds the lock" in said


def test_a_full_disk_below_postgresql(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    url = postgres.new_database()
    engine = make_engine(url)
    with engine.connect() as connection:
        folder = Path(str(connection.exec_driver_sql("SHOW data_directory").scalar()))
    engine.dispose()
    with small_disk(folder.parent / "disk", "600k") as disk:
        os.chown(disk, folder.stat().st_uid, folder.stat().st_gid)
        (disk / "space").mkdir()
        os.chown(disk / "space", folder.stat().st_uid, folder.stat().st_gid)
        plain = make_url(url).set(drivername="postgresql").render_as_string(False)
        with psycopg.connect(plain, autocommit=True) as server:
            server.execute(f"CREATE TABLESPACE small LOCATION '{disk / 'space'}'")
        said = failure(url, f"{CREATE} TABLESPACE small", *[FILL] * 400)
        with psycopg.connect(plain, autocommit=True) as server:
            server.execute("DROP TABLE IF EXISTS filler")
            server.execute("DROP TABLESPACE small")
    assert ": the disk is full (could not extend file" in said
    assert "Free space on it" in said


def test_a_database_of_a_newer_version(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(CommandError) as found:
        upgrade(engine)
    assert explain(found.value).startswith("Database: made by a newer version of Wardwatch (")


COMMANDS = [
    ["as-of", "now"],
    ["data-quality"],
    ["rebuild"],
    ["status"],
    ["train"],
    ["worker"],
    ["dashboard", "--port", "0"],
    ["db", "upgrade"],
    ["dead-letters", "list"],
    ["dead-letters", "replay"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_ends_in_a_traceback(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "wardwatch.db").write_bytes(b"Dear Sir or Madam," * 500)
    here = {name: value for name, value in os.environ.items() if not name.startswith("WARDWATCH_")}
    given = {"WARDWATCH_DATA_DIR": str(tmp_path), "WARDWATCH_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "wardwatch", *command],
        cwd=ROOT, env=here | given, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"wardwatch: Database {tmp_path / 'wardwatch.db'}: damaged, or not a database (file ")
    assert done.stderr.count("\n") == 1
