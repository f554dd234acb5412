"""How times and size grow with the fact log, on PostgreSQL: `python -m benchmarks.growth --facts 10000000`.

Ten simulated hospitals write 100,000 facts through `adt`. Then history is added and the same work is measured again, at
a million facts, at ten million, and so on. The hospitals stay as busy as they were: at each step the same number of
encounters is in progress, and `adt` goes on with the next simulated facts.

History is copied: the encounters that ended among the first facts come again, under other numbers, ids and patients,
written by COPY with their state, a million facts a week by `received_at`. The rebuild, which is measured too, derives
all state from these facts and must find no difference.

Of each query the fastest of seven runs counts, and of the batches of `adt` the lower quartile: other work on the
machine only adds to the times. Beside its time stands the number of pages that PostgreSQL touches for it, which other
work does not change.
"""

from __future__ import annotations

import argparse
import heapq
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any, NamedTuple

from sqlalchemy import Engine, Table, event, func, select, text

from schemas import tables
from schemas.database import make_engine, upgrade
from schemas.events import AnyFact, decode_fact, digest, encode_fact, is_bed_subject
from schemas.hospital import load_hospital
from schemas.state import Encounter, EncounterStatus, decode_encounter
from simulators.hospital import simulate
from streams.adt.process import ingest
from streams.adt.records import Fetch, Record
from streams.alerts.store import open_alerts
from streams.capacity.store import CapacityStore
from streams.operate.as_of import person_as_of
from streams.operate.rebuild import rebuild
from streams.quality.findings import of_log, of_state
from streams.risk import outcome_store, score_store
from streams.risk.moments import due_moments
from streams.store import histories, partitions
from streams.store.watermarks import event_time
from tests.support.postgres import PostgresServer

START = datetime(2026, 1, 1, tzinfo=UTC)
HOSPITALS = 10
FIRST_STEP = 100_000
MEASURED = 20_000
"""Facts that `adt` writes at each step while it is timed, the last of the step."""
AT_ONCE = 1_000
RUNS = 7
FACTS_A_WEEK = 1_000_000
HOSPITAL = "HG"

Measured = dict[str, float]


class _Template(NamedTuple):
    """What is copied: facts, and the rows of the encounters that have ended."""

    facts: list[tuple[AnyFact, bytes]]
    encounters: list[Any]
    unit_stays: list[Any]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--facts", type=int, default=10_000_000, help="facts at the last step (default 10,000,000)")
    last = parser.parse_args().facts
    steps = [FIRST_STEP]
    while steps[-1] * 10 <= last:
        steps.append(steps[-1] * 10)
    with PostgresServer() as server:
        engine = make_engine(server.new_database())
        upgrade(engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ALTER SYSTEM SET max_wal_size = '8GB'"))  # fewer checkpoints
            connection.execute(text("SELECT pg_reload_conf()"))
        columns: list[Measured] = []
        live = _records()
        template = None
        for facts in steps:
            _say(f"{facts:,} facts: adding history")
            if template is None:
                _ingest(engine, live, facts - MEASURED, 0)
                template = _template(engine)
            else:
                _copy_history(engine, template, steps[len(columns) - 1], facts - MEASURED)
            columns.append(_measure(engine, live, facts))
            _print(steps, columns)
            columns[-1] |= _rebuild(engine)
            _print(steps, columns)
        engine.dispose()


def _records() -> Iterator[Record]:
    """Yield the facts of all hospitals as Kafka would deliver them, by the time of recording."""
    streams = (_of_hospital(number) for number in range(HOSPITALS))
    for offset, fact in enumerate(heapq.merge(*streams, key=lambda fact: fact.recorded_at)):
        yield Record("adt.events.v1", 0, offset, fact.partition_key.encode(), encode_fact(fact))


def _of_hospital(number: int) -> Iterator[AnyFact]:
    """Yield the facts of one simulated hospital, with a name of its own in all ids and places."""
    own = f"H{number}".encode()
    for fact in simulate(load_hospital(), seed=number + 1, start=START):
        yield decode_fact(encode_fact(fact).replace(HOSPITAL.encode(), own))


def _received(fact: int) -> datetime:
    """Return when the fact with this number came in."""
    return START + timedelta(weeks=fact / FACTS_A_WEEK)


def _ingest(engine: Engine, live: Iterator[Record], count: int, already: int) -> float:
    """Write the next live facts as `adt` does; return the microseconds a fact of the batch at the lower quartile."""
    batches = [list(islice(live, AT_ONCE)) for _ in range(count // AT_ONCE)]
    times_us = []
    for number, batch in enumerate(batches):
        received_at = _received(already + number * AT_ONCE)
        began_s = time.perf_counter()
        ingest(engine, [Fetch(batch, True)], clock=lambda at=received_at: at)  # type: ignore[misc]
        times_us.append((time.perf_counter() - began_s) / AT_ONCE * 1e6)
    return statistics.quantiles(times_us)[0]


def _template(engine: Engine) -> _Template:
    """Return the encounters that have ended, with their facts, and the bed reports that later ones have replaced."""
    encounter, fact = tables.encounter.columns, tables.fact.columns
    with engine.connect() as connection:
        ended = list(connection.execute(select(tables.encounter).where(encounter.status == "discharged")))
        ids = {row.encounter_id for row in ended}
        stays = list(connection.execute(select(tables.unit_stay)))
        latest = {tuple(row) for row in connection.execute(select(tables.bed_status.columns.event_id))}
        rows = connection.execute(select(fact.body).order_by(fact.occurred_at))
        facts = [(decode_fact(bytes(body)), bytes(body)) for (body,) in rows]
    named = {fact.subject for fact, _ in facts if getattr(fact.data, "cancels", None)}  # by an id that is renamed here
    ended, ids = [row for row in ended if row.encounter_id not in named], ids - named
    kept = [
        (fact, body)
        for fact, body in facts
        if fact.subject in ids or (is_bed_subject(fact.subject) and (fact.id,) not in latest)
    ]
    return _Template(kept, ended, stays)


def _copy_history(engine: Engine, template: _Template, begin: int, end: int) -> None:
    """Write the template again and again, until the log holds `end` facts."""
    number = begin // len(template.facts)
    while begin < end:
        number += 1
        _copy_once(engine, template, f"~{number}", begin, end - begin)
        begin += len(template.facts)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE"))


def _copy_once(engine: Engine, template: _Template, suffix: str, begin: int, at_most: int) -> None:
    """Write the template under other numbers, ids and patients; at most so many of its facts, by whole encounters."""
    mark = suffix.encode()
    chosen = template.facts
    if at_most < len(chosen):
        some = {fact.subject for fact, _ in chosen[: at_most // 2]}
        reports = [item for item in chosen if is_bed_subject(item[0].subject)][: at_most // 3]
        chosen = [item for item in chosen if not is_bed_subject(item[0].subject) and item[0].subject in some] + reports
    numbers = {fact.subject for fact, _ in chosen}
    encounters = [row for row in template.encounters if row.encounter_id in numbers]
    with engine.begin() as connection:
        partitions.ensure(connection, [_received(begin), _received(begin + len(chosen))])
        cursor = connection.connection.cursor()
        with cursor.copy(_copy_into(tables.fact)) as copy:
            copy.set_types(["text", "text", "text", "int8", "timestamptz", "timestamptz", "bytea"])
            for position, (fact, body) in enumerate(chosen):
                subject = fact.subject
                body = _renamed(body, fact.id, mark)
                if not is_bed_subject(subject):
                    body = _renamed(_renamed(body, subject, mark), fact.partition_key, mark)
                    subject += suffix
                row = (subject, fact.source, fact.id + suffix, digest(body), fact.occurred_at)
                copy.write_row((*row, _received(begin + position), body))
        with cursor.copy(_copy_into(tables.encounter)) as copy:
            copy.set_types(
                ["text", "text", "text", "text", "timestamptz", "timestamptz", "bool", "text", "int4", "bytea"]
            )
            for row in encounters:
                state = _renamed(_renamed(bytes(row.state), row.encounter_id, mark), row.patient_token, mark)
                copy.write_row((row.encounter_id + suffix, row.patient_token + suffix, *row[2:9], state))
        with cursor.copy(_copy_into(tables.unit_stay)) as copy:
            copy.set_types(["text", "int4", "text", "text", "text", "timestamptz", "timestamptz"])
            for row in template.unit_stays:
                if row.encounter_id in numbers:
                    copy.write_row((row.encounter_id + suffix, *row[1:]))
        with cursor.copy(_copy_into(tables.score)) as copy:
            floats = ["float8"] * 3
            copy.set_types(["text", "text", "timestamptz", "text", *floats, "text", "int4", *["bytea"] * 3])
            for row in encounters:
                for moment, at in (("admission", row.admitted_at), ("discharge", row.discharged_at)):
                    key = (row.encounter_id + suffix, moment, at, row.patient_token + suffix)
                    copy.write_row((*key, 0.1, 0.1, 0.1, "logistic", 1, b"{}", b"[]", b"[]"))
        with cursor.copy(_copy_into(tables.label)) as copy:
            times = ["timestamptz"] * 3
            copy.set_types(["text", "text", *times, "bool", "float8", "text"])
            for row in encounters:
                label = (row.encounter_id + suffix, row.patient_token + suffix)
                copy.write_row((*label, row.discharged_at, row.discharged_at, row.discharged_at, False, 0.1, None))


def _copy_into(table: Table) -> str:
    return f"COPY {table.name} ({', '.join(table.columns.keys())}) FROM STDIN (FORMAT BINARY)"


def _renamed(body: bytes, name: str, mark: bytes) -> bytes:
    """Return JSON with a suffix after each text that is this name."""
    quoted = f'"{name}'.encode()
    return body.replace(quoted + b'"', quoted + mark + b'"')


def _measure(engine: Engine, live: Iterator[Record], facts: int) -> Measured:
    """Write the last facts of the step with `adt`, and time what each agent asks."""
    _say(f"{facts:,} facts: measuring")
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE outbox"))
    spent_us = _ingest(engine, live, MEASURED, facts - MEASURED)
    found: Measured = {"adt, us a fact": spent_us, "adt, facts/s": 1e6 / spent_us}
    encounter = tables.encounter.columns
    with engine.connect() as connection:
        reached = event_time(connection)
        assert reached is not None
        here = select(encounter.state).where(encounter.status == EncounterStatus.IN_PROGRESS.value)
        in_progress = [decode_encounter(bytes(state)) for state in connection.scalars(here)]
        gone = select(encounter.state).where(encounter.discharged_at > reached - timedelta(days=1))
        recent = [decode_encounter(bytes(state)) for state in connection.scalars(gone)][:500]
    hospital = load_hospital()
    units = {(stay.facility_id, stay.unit_id) for each in in_progress for stay in each.unit_stays}
    tokens = [each.patient_token for each in recent]
    midnight = reached.replace(hour=0, minute=0, second=0, microsecond=0)
    asked: dict[str, Callable[[Any], object]] = {
        "risk, inpatients of a midnight": lambda sql: score_store.inpatients_between(sql, midnight, midnight),
        "risk, moments and histories of 500 patients": lambda sql: _scoring(sql, recent),
        "labels, outcomes due and histories of 500 patients": lambda sql: (
            outcome_store.due(sql, reached, 1_000),
            histories.of_persons(sql, tokens),
        ),
        "alerts of 500 encounters": lambda sql: open_alerts(sql, [each.encounter_id for each in recent]),
        "capacity, all units, nothing cached": lambda sql: CapacityStore().unit_facts(sql, units, reached),
        "quality, from the state": lambda sql: list(of_state(sql, reached)),
        "quality, from the notes": lambda sql: list(of_log(sql, hospital)),
        "relay, 2,000 messages": lambda sql: sql.execute(
            select(tables.outbox).order_by(tables.outbox.columns.id).limit(2_000)
        ).all(),
    }
    for name, work in asked.items():
        found[f"{name}, ms"] = _best_ms(engine, work)
        found[f"{name}, pages"] = _pages(engine, work)
    patients = cycle([each.patient_token for each in in_progress])

    def as_of(connection: Any) -> None:
        for _ in range(20):
            person_as_of(connection, next(patients), reached, known=False)

    found["as-of of a patient, ms"] = _best_ms(engine, as_of) / 20
    found["as-of of a patient, pages"] = _pages(engine, as_of) / 20
    found["encounters in progress"] = len(in_progress)
    with engine.connect() as connection:
        size = connection.scalar(text("SELECT pg_database_size(current_database())")) or 0
        rows = connection.scalar(select(func.count()).select_from(tables.fact)) or 1
        found["partitions"] = len(partitions.partitions(connection))
    return found | {"facts in the log": rows, "size, MB": size / 1e6, "size, bytes a fact": size / rows}


def _rebuild(engine: Engine) -> Measured:
    """Rebuild all state, and say what differed."""
    report = rebuild(engine)
    if report.differed:
        _say(f"the rebuild found differences: {report.differences}")
    spent_s = report.fold_s + report.swap_s
    return {
        "rebuild, us a fact": spent_s / report.facts * 1e6,
        "rebuild, s": spent_s,
        "rebuild, rows that differed": report.differed,
    }


def _scoring(connection: Any, encounters: Sequence[Encounter]) -> None:
    due = [moment for encounter in encounters for moment in due_moments(encounter)]
    score_store.not_yet_scored(connection, due)
    histories.of_persons(connection, {each.patient_token for each in encounters})


def _best_ms(engine: Engine, work: Callable[[Any], object]) -> float:
    times = []
    for _ in range(RUNS):
        with engine.connect().execution_options(read_only=True) as connection:
            began_s = time.perf_counter()
            work(connection)
            times.append((time.perf_counter() - began_s) * 1e3)
    return min(times)


def _pages(engine: Engine, work: Callable[[Any], object]) -> float:
    """Return how many pages of tables and indexes PostgreSQL touches for the work, in memory or on the disk."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    with engine.connect().execution_options(read_only=True) as connection:
        event.listen(engine, "before_cursor_execute", note)
        work(connection)
        event.remove(engine, "before_cursor_execute", note)
        pages = 0
        for statement, parameters in asked:
            explain = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}"
            if statement.lstrip().startswith("SELECT"):
                [(plan,)] = connection.exec_driver_sql(explain, parameters).all()
                pages += plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
    return pages


def _print(steps: Sequence[int], columns: Sequence[Measured]) -> None:
    """Print all that was measured so far as a Markdown table; growth is from the first step to the last."""
    print(f"\n| | {' | '.join(f'{facts:,}' for facts, _ in zip(steps, columns, strict=False))} | growth |")
    print(f"|---|{'---:|' * (len(columns) + 1)}")
    for name in columns[0]:
        values = [column[name] for column in columns if name in column]
        growth = f"{values[-1] / values[0]:.2f}" if values[0] and len(values) == len(columns) else "-"
        shown = " | ".join(f"{value:,.4g}" if value < 1e4 else f"{value:,.0f}" for value in values)
        print(f"| {name} | {shown} | {growth} |")
    print(flush=True)


def _say(what: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {what}", flush=True)


if __name__ == "__main__":
    main()
