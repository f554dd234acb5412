"""Queries of the metrics of units."""

from __future__ import annotations

import msgspec
from sqlalchemy import Engine, select

from schemas import tables
from schemas.topics import CapacityMetrics

_decode = msgspec.json.Decoder(CapacityMetrics).decode


def all_metrics(engine: Engine) -> list[CapacityMetrics]:
    """Return the latest metrics of every unit that the feed has reported."""
    with engine.connect().execution_options(read_only=True) as connection:
        rows = connection.execute(select(tables.unit_capacity.columns.metrics))
        return [_decode(row.metrics) for row in rows]
