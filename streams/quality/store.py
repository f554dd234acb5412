"""SQL of the list of findings: the findings of each part, and when it was refreshed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, select, tuple_

from schemas import tables
from schemas.hospital import Hospital
from streams.quality.findings import board_time, of_log, of_state
from streams.quality.kinds import Finding
from streams.store import bulk

EVERY: dict[str, timedelta] = {"state": timedelta(seconds=5), "log": timedelta(minutes=1)}
"""Parts of the list, with the maximum age of each."""

_Row = tuple[Any, ...]


def look(engine: Engine, hospital: Hospital, part: str, now: datetime) -> tuple[list[Finding], datetime | None] | None:
    """Compute one part of the list and its event time; return None if the stored part is fresh enough."""
    with engine.connect().execution_options(read_only=True) as connection:
        column = tables.finding_look.columns
        looked_at = connection.scalar(select(column.looked_at).where(column.part == part))
        if looked_at is not None and now - looked_at < EVERY[part] * 0.9:
            return None
        until = board_time(connection, now)
        if until is None:
            return [], None
        return list(of_state(connection, until) if part == "state" else of_log(connection, hospital)), until


def keep(engine: Engine, part: str, found: Sequence[Finding], until: datetime | None, now: datetime) -> None:
    """Replace one part of the stored list."""
    with engine.begin() as connection:
        stored = _stored(connection, part)
        rows = {row[:4]: row for row in (_row(part, finding) for finding in found)}
        gone = [key for key in stored if key not in rows]
        column = tables.finding.columns
        for start in range(0, len(gone), 500):
            key = tuple_(column.part, column.kind, column.subject, column.says)
            connection.execute(delete(tables.finding).where(key.in_(gone[start : start + 500])))
        changed = sorted((row for key, row in rows.items() if stored.get(key) != row), key=lambda row: row[:4])
        bulk.insert(connection, tables.finding, changed, on_conflict="update")
        bulk.insert(connection, tables.finding_look, [(part, now, until)], on_conflict="update")


def _stored(connection: Connection, part: str) -> dict[_Row, _Row]:
    rows = connection.execute(select(tables.finding).where(tables.finding.columns.part == part))
    return {tuple(row[:4]): tuple(row) for row in rows}


def _row(part: str, finding: Finding) -> _Row:
    return (part, finding.kind.value, *msgspec.structs.astuple(finding)[1:])
