"""What a database error means and what to do about it, from the driver's error code.

SQLite gives a result code with each error. PostgreSQL gives a SQLSTATE, but not where the connection itself fails;
there libpq's text is all there is.
"""

from __future__ import annotations

import re
import sqlite3
from typing import NamedTuple

from alembic.util import CommandError
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

UPGRADE = "Run `wardwatch db upgrade`."
ADDRESS = "Correct WARDWATCH_DATABASE_URL."


class Explanation(NamedTuple):
    """Cause of a database error in words, and the remedy."""

    cause: str
    remedy: str


DAMAGED = Explanation(
    "damaged, or not a database",
    "Stop all processes and restore a backup, or correct WARDWATCH_DATABASE_URL.",
)
FULL = Explanation("the disk is full", "Free space on it; workers then go on by themselves.")
READ_ONLY_FILE = Explanation(
    "the file is read-only", "Give this user the right to write to the file and to its folder."
)
LOCKED = Explanation(
    "locked by another process for too long", "End the process that holds the lock (a backup, a shell), and retry."
)
DISK_FAILED = Explanation("the disk failed to read or write", "Check the disk and the free space on it, and retry.")
NO_TABLES = Explanation("lacks its tables or its newest migration", UPGRADE)
WRONG_PASSWORD = Explanation("wrong user or password", "Correct both in WARDWATCH_DATABASE_URL.")
NOT_ALLOWED = Explanation(
    "the server does not admit this user", "Correct the user in WARDWATCH_DATABASE_URL, or allow it in pg_hba.conf."
)
NO_DATABASE = Explanation(
    "the server has no database of this name", "Create it with `createdb`, or correct WARDWATCH_DATABASE_URL."
)
NO_SERVER = Explanation("no server answers", "Start PostgreSQL, or correct host and port in WARDWATCH_DATABASE_URL.")
UNKNOWN_HOST = Explanation("the host is unknown", "Correct the host in WARDWATCH_DATABASE_URL.")
NO_ANSWER = Explanation(
    "the server does not answer in time", "Check host, port and firewall, or correct WARDWATCH_DATABASE_URL."
)
BUSY_SERVER = Explanation(
    "the server has no free connection", "Stop unused processes, or raise max_connections of PostgreSQL."
)
LOST = Explanation("the connection was lost", "Retry once the server is up; its log names the cause.")
READ_ONLY_SERVER = Explanation(
    "the database is read-only", "Write the address of the primary server to WARDWATCH_DATABASE_URL."
)
TOO_SLOW = Explanation("a statement took too long and was cancelled", "Retry when the server is less busy.")
NO_RIGHT = Explanation("this user lacks a right", "Make the user the owner of the tables, or grant it the right.")
NO_MEMORY = Explanation("the server is out of memory", "Free memory on the server, and retry.")
NEWER = Explanation("made by a newer version of Wardwatch", "Use that version, or restore a backup.")
UNKNOWN = Explanation("failed", "Check WARDWATCH_DATABASE_URL and the server's log, or run `wardwatch db upgrade`.")

_SQLITE_NAMES = {
    "SQLITE_BUSY": LOCKED,
    "SQLITE_LOCKED": LOCKED,
    "SQLITE_READONLY": READ_ONLY_FILE,
    "SQLITE_IOERR": DISK_FAILED,
    "SQLITE_CORRUPT": DAMAGED,
    "SQLITE_NOTADB": DAMAGED,
    "SQLITE_FULL": FULL,
    "SQLITE_CANTOPEN": Explanation(
        "the file cannot be opened", "Check that this user may read and write the file and its folder."
    ),
}
_SQLITE = {int(getattr(sqlite3, name)): explanation for name, explanation in _SQLITE_NAMES.items()}
"""By the primary result code: the lowest 8 bits."""

_SQLSTATES = {
    "28P01": WRONG_PASSWORD,
    "28000": NOT_ALLOWED,
    "3D000": NO_DATABASE,
    "53300": BUSY_SERVER,
    "53100": FULL,
    "53200": NO_MEMORY,
    "58030": DISK_FAILED,
    "25006": READ_ONLY_SERVER,
    "55P03": LOCKED,
    "40P01": LOCKED,
    "57014": TOO_SLOW,
    "42P01": NO_TABLES,
    "42703": NO_TABLES,
    "3F000": NO_TABLES,
    "42501": NO_RIGHT,
    "XX001": DAMAGED,
    "XX002": DAMAGED,
}
_SQLSTATE_CLASSES = {"08": LOST, "57": LOST}

_TEXTS = [
    (re.compile(pattern, re.IGNORECASE), explanation)
    for pattern, explanation in (
        ("no space left on device", FULL),
        ("password authentication failed|no password supplied", WRONG_PASSWORD),
        (r"no pg_hba\.conf entry|pg_hba\.conf rejects|role .* does not exist|authentication failed", NOT_ALLOWED),
        ("database .* does not exist", NO_DATABASE),
        ("connection refused|no such file or directory", NO_SERVER),
        ("could not translate host|name or service not known|failed to resolve|name resolution", UNKNOWN_HOST),
        ("timeout|timed out|no route to host|network is unreachable", NO_ANSWER),
        ("too many clients|remaining connection slots", BUSY_SERVER),
        ("server closed the connection|connection is lost|terminating connection|starting up|shutting down", LOST),
        ("no such table|no such column|has no column", NO_TABLES),
    )
]


def explain(error: BaseException) -> str:
    """Return one line for the user: which database, the cause, the driver's words, and the remedy.

    The statement and its parameters are left out, because they may be about a patient.

    Parameters
    ----------
    error : BaseException
        A `DBAPIError` or `TimeoutError` of SQLAlchemy, or a `CommandError` of alembic.

    Examples
    --------
    >>> explain(DBAPIError("SELECT 1", {}, sqlite3.OperationalError("no such table: fact")))
    'Database: lacks its tables or its newest migration (no such table: fact). Run `wardwatch db upgrade`.'
    """
    found, words = _explained(error)
    where = getattr(error, "database_label", "")
    name = f"Database {where}" if where else "Database"
    return f"{name}: {found.cause}{f' ({words})' if words else ''}. {found.remedy}"


def _explained(error: BaseException) -> tuple[Explanation, str]:
    if isinstance(error, CommandError):
        return (NEWER if "locate revision" in str(error) else UNKNOWN), str(error).rstrip(".")
    if isinstance(error, PoolTimeout):
        return BUSY_SERVER, ""
    driver = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    words = _first_line(str(driver))
    code = getattr(driver, "sqlite_errorcode", None)
    if code is not None and code & 0xFF in _SQLITE:
        return _SQLITE[code & 0xFF], words
    state = getattr(driver, "sqlstate", None) or ""
    by_state = _SQLSTATES.get(state) or _SQLSTATE_CLASSES.get(state[:2])
    if by_state is not None:
        return by_state, words
    return next((explanation for pattern, explanation in _TEXTS if pattern.search(str(driver))), UNKNOWN), words


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].rstrip(" .")


def errors_table() -> str:
    """Return the Markdown table of docs/reference/database-errors.md."""
    codes: dict[Explanation, list[str]] = {}
    for name, explanation in _SQLITE_NAMES.items():
        codes.setdefault(explanation, []).append(f"`{name}`")
    for state, explanation in _SQLSTATES.items():
        codes.setdefault(explanation, []).append(f"`{state}`")
    for start, explanation in _SQLSTATE_CLASSES.items():
        codes.setdefault(explanation, []).append(f"`{start}...`")
    for _, explanation in _TEXTS:
        codes.setdefault(explanation, [])
    rows = [
        f"| {cause} | {remedy} | {', '.join(found) or 'text of the driver'} |"
        for (cause, remedy), found in sorted(codes.items())
    ]
    return "\n".join(["| what is wrong | what to do | known by |", "|---|---|---|", *rows]) + "\n"


def name_the_database(engine: Engine) -> None:
    """Let every error of this engine say which database it is about, without the password."""
    url = engine.url
    place = url.host or url.query.get("host")
    port = f":{url.port}" if url.port else ""
    label = f"{url.database} at {place}{port}" if place else url.database or "in memory"

    def add_label(context: ExceptionContext) -> None:
        for error in (context.sqlalchemy_exception, context.original_exception):
            if error is not None:
                error.__dict__["database_label"] = label

    event.listen(engine, "handle_error", add_label)
