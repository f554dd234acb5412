"""Bulk statements: many rows at once, built from the declaration of the table.

PostgreSQL gets one array per column (`unnest`), SQLite an executemany: the fastest of the variants measured that handle
duplicates correctly (docs/decisions). Rows are tuples in the order of the table's columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql

from schemas.tables import UtcDateTime, utc_text

OnConflict = Literal["nothing", "update", "version", "later", "add"]
"""What to do with a row whose key exists: keep the old row, write the new one, write it only as the next version, write
it only if it is later by the columns that the table names as its order, or add its numbers to those of the old row."""

Row = tuple[Any, ...]


def insert(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    *,
    on_conflict: OnConflict | None = None,
    columns: tuple[str, ...] | None = None,
) -> int:
    """Insert rows and return how many were written.

    Parameters
    ----------
    connection : Connection
        In the caller's transaction.
    table : Table
        One of schemas.tables.
    rows : sequence of tuple
        Values in the order of `columns`; times are aware datetimes.
    on_conflict : {"nothing", "update", "version", "later", "add"}, optional
        See `OnConflict`; None makes an existing key an error.
    columns : tuple of str, optional
        All columns of the table by default.

    Returns
    -------
    int
        Rows inserted or updated.
    """
    if not rows:
        return 0
    names = columns or tuple(column.name for column in table.columns)
    if connection.dialect.name == "postgresql":
        statement = _postgres_insert(table, names, on_conflict)
        return connection.exec_driver_sql(statement, tuple(list(values) for values in zip(*rows, strict=True))).rowcount
    return connection.exec_driver_sql(_sqlite_insert(table, names, on_conflict), _as_text(table, names, rows)).rowcount


def select_by_key(
    connection: Connection,
    columns: str,
    table: Table,
    key: str,
    keys: Iterable[str],
    *,
    where: str = "TRUE",
    lock: bool = False,
) -> list[Any]:
    """Return `columns` of the rows whose `key` is among `keys` and for which `where` holds.

    With `lock`, PostgreSQL locks the rows in the order of their keys until the transaction ends; SQLite has one writer.
    """
    if connection.dialect.name == "postgresql":
        tail = f" ORDER BY {key} FOR UPDATE" if lock else ""
        query = f"SELECT {columns} FROM {table.name} WHERE {key} = ANY(%b::text[]) AND {where}{tail}"
        return list(connection.exec_driver_sql(query, (sorted(keys),)).cursor.fetchall())
    wanted = msgspec.json.encode(sorted(keys)).decode()
    query = f"SELECT {columns} FROM json_each(?) AS wanted JOIN {table.name} ON {key} = wanted.value WHERE {where}"
    return list(connection.exec_driver_sql(query, (wanted,)).cursor.fetchall())


def select_by_two(
    connection: Connection, columns: str, table: Table, key: tuple[str, str], wanted: Mapping[str, Sequence[str]]
) -> list[Any]:
    """Return `columns` of the rows whose two `key` columns are a key of `wanted` and one of its values."""
    one, other = key
    rows: list[Any] = []
    for first, values in wanted.items():
        if connection.dialect.name == "postgresql":
            query = f"SELECT {columns} FROM {table.name} WHERE {one} = %b AND {other} = ANY(%b::text[])"
            parameters: tuple[Any, ...] = (first, values)
        else:  # CROSS JOIN: the values first, then the index of the table
            query = (
                f"SELECT {columns} FROM json_each(?) AS wanted CROSS JOIN {table.name} "
                f"WHERE {one} = ? AND {other} = wanted.value"
            )
            parameters = (msgspec.json.encode(values).decode(), first)
        rows += connection.exec_driver_sql(query, parameters).cursor.fetchall()
    return rows


def is_empty(connection: Connection, table: Table) -> bool:
    """Return whether the table has no row."""
    return connection.exec_driver_sql(f"SELECT 1 FROM {table.name} LIMIT 1").first() is None


def _as_text(table: Table, names: tuple[str, ...], rows: Sequence[Row]) -> list[Row]:
    columns: list[Iterable[Any]] = list(zip(*rows, strict=True))
    for index in _times(table, names):
        columns[index] = [utc_text(value) if isinstance(value, datetime) else value for value in columns[index]]
    return list(zip(*columns, strict=True))


@cache
def _times(table: Table, names: tuple[str, ...]) -> list[int]:
    return [index for index, name in enumerate(names) if isinstance(table.columns[name].type, UtcDateTime)]


@cache
def _postgres_insert(table: Table, names: tuple[str, ...], on_conflict: OnConflict | None) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    arrays = ", ".join(f"%b::{table.columns[name].type.compile(dialect)}[]" for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    return f'INSERT INTO "{table.name}" ({quoted}) SELECT * FROM unnest({arrays}){_conflict(table, names, on_conflict)}'


@cache
def _sqlite_insert(table: Table, names: tuple[str, ...], on_conflict: OnConflict | None) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    marks = ", ".join("?" * len(names))
    return f'INSERT INTO "{table.name}" ({quoted}) VALUES ({marks}){_conflict(table, names, on_conflict)}'


def _conflict(table: Table, names: tuple[str, ...], on_conflict: OnConflict | None) -> str:
    if on_conflict is None:
        return ""
    if on_conflict == "nothing":
        return " ON CONFLICT DO NOTHING"
    key = [column.name for column in table.primary_key.columns]
    target = ", ".join(f'"{name}"' for name in key)
    old_value = f'"{table.name}"."{{0}}" + ' if on_conflict == "add" else ""
    changes = ", ".join(f'"{name}" = {old_value.format(name)}excluded."{name}"' for name in names if name not in key)
    guard = ""
    if on_conflict == "version":
        guard = f' WHERE "{table.name}".version = excluded.version - 1'
    elif on_conflict == "later":
        old = ", ".join(f'"{table.name}"."{name}"' for name in table.info["order"])
        new = ", ".join(f'excluded."{name}"' for name in table.info["order"])
        guard = f" WHERE ({old}) < ({new})"
    return f" ON CONFLICT ({target}) DO UPDATE SET {changes}{guard}"
