"""SQL of what people marked as seen: who, when, and for which occurrence of a finding."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, and_, insert, select, update
from sqlalchemy.exc import IntegrityError

from schemas import tables
from schemas.errors import FindingConflict
from schemas.local_time import when

_seen, _finding = tables.finding_seen.columns, tables.finding.columns

MARKED: ColumnElement[bool] = and_(_seen.seen_at.is_not(None), _seen.since.is_not_distinct_from(_finding.since))
"""Whether a finding, joined with its mark, counts as seen: a new occurrence of the same problem does not."""

SAME_FINDING: ColumnElement[bool] = and_(
    _seen.kind == _finding.kind, _seen.subject == _finding.subject, _seen.says == _finding.says
)
"""How a mark is joined to its finding."""


class FindingKey(NamedTuple):
    """What a finding is recognised by."""

    kind: str
    subject: str
    says: str


def mark(engine: Engine, key: FindingKey, version: int, *, seen: bool, by: str, now: datetime, zone: tzinfo) -> None:
    """Mark a finding as seen, or take the mark back, in one transaction.

    Parameters
    ----------
    engine : Engine
        The database.
    key : FindingKey
        The finding.
    version : int
        Version of the mark that the person saw; 0 if there was none.
    seen : bool
        False takes the mark back.
    by : str
        Name of the person.
    now : datetime
        Aware UTC, from the wall clock, because a person acts.
    zone : tzinfo
        Of the hospital: in which a conflict names times.

    Raises
    ------
    FindingConflict
        Somebody else was first, or the finding is no longer in the list; nothing is written.
    """
    try:
        with engine.begin() as connection:
            written = _write(connection, key, version, seen=seen, by=by, now=now)
    except IntegrityError:  # somebody else inserted the first mark meanwhile
        written = False
    if not written:
        with engine.connect() as connection:
            raise FindingConflict(_conflict(connection, key, now, zone))


def _write(connection: Connection, key: FindingKey, version: int, *, seen: bool, by: str, now: datetime) -> bool:
    row = connection.execute(select(_finding.since).where(_is(_finding, key)).limit(1)).first()
    if row is None:
        return False
    values = {"since": row.since, "seen_at": now if seen else None, "seen_by": by, "version": version + 1}
    if version == 0:
        connection.execute(insert(tables.finding_seen).values(**key._asdict(), **values))
        return True
    as_seen = _is(_seen, key) & (_seen.version == version)
    return connection.execute(update(tables.finding_seen).where(as_seen).values(values)).rowcount == 1


def _is(columns: object, key: FindingKey) -> ColumnElement[bool]:
    return and_(*(getattr(columns, name) == value for name, value in key._asdict().items()))


def _conflict(connection: Connection, key: FindingKey, now: datetime, zone: tzinfo) -> str:
    """Return the message for a person whose mark was refused."""
    if connection.execute(select(_finding.kind).where(_is(_finding, key)).limit(1)).first() is None:
        return f"{key.subject}: no longer in the list. Nothing to do."
    row = connection.execute(select(_seen.seen_at, _seen.seen_by).where(_is(_seen, key))).first()
    if row is None or row.seen_at is None:
        return f"{key.subject}: the mark was taken back while you looked. Look again, then mark it."
    return f"{key.subject}: already marked as seen by {row.seen_by}, {when(row.seen_at, now, zone)}. Nothing to do."
