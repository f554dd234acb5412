"""All SQL of the `risk` agent: histories in, scores and alerts out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, or_, select, update

from models.catalogue import Features
from schemas import tables
from schemas.database import as_utc
from schemas.state import Encounter, EncounterStatus, decode_encounter
from schemas.topics import ALERTS_CHANGED, UNITS_CHANGED, AlertChanged, UnitChanged, unit_key
from streams import bulk_sql, people_store
from streams.alerts import OPEN_STATUSES, AlertStatus, Latest, Standing, decide
from streams.scoring import Due, Scored
from streams.unit_of_work import Message, UnitOfWork

_encode = msgspec.json.Encoder().encode
_features = msgspec.json.Decoder(dict[str, float | str | None])


def encounters(connection: Connection, encounter_ids: Iterable[str]) -> list[Encounter]:
    """Return the encounters of these ids as they stand."""
    rows = bulk_sql.select_by_key(connection, "state", tables.encounter, "encounter_id", set(encounter_ids))
    return [decode_encounter(row[0]) for row in rows]


def histories(connection: Connection, patient_tokens: Iterable[str]) -> dict[str, list[Encounter]]:
    """Return all encounters of each patient, those under merged tokens included."""
    tokens = set(patient_tokens)
    people = people_store.persons(connection, tokens)
    found: dict[str, list[Encounter]] = {}
    for row in bulk_sql.select_by_key(connection, "state", tables.encounter, "patient_token", people):
        encounter = decode_encounter(row[0])
        found.setdefault(people[encounter.patient_token], []).append(encounter)
    return {token: found.get(people[token], []) for token in tokens}


def inpatients_between(connection: Connection, since: datetime, until: datetime) -> list[Encounter]:
    """Return the inpatient encounters that were in progress at some time between two midnights."""
    return _inpatients(connection, since, tables.encounter.columns.admitted_at < until)


def in_house_since(connection: Connection, since: datetime) -> list[Encounter]:
    """Return the inpatient encounters that are in progress or ended later than `since`."""
    return _inpatients(connection, since)


def _inpatients(connection: Connection, since: datetime, *conditions: ColumnElement[bool]) -> list[Encounter]:
    column = tables.encounter.columns
    still_there = or_(column.discharged_at.is_(None), column.discharged_at > since)
    query = select(column.state).where(column.patient_class == "inpatient", still_there, *conditions)
    return [decode_encounter(row.state) for row in connection.execute(query)]


def not_yet_scored(connection: Connection, due: Sequence[Due]) -> list[Due]:
    """Return those of the moments that have no score yet."""
    rows = bulk_sql.select_by_key(
        connection, "score.encounter_id, moment, as_of", tables.score, "encounter_id", {d.key[0] for d in due}
    )
    known = {(encounter_id, moment, as_utc(as_of)) for encounter_id, moment, as_of in rows}
    return [item for item in due if item.key not in known]


def scored_until(connection: Connection) -> datetime | None:
    """Return the last midnight whose inpatients have all been scored."""
    return connection.scalar(select(tables.midnight.columns.scored_until))


def save_scored_until(connection: Connection, midnight: datetime) -> None:
    """Note the last midnight whose inpatients have all been scored."""
    bulk_sql.insert(connection, tables.midnight, [("score", midnight)], on_conflict="update")


def save(
    connection: Connection, scored: Sequence[Scored], batch_model: str, online_version: int, now: datetime
) -> None:
    """Write scores, raise or close alerts, and announce what changed of them."""
    rows = [
        (
            *item.due.key,
            item.due.encounter.patient_token,
            item.risk.batch_risk,
            item.risk.online_risk,
            item.risk.readmission_risk,
            batch_model,
            online_version,
            _encode(item.features),
            _encode(item.risk.reasons),
        )
        for item in scored
    ]
    bulk_sql.insert(connection, tables.score, rows, on_conflict="nothing")
    _save_alerts(connection, scored, now)


def _save_alerts(connection: Connection, scored: Sequence[Scored], now: datetime) -> None:
    latest: dict[str, Scored] = {}
    for item in scored:
        known = latest.get(item.due.encounter.encounter_id)
        if known is None or item.due.as_of > known.due.as_of:
            latest[item.due.encounter.encounter_id] = item
    column = tables.alert.columns
    standing = {
        row[0]: row
        for row in bulk_sql.select_by_key(
            connection,
            ", ".join(column.keys()),
            tables.alert,
            "encounter_id",
            latest,
            lock=True,
        )
    }
    newest = _newest_scores(connection, latest)
    rows, messages = [], []
    for encounter_id, item in latest.items():
        if newest.get(encounter_id, item.due.as_of) > item.due.as_of:
            continue  # a later moment was scored before: it decides
        old = dict(zip(column.keys(), standing[encounter_id], strict=True)) if encounter_id in standing else None
        before = Standing(AlertStatus(old["status"]), old["band"]) if old else None
        status = decide(item.due.encounter, Latest(item.risk.band.value, item.due.as_of), before)
        if status is None:
            continue
        raised_again = status is AlertStatus.NEW and before is not None and before.status is not AlertStatus.NEW
        keep = old is not None and not raised_again
        rows.append(
            (
                encounter_id,
                item.due.encounter.patient_token,
                status.value,
                item.risk.band.value,
                item.risk.readmission_risk,
                _encode(item.risk.reasons),
                item.due.moment.value,
                as_utc(old["raised_at"]) if keep and old else item.due.as_of,
                now,
                as_utc(old["acknowledged_at"]) if keep and old and old["acknowledged_at"] else None,
                old["acknowledged_by"] if keep and old else None,
                old["version"] + 1 if old else 1,
            )
        )
        messages += _messages(item, status, now)
    bulk_sql.insert(connection, tables.alert, rows, on_conflict="version")
    UnitOfWork(connection).add_messages(messages)


def _newest_scores(connection: Connection, encounter_ids: Iterable[str]) -> dict[str, datetime]:
    rows = bulk_sql.select_by_key(connection, "score.encounter_id, as_of", tables.score, "encounter_id", encounter_ids)
    newest: dict[str, datetime] = {}
    for encounter_id, as_of in rows:
        newest[encounter_id] = max(as_utc(as_of), newest.get(encounter_id, as_utc(as_of)))
    return newest


def _messages(item: Scored, status: AlertStatus, now: datetime) -> list[Message]:
    """Return the alert's announcement, and a hint to the unit whose board shows the patient."""
    encounter = item.due.encounter
    change = AlertChanged(
        encounter_id=encounter.encounter_id,
        status=status.value,
        readmission_risk=item.risk.readmission_risk,
        changed_at=now,
    )
    messages = [Message(ALERTS_CHANGED.name, encounter.patient_token.encode(), _encode(change))]
    if encounter.status is EncounterStatus.IN_PROGRESS and encounter.location is not None:
        place = encounter.location
        hint = UnitChanged(facility_id=place.facility_id, unit_id=place.unit_id, occurred_at=item.due.as_of)
        key = unit_key(place.facility_id, place.unit_id)
        messages.append(Message(UNITS_CHANGED.name, key.encode(), _encode(hint)))
    return messages


def open_alerts(connection: Connection, encounter_ids: Iterable[str]) -> list[str]:
    """Return those of the encounters that have an open alert."""
    rows = bulk_sql.select_by_key(connection, "encounter_id, status", tables.alert, "encounter_id", set(encounter_ids))
    return [encounter_id for encounter_id, status in rows if status in OPEN_STATUSES]


def close_alerts(connection: Connection, encounter_ids: Iterable[str], at: datetime) -> None:
    """Close the open alerts of these encounters, and say so; `at` is aware UTC, of the wall clock."""
    alert = tables.alert.columns
    columns = "encounter_id, patient_token, status, readmission_risk"
    messages = []
    rows = bulk_sql.select_by_key(connection, columns, tables.alert, "encounter_id", set(encounter_ids), lock=True)
    for encounter_id, token, status, risk in rows:
        if status not in OPEN_STATUSES:
            continue
        connection.execute(
            update(tables.alert)
            .where(alert.encounter_id == encounter_id)
            .values(status=AlertStatus.CLOSED.value, changed_at=at, version=alert.version + 1)
        )
        change = AlertChanged(
            encounter_id=encounter_id, status=AlertStatus.CLOSED.value, readmission_risk=risk, changed_at=at
        )
        messages.append(Message(ALERTS_CHANGED.name, token.encode(), _encode(change)))
    UnitOfWork(connection).add_messages(messages)


def frozen_features(connection: Connection, encounter_ids: Iterable[str]) -> dict[tuple[str, datetime], Features]:
    """Return the features as they were at discharge, by encounter and discharge time."""
    rows = bulk_sql.select_by_key(
        connection, "score.encounter_id, moment, as_of, features", tables.score, "encounter_id", encounter_ids
    )
    return {
        (encounter_id, as_utc(as_of)): _features.decode(raw)
        for encounter_id, moment, as_of, raw in rows
        if moment == "discharge"
    }
