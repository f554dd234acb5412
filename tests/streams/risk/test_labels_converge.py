"""The labels of the stream are those of the batch, however late and in whatever order the facts arrive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.pool import StaticPool

from models.labels.rules import Definition
from models.labels.table import LabelRow, label_rows
from schemas import tables
from schemas.events import AnyFact, Diagnosis, PatientClass, PatientUpdated, Procedure, encode_fact
from schemas.topics import EncounterChanged
from streams.adt.process import ingest
from streams.adt.records import Fetch, Record
from streams.risk.label_definition import LabelDefinition
from streams.risk.outcomes import OutcomeTrainer, track_index_stays
from streams.store.code_sets import save_code_sets
from streams.store.histories import of_everyone
from streams.store.people import deaths
from tests.models.labels.readmission_cases import CODES, HOSPITAL
from tests.streams.builders import (
    T0,
    admit,
    at,
    cancel_admission,
    cancel_discharge,
    discharge,
    merge,
    of_patient,
    update,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

LATENESS = timedelta(days=2)
DAY = 24
END = 200 * DAY
"""Hours after which all labels are due."""

GAPS = st.sampled_from([-30, 0, 1, 20, 30, 5 * DAY, 29 * DAY, 30 * DAY, 31 * DAY, 32 * DAY, 50 * DAY])
"""Hours from the discharge of a stay to the next one."""
UNITS = ("4W/01", "4W/02", "REH/01", "2N/01")
CODED = (("I50.9", None), ("I50.23", None), ("M17.11", "0SRD0J9"), ("J18.9", "B2111ZZ"), ("F32.9", None), (None, None))


@st.composite
def stays(draw: st.DrawFn) -> list[AnyFact]:
    """Up to six stays of a patient, under up to two numbers, with corrections, cancels, a merge and a death."""
    facts: list[AnyFact] = []
    came = 0
    for number in range(draw(st.integers(1, 6))):
        encounter, patient = f"E{number}", draw(st.sampled_from(["P1", "P1", "P2"]))
        length = draw(st.sampled_from([5, 30, 40 * DAY]))
        dx, pr = draw(st.sampled_from(CODED))
        codes: dict[str, Any] = {"diagnoses": (Diagnosis(code=dx, principal=True),)} if dx else {}
        codes |= {"procedures": (Procedure(code=pr),)} if pr else {}
        kind = draw(st.sampled_from([PatientClass.INPATIENT] * 4 + [PatientClass.OBSERVATION]))
        where = draw(st.sampled_from(UNITS))
        facts.append(_elsewhere(admit(came, where, e=encounter, p=patient, patient_class=kind, age_years=71), where))
        left = came + length
        if draw(st.integers(0, 9)):
            code = draw(st.sampled_from(["01"] * 4 + ["02", "07", "20", "81"]))
            facts.append(discharge(left, code, e=encounter, p=patient, **codes))
        match draw(st.integers(0, 7)):
            case 0:
                facts.append(cancel_admission(left + 1, e=encounter, p=patient))
            case 1:
                facts.append(cancel_discharge(left + 1, e=encounter, p=patient))
            case 2 | 3:
                moved = at(came + draw(st.sampled_from([-20, 20, 35 * DAY])))
                facts.append(update(left + 2, None, e=encounter, p=patient, admitted_at=moved))
        came = max(left + draw(GAPS), came + 1)
    if draw(st.booleans()):
        facts.append(merge(came + 1, "P2", "P1"))
    if draw(st.integers(0, 3)) == 0:
        facts.append(of_patient(PatientUpdated, came + 2, "P1", died_at=at(draw(st.integers(0, max(came, 1))))))
    return facts


def _elsewhere(fact: Any, where: str) -> AnyFact:
    """Put a stay in 2N into the other facility."""
    if not where.startswith("2N"):
        return fact  # type: ignore[no-any-return]
    location = msgspec.structs.replace(fact.data.location, facility_id="LSG")
    changed: AnyFact = msgspec.structs.replace(fact, data=msgspec.structs.replace(fact.data, location=location))
    return changed


def witnesses(hours: float, name: str) -> list[AnyFact]:
    """Facts of three other patients, by which event time reaches this hour."""
    return [admit(hours, "5E/01", e=f"{name}{number}", p=f"Q{number}") for number in range(3)]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    tables.metadata.create_all(made)
    yield made
    made.dispose()


class Stream:
    """The adt and labels agents on one database, batch by batch."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with engine.begin() as connection:
            for table in reversed(tables.metadata.sorted_tables):
                connection.execute(table.delete())
            save_code_sets(connection, CODES, "the cases", T0)
        self.labels = LabelDefinition(HOSPITAL)
        self.trainer = OutcomeTrainer(lambda: T0, self.labels)
        self.offset = 0

    def take(self, facts: list[AnyFact]) -> None:
        records = []
        for fact in facts:
            records.append(Record("adt.events.v1", 0, self.offset, fact.partition_key.encode(), encode_fact(fact)))
            self.offset += 1
        ingest(self.engine, [Fetch(records, True)], clock=lambda: T0)

    def track(self) -> None:
        outbox = tables.outbox.columns
        with self.engine.begin() as connection:
            query = select(outbox.value).where(outbox.topic == "encounters.changed.v1").order_by(outbox.id)
            raw = list(connection.scalars(query))
            connection.execute(tables.outbox.delete())
        changes = [msgspec.json.decode(each, type=EncounterChanged) for each in raw]
        if changes:
            track_index_stays(self.engine, changes, LATENESS, self.labels)

    def release(self) -> None:
        while self.trainer.release_due(self.engine):
            pass

    def outcomes(self) -> dict[str, tuple[bool, str | None]]:
        label = tables.label.columns
        query = select(label.encounter_id, label.readmitted_30d, label.readmission_encounter_id).where(
            label.released_at.is_not(None), label.readmitted_30d.is_not(None)
        )
        with self.engine.connect() as connection:
            return {row.encounter_id: (row[1], row[2]) for row in connection.execute(query)}

    def batch(self) -> list[LabelRow]:
        with self.engine.connect() as connection:
            found = of_everyone(connection)
            return label_rows(found, Definition(hospital=HOSPITAL, codes=CODES), deaths(connection, found), at(END))


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(facts=stays(), seed=st.integers(0, 2**32), late=st.integers(0, 6))
def test_the_labels_of_the_stream_are_those_of_the_batch(
    engine: Engine, facts: list[AnyFact], seed: int, late: int
) -> None:
    random = Random(seed)
    random.shuffle(facts)
    stream = Stream(engine)
    early, later = facts[: len(facts) - late], facts[len(facts) - late :]
    for part in (early, witnesses(END, "x"), later):  # what comes after the witnesses comes after its label is due
        waiting = list(part)
        while waiting:
            number = random.randint(1, len(waiting))
            stream.take(waiting[:number])
            waiting = waiting[number:]
            if random.random() < 0.7:
                stream.track()
            if random.random() < 0.5:
                stream.release()
    stream.track()
    stream.release()
    expected = {
        row.encounter_id: (row.readmitted, row.readmission_encounter_id)
        for row in stream.batch()
        if row.is_index_admission
    }
    assert stream.outcomes() == expected
