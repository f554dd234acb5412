"""The page docs/reference/tables.md, made from `schemas.tables`."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import ColumnDefault, DefaultClause

from schemas import tables

INTRODUCTION = """# Tables

The tables in PostgreSQL or SQLite. `wardwatch db upgrade` creates them. The table `fact` is the source of truth, from
which `wardwatch rebuild` derives the state of encounters, patients and beds. [Back up and
restore](../how-to/back-up-and-restore.md) says which tables must be kept. SQLite stores times as ISO 8601 text in UTC.

"""

POSTGRESQL, SQLITE = postgresql.dialect(), sqlite.dialect()  # type: ignore[no-untyped-call]


def tables_page() -> str:
    """Return the page."""
    found = tables.metadata.tables.values()
    overview = "".join(f"| [`{table.name}`](#{table.name}) | {table.comment} |\n" for table in found)
    head = f"{INTRODUCTION}| table | contents |\n|---|---|\n{overview}\n"
    return head + "\n".join(map(_section, found))


def _section(table: Table) -> str:
    rows = "".join(map(_row, table.columns))
    key = ", ".join(f"`{column.name}`" for column in table.primary_key)
    indexes = "".join(_index(index) for index in sorted(table.indexes, key=lambda index: str(index.name)))
    return (
        f"## {table.name}\n\n{table.comment}\n\n"
        f"| column | PostgreSQL | SQLite | NULL | default |\n|---|---|---|---|---|\n{rows}\n"
        f"* Primary key: {key}\n{indexes}"
    )


def _row(column: Column[object]) -> str:
    on_postgresql, on_sqlite = (column.type.compile(dialect=dialect) for dialect in (POSTGRESQL, SQLITE))
    nullable = "yes" if column.nullable else "no"
    return f"| `{column.name}` | {on_postgresql} | {on_sqlite} | {nullable} | {_default(column)} |\n"


def _default(column: Column[object]) -> str:
    default: DefaultClause | ColumnDefault | object | None = column.server_default
    if isinstance(default, DefaultClause):
        return f"`{getattr(default.arg, 'text', None) or str(default.arg)}`"
    return "counts up" if column.autoincrement is True else ""


def _index(index: Index) -> str:
    columns = ", ".join(f"`{column.name}`" for column in index.columns)
    condition = index.dialect_options["postgresql"]["where"]
    where = "" if condition is None else f", where `{condition}`"
    return f"* Index `{index.name}`: {columns}{where}\n"
