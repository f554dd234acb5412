"""No agent reads a table that grows with the log from end to end: the plan of each of their queries uses an index."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text

from schemas import tables
from schemas.events import EncountersMerged, PatientClass, digest, encode_fact
from schemas.hospital import load_hospital
from schemas.state import EncounterStatus, Patient, encode_patient
from schemas.topics import EncounterChanged
from streams.adt.process import ingest
from streams.adt.records import Fetch, Record
from streams.alerts.store import close_alerts, open_alerts
from streams.capacity.store import CapacityStore
from streams.fold import fold
from streams.operate.as_of import person_as_of
from streams.quality.store import EVERY, keep, look
from streams.risk import score_store
from streams.risk.moments import due_moments
from streams.risk.outcomes import OutcomeTrainer, track_index_stays
from streams.store import bulk, histories, partitions
from streams.store.rows import encounter_row, stay_rows
from streams.worker.relay import Relay
from tests.conftest import MakeSettings
from tests.contracts.test_learnt_beds import ELSEWHERE
from tests.streams.builders import admit, at, bed, discharge, merge, said, transfer

GROWING = {
    "fact", "encounter", "unit_stay", "patient", "alias", "score", "label", "alert", "outbox", "dead_letter",
    "encounter_merge",
}  # fmt: skip
HOSPITAL = load_hospital()
ENCOUNTERS = 4_000
NOW = at(24 * 400)


def is_partial(index: Any) -> bool:
    return index.dialect_options["postgresql"]["where"] is not None


PARTIAL = {index.name for table in tables.metadata.tables.values() for index in table.indexes if is_partial(index)}


@pytest.fixture
def hospital(engine: Engine) -> Engine:
    """A database with a year behind it: thousands of stays that have ended, and a few in progress."""
    facts, encounters, stays = [], [], []
    for number in range(ENCOUNTERS):
        begin = number * 24 * 380 / ENCOUNTERS
        own: dict[str, Any] = {"e": f"old{number}", "p": f"Q{number}"}
        about: list[Any] = [
            admit(begin, f"4W/{number % 40:02}", patient_class=PatientClass.INPATIENT, **own),
            transfer(begin + 5, f"5E/{number % 40:02}", **own),
            discharge(begin + 60, **own),
        ]
        for fact in about:
            body = encode_fact(fact)
            key = (fact.subject, fact.source, fact.id, digest(body))
            facts.append((*key, fact.occurred_at, NOW - timedelta(days=60 * (number % 3)), body))
        encounter = fold(about)
        assert encounter is not None
        encounters.append(encounter_row(encounter, 1))
        stays += stay_rows(encounter)
    with engine.begin() as connection:
        partitions.ensure(connection, {row[5] for row in facts})
        bulk.insert(connection, tables.fact, facts)
        bulk.insert(connection, tables.encounter, encounters)
        bulk.insert(connection, tables.unit_stay, stays)
        tokens = [row[1] for row in encounters]

        def away(token: str) -> bytes:
            return encode_patient(Patient(patient_token=f"away-{token}", merged_into=token))

        bulk.insert(connection, tables.patient, [(f"away-{token}", token, False, 1, away(token)) for token in tokens])
        bulk.insert(connection, tables.alias, [(f"away-{token}", token) for token in tokens])
        bulk.insert(connection, tables.encounter_merge, [(f"away-{row[0]}", row[0]) for row in encounters])
        more = ("admission", NOW, "Q", 0.1, 0.1, 0.1, "logistic", 1, b"{}", b"[]", b"[]")
        bulk.insert(connection, tables.score, [(row[0], *more) for row in encounters])
        outcome = (NOW, NOW, NOW, False, 0.1, None)
        bulk.insert(connection, tables.label, [(row[0], row[1], *outcome) for row in encounters])
        closed = ("closed", "high", 0.1, b"[]", "admission", NOW, NOW, None, None, 1)
        bulk.insert(connection, tables.alert, [(row[0], row[1], *closed) for row in encounters])
        columns = ("topic", "key", "value", "headers")
        bulk.insert(connection, tables.outbox, [("t", b"k", b"v", None)] * ENCOUNTERS, columns=columns)
        letter = (1, NOW, "reason", None, None, None, NOW, "fixed")
        bulk.insert(connection, tables.dead_letter, [("adt.events.v1", 0, n, *letter) for n in range(ENCOUNTERS)])
    take(engine, *(admit(24 * 399 + n, f"4W/{n:02}", e=f"E{n}", p=f"P{n}") for n in range(20)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    return engine


def take(engine: Engine, *facts: Any) -> None:
    records = [
        Record("adt.events.v1", 0, n, fact.partition_key.encode(), encode_fact(fact)) for n, fact in enumerate(facts)
    ]
    ingest(engine, [Fetch([*records, Record("adt.events.v1", 0, 99, b"k", b"{}")], True)], clock=lambda: NOW)


@contextmanager
def statements(engine: Engine) -> Iterator[dict[str, Any]]:
    """Collect the statements that run meanwhile, each with the parameters of its first execution."""
    found: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        found.setdefault(statement, parameters[0] if many or isinstance(parameters, list) else parameters)

    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


def full_scans(engine: Engine, ran: Mapping[str, Any]) -> list[str]:
    """Return the statements whose plan reads a growing table from begin to end, each with the step of the plan."""
    found = []
    with engine.connect() as connection:
        for statement, parameters in ran.items():
            if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE)\b", statement) and any(
                re.search(rf"\b{name}\b", statement) for name in GROWING
            ):
                found += [f"{step}: {statement}" for step in scans(connection, statement, parameters)]
    return found


def scans(connection: Any, statement: str, parameters: Any) -> list[str]:
    if connection.dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        return [row[3] for row in plan if is_full_scan_of_sqlite(row[3], statement)]
    [(plan,)] = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).all()
    full = {month.table for month in partitions.months(connection) if _rows(connection, month.table)}
    return list(full_scans_of_postgres(plan[0]["Plan"], GROWING | full, limited=False))


def _rows(connection: Any, table: str) -> int:
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


def is_full_scan_of_sqlite(step: str, statement: str) -> bool:
    found = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step)
    if found is None or found[1] not in GROWING:
        return False
    return found[2] not in PARTIAL and "LIMIT" not in statement


def full_scans_of_postgres(node: Mapping[str, Any], growing: set[str], *, limited: bool) -> Iterator[str]:
    table = str(node.get("Relation Name", ""))
    kind = node["Node Type"]
    if table in growing:
        whole_index = kind.startswith("Index") and "Index Cond" not in node and node["Index Name"] not in PARTIAL
        if kind == "Seq Scan" or (whole_index and not limited):
            yield f"{kind} of {table}"
    limited = limited or kind == "Limit"
    for child in node.get("Plans", ()):
        yield from full_scans_of_postgres(child, growing, limited=limited)


@pytest.mark.slow
def test_no_agent_reads_a_whole_table_that_grows(hospital: Engine, settings: MakeSettings) -> None:
    engine = hospital
    changes = [
        EncounterChanged(
            encounter_id=f"old{number}",
            patient_token=f"Q{number}",
            status=EncounterStatus.DISCHARGED,
            patient_class=PatientClass.INPATIENT,
            identity_changed_at=NOW,
        )
        for number in range(50)
    ]
    ids = [change.encounter_id for change in changes]
    tokens = {change.patient_token for change in changes}
    relay = Relay(engine, settings())
    learnt = CapacityStore(ELSEWHERE)
    with engine.connect() as connection:  # the first look reads all stays of the units; those after it must not
        learnt.unit_facts(connection, {("HG", "4W"), ("HG", "5E")}, NOW)
    with statements(engine) as ran:
        take(engine, transfer(24 * 400, "5E/01", e="E1"), discharge(24 * 400, e="E2", p="P2"), bed(0, "4W/30", "dirty"))
        take(engine, said(EncountersMerged, 24 * 400, e="E3", p="P3", into="E4"), merge(24 * 400, "P5", "P6"))
        for part in EVERY:
            found = look(engine, HOSPITAL, part, NOW)
            assert found is not None
            keep(engine, part, *found, NOW)
        with engine.begin() as connection:
            encounters = histories.encounters(connection, ids)
            score_store.not_yet_scored(connection, [due for each in encounters for due in due_moments(each)])
            histories.of_persons(connection, tokens)
            assert len(score_store.inpatients_between(connection, NOW - timedelta(days=1), NOW)) < 50
            score_store.frozen_features(connection, ids)
            open_alerts(connection, ids)
            close_alerts(connection, ids, NOW)
            store = CapacityStore()
            store.known_units(connection)
            store.unit_facts(connection, {("HG", "4W"), ("HG", "5E")}, NOW)
            assert all(unit.seen for unit in learnt.unit_facts(connection, {("HG", "4W"), ("HG", "5E")}, NOW))
            assert person_as_of(connection, "P6", NOW, known=False) is not None
        track_index_stays(engine, changes, timedelta(days=7))
        OutcomeTrainer(lambda: NOW).release_due(engine)
        rows = relay._read(engine)
        relay._delete(engine, [row.id for row in rows])
        relay._abdicate()
    asked = " ".join(ran)
    assert [name for name in GROWING if not re.search(rf"\b{name}\b", asked)] == []
    assert full_scans(engine, ran) == []


def test_a_query_that_reads_the_whole_log_is_found(hospital: Engine) -> None:
    fact, stay = tables.fact.columns, tables.unit_stay.columns
    with statements(hospital) as ran, hospital.connect() as connection:
        connection.execute(select(fact.source, fact.event_id).group_by(fact.source, fact.event_id)).all()
        connection.execute(select(stay.facility_id, stay.unit_id).distinct()).all()
        connection.execute(select(fact.subject).where(fact.occurred_at > NOW)).all()
    found = full_scans(hospital, ran)
    assert {statement for step in found for statement in ran if statement in step} == {
        key for key in ran if "SELECT" in key
    }
