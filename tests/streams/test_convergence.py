"""Whatever the feed does, the state converges: generated hospitals, shuffled, repeated, split in batches and workers.

2,000 examples here; `EXAMPLES=50000 .venv/bin/pytest tests/streams/test_convergence.py` is the long run, without a
time limit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, delete, select
from sqlalchemy.pool import StaticPool

from schemas import events, tables
from schemas.events import AdtEvent, AnyFact, BedStatus, PatientClass, encode_fact
from schemas.hospital import parse_hospital
from schemas.topics import CapacityMetrics
from streams.agents.adt import ingest
from streams.capacity_store import CapacityStore
from streams.census import unit_metrics
from streams.encounters import fold
from streams.ordering import CANCELS
from streams.people_store import persons
from streams.processing import Fetch, Record
from tests.streams.builders import at, bed, merge, of_patient, place, said, unmerge

IN_CI = 2_000
EXAMPLES = int(os.environ.get("EXAMPLES", str(IN_CI)))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800 if EXAMPLES <= IN_CI else 0)]

LONG = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

UNITS = ("4W", "5E", "ED")
PLACES = [f"{unit}/{bed_id}" for unit in UNITS for bed_id in ("01", "02")] + list(UNITS)
PATIENTS = ("p0", "p1", "p2", "p3")
HOSPITAL = parse_hospital(
    b"facilities:\n  - facility_id: HG\n    name: Harbour\n    units:\n"
    + b"".join(
        b"      - {unit_id: %s, name: U, type: other, licensed_beds: 2}\n" % unit.encode() for unit in UNITS[:2]
    ),
    "test",
)

KINDS = [kind for kind in AdtEvent.__args__ if kind not in CANCELS]
hours = st.integers(0, 60)
places = st.sampled_from([None, *PLACES])


@st.composite
def encounter_facts(draw: Any, number: int) -> list[AnyFact]:
    """Facts about one encounter: mostly a sensible stay, with anything else mixed in."""
    about = {"e": f"e{number}", "p": draw(st.sampled_from(PATIENTS))}
    start = draw(hours)
    patient_class = draw(st.sampled_from([PatientClass.INPATIENT, PatientClass.EMERGENCY, PatientClass.OUTPATIENT]))
    facts: list[Any] = [said(events.PatientAdmitted, start, draw(places), patient_class=patient_class, **about)]
    kinds = draw(st.lists(st.tuples(st.sampled_from(KINDS), hours, places), max_size=5))
    for index, (kind, hour, where) in enumerate(kinds):
        takes_place = kind is not events.EncounterDeleted
        facts.append(said(kind, hour, where if takes_place else None, id=f"{number}-{index}", **about))
    if draw(st.booleans()):
        facts.append(said(events.PatientDischarged, start + draw(st.integers(1, 40)), **about))
    if draw(st.booleans()):
        corrected: dict[str, Any] = {draw(st.sampled_from(["admitted_at", "discharged_at"])): at(draw(hours))}
        facts.append(said(events.EncounterUpdated, draw(hours), id=f"{number}-correction", **corrected, **about))
    if draw(st.booleans()):
        cancel = draw(st.sampled_from(sorted(CANCELS, key=lambda kind: kind.__name__)))
        facts.append(said(cancel, draw(hours), id=f"{number}-cancel", **about))
    return facts


@st.composite
def hospital_facts(draw: Any) -> list[AnyFact]:
    facts: list[AnyFact] = []
    for number in range(draw(st.integers(1, 5))):
        facts += draw(encounter_facts(number))
    pairs = draw(st.lists(st.tuples(st.sampled_from(PATIENTS), st.sampled_from(PATIENTS), hours), max_size=3))
    facts += [merge(hour, away, into, id=f"m{n}") for n, (away, into, hour) in enumerate(pairs) if away != into]
    undone = draw(st.lists(st.tuples(st.sampled_from(PATIENTS), hours), max_size=1))
    facts += [unmerge(hour, token) for token, hour in undone]
    said_of_beds = draw(st.lists(st.tuples(hours, st.sampled_from(PLACES[:6]), st.sampled_from(BedStatus)), max_size=3))
    facts += [bed(hour, where, status.value) for hour, where, status in said_of_beds]
    if draw(st.booleans()):
        facts.append(of_patient(events.AdmissionPending, draw(hours), "p0", location=place("4W/02")))
    return facts


@pytest.fixture(scope="module")
def memory() -> Iterator[Engine]:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    tables.metadata.create_all(engine)
    yield engine
    engine.dispose()


def empty(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in tables.metadata.tables.values():
            connection.execute(delete(table))


def take(engine: Engine, facts: Sequence[AnyFact], partition: int = 0) -> None:
    records = [
        Record("adt.events.v1", partition, offset, fact.partition_key.encode(), encode_fact(fact))
        for offset, fact in enumerate(facts)
    ]
    outcome = ingest(engine, [Fetch(records, True)], clock=lambda: at(999))
    assert outcome.rejected == 0


def boards(engine: Engine) -> list[CapacityMetrics]:
    with engine.connect() as connection:
        found = CapacityStore().unit_facts(connection, {("HG", unit) for unit in UNITS}, at(200))
    return [unit_metrics(facts, HOSPITAL, at(200)) for facts in found]


STATE = {
    "fact": ("received_at",),
    "encounter": ("version",),
    "unit_stay": (),
    "patient": ("version",),
    "alias": (),
    "reservation": (),
    "bed_status": (),
}


def state(engine: Engine) -> dict[str, Any]:
    """All that follows from the facts, byte for byte, but for how many steps it took."""
    found: dict[str, Any] = {"boards": [msgspec.to_builtins(metrics) for metrics in boards(engine)]}
    with engine.connect() as connection:
        for name, without in STATE.items():
            columns = [column for column in tables.metadata.tables[name].columns if column.name not in without]
            found[name] = sorted(map(repr, connection.execute(select(*columns))))
    return found


def check_beds(engine: Engine) -> None:
    """At most one patient a bed, at most one bed a patient, and only patients who are here."""
    encounter = tables.encounter.columns
    with engine.connect() as connection:
        token = {row[0]: row[1] for row in connection.execute(select(encounter.encounter_id, encounter.patient_token))}
        people = persons(connection, token.values())
        here = set(connection.scalars(select(encounter.encounter_id).where(encounter.status == "in_progress")))
    shown = boards(engine)
    occupants = [found.encounter_id for metrics in shown for found in metrics.beds if found.encounter_id]
    assert len(occupants) == len(set(occupants))
    assert here.issuperset(occupants)
    in_bed = [people[token[encounter_id]] for encounter_id in occupants]
    assert len(in_bed) == len(set(in_bed))
    for metrics in shown:
        assert len({found.bed_id for found in metrics.beds}) == len(metrics.beds)
        assert metrics.census >= sum(found.encounter_id is not None for found in metrics.beds)


@LONG
@given(facts=hospital_facts(), workers=st.integers(1, 4), chance=st.randoms(use_true_random=False))
def test_order_repeats_batches_and_workers_change_nothing(
    memory: Engine, facts: list[AnyFact], workers: int, chance: Random
) -> None:
    empty(memory)
    take(memory, facts)
    clean = state(memory)
    empty(memory)
    delivered = facts + chance.choices(facts, k=len(facts) // 3)
    chance.shuffle(delivered)
    shares: list[list[AnyFact]] = [[] for _ in range(workers)]
    for fact in delivered:
        shares[sum(fact.partition_key.encode()) % workers].append(fact)
    while any(shares):
        worker = chance.choice([number for number, share in enumerate(shares) if share])
        size = chance.randint(1, 8)
        batch, shares[worker] = shares[worker][:size], shares[worker][size:]
        take(memory, batch, worker)
        check_beds(memory)
    assert state(memory) == clean


UNDONE = {
    events.PatientTransferred: events.TransferCancelled,
    events.PatientDischarged: events.DischargeCancelled,
    events.PatientArrived: events.ArrivalCancelled,
    events.PatientDeparted: events.DepartureCancelled,
    events.LeaveStarted: events.LeaveStartCancelled,
    events.LeaveEnded: events.LeaveEndCancelled,
    events.TransferPending: events.PendingTransferCancelled,
    events.DischargePending: events.PendingDischargeCancelled,
}


@LONG
@given(facts=encounter_facts(0), kind=st.sampled_from(list(UNDONE)), where=places, hour=hours, named=st.booleans())
def test_a_cancel_undoes_exactly(facts: list[Any], kind: Any, where: str | None, hour: int, named: bool) -> None:
    about = {"e": "e0", "p": facts[0].partition_key}
    fact = said(kind, hour if named else 100, where, id="undone", **about)
    cancel = said(UNDONE[kind], 101, id="cancel", cancels="undone" if named else None, **about)
    assert fold([*facts, fact, cancel]) == fold(facts)


@settings(max_examples=max(EXAMPLES // 10, 100), deadline=None, suppress_health_check=list(HealthCheck))
@given(facts=hospital_facts(), away=st.sampled_from(PATIENTS), into=st.sampled_from(PATIENTS))
def test_an_undone_merge_undoes_exactly(memory: Engine, facts: list[AnyFact], away: str, into: str) -> None:
    facts = [fact for fact in facts if not (isinstance(fact, events.PersonFact) and fact.partition_key == away)]
    empty(memory)
    take(memory, facts)
    before = state(memory)
    take(memory, [merge(100, away, into, id="undone")])
    take(memory, [unmerge(101, away, id="cancel")])
    after = state(memory)
    assert {name: after[name] for name in after if name not in ("fact", "patient")} == {
        name: before[name] for name in before if name not in ("fact", "patient")
    }
