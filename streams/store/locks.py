"""Advisory locks and table locks of PostgreSQL. SQLite has one writer, so every lock is free there.

A transaction lock is released when the transaction ends, a session lock when the connection is closed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import IntEnum

from sqlalchemy import Connection, Engine, Table, text


class AdvisoryLock(IntEnum):
    """Advisory locks, by their number in PostgreSQL."""

    PARTITION = 42
    """One transaction at a time writes facts of a Kafka partition; the second key is the partition."""
    RELAY = 43
    """One worker at a time publishes the outbox."""
    MIDNIGHT = 44
    """One worker at a time scores the midnights that have passed."""
    LEARN = 45
    """One worker at a time releases outcomes and trains the online model."""
    PEOPLE = 46
    """One transaction at a time resolves which tokens belong to one person."""
    PARTS = 47
    """No other transaction adds facts while one adds parts of stays: a part and its stay would miss each other."""
    MONTH = 48
    """Facts of neighbouring months are not added at the same time; the second key is whether the month is odd."""
    FACT_LOG = 49
    """One transaction at a time makes, archives or drops partitions of the fact log."""
    CLOCK = 50
    """One worker at a time stores the board's time, so that it never goes back."""


def has_concurrent_writers(bind: Connection | Engine) -> bool:
    """Return whether several transactions may write at once: on PostgreSQL, not on SQLite."""
    return bind.dialect.name == "postgresql"


def lock(connection: Connection, which: AdvisoryLock) -> None:
    """Wait for a lock and hold it until the transaction ends."""
    if has_concurrent_writers(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": int(which)})


def lock_shared(connection: Connection, which: AdvisoryLock) -> None:
    """Wait for a lock that others may share, and hold it until the transaction ends."""
    if has_concurrent_writers(connection):
        connection.execute(text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": int(which)})


def try_lock(connection: Connection, which: AdvisoryLock) -> bool:
    """Hold a lock until the transaction ends, and return True; return False if another transaction holds it."""
    return not has_concurrent_writers(connection) or bool(
        connection.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": int(which)})
    )


def try_session_lock(connection: Connection, which: AdvisoryLock) -> bool:
    """Hold a lock until the connection is closed, and return True; return False if another session holds it."""
    return not has_concurrent_writers(connection) or bool(
        connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": int(which)})
    )


def lock_partitions(connection: Connection, partitions: Iterable[int]) -> None:
    """Wait for the lock of each Kafka partition; after a rebalance two workers may write facts of the same one."""
    if has_concurrent_writers(connection):
        connection.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(%s, partition) FROM unnest(%s::int[]) AS partition",
            (int(AdvisoryLock.PARTITION), sorted(partitions)),
        )


def lock_month(connection: Connection, number: int) -> None:
    """Add facts beside others of this month, once all that add facts of the month before or after have ended.

    A month's own key rejects a duplicate. One that came in the month before is found by a query, which must see it.
    Everyone takes the two locks in the same order, so nobody waits in a circle.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    number : int
        Of the month; neighbours differ by one.
    """
    if has_concurrent_writers(connection):
        share = f"pg_advisory_xact_lock_shared({int(AdvisoryLock.MONTH)}, {number % 2})"
        others = f"({int(AdvisoryLock.MONTH)}, {1 - number % 2})"
        wait = f"pg_advisory_lock{others}, pg_advisory_unlock{others}"
        connection.exec_driver_sql(f"SELECT {wait}, {share}" if number % 2 else f"SELECT {share}, {wait}")


def lock_months(connection: Connection) -> None:
    """Wait until nobody adds facts, and keep others from it until the transaction ends: `lock_month` waits."""
    if has_concurrent_writers(connection):
        month = int(AdvisoryLock.MONTH)
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({month}, 0), pg_advisory_xact_lock({month}, 1)")


def set_timeouts(connection: Connection, *, timeout_s: int, statement_timeout_s: int) -> None:
    """Set the maximum seconds to wait for a lock and for a statement, until the transaction ends."""
    if has_concurrent_writers(connection):
        connection.execute(text(f"SET LOCAL lock_timeout = '{timeout_s}s'"))
        connection.execute(text(f"SET LOCAL statement_timeout = '{statement_timeout_s}s'"))


def lock_tables(connection: Connection, tables: Collection[Table], *, timeout_s: int, statement_timeout_s: int) -> None:
    """Block writes of others to these tables until the transaction ends; reads are not blocked.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    tables : collection of Table
        Locked in this order.
    timeout_s : int
        Maximum seconds to wait for the locks.
    statement_timeout_s : int
        Maximum seconds for each further statement of this transaction.
    """
    if has_concurrent_writers(connection):
        set_timeouts(connection, timeout_s=timeout_s, statement_timeout_s=statement_timeout_s)
        names = ", ".join(table.name for table in tables)
        connection.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
