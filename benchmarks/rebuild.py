"""The rebuild from the fact log, on PostgreSQL and SQLite, and the fold of one encounter of 20 facts.

.venv/bin/python -m benchmarks.rebuild 100000
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine

from schemas.database import make_engine, upgrade
from schemas.events import AdtEvent, Diagnosis, encode_fact
from schemas.hospital import load_hospital
from simulators.hospital import simulate
from streams.adt.process import ingest
from streams.adt.records import Fetch, Record
from streams.fold.encounter import fold
from streams.operate.rebuild import rebuild
from tests.streams.builders import admit, cancel_transfer, discharge, transfer, update
from tests.support.postgres import PostgresServer

AT_ONCE = 2_000
FOLDS = 2_000


def fill(engine: Engine, facts: int) -> None:
    """Bring simulated facts into the database, as a worker did an hour ago.

    What came in the last two minutes a rebuild folds twice, since it may have been under way; a log is older than that.
    """
    came_at = datetime.now(UTC) - timedelta(hours=1)
    upgrade(engine)
    stream = simulate(load_hospital(), seed=1, start=datetime(2026, 1, 1, tzinfo=UTC))
    records = (
        Record("adt.events.v1", 0, offset, fact.partition_key.encode(), encode_fact(fact))
        for offset, fact in enumerate(islice(stream, facts))
    )
    while batch := list(islice(records, AT_ONCE)):
        ingest(engine, [Fetch(batch, True)], clock=lambda: came_at)


def fold_of_twenty_us() -> float:
    """Return the microseconds that the fold of one encounter of 20 facts takes."""
    facts: list[AdtEvent] = [admit(0, "ED/01"), discharge(90)]
    facts += [transfer(hour, f"4W/{hour:02}") for hour in range(5, 45, 5)]
    facts += [update(hour, diagnoses=(Diagnosis(code=f"I{hour}"),)) for hour in range(46, 54)]
    facts += [cancel_transfer(41), update(60, admitted_at=facts[0].occurred_at)]
    assert len(facts) == 20
    began_s = time.perf_counter()
    for _ in range(FOLDS):
        fold(facts)
    return (time.perf_counter() - began_s) / FOLDS * 1e6


def main(facts: int) -> None:
    """Fill, rebuild twice, and print."""
    print(f"fold of one encounter of 20 facts, with a cancel and a correction: {fold_of_twenty_us():.0f} us")
    print(f"{'engine':<12} {'facts':>9} {'facts/s':>9} {'fold, s':>9} {'swap, s':>9} {'differed':>9}")
    with PostgresServer() as server, tempfile.TemporaryDirectory() as folder:
        for url in (server.new_database(), f"sqlite:///{Path(folder) / 'wardwatch.db'}"):
            engine = make_engine(url)
            fill(engine, facts)
            for _ in range(2):
                found = rebuild(engine)
                print(
                    f"{engine.dialect.name:<12} {found.facts:>9,} {found.facts_per_s:>9,.0f} {found.fold_s:>9.2f} "
                    f"{found.swap_s:>9.2f} {found.differed:>9,}"
                )
            engine.dispose()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
