"""Whether a model is being trained, in SQL, so that pages can say so. It loads no model library."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, insert, select, update

from schemas import tables

NAME = "readmission"

FIRST_TIME = timedelta(minutes=1)
"""What a training is expected to take before one has been measured."""

GIVEN_UP_AFTER = timedelta(minutes=30)
"""A training that started longer ago was killed: no page waits for it."""

_column = tables.training.columns


def started(engine: Engine, now: datetime) -> None:
    """Note that a training has begun; `now` is aware UTC, from the wall clock."""
    with engine.begin() as connection:
        values = {"started_at": now}
        if connection.execute(update(tables.training).where(_column.name == NAME).values(values)).rowcount == 0:
            connection.execute(insert(tables.training).values(name=NAME, **values))


def ended(engine: Engine, now: datetime, *, succeeded: bool) -> None:
    """Note that the training has ended. How long it took is kept if it succeeded."""
    with engine.begin() as connection:
        began: datetime | None = connection.scalar(select(_column.started_at).where(_column.name == NAME))
        values: dict[str, object] = {"started_at": None}
        if began is not None and succeeded:
            values["took_s"] = (now - began).total_seconds()
        connection.execute(update(tables.training).where(_column.name == NAME).values(values))


def remaining(connection: Connection, now: datetime) -> timedelta | None:
    """Return how long the training under way is expected to take yet, 0 if it is late; None if there is none."""
    row = connection.execute(select(_column.started_at, _column.took_s).where(_column.name == NAME)).first()
    if row is None or row.started_at is None or now - row.started_at > GIVEN_UP_AFTER:
        return None
    expected = FIRST_TIME if row.took_s is None else timedelta(seconds=row.took_s)
    left: timedelta = row.started_at + expected - now
    return max(timedelta(0), left)
