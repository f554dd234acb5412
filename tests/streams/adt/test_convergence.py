"""Convergence: generated hospitals end in the same state, however their facts are shuffled, repeated and batched.

700 examples by default. `EXAMPLES=50000 .venv/bin/pytest tests/streams/adt/test_convergence.py` is the long run,
without a time limit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.pool import StaticPool

from schemas import events, tables
from schemas.events import AdtEvent, AnyFact, BedStatus, PatientClass, encode_fact
from schemas.hospital import parse_hospital
from schemas.state import decode_encounter
from schemas.topics import CapacityMetrics
from streams.adt.process import ingest
from streams.adt.records import Fetch, Record
from streams.capacity.census import unit_metrics
from streams.capacity.store import CapacityStore
from streams.fold.encounter import fold
from streams.fold.fact_kinds import ADMISSIONS, CANCELS
from streams.operate.rebuild import rebuild
from streams.store.people import persons
from tests.streams.builders import at, bed, merge, observe, of_patient, part, place, said, unmerge

IN_CI = 700
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

OF_IDENTITY = {
    events.EncounterMoved,
    events.EncountersMerged,
    events.EncountersUnmerged,
    events.EncounterPartReported,
    events.ObservationReported,
}
KINDS = [kind for kind in AdtEvent.__args__ if kind not in CANCELS and kind not in OF_IDENTITY]
ENCOUNTER_CANCELS = [kind for kind in AdtEvent.__args__ if kind in CANCELS and kind not in OF_IDENTITY]
classes = st.sampled_from([PatientClass.INPATIENT, PatientClass.EMERGENCY, PatientClass.OUTPATIENT])
hours = st.integers(0, 60)
places = st.sampled_from([None, *PLACES])


delays = st.sampled_from([0, 0, 0, 0.01, 1, 10])
"""How much later than it happened a fact was recorded, in hours."""


movements = st.sampled_from([None] * 5 + ["m1", "m2"])
sequences = st.sampled_from([UNSET, UNSET, "7", "8", "9", "10"])
"""Numbers that the sender gave its messages; several of one number, and none."""


def numbered(draw: Any, fact: Any) -> Any:
    return msgspec.structs.replace(fact, sequence=draw(sequences))


def recorded(fact: Any, hour: float) -> Any:
    return msgspec.structs.replace(fact, recorded_at=at(hour))


def late(draw: Any, fact: Any) -> Any:
    return msgspec.structs.replace(fact, recorded_at=fact.occurred_at + timedelta(hours=draw(delays)))


@st.composite
def encounter_facts(draw: Any, number: int) -> list[AnyFact]:
    """Facts about one encounter: mostly a plausible stay, mixed with any other facts."""
    token = draw(st.sampled_from(PATIENTS))
    about = {"e": f"e{number}", "p": token}
    start = draw(hours)
    facts: list[Any] = [said(events.PatientAdmitted, start, draw(places), patient_class=draw(classes), **about)]
    kinds = draw(st.lists(st.tuples(st.sampled_from(KINDS), hours, places), max_size=6))
    for index, (kind, hour, where) in enumerate(kinds):
        more: dict[str, Any] = {}
        if kind in (events.PatientClassChanged, events.EncounterUpdated, events.PatientTransferred, *ADMISSIONS):
            more["patient_class"] = draw(st.none() | classes)
        if kind in (events.PatientDeparted, events.PatientArrived) and draw(st.booleans()):
            more["temporary_location"] = place("XR")
        more["version_of"] = draw(st.sampled_from([None] * 5 + ["resource"]))
        more["version"] = draw(st.sampled_from([None, "9", "10", "a"]))
        more["version_digest"] = draw(st.sampled_from([None, "one", "two"]))
        takes_place = kind is not events.EncounterDeleted
        if takes_place:
            more["movement"] = draw(movements)
        if kind in (events.PatientClassChanged, *ADMISSIONS):
            more["begun_at"] = draw(st.none() | st.just(at(hour)) | st.integers(0, hour).map(at))
        reported_under = draw(st.sampled_from([token] * 9 + list(PATIENTS)))
        more |= {"e": about["e"], "p": reported_under, "id": f"{number}-{index}"}
        facts.append(late(draw, said(kind, hour, where if takes_place else None, **more)))
    if draw(st.booleans()):
        facts.append(late(draw, said(events.PatientDischarged, start + draw(st.integers(1, 40)), **about)))
    if draw(st.booleans()):
        corrected: dict[str, Any] = {draw(st.sampled_from(["admitted_at", "discharged_at"])): at(draw(hours))}
        facts.append(said(events.EncounterUpdated, draw(hours), id=f"{number}-correction", **corrected, **about))
    for index, kind in enumerate(draw(st.lists(st.sampled_from(ENCOUNTER_CANCELS), max_size=3))):
        data: dict[str, Any] = {"cancels": draw(st.sampled_from([None, None, *(fact.id for fact in facts)]))}
        data["movement"] = draw(movements)
        cancel = said(kind, draw(hours), draw(places), id=f"{number}-cancel-{index}", **data, **about)
        facts.append(late(draw, cancel))
    for index, fact in enumerate(draw(st.lists(st.sampled_from(facts), max_size=2))):
        facts.append(msgspec.structs.replace(fact, id=f"{number}-resent-{index}"))  # the same under another id
    for fact in draw(st.lists(st.sampled_from(facts), max_size=1)):
        facts.append(recorded(fact, 77))  # other content under the same id
    return [numbered(draw, fact) for fact in facts]


@st.composite
def person_facts(draw: Any) -> list[AnyFact]:
    pairs = draw(st.lists(st.tuples(st.sampled_from(PATIENTS), st.sampled_from(PATIENTS), hours), max_size=4))
    facts: list[AnyFact] = [
        merge(hour, away, into, id=f"m{n}") for n, (away, into, hour) in enumerate(pairs) if away != into
    ]
    undone = draw(st.lists(st.tuples(st.sampled_from(PATIENTS), hours, st.sampled_from([None, *PATIENTS])), max_size=2))
    facts += [unmerge(hour, token, id=f"u{n}", apart_from=other) for n, (token, hour, other) in enumerate(undone)]
    beside = draw(st.lists(st.tuples(st.sampled_from(PATIENTS), st.sampled_from(PATIENTS), hours), max_size=3))
    facts += [
        of_patient(events.PatientIdentifiersLinked, hour, number, id=f"l{n}", into=chosen)
        for n, (number, chosen, hour) in enumerate(beside)
        if number != chosen
    ]
    kinds = st.sampled_from([events.AdmissionPending, events.PendingAdmissionCancelled, events.PreadmissionCancelled])
    tokens = st.sampled_from(PATIENTS)
    plans = draw(st.lists(st.tuples(kinds, hours, st.sampled_from(PATIENTS[:2])), max_size=3))
    for number, (kind, hour, token) in enumerate(plans):
        plan = {"location": place("4W/02")} if kind is events.AdmissionPending else {}
        facts.append(of_patient(kind, hour, token, id=f"plan{number}", **plan))
    if draw(st.booleans()):
        facts.append(of_patient(events.PatientUpdated, draw(hours), "p1", age_years=draw(st.integers(0, 99))))
    for n, (token, hour, is_alive) in enumerate(draw(st.lists(st.tuples(tokens, hours, st.booleans()), max_size=2))):
        death: dict[str, Any] = {"is_alive": True} if is_alive else {"died_at": at(hour)}
        facts.append(of_patient(events.PatientUpdated, hour, token, id=f"d{n}", **death))
    return [late(draw, fact) for fact in facts]


@st.composite
def visit_facts(draw: Any) -> list[AnyFact]:
    """Merges and moves of the hospital's encounters, and of one more of which nothing else is known."""
    ids, tokens = st.sampled_from([f"e{number}" for number in range(5)]), st.sampled_from(PATIENTS)
    facts: list[Any] = []
    for number, (away, into, hour) in enumerate(draw(st.lists(st.tuples(ids, ids, hours), max_size=4))):
        about = {"e": away, "p": draw(tokens), "id": f"v{number}"}
        facts.append(said(events.EncountersMerged, hour, into=into, **about))
    for number, (away, hour, other) in enumerate(draw(st.lists(st.tuples(ids, hours, st.none() | ids), max_size=2))):
        about = {"e": away, "p": draw(tokens), "id": f"w{number}"}
        facts.append(said(events.EncountersUnmerged, hour, apart_from=other, **about))
    for number, (moved, hour) in enumerate(draw(st.lists(st.tuples(ids, hours), max_size=2))):
        about = {"e": moved, "p": draw(tokens), "id": f"x{number}"}
        facts.append(said(events.EncounterMoved, hour, moved_from=draw(tokens), **about))
    return [late(draw, fact) for fact in facts]


@st.composite
def part_facts(draw: Any) -> list[AnyFact]:
    """Versions of parts of the hospital's encounters, of each other, and of what nobody knows."""
    names = st.sampled_from(["a", "b", "c", "resource"])
    wholes = st.sampled_from(["#resource", "#resource", "#a", "#b", "#unknown", "e0", "e1", "e4", "n1", None])
    facts: list[AnyFact] = []
    for number in range(draw(st.integers(1, 6))):
        placed = draw(st.lists(st.tuples(st.sampled_from(PLACES), hours, st.none() | hours), max_size=2))
        data: dict[str, Any] = {
            "version": draw(st.sampled_from([None, "9", "10"])),
            "version_digest": draw(st.sampled_from([None, "one", "two"])),
            "void": draw(st.sampled_from([False] * 4 + [True])),
            "numbers": draw(st.sampled_from([(), (), ("n1",), ("e0",)])),
            "planned": draw(st.sampled_from([None, None, place("5E/02")])),
            "service": draw(st.sampled_from([None, "SURG"])),
        }
        token = draw(st.sampled_from(["p0"] * 3 + list(PATIENTS)))
        facts.append(part(draw(hours), draw(names), draw(wholes), *placed, p=token, id=f"part-{number}", **data))
    return facts


@st.composite
def observation_facts(draw: Any) -> list[AnyFact]:
    """Results of the hospital's encounters, of a person under any token, and of an encounter that nobody knows."""
    results = st.sampled_from([None, "r1", "r2"])
    facts: list[Any] = []
    for number in range(draw(st.integers(1, 8))):
        facts.append(
            observe(
                draw(hours),
                draw(st.sampled_from(["718-7", "2951-2"])),
                draw(st.none() | st.sampled_from([7.5, 11.2, 140.0])),
                e=draw(st.sampled_from(["e0", "e0", "e1", "e4", "unknown"])),
                p=draw(st.sampled_from(PATIENTS)),
                id=f"o{draw(st.integers(0, number))}",
                status=draw(st.sampled_from(events.ObservationStatus)),
                result=draw(results),
                version=draw(st.sampled_from([None, "9", "10"])),
            )
        )
    return [numbered(draw, late(draw, fact)) for fact in facts]


@st.composite
def hospital_facts(draw: Any) -> list[AnyFact]:
    facts: list[AnyFact] = []
    for number in range(draw(st.integers(1, 4))):
        facts += draw(encounter_facts(number))
    facts += draw(person_facts())
    facts += draw(st.just([]) | visit_facts())
    facts += draw(st.just([]) | part_facts())
    facts += draw(st.just([]) | observation_facts())
    bed_reports = draw(st.lists(st.tuples(hours, st.sampled_from(PLACES[:6]), st.sampled_from(BedStatus)), max_size=3))
    reports = [bed(hour, where, status.value) for hour, where, status in bed_reports]
    if draw(st.booleans()):
        reports = [msgspec.structs.replace(report, id="one id for all") for report in reports]
    return [*facts, *reports]


@pytest.fixture(scope="module")
def memory() -> Iterator[Engine]:
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    tables.metadata.create_all(engine)
    yield engine
    engine.dispose()


def empty(engine: Engine) -> None:
    raw = engine.raw_connection()
    raw.cursor().executescript("".join(f'DELETE FROM "{name}";' for name in tables.metadata.tables))
    raw.close()


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
    "part_link": (),
    "unit_stay": (),
    "patient": ("version",),
    "patient_link": (),
    "alias": (),
    "reservation": (),
    "bed_status": (),
    "place": (),
    "shared_id": (),
    "encounter_merge": (),
}


def state(engine: Engine) -> dict[str, Any]:
    """Everything derived from the facts, byte for byte, except version counters."""
    found: dict[str, Any] = {"boards": [msgspec.to_builtins(metrics) for metrics in boards(engine)]}
    with engine.connect() as connection:
        for name, without in STATE.items():
            columns = [column for column in tables.metadata.tables[name].columns if column.name not in without]
            found[name] = sorted(map(repr, connection.execute(select(*columns))))
    return found


def check_beds(engine: Engine) -> None:
    """Check that each bed has at most one patient, each patient at most one bed, and that all of them are here."""
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
def test_order_duplicates_batches_and_workers_do_not_change_the_state(
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
        size = chance.randint(1, 24)
        batch, shares[worker] = shares[worker][:size], shares[worker][size:]
        take(memory, batch, worker)
        check_beds(memory)
    assert state(memory) == clean
    if chance.random() < 0.1:
        assert rebuild(memory).differed == 0


@LONG
@given(facts=hospital_facts(), seen=observation_facts())
def test_observations_change_nothing_but_themselves(memory: Engine, facts: list[AnyFact], seen: list[AnyFact]) -> None:
    facts = [fact for fact in facts if type(fact) is not events.ObservationReported]
    empty(memory)
    take(memory, facts)
    before = state(memory)
    take(memory, seen)
    after = state(memory)
    assert {name: after[name] for name in after if name not in ("fact", "shared_id", "encounter")} == {
        name: before[name] for name in before if name not in ("fact", "shared_id", "encounter")
    }
    with memory.connect() as connection:
        states = [decode_encounter(raw) for raw in connection.scalars(select(tables.encounter.columns.state))]
    bare = [msgspec.structs.replace(each, observations=()) for each in states]
    empty(memory)
    take(memory, facts)
    with memory.connect() as connection:
        known = [decode_encounter(raw) for raw in connection.scalars(select(tables.encounter.columns.state))]
    assert sorted(bare, key=repr) == sorted(known, key=repr)


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


HOW = ("named", "last recorded", "its time")
ALL_AT_ONCE = (events.PatientDischarged, events.TransferPending, events.DischargePending)
"""Of these a cancel removes all that were reported: the patient is here, or there is no plan."""


@LONG
@given(facts=encounter_facts(0), kind=st.sampled_from(list(UNDONE)), where=places, hour=hours, how=st.sampled_from(HOW))
def test_a_cancel_restores_the_state_before_its_fact(
    facts: list[Any], kind: Any, where: str | None, hour: int, how: str
) -> None:
    about = {"e": "e0", "p": facts[-1].partition_key}
    if how == "named":
        fact = said(kind, hour, "9Z/01" if where else None, id="undone", **about)
        facts = [other for other in facts if getattr(other.data, "cancels", None) != "undone"]
        cancel = said(UNDONE[kind], 201, id="cancel", cancels="undone", **about)
    else:
        facts = [other for other in facts if not (kind in ALL_AT_ONCE and type(other) is kind)]
        fact = said(kind, 200, where, id="undone", **about)
        cancel = recorded(said(UNDONE[kind], 200 if how == "its time" else 201, id="cancel", **about), 201)
    again = said(
        events.EncounterUpdated, 200.5, where if kind is events.PatientTransferred else None, id="echo", **about
    )
    if how == "named":
        again = msgspec.structs.replace(again, data=events.UpdateDetails())
    silent = msgspec.structs.replace(again, data=events.UpdateDetails())
    assert fold([*facts, fact, again, cancel]) == fold([*facts, silent])


@LONG
@given(draw=st.data())
def test_a_sender_that_corrects_its_errors_ends_in_the_state_of_one_without_errors(draw: Any) -> None:
    """Simulate a sender step by step: errors, their cancels, repetitions and late entries."""
    clean: list[Any] = [said(events.PatientAdmitted, 0, "4W/01", id="in")]
    sent: list[Any] = list(clean)
    if (wrong := draw.draw(st.none() | st.floats(-5, 99))) is not None:
        sent = [recorded(said(events.PatientAdmitted, wrong, "4W/01", id="in"), 0)]
        sent.append(said(events.EncounterUpdated, 1, "4W/01", id="mends the admission", admitted_at=at(0)))
    where = "4W/01"
    for step in range(1, 1 + draw.draw(st.integers(1, 6))):
        hour = float(step * 10)
        what = draw.draw(
            st.sampled_from(["move", "moved by update", "repeat", "err", "left by error", "late", "resend"])
        )
        other = draw.draw(st.sampled_from([each for each in PLACES[:6] if each != where]))
        style = draw.draw(st.sampled_from(["plain", "its time", "with place"]))
        repeat = [said(events.EncounterUpdated, hour + 1, where, id=f"a{step}")] if draw.draw(st.booleans()) else []
        if what == "move":
            move = said(events.PatientTransferred, hour, other, id=f"s{step}")
            clean, sent, where = [*clean, move], [*sent, move], other
        elif what == "moved by update":
            clean = [*clean, said(events.PatientTransferred, hour, other, id=f"s{step}")]
            sent, where = [*sent, said(events.EncounterUpdated, hour, other, id=f"s{step}")], other
        elif what == "late":
            clean = [*clean, said(events.PatientTransferred, hour, other, id=f"s{step}")]
            sent, where = [*sent, *repeat, recorded(clean[-1], hour + 2)], other
        elif what == "repeat":
            sent += repeat
        elif what == "resend":
            sent.append(msgspec.structs.replace(draw.draw(st.sampled_from(sent)), id=f"s{step}"))
        else:
            kind = events.PatientTransferred if what == "err" else events.PatientDischarged
            wrong = said(kind, hour, other if what == "err" else None, id=f"s{step}")
            echo = said(events.EncounterUpdated, hour + 1, other if what == "err" else where, id=f"w{step}")
            again = [msgspec.structs.replace(wrong, id=f"r{step}")] if draw.draw(st.booleans()) else []
            back = said(
                UNDONE[kind],
                hour if style == "its time" else hour + 2,
                where if style == "with place" else None,
                id=f"c{step}",
            )
            sent += [wrong, *again, echo, recorded(back, hour + 2)]
    if draw.draw(st.booleans()):
        left = said(events.PatientDischarged, 100, id="out")
        wrong = draw.draw(st.none() | st.floats(-5, 99))
        clean = [*clean, left]
        if wrong is None:
            sent.append(left)
        else:
            sent.append(recorded(said(events.PatientDischarged, wrong, id="out"), 100))
            sent.append(said(events.EncounterUpdated, 101, where, id="mends", discharged_at=at(100)))
    assert shown(sent) == shown(clean)


def shown(facts: list[Any]) -> Any:
    encounter = fold(facts)
    assert encounter is not None
    return (encounter.status, encounter.admitted_at, encounter.discharged_at, encounter.unit_stays, encounter.problems)


@settings(max_examples=max(EXAMPLES // 10, 100), deadline=None, suppress_health_check=list(HealthCheck))
@given(facts=hospital_facts(), away=st.sampled_from(PATIENTS), into=st.sampled_from(PATIENTS))
def test_an_undone_merge_restores_the_state_before_it(
    memory: Engine, facts: list[AnyFact], away: str, into: str
) -> None:
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
