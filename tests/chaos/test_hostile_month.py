"""A month of a 500-bed hospital over a hostile feed, with a kill: the end is that of the clean run, bed by bed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select

from schemas import tables
from schemas.database import make_engine, upgrade
from schemas.errors import FactRejected
from schemas.events import AnyFact, decode_fact, encode_fact
from schemas.hospital import Hospital, parse_hospital
from schemas.outgoing import Outgoing
from schemas.settings import Settings
from schemas.state import decode_encounter
from simulators.faults import FaultReport, profile, with_faults
from simulators.hospital import simulate
from simulators.publish import Speed, publish
from streams.adt.process import ingest
from streams.adt.records import Fetch, Record
from streams.capacity.census import unit_metrics
from streams.capacity.store import CapacityStore
from streams.store.people import persons
from tests.chaos.witness import until
from tests.support.worker import Worker, drained

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 30
END = START + timedelta(days=DAYS)
AT_ONCE = 2_000
UNITS = (
    ("ED", "emergency", 45),
    ("ICU", "intensive_care", 40),
    ("SD", "step_down", 35),
    ("MAT", "maternity", 40),
    *((f"M{number}", "medical_surgical", 38) for number in range(1, 10)),
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def hospital() -> Hospital:
    units = "".join(
        f"      - {{unit_id: {unit}, name: {unit}, type: {kind}, licensed_beds: {beds}}}\n"
        for unit, kind, beds in UNITS
    )
    found = parse_hospital(
        f"facilities:\n  - facility_id: BIG\n    name: Big\n    units:\n{units}".encode(), "big.yaml"
    )
    assert sum(len(unit.bed_ids) for unit in found.units.values()) >= 500
    return found


@pytest.fixture
def clean(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path / 'clean.db'}")
    upgrade(engine)
    yield engine
    engine.dispose()


def take(engine: Engine, facts: list[AnyFact]) -> None:
    for start in range(0, len(facts), AT_ONCE):
        records = [
            Record("adt.events.v1", 0, start + n, fact.partition_key.encode(), encode_fact(fact))
            for n, fact in enumerate(facts[start : start + AT_ONCE])
        ]
        ingest(engine, [Fetch(records, True)], clock=lambda: END)


def readable(records: Iterable[Outgoing]) -> set[bytes]:
    found = set()
    for record in records:
        try:
            found.add(encode_fact(decode_fact(record.value)))
        except FactRejected:
            continue
    return found


def encounters(engine: Engine) -> dict[str, Any]:
    """Each encounter as people see it, without the token of its reports and without flags about their order."""
    with engine.connect() as connection:
        found = [
            decode_encounter(bytes(row.state)) for row in connection.execute(select(tables.encounter.columns.state))
        ]
        people = persons(connection, {encounter.patient_token for encounter in found})
    return {
        encounter.encounter_id: msgspec.structs.replace(
            encounter, patient_token=people[encounter.patient_token], other_tokens=(), problems=()
        )
        for encounter in found
    }


def beds(engine: Engine, hospital: Hospital) -> dict[tuple[str, str], Any]:
    with engine.connect() as connection:
        found = CapacityStore().unit_facts(connection, set(hospital.units), END)
    metrics = [unit_metrics(facts, hospital, END) for facts in found]
    return {
        (metric.unit_id, bed.bed_id): (bed.status, bed.encounter_id, bed.since, bed.conflicts)
        for metric in metrics
        for bed in metric.beds
    }


def test_a_hostile_feed_two_workers_and_a_kill_end_where_the_clean_run_ends(
    settings: Settings, sql: Engine, clean: Engine, hospital: Hospital
) -> None:
    facts = list(simulate(hospital, seed=11, start=START, days=DAYS))
    take(clean, facts)
    report = FaultReport()
    records = list(with_faults(facts, profile("hostile"), 11, report))
    distinct = readable(records)
    with Worker(settings) as first, Worker(settings) as second:
        publish(records, settings, speed=Speed.parse("max"))
        until(lambda: _held(sql) > len(distinct) // 3, "a third of the facts in SQL")
        first.kill()
        drained(settings, sql, len(distinct), second, timeout_s=240)
    with sql.connect() as connection:
        digests = Counter(connection.scalars(select(tables.dead_letter.columns.digest)))
    assert digests == Counter(report.garbage_digests)
    assert report.garbage > 400
    assert encounters(sql) == encounters(clean)
    assert beds(sql, hospital) == beds(clean, hospital)


def _held(engine: Engine) -> int:
    with engine.connect() as connection:
        return len(connection.execute(select(tables.fact.columns.digest)).all())
