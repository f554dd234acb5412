"""SQL of dead letters: list, show and settle them. `streams.operate.dead_letters` reads them again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from schemas import tables
from schemas.errors import UsageError
from streams.store.outbox import decode_headers

MAX_PARTITION, MAX_OFFSET = 2**31 - 1, 2**63 - 1
"""Limits of Kafka and of the database columns."""
_NAME = re.compile(r"([A-Za-z0-9._-]+)/([0-9]{1,10})/([0-9]{1,19})")


class LetterName(NamedTuple):
    """Name of a dead letter: topic/partition/offset of the rejected record."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> LetterName:
        """Parse a name as `wardwatch dead-letters list` prints it.

        Raises
        ------
        UsageError
            When the text is not a valid name.
        """
        found = _NAME.fullmatch(text)
        if found is None or int(found[2]) > MAX_PARTITION or int(found[3]) > MAX_OFFSET:
            raise UsageError(
                f"{text!r}: not the name of a dead letter. Copy a name from `wardwatch dead-letters list`."
            )
        return cls(found[1], int(found[2]), int(found[3]))


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """Summary of a dead letter, without its bytes."""

    name: str
    reason: str
    received_at: datetime
    size_bytes: int
    settled_at: datetime | None
    settled_by: str | None


class Replayed(NamedTuple):
    """What came of replaying a letter: `problem` says why it still cannot be used, None if it was published."""

    name: LetterName
    problem: str | None


class Contents(NamedTuple):
    """Key, value and headers of a dead letter as received, the time of receipt, and how it was settled, if it was."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    received_at: datetime
    settled_at: datetime | None = None
    settled_by: str | None = None


_column = tables.dead_letter.columns


def letters(connection: Connection, *, settled: bool, limit: int) -> list[Letter]:
    """Return the latest dead letters; with `settled`, also those that are settled."""
    size = func.coalesce(func.length(_column.value), 0).label("size_bytes")
    about = (_column.reason, _column.received_at, size, _column.settled_at, _column.settled_by)
    latest_first = (_column.received_at.desc(), _column.partition, _column.offset)
    query = select(_column.topic, _column.partition, _column.offset, *about).order_by(*latest_first).limit(limit)
    if not settled:
        query = query.where(_column.settled_at.is_(None))
    return [
        Letter(
            name=str(LetterName(row.topic, row.partition, row.offset)),
            reason=row.reason,
            received_at=row.received_at,
            size_bytes=row.size_bytes,
            settled_at=row.settled_at,
            settled_by=row.settled_by,
        )
        for row in connection.execute(query)
    ]


def unsettled(connection: Connection) -> list[LetterName]:
    """Return the names of all unsettled letters, in the order of receipt."""
    query = (
        select(_column.topic, _column.partition, _column.offset)
        .where(_column.settled_at.is_(None))
        .order_by(_column.received_at, _column.partition, _column.offset)
    )
    return [LetterName(*row) for row in connection.execute(query)]


def contents(connection: Connection, name: LetterName) -> Contents:
    """Return a letter's bytes.

    Raises
    ------
    UsageError
        When no letter has this name.
    """
    wanted = select(
        _column.key, _column.value, _column.headers, _column.received_at, _column.settled_at, _column.settled_by
    )
    row = connection.execute(wanted.where(_is(name))).first()
    if row is None:
        raise UsageError(f"{name}: no dead letter has this name. Copy a name from `wardwatch dead-letters list`.")
    headers = decode_headers(row.headers)
    return Contents(row.key, row.value, headers, row.received_at, row.settled_at, row.settled_by)


def settle(connection: Connection, names: Sequence[LetterName], how: str, at: datetime) -> list[LetterName]:
    """Mark letters as settled, with the reason `how` and the time `at` (aware UTC), and return those that were not yet.

    The update locks each letter's row until the commit, so that of two people who replay one letter, one settles it.
    """
    settled = []
    for name in names:
        open_letter = _is(name) & _column.settled_at.is_(None)
        if connection.execute(
            update(tables.dead_letter).where(open_letter).values(settled_at=at, settled_by=how)
        ).rowcount:
            settled.append(name)
    return settled


def _is(name: LetterName) -> ColumnElement[bool]:
    return and_(_column.topic == name.topic, _column.partition == name.partition, _column.offset == name.offset)
