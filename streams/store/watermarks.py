"""SQL of the watermarks, of the board's time, and of how many facts came in each hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, select, update

from schemas import tables
from schemas.topics import ADT_EVENTS
from streams.fold.board_clock import BoardClock, advance_clock
from streams.fold.event_time import (
    PartitionMark,
    decode_heads,
    decode_samples,
    encode_heads,
    encode_samples,
    overall,
)
from streams.store import bulk
from streams.store.locks import AdvisoryLock, lock

SETTLED_AFTER = timedelta(seconds=2)
"""Wall time after which facts that were sent have been processed: midnights and outcomes wait for it."""

_BOARD = "board"


def read_watermarks(connection: Connection, topic: str) -> dict[int, PartitionMark]:
    """Return the watermark of each partition of a topic."""
    mark = tables.watermark.columns
    rows = connection.execute(
        select(mark.partition, mark.heads, mark.caught_up, mark.samples, mark.sent_at, mark.checked_at).where(
            mark.topic == topic
        )
    )
    return {
        row.partition: PartitionMark(
            decode_heads(row.heads), row.caught_up, decode_samples(row.samples), row.sent_at, row.checked_at
        )
        for row in rows
    }


def save_watermarks(connection: Connection, topic: str, marks: Mapping[int, PartitionMark]) -> None:
    """Write the watermarks of partitions of a topic."""
    rows = [
        (
            topic,
            partition,
            encode_heads(mark.heads),
            mark.caught_up,
            encode_samples(mark.samples),
            mark.sent_at,
            mark.checked_at,
        )
        for partition, mark in sorted(marks.items())
    ]
    bulk.insert(connection, tables.watermark, rows, on_conflict="update")


def event_time(connection: Connection) -> datetime | None:
    """Return the event time of the feed, which all partitions of `adt.events.v1` have reached.

    Returns
    -------
    datetime or None
        Aware UTC; None while too few facts have been processed.
    """
    return overall(read_watermarks(connection, ADT_EVENTS.name).values())


def latest_fact(connection: Connection) -> datetime | None:
    """Return the latest time at which a fact of the feed was recorded, however many others have reached it."""
    heads = [mark.heads[0] for mark in read_watermarks(connection, ADT_EVENTS.name).values() if mark.heads]
    return max(heads, default=None)


def stored_clock(connection: Connection) -> BoardClock | None:
    """Return the board's time as a worker stored it last."""
    row = connection.execute(select(tables.board_clock).where(tables.board_clock.columns.name == _BOARD)).first()
    return BoardClock(row.at, row.wall, row.pace, row.behind) if row else None


def board_clock(connection: Connection, wall: datetime) -> BoardClock | None:
    """Return the board's time at `wall`, without storing it."""
    marks = read_watermarks(connection, ADT_EVENTS.name)
    return advance_clock(stored_clock(connection), marks.values(), wall)


def board_time(connection: Connection, wall: datetime) -> datetime | None:
    """Return "now" on the board.

    Parameters
    ----------
    connection : Connection
        Of the database.
    wall : datetime
        The wall clock's time, aware UTC.

    Returns
    -------
    datetime or None
        Aware UTC; None while too few facts have been processed.
    """
    clock = board_clock(connection, wall)
    return clock and clock.at


def settled_time(connection: Connection, wall: datetime) -> datetime | None:
    """Return the board's time of two seconds ago, for which all facts that were sent have been processed."""
    clock = board_clock(connection, wall)
    return clock and clock.at - SETTLED_AFTER * clock.pace


class Ticked(NamedTuple):
    """The board's time, and the watermarks from which it was computed."""

    clock: BoardClock | None
    marks: Mapping[int, PartitionMark]


def tick(connection: Connection, caught_up: Mapping[int, bool], wall: datetime) -> Ticked:
    """Store the board's time, and what a worker has seen of its partitions; one worker at a time.

    Parameters
    ----------
    connection : Connection
        In a transaction.
    caught_up : mapping of int to bool
        Of each partition of the worker, whether all of its records have been processed.
    wall : datetime
        The wall clock's time, aware UTC.
    """
    lock(connection, AdvisoryLock.CLOCK)
    marks = read_watermarks(connection, ADT_EVENTS.name)
    if caught_up:
        _check(connection, marks, caught_up, wall)
    clock = advance_clock(stored_clock(connection), marks.values(), wall)
    if clock is not None:
        bulk.insert(connection, tables.board_clock, [(_BOARD, *clock)], on_conflict="update")
    return Ticked(clock, marks)


def _check(
    connection: Connection, marks: dict[int, PartitionMark], caught_up: Mapping[int, bool], wall: datetime
) -> None:
    """Note what a worker has seen. Only these columns: another one may still write a batch of a partition it lost."""
    new = [partition for partition in caught_up if partition not in marks]
    save_watermarks(connection, ADT_EVENTS.name, {number: PartitionMark((), False) for number in new})
    mark = tables.watermark.columns
    connection.execute(
        update(tables.watermark)
        .where(mark.topic == ADT_EVENTS.name, mark.partition == bindparam("number"))
        .values(caught_up=bindparam("at_the_end"), checked_at=wall),
        [{"number": number, "at_the_end": at_the_end} for number, at_the_end in sorted(caught_up.items())],
    )
    for number, at_the_end in caught_up.items():
        mark_before = marks.get(number, PartitionMark((), False))
        marks[number] = mark_before._replace(caught_up=at_the_end, checked_at=wall)


def add_hours(connection: Connection, counts: Mapping[tuple[datetime, int], int]) -> None:
    """Add new facts to the count of their hour and partition; each partition has one writer at a time."""
    rows = sorted((hour, partition, facts) for (hour, partition), facts in counts.items())
    bulk.insert(connection, tables.feed_hour, rows, on_conflict="add")


def facts_by_hour(connection: Connection, since: datetime) -> Counter[datetime]:
    """Return how many facts were recorded in each hour from `since` on."""
    column = tables.feed_hour.columns
    rows = connection.execute(
        select(column.hour, func.sum(column.facts).label("facts")).where(column.hour >= since).group_by(column.hour)
    )
    return Counter({row.hour: int(row.facts) for row in rows})


FIRST_FACTS = (3, 1_000)
"""The feed is observed once this many facts, and one in this many of all facts, had been recorded."""


def observed_since(connection: Connection) -> datetime | None:
    """Return the hour since when the feed is observed: a few facts with a wrong clock do not move it.

    Returns
    -------
    datetime or None
        Aware UTC, a full hour; None while there are too few facts.
    """
    column = tables.feed_hour.columns
    total = connection.scalar(select(func.sum(column.facts))) or 0
    least = max(FIRST_FACTS[0], total / FIRST_FACTS[1])
    seen = 0
    by_hour = select(column.hour, func.sum(column.facts).label("facts")).group_by(column.hour).order_by(column.hour)
    for row in connection.execute(by_hour):
        seen += int(row.facts)
        if seen >= least:
            found: datetime = row.hour
            return found
    return None


def reached_by_partition(connection: Connection) -> dict[int, datetime]:
    """Return the event time that each partition of `adt.events.v1` has reached; not with too few facts."""
    marks = read_watermarks(connection, ADT_EVENTS.name)
    return {partition: mark.reached for partition, mark in marks.items() if mark.reached is not None}
