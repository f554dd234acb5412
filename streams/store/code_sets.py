"""SQL of the imported code sets: one set, replaced by each import."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from models.labels.code_sets import CodeSets, decode_code_sets, encode_code_sets
from schemas import tables
from streams.store import bulk

NAME = "cms_readmission"

_column = tables.code_sets.columns


def save_code_sets(connection: Connection, sets: CodeSets, origin: str, now: datetime) -> None:
    """Store the code sets in place of those imported before; `origin` says where the CCS maps came from."""
    bulk.insert(connection, tables.code_sets, [(NAME, now, origin, encode_code_sets(sets))], on_conflict="update")


def load_code_sets(connection: Connection) -> CodeSets | None:
    """Return the imported code sets; None if none were imported."""
    content = connection.scalar(select(_column.content).where(_column.name == NAME))
    return None if content is None else decode_code_sets(content)


def imported_at(connection: Connection) -> datetime | None:
    """Return when the code sets were imported; None if none were."""
    at: datetime | None = connection.scalar(select(_column.imported_at).where(_column.name == NAME))
    return at
