"""SQL of the watermarks: how far each partition of a topic has been processed."""

from __future__ import annotations

from sqlalchemy import Connection, select

from schemas import tables
from streams.fold.event_time import PartitionMark, decode_heads


def read_watermarks(connection: Connection, topic: str) -> dict[int, PartitionMark]:
    """Return how far each partition of a topic has come."""
    mark = tables.watermark.columns
    rows = connection.execute(select(mark.partition, mark.heads, mark.caught_up).where(mark.topic == topic))
    return {row.partition: PartitionMark(decode_heads(row.heads), row.caught_up) for row in rows}
