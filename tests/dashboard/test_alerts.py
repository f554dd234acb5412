from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, select, update

from dashboard.data.alerts import latest_risks, worklist
from dashboard.data.capacity import all_metrics
from dashboard.data.encounters import admitted_at
from schemas import tables
from schemas.errors import AlertConflict
from streams.alerts.store import acknowledge
from tests.dashboard.builders import (
    HOUR,
    NOON,
    bed,
    metrics,
    save_alert,
    save_encounter,
    save_metrics,
    save_model_and_fact,
    save_score,
)

LATER = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)


def test_new_alerts_come_first_and_then_the_highest_risk(engine: Engine) -> None:
    with engine.begin() as connection:
        save_alert(connection, "E1", "t1", risk=0.4)
        save_alert(connection, "E2", "t2", risk=0.9, status="acknowledged", acknowledged_at=NOON, acknowledged_by="A")
        save_alert(connection, "E3", "t3", risk=0.6)
        save_alert(connection, "E4", "t4", risk=0.99, status="closed")
    found = worklist(engine)
    assert [alert.encounter_id for alert in found.alerts] == ["E3", "E1", "E2"]
    assert (found.open, found.new) == (3, 2)


def test_beyond_its_length_the_list_still_says_how_many_there_are(engine: Engine) -> None:
    with engine.begin() as connection:
        for number in range(5):
            save_alert(connection, f"E{number}", f"t{number}", risk=0.5 + number / 100)
    found = worklist(engine, limit=2)
    assert [alert.encounter_id for alert in found.alerts] == ["E4", "E3"]
    assert found.open == 5


def test_a_patient_in_house_has_a_bed_and_a_discharged_one_has_none(engine: Engine) -> None:
    with engine.begin() as connection:
        save_encounter(connection, "E1", "t1", bed_id="07")
        save_alert(connection, "E1", "t1", risk=0.6)
        save_encounter(connection, "E2", "t2", bed_id="08", discharged=True)
        save_alert(connection, "E2", "t2", risk=0.5)
    first, second = worklist(engine).alerts
    assert (first.in_house, first.unit_id, first.bed_id) == (True, "MED", "07")
    assert (first.age_years, first.sex) == (71, "female")
    assert (second.in_house, second.bed_id, second.discharged_at) == (False, None, NOON - HOUR)


def test_an_empty_database_has_neither_facts_nor_a_model(engine: Engine) -> None:
    found = worklist(engine)
    assert (found.alerts, found.open, found.has_facts, found.has_model) == ((), 0, False, False)
    with engine.begin() as connection:
        save_model_and_fact(connection)
    found = worklist(engine)
    assert (found.has_facts, found.has_model) == (True, True)


def test_acknowledging_writes_who_and_when_and_announces_it(engine: Engine) -> None:
    with engine.begin() as connection:
        save_alert(connection, "E1", "token-1", risk=0.6)
    acknowledge(engine, "E1", 1, by="local user", now=LATER)
    with engine.connect() as connection:
        alert = connection.execute(select(tables.alert)).one()
        message = connection.execute(select(tables.outbox)).one()
    assert (alert.status, alert.acknowledged_by, alert.acknowledged_at) == ("acknowledged", "local user", LATER)
    assert (alert.changed_at, alert.version, alert.raised_at) == (LATER, 2, NOON - HOUR)
    assert (message.topic, message.key) == ("alerts.changed.v1", b"token-1")
    assert message.value == (
        b'{"encounter_id":"E1","status":"acknowledged","readmission_risk":0.6,"changed_at":"2026-03-10T15:30:00Z"}'
    )


def test_who_comes_second_is_told_who_was_first_and_changes_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        save_alert(connection, "E1", "t1")
    acknowledge(engine, "E1", 1, by="Ada", now=LATER)
    with pytest.raises(AlertConflict, match=r"E1: already acknowledged by Ada, today 16:30. Nothing to do"):
        acknowledge(engine, "E1", 1, by="Ben", now=LATER + HOUR, zone=ZoneInfo("Europe/Berlin"))
    with engine.connect() as connection:
        assert connection.scalar(select(tables.alert.columns.acknowledged_by)) == "Ada"
        assert len(connection.execute(select(tables.outbox)).all()) == 1


def test_an_alert_that_was_raised_anew_must_be_looked_at_again(engine: Engine) -> None:
    with engine.begin() as connection:
        save_alert(connection, "E1", "t1", version=4)
    with pytest.raises(AlertConflict, match=r"changed while you looked\. Check it"):
        acknowledge(engine, "E1", 3, by="Ada", now=LATER)


@pytest.mark.parametrize(("status", "said"), [("closed", "is closed"), (None, "no longer exists")])
def test_an_alert_that_is_gone_cannot_be_acknowledged(engine: Engine, status: str | None, said: str) -> None:
    with engine.begin() as connection:
        if status is not None:
            save_alert(connection, "E1", "t1", status=status)
    with pytest.raises(AlertConflict, match=said):
        acknowledge(engine, "E1", 1, by="Ada", now=LATER)


def test_the_latest_score_gives_the_three_risks(engine: Engine) -> None:
    with engine.begin() as connection:
        save_score(connection, "E1", "t1", as_of=NOON - HOUR, risk=0.3)
        save_score(connection, "E1", "t1", as_of=NOON, risk=0.5)
        save_score(connection, "E2", "t2", as_of=NOON + HOUR, risk=0.7)
    found = latest_risks(engine, "E1")
    assert found is not None
    assert (found.batch_risk, found.online_risk, found.readmission_risk) == (0.6, 0.4, 0.5)
    assert (found.as_of, found.online_version) == (NOON, 7)
    assert latest_risks(engine, "E3") is None


def test_units_come_from_sql_as_they_were_published(engine: Engine) -> None:
    metric = metrics("MED", (bed("01", "dirty", since=NOON),))
    with engine.begin() as connection:
        save_metrics(connection, metric)
    assert all_metrics(engine) == [metric]


def test_when_an_encounter_began_is_read_or_not_known(engine: Engine) -> None:
    with engine.begin() as connection:
        save_encounter(connection, "E1", "t1")
    assert admitted_at(engine, "E1") == NOON - 30 * HOUR
    assert admitted_at(engine, "E2") is None


def test_reading_does_not_wait_for_a_writer(engine: Engine) -> None:
    with engine.begin() as connection:
        save_alert(connection, "E1", "t1")
    with engine.begin() as writer:
        writer.execute(update(tables.alert).values(readmission_risk=0.9))
        assert worklist(engine).alerts[0].readmission_risk == 0.5
