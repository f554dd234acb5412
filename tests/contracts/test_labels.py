"""Labels that later facts correct, and labels of a database from before, on every engine."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select

from schemas import tables
from schemas.events import AnyFact, Diagnosis, Location, PatientClass, PatientUpdated, Procedure, encode_fact
from schemas.topics import EncounterChanged
from streams.adt.process import ingest
from streams.adt.records import Fetch, Record
from streams.risk.discharge_risks import discharge_risks
from streams.risk.label_definition import LabelDefinition
from streams.risk.outcomes import OutcomeTrainer, track_index_stays
from streams.store.code_sets import imported_at, load_code_sets, save_code_sets
from tests.models.labels.readmission_cases import CODES, HOSPITAL
from tests.streams.builders import T0, admit, at, cancel_admission, discharge, of_patient, update

DAY = 24
LATENESS = timedelta(days=2)
DUE = (4 + 31 + 2) * DAY
"""Hours until the outcome of a stay that ends on day 4 is due; the zone of the cases is an hour ahead of UTC."""


def take(engine: Engine, *facts: AnyFact) -> None:
    """Process facts, and let the labels agent hear of what changed."""
    records = [
        Record("adt.events.v1", 0, number, fact.partition_key.encode(), encode_fact(fact))
        for number, fact in enumerate(facts)
    ]
    ingest(engine, [Fetch(records, True)], clock=lambda: T0)
    outbox = tables.outbox.columns
    with engine.begin() as connection:
        raw = list(connection.scalars(select(outbox.value).where(outbox.topic == "encounters.changed.v1")))
        connection.execute(tables.outbox.delete())
    changes = [msgspec.json.decode(each, type=EncounterChanged) for each in raw]
    track_index_stays(engine, changes, LATENESS, LabelDefinition(HOSPITAL))


def release(engine: Engine) -> int:
    return OutcomeTrainer(lambda: T0, LabelDefinition(HOSPITAL)).release_due(engine)


def labels(engine: Engine, *columns: str) -> dict[str, Any]:
    chosen = [tables.label.columns[name] for name in ("encounter_id", *(columns or ("readmitted_30d",)))]
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(select(*chosen))]
    return {row[0]: row[1] if len(row) == 2 else row[1:] for row in rows}


def inpatient(e: str, came: float, left: float | None, unit: str = "4W/01", **data: Any) -> list[AnyFact]:
    start = admit(came, unit, e=e, patient_class=PatientClass.INPATIENT, age_years=71, **data)
    if unit.startswith("2N"):
        elsewhere = msgspec.structs.replace(start.data, location=Location(facility_id="LSG", unit_id="2N"))
        start = msgspec.structs.replace(start, data=elsewhere)
    return [start] if left is None else [start, discharge(left, e=e)]


def reach(hours: float) -> list[AnyFact]:
    return [admit(hours, "5E/01", e=f"x{hours}-{number}", p=f"Q{number}") for number in range(3)]


@pytest.fixture
def released(engine: Engine) -> Engine:
    """A label that was released: not readmitted."""
    take(engine, *inpatient("E1", 0, 4 * DAY))
    take(engine, *reach(DUE))
    assert release(engine) == 1
    assert labels(engine) == {"E1": False}
    return engine


def test_a_return_that_is_reported_after_the_release_corrects_the_label(released: Engine) -> None:
    take(released, *inpatient("E2", 20 * DAY, None))
    assert labels(released, "readmitted_30d", "readmission_encounter_id") == {"E1": (True, "E2")}
    take(released, cancel_admission(21 * DAY, e="E2"))
    assert labels(released, "readmitted_30d", "readmission_encounter_id") == {"E1": (False, None)}


def test_a_label_is_released_once_whatever_corrects_it(released: Engine) -> None:
    take(released, *inpatient("E2", 20 * DAY, None))
    take(released, *reach(DUE + 100 * DAY))
    assert release(released) == 0
    assert labels(released, "released_at") == {"E1": T0}


def test_a_return_whose_codes_come_at_its_end_turns_out_to_be_planned(engine: Engine) -> None:
    with engine.begin() as connection:
        save_code_sets(connection, CODES, "the cases", T0)
    take(engine, *inpatient("E1", 0, 4 * DAY), *inpatient("E2", 30 * DAY, None))
    take(engine, *reach(DUE))
    assert release(engine) == 1
    assert labels(engine)["E1"] is True
    codes: dict[str, Any] = {
        "diagnoses": (Diagnosis(code="M17.11", principal=True),),
        "procedures": (Procedure(code="0SRD0J9"),),
    }
    take(engine, discharge(60 * DAY, e="E2", **codes))
    assert labels(engine, "readmitted_30d", "readmission_encounter_id")["E1"] == (False, "E2")


def test_a_death_in_the_stay_that_is_reported_after_the_release_takes_the_label_back(released: Engine) -> None:
    take(released, of_patient(PatientUpdated, 90 * DAY, "P1", died_at=at(3 * DAY)))
    assert labels(released) == {"E1": None}
    take(released, of_patient(PatientUpdated, 91 * DAY, "P1", is_alive=True))
    assert labels(released) == {"E1": False}


def test_a_transfer_that_turns_out_to_be_a_later_admission_gives_the_stay_its_label(engine: Engine) -> None:
    take(engine, *inpatient("E1", 0, 4 * DAY), *inpatient("E2", 4 * DAY + 5, None, "2N"))
    take(engine, *reach(DUE))
    assert release(engine) == 1
    assert labels(engine) == {"E1": None}
    take(engine, update(50 * DAY, None, e="E2", admitted_at=at(45 * DAY)))
    assert labels(engine) == {"E1": False}


def test_a_stay_in_rehabilitation_does_not_wait_and_is_no_return(engine: Engine) -> None:
    take(engine, *inpatient("E1", 0, 4 * DAY), *inpatient("E2", 4 * DAY + 1, 20 * DAY, "REH/01"))
    assert set(labels(engine)) == {"E1"}
    take(engine, *reach(DUE))
    assert release(engine) == 1
    assert labels(engine) == {"E1": False}


def test_a_label_from_before_days_were_counted_by_date_waits_for_its_30_days(engine: Engine) -> None:
    take(engine, *inpatient("E1", 0, 4 * DAY + 1))
    with engine.begin() as connection:
        connection.execute(tables.label.update().values(due_at=at(34 * DAY + 1)))  # 30 times 24 hours, no lateness
    take(engine, *reach(34 * DAY + 2))
    assert release(engine) == 1
    assert labels(engine, "released_at", "due_at") == {"E1": (None, at(35 * DAY - 2))}  # in April two hours ahead
    assert release(engine) == 0
    take(engine, *reach(35 * DAY))
    assert release(engine) == 1
    assert labels(engine) == {"E1": False}


def test_code_sets_are_replaced_and_read_again_after_an_import(engine: Engine) -> None:
    current = LabelDefinition()
    with engine.begin() as connection:
        assert (load_code_sets(connection), imported_at(connection)) == (None, None)
        assert current.read(connection).codes is None
        save_code_sets(connection, CODES, "one", T0)
        first = current.read(connection).codes
        assert first is not None
        assert first.diagnosis_ccs["I509"] == 108
        assert current.read(connection).codes is first
        save_code_sets(connection, msgspec.structs.replace(CODES, diagnosis_ccs={"I509": 7}), "two", at(1))
        second = current.read(connection).codes
        assert second is not None
        assert second.diagnosis_ccs == {"I509": 7}


def test_the_risk_at_the_discharge_that_stands_is_what_was_expected(engine: Engine) -> None:
    take(engine, *inpatient("E1", 0, 4 * DAY), *inpatient("E2", 50 * DAY, None))
    score = dict.fromkeys((column.name for column in tables.score.columns), b"{}") | {
        "encounter_id": "E1", "patient_token": "P1", "batch_model": "m", "batch_risk": 0.5, "online_risk": 0.5,
        "online_version": 1,
    }  # fmt: skip
    issued = [("admission", 0, 0.1), ("discharge", 3 * DAY, 0.2), ("discharge", 4 * DAY, 0.3)]
    with engine.begin() as connection:
        for moment, hours, risk in issued:
            values = score | {"moment": moment, "as_of": at(hours), "readmission_risk": risk}
            connection.execute(tables.score.insert().values(values))
        assert discharge_risks(connection) == {"E1": 0.3}
