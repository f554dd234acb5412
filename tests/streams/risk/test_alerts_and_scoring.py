"""When a patient is scored, and when the score raises or closes an alert."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from models.moments import Moment
from schemas.state import Encounter, EncounterStatus
from streams.alerts.rules import (
    OPEN_STATUSES,
    STATUS_WORDS,
    TRANSITIONS,
    Actor,
    AlertState,
    AlertStatus,
    LatestScore,
    decide,
    statuses_before,
)
from streams.risk.moments import due_at_midnight, due_moments, midnights
from tests.streams.builders import at


def inpatient(**given: object) -> Encounter:
    fields = {
        "encounter_id": "E1",
        "patient_token": "P1",
        "status": EncounterStatus.IN_PROGRESS,
        "admitted_at": at(0),
        "inpatient_from": at(5),
        **given,
    }
    return Encounter(**fields)  # type: ignore[arg-type]


def discharged(**given: object) -> Encounter:
    return inpatient(status=EncounterStatus.DISCHARGED, discharged_at=at(60), **given)


HIGH, LOW = LatestScore("high", at(5)), LatestScore("low", at(5))


@pytest.mark.parametrize(
    ("encounter", "latest", "standing", "expected"),
    [
        (inpatient(), LOW, None, None),
        (inpatient(), HIGH, None, AlertStatus.NEW),
        (inpatient(), HIGH, AlertState(AlertStatus.ACKNOWLEDGED, "high"), AlertStatus.ACKNOWLEDGED),
        (inpatient(), LOW, AlertState(AlertStatus.ACKNOWLEDGED, "high"), AlertStatus.CLOSED),
        (inpatient(), HIGH, AlertState(AlertStatus.CLOSED, "low"), AlertStatus.NEW),
        (discharged(), HIGH, AlertState(AlertStatus.NEW, "high"), AlertStatus.NEW),
        (discharged(discharge_disposition="20"), HIGH, AlertState(AlertStatus.NEW, "high"), AlertStatus.CLOSED),
        (discharged(discharge_disposition="07"), HIGH, None, None),
        (discharged(discharge_disposition="50"), HIGH, None, None),
        (inpatient(status=EncounterStatus.CANCELLED), HIGH, AlertState(AlertStatus.NEW, "high"), AlertStatus.CLOSED),
    ],
)
def test_an_alert_follows_the_latest_score(
    encounter: Encounter, latest: LatestScore, standing: AlertState | None, expected: AlertStatus | None
) -> None:
    assert decide(encounter, latest, standing) is expected


@pytest.mark.parametrize("band", ["high", "low"])
@pytest.mark.parametrize("before", [None, *AlertStatus])
@pytest.mark.parametrize("latest", [HIGH, LOW])
@pytest.mark.parametrize("encounter", [inpatient(), discharged(), discharged(discharge_disposition="20")])
def test_scores_change_an_alert_only_as_the_transition_table_permits(
    encounter: Encounter, latest: LatestScore, before: AlertStatus | None, band: str
) -> None:
    after = decide(encounter, latest, None if before is None else AlertState(before, band))
    assert after is before or (before, after, Actor.SCORING) in TRANSITIONS


def test_a_person_may_only_acknowledge_a_new_alert() -> None:
    assert {(before, after) for before, after, by in TRANSITIONS if by is Actor.PERSON} == {
        (AlertStatus.NEW, AlertStatus.ACKNOWLEDGED)
    }
    assert statuses_before(AlertStatus.ACKNOWLEDGED, by=Actor.PERSON) == (AlertStatus.NEW,)


def test_every_status_is_reachable_has_a_name_and_is_open_or_closed() -> None:
    assert {after for _, after, _ in TRANSITIONS} == set(AlertStatus) == set(STATUS_WORDS)
    assert {*OPEN_STATUSES, AlertStatus.CLOSED} == set(AlertStatus)


def moments(encounter: Encounter) -> list[tuple[Moment, datetime]]:
    return [(due.moment, due.as_of) for due in due_moments(encounter)]


def test_a_stay_is_scored_when_it_becomes_inpatient_and_at_discharge() -> None:
    assert moments(inpatient()) == [(Moment.ADMISSION, at(5))]
    assert moments(discharged()) == [(Moment.ADMISSION, at(5)), (Moment.DISCHARGE, at(60))]


def test_outpatients_and_cancelled_stays_are_not_scored() -> None:
    assert moments(inpatient(inpatient_from=None)) == []
    assert moments(inpatient(status=EncounterStatus.CANCELLED)) == []


def test_a_patient_who_died_has_no_score_at_discharge() -> None:
    assert moments(discharged(discharge_disposition="20")) == [(Moment.ADMISSION, at(5))]


def test_midnights_are_those_after_the_last_and_up_to_now() -> None:
    day = datetime(2026, 3, 2, tzinfo=UTC)
    assert midnights(at(0), at(47)) == [day.replace(day=3)]
    assert midnights(at(0), at(48)) == [day.replace(day=3), day.replace(day=4)]
    assert midnights(at(24), at(24)) == []


def test_only_inpatients_at_midnight_are_scored_then() -> None:
    midnight = at(24)
    there = [inpatient(), inpatient(status=EncounterStatus.DISCHARGED, discharged_at=at(25))]
    away = [inpatient(inpatient_from=at(24)), inpatient(status=EncounterStatus.DISCHARGED, discharged_at=at(24))]
    assert [due.encounter for due in due_at_midnight([*there, *away], midnight)] == there
