"""SQL of the watermarks: the event time that each partition of a topic has reached."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from schemas import tables
from schemas.topics import ADT_EVENTS
from streams.fold.event_time import PartitionMark, decode_heads, encode_heads, overall
from streams.store import bulk


def read_watermarks(connection: Connection, topic: str) -> dict[int, PartitionMark]:
    """Return the watermark of each partition of a topic."""
    mark = tables.watermark.columns
    rows = connection.execute(select(mark.partition, mark.heads, mark.caught_up).where(mark.topic == topic))
    return {row.partition: PartitionMark(decode_heads(row.heads), row.caught_up) for row in rows}


def save_watermarks(connection: Connection, topic: str, marks: Mapping[int, PartitionMark]) -> None:
    """Write the watermarks of partitions of a topic."""
    rows = [(topic, partition, encode_heads(mark.heads), mark.caught_up) for partition, mark in sorted(marks.items())]
    bulk.insert(connection, tables.watermark, rows, on_conflict="update")


def event_time(connection: Connection) -> datetime | None:
    """Return the event time of the feed, which all partitions of `adt.events.v1` have reached.

    Returns
    -------
    datetime or None
        Aware UTC; None while too few facts have been processed.
    """
    return overall(read_watermarks(connection, ADT_EVENTS.name).values())


def reached_by_partition(connection: Connection) -> dict[int, datetime]:
    """Return the event time that each partition of `adt.events.v1` has reached; not with too few facts."""
    marks = read_watermarks(connection, ADT_EVENTS.name)
    return {partition: mark.reached for partition, mark in marks.items() if mark.reached is not None}
