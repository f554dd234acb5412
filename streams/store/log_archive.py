"""SQL of the archive of the fact log: what may leave it, what must stay, and how it is taken out.

All of it runs in one transaction of the caller. The facts to archive are named by a temporary table `archiving`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from schemas import tables
from schemas.database import as_utc
from schemas.events import BED_PREFIX
from schemas.partitions import KEPT, Month, attach, new_table
from schemas.tables import utc_text
from streams.store import bulk, locks, partitions

FETCH = 5_000

_REPORTS = f"""
    substr(fact.subject, 1, {len(BED_PREFIX)}) = '{BED_PREFIX}' AND NOT EXISTS (
        SELECT 1 FROM bed_status AS latest WHERE latest.source = fact.source AND latest.event_id = fact.event_id
        AND latest.digest = fact.digest)
"""
"""Reports on beds that a later one has replaced: the state of a bed is its latest report."""

_CHOSEN = f"fact.received_at < :end AND (fact.subject IN (SELECT subject FROM archiving) OR ({_REPORTS}))"


class Content(NamedTuple):
    """Number of facts, and the sum of their digests: two sets of facts with the same content have the same."""

    facts: int
    digests: int


def months(connection: Connection) -> list[Month]:
    """Return the months in which facts of the log came in, oldest first; on SQLite only the oldest and the newest."""
    found = partitions.months(connection)
    if found or locks.has_concurrent_writers(connection):
        return found
    ends = connection.execute(text("SELECT min(received_at), max(received_at) FROM fact")).one()
    return sorted({Month.of(as_utc(end)) for end in ends if end is not None})


def facts_by_partition(connection: Connection) -> list[tuple[str, int]]:
    """Return the number of facts in each partition, or of the whole table on SQLite."""
    names = partitions.partitions(connection) or ["fact"]
    return [(name, connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0) for name in names]


def choose(connection: Connection, end: datetime, ended_before: datetime) -> int:
    """Choose the encounters to archive, in the table `archiving`, and return how many.

    Parameters
    ----------
    connection : Connection
        In the transaction of the archive.
    end : datetime
        All their facts came in before.
    ended_before : datetime
        In event time: they ended before.
    """
    connection.execute(text("DROP TABLE IF EXISTS archiving"))
    connection.execute(text("CREATE TEMPORARY TABLE archiving (subject TEXT PRIMARY KEY)"))
    found = connection.execute(
        text(
            """
            INSERT INTO archiving SELECT encounter.encounter_id FROM encounter
            WHERE encounter.status IN ('discharged', 'cancelled') AND NOT encounter.provisional
            AND (encounter.discharged_at IS NULL OR encounter.discharged_at < :ended_before)
            AND encounter.encounter_id IN (SELECT fact.subject FROM fact WHERE fact.received_at < :end)
            AND NOT EXISTS (SELECT 1 FROM fact AS later
                WHERE later.subject = encounter.encounter_id AND later.received_at >= :end)
            AND NOT EXISTS (SELECT 1 FROM encounter_merge AS merge WHERE merge.encounter_id = encounter.encounter_id)
            AND NOT EXISTS (SELECT 1 FROM encounter_merge AS merge WHERE merge.merged_into = encounter.encounter_id)
            """
        ),
        _times(connection, end=end, ended_before=ended_before),
    )
    return int(found.rowcount)


def chosen_facts(connection: Connection, end: datetime) -> Iterator[bytes]:
    """Yield the bodies of the facts to archive, by the time when they happened."""
    query = text(
        f"SELECT body FROM fact WHERE {_CHOSEN} ORDER BY occurred_at, subject, source, event_id, digest"
    ).execution_options(yield_per=FETCH)
    for row in connection.execute(query, _times(connection, end=end)):
        yield bytes(row.body)


def chosen_content(connection: Connection, end: datetime) -> Content:
    """Return what the database says about the facts to archive."""
    query = text(f"SELECT count(*), coalesce(sum(digest % 1000000007), 0) FROM fact WHERE {_CHOSEN}")
    row = connection.execute(query, _times(connection, end=end)).one()
    return Content(int(row[0]), int(row[1]))


def keep_the_rest(connection: Connection, end: datetime) -> int:
    """Copy what stays of the facts before `end` beside the log (PostgreSQL); return how many facts stay."""
    times = _times(connection, end=end)
    if not locks.has_concurrent_writers(connection):
        query = f"SELECT count(*) FROM fact WHERE received_at < :end AND NOT ({_CHOSEN})"
        return connection.scalar(text(query), times) or 0
    connection.execute(text(new_table(f"{KEPT}_new")))
    names = ", ".join(tables.fact.columns.keys())
    query = f"INSERT INTO {KEPT}_new ({names}) SELECT {names} FROM fact WHERE received_at < :end AND NOT ({_CHOSEN})"
    kept = connection.execute(text(query), times).rowcount
    connection.execute(text(f"CREATE INDEX ON {KEPT}_new (source, event_id)"))
    return int(kept)


def has_changed(connection: Connection, end: datetime) -> bool:
    """Return whether a fact about a chosen encounter, or a merge into it, came in after it was chosen."""
    late = """
        SELECT 1 FROM fact JOIN archiving ON archiving.subject = fact.subject WHERE fact.received_at >= :end
        UNION ALL SELECT 1 FROM encounter_merge AS merge JOIN archiving
        ON archiving.subject = merge.encounter_id OR archiving.subject = merge.merged_into
    """
    return connection.execute(text(late), _times(connection, end=end)).first() is not None


def take_out(connection: Connection, month: Month, archive: str) -> None:
    """Drop the chosen facts from the log, and note in which archive each encounter is."""
    connection.execute(
        text("INSERT INTO archived_encounter (encounter_id, archive) SELECT subject, :archive FROM archiving"),
        {"archive": archive},
    )
    end = month.next.begin
    if not locks.has_concurrent_writers(connection):
        connection.execute(text(f"DELETE FROM fact WHERE {_CHOSEN}"), _times(connection, end=end))
    else:
        for name in (month.table, *([KEPT] if partitions.has_kept(connection) else [])):
            connection.execute(text(f"DROP TABLE {name}"))
        connection.execute(text(f"ALTER TABLE {KEPT}_new RENAME TO {KEPT}"))
        connection.execute(text(f"ALTER INDEX pk_{KEPT}_new RENAME TO pk_{KEPT}"))
        connection.execute(text(attach(KEPT, None, end)))
        partitions.forget(connection.engine)
    connection.execute(text("DROP TABLE archiving"))


def has_archives(connection: Connection) -> bool:
    """Return whether facts of any encounter are in an archive, and not in the log."""
    return not bulk.is_empty(connection, tables.archived_encounter)


def archives_of(connection: Connection, encounter_ids: Iterable[str]) -> dict[str, str]:
    """Return the file that has the facts of each of these encounters, without those that are in the log."""
    rows = bulk.select_by_key(
        connection, "encounter_id, archive", tables.archived_encounter, "encounter_id", set(encounter_ids)
    )
    return dict(tuple(row) for row in rows)


def forget(connection: Connection, encounter_ids: Collection[str]) -> None:
    """Note that the facts of these encounters are in the log again."""
    column = tables.archived_encounter.columns.encounter_id
    ids = sorted(encounter_ids)
    for start in range(0, len(ids), 500):
        connection.execute(tables.archived_encounter.delete().where(column.in_(ids[start : start + 500])))


def _times(connection: Connection, **times: datetime) -> dict[str, Any]:
    as_text = not locks.has_concurrent_writers(connection)
    return {name: utc_text(at) if as_text else at for name, at in times.items()}
