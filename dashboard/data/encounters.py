"""Queries of single encounters."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, select

from schemas import tables


def admitted_at(engine: Engine, encounter_id: str) -> datetime | None:
    """Return when an encounter began, or None if that is unknown."""
    column = tables.encounter.columns
    with engine.connect().execution_options(read_only=True) as connection:
        found: datetime | None = connection.scalar(
            select(column.admitted_at).where(column.encounter_id == encounter_id)
        )
        return found
