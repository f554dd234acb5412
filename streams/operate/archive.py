"""The archive of the fact log: old months go to files, which `replay log` reads, and leave the database.

An encounter is archived as a whole, or not at all: its state is the fold of all its facts, and would be wrong from a
part of them. It goes with the month of its latest fact, once it has ended, nothing of it contradicts itself, and no
merge connects it to another one. Facts about patients stay, because a patient has no end; of the reports on a bed the
latest stays. The states of archived encounters stay, too; `archived_encounter` names the file that has their facts, and
a late fact about one of them goes to the dead letters until the encounter is restored.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import msgspec
from sqlalchemy import Connection, Engine, text

from schemas import tables
from schemas.errors import SourceError, UsageError, WardwatchError
from schemas.events import AnyFact, decode_fact, digest, is_bed_subject
from schemas.partitions import Month
from streams.store import locks, log_archive, partitions
from streams.store.changes import FactRow
from streams.store.log_archive import Content
from streams.store.unit_of_work import unit_of_work
from streams.store.watermarks import event_time

MIN_QUIET_DAYS = 15
"""Kafka keeps facts for 14 days. A fact that it delivers again must still be in the log, to be known as a duplicate."""

MAX_STATEMENT_S = 3_600
LOCK_TIMEOUT_S = 60

ROWS_AT_ONCE = 5_000
"""Facts that are restored by one statement."""


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """One month that was archived. `sha256` is that of the lines, before compression; None without a file."""

    month: str
    file: str | None
    facts: int
    encounters: int
    facts_kept: int
    """Facts of this month and those before that are still in the log."""
    sha256: str | None


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """A partition of the log; SQLite has one table."""

    name: str
    facts: int


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What was restored from a file."""

    encounters: int
    facts: int


def list_partitions(connection: Connection) -> list[Partition]:
    """Return the partitions of the log with the number of their facts."""
    return [Partition(name=name, facts=facts) for name, facts in log_archive.facts_by_partition(connection)]


def archive(engine: Engine, before: Month, folder: Path, *, now: datetime, quiet_days: int) -> list[Archived]:
    """Archive all months before one, oldest first, each in a transaction of its own.

    Parameters
    ----------
    engine : Engine
        The database; on PostgreSQL workers may go on.
    before : Month
        By the time when facts came in.
    folder : Path
        Where the files are written.
    now : datetime
        Wall clock, aware UTC.
    quiet_days : int
        Days since the end of the month, and days in event time since an encounter ended; at least `MIN_QUIET_DAYS`.

    Raises
    ------
    UsageError
        When a month is too young, a file exists, or the folder cannot be written.
    WardwatchError
        When a file does not hold what the database holds, or a fact came in meanwhile; nothing is dropped then.
    """
    if quiet_days < MIN_QUIET_DAYS:
        raise UsageError(f"--quiet-days must be at least {MIN_QUIET_DAYS}. Got {quiet_days} instead.")
    if before.begin > now - timedelta(days=quiet_days):
        raise UsageError(f"--before {before}: that month began less than {quiet_days} days ago. Name an older one.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be created ({error.strerror}). Name another folder with --to.") from None
    with engine.connect().execution_options(read_only=True) as connection:
        found = log_archive.months(connection)
        reached = event_time(connection)
    if not found or reached is None:
        return []
    months = [month for month in found if month < before]
    with engine.begin() as connection:  # so that no worker has to wait for it meanwhile
        partitions.ensure(connection, [now])
    if not locks.has_concurrent_writers(engine) and months:  # one table: everything before in one file for each month
        months = _all_until(months[0], before)
    return [_archive_month(engine, month, folder, reached - timedelta(days=quiet_days)) for month in months]


def _all_until(first: Month, before: Month) -> list[Month]:
    months = [first]
    while months[-1].next < before:
        months.append(months[-1].next)
    return months


def _archive_month(engine: Engine, month: Month, folder: Path, ended_before: datetime) -> Archived:
    """Write the file, verify it against the database, then drop the facts; all or nothing."""
    file = folder / f"facts-{month}.jsonl.gz"
    end = month.next.begin
    if file.exists():
        raise UsageError(f"{file}: exists already. Name another folder with --to.")
    written = False
    try:
        with engine.begin() as connection:
            locks.lock(connection, locks.AdvisoryLock.FACT_LOG)
            locks.set_timeouts(connection, timeout_s=LOCK_TIMEOUT_S, statement_timeout_s=MAX_STATEMENT_S)
            encounters = log_archive.choose(connection, end, ended_before)
            expected = log_archive.chosen_content(connection, end)
            sha256 = None
            if expected.facts:
                written = True
                sha256 = _write(file, log_archive.chosen_facts(connection, end))
                if _read_back(file) != (expected, sha256):
                    raise WardwatchError(f"{file}: differs from the log; nothing was dropped. Check the disk.")
            kept = log_archive.keep_the_rest(connection, end)
            locks.lock_months(connection)
            locks.lock_tables(connection, (tables.fact,), timeout_s=LOCK_TIMEOUT_S, statement_timeout_s=MAX_STATEMENT_S)
            if log_archive.has_changed(connection, end):
                raise WardwatchError(f"{month}: a fact about one of its encounters came in meanwhile. Run it again.")
            log_archive.take_out(connection, month, file.name)
    except BaseException:
        if written:
            file.unlink(missing_ok=True)
        raise
    return Archived(
        month=str(month),
        file=str(file) if written else None,
        facts=expected.facts,
        encounters=encounters,
        facts_kept=kept,
        sha256=sha256,
    )


def _write(file: Path, bodies: Iterable[bytes]) -> str:
    """Write facts, one a line, to the disk, and return the SHA-256 of the lines."""
    hashed = hashlib.sha256()
    try:
        with file.open("xb") as raw:
            with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed:
                for body in bodies:
                    line = body + b"\n"
                    hashed.update(line)
                    packed.write(line)
            raw.flush()
            os.fsync(raw.fileno())
    except OSError as error:
        raise UsageError(f"{file}: cannot be written ({error.strerror}). Name another folder with --to.") from None
    return hashed.hexdigest()


def _read_back(file: Path) -> tuple[Content, str]:
    """Return what the file holds, by its own bytes."""
    hashed = hashlib.sha256()
    facts = digests = 0
    with gzip.open(file, "rb") as lines:
        for line in lines:
            hashed.update(line)
            facts += 1
            digests += _remainder(digest(line.rstrip(b"\n")))
    return Content(facts, digests), hashed.hexdigest()


def _remainder(value: int) -> int:
    """Return the remainder as SQL computes it, with the sign of the value."""
    return value % 1_000_000_007 if value >= 0 else -(-value % 1_000_000_007)


def restore(engine: Engine, file: Path, encounter_ids: Collection[str], *, now: datetime) -> Restored:
    """Bring archived encounters back into the log, so that late facts about them count again.

    A whole file brings back the reports on beds, too. The file is read twice, so that it need not fit into memory.

    Parameters
    ----------
    engine : Engine
        The database.
    file : Path
        An archive.
    encounter_ids : collection of str
        Which encounters; all of the file if empty.
    now : datetime
        Wall clock, aware UTC; the facts are in the partition of this month from now on.

    Raises
    ------
    SourceError
        When the file cannot be read.
    UsageError
        When one of the encounters is not archived in this file.
    """
    named = set(encounter_ids)
    subjects = named or {fact.subject for fact, _ in _facts_in(file)}
    restored = 0
    with unit_of_work(engine) as work:
        work.lock([], now)
        archives = log_archive.archives_of(work.connection, subjects)
        archived = {key for key, name in archives.items() if name == file.name}
        missing = sorted(named.difference(archived))
        if missing:
            raise UsageError(f"{file}: encounter {missing[0]} is not archived in it. Look at the dead letter's reason.")
        found = (
            FactRow(fact.subject, fact.source, fact.id, digest(body), fact.occurred_at, now, body)
            for fact, body in _facts_in(file)
            if fact.subject in archived or (not named and is_bed_subject(fact.subject))
        )
        while rows := list(islice(found, ROWS_AT_ONCE)):
            restored += work.add_facts(rows)
        log_archive.forget(work.connection, archived)
    return Restored(encounters=len(archived), facts=restored)


def _facts_in(file: Path) -> Iterator[tuple[AnyFact, bytes]]:
    """Yield the facts of an archive, each with its bytes."""
    try:
        with gzip.open(file, "rb") as lines:
            for line in lines:
                body = line.rstrip(b"\n")
                yield decode_fact(body), body
    except (OSError, EOFError) as error:
        raise SourceError(f"{file}: cannot be read ({error}). Give a file of `wardwatch log archive`.") from None


def archived_encounters(connection: Connection) -> int:
    """Return how many encounters have their facts in an archive."""
    return connection.scalar(text("SELECT count(*) FROM archived_encounter")) or 0
