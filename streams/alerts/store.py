"""SQL of alerts: raise, acknowledge, close, and publish each change through the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo

import msgspec
from sqlalchemy import Connection, Engine, insert, select, update

from schemas import tables
from schemas.database import as_utc
from schemas.errors import AlertConflict
from schemas.local_time import when
from schemas.state import EncounterStatus
from schemas.topics import ALERTS_CHANGED, UNITS_CHANGED, AlertChanged, UnitChanged, unit_key
from streams.alerts.rules import (
    OPEN_STATUSES,
    Actor,
    AlertState,
    AlertStatus,
    IssuedScore,
    LatestScore,
    decide,
    statuses_before,
)
from streams.store import bulk
from streams.store.outbox import Message, add_messages

_encode = msgspec.json.Encoder().encode


def save_alerts(connection: Connection, scored: Sequence[IssuedScore], now: datetime) -> None:
    """Raise, keep or close each encounter's alert by its latest score, and publish what changed."""
    latest: dict[str, IssuedScore] = {}
    for item in scored:
        known = latest.get(item.encounter.encounter_id)
        if known is None or item.as_of > known.as_of:
            latest[item.encounter.encounter_id] = item
    column = tables.alert.columns
    standing = {
        row[0]: row
        for row in bulk.select_by_key(
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
        if newest.get(encounter_id, item.as_of) > item.as_of:
            continue  # a score of a later moment is stored already, and decides
        old = dict(zip(column.keys(), standing[encounter_id], strict=True)) if encounter_id in standing else None
        before = AlertState(AlertStatus(old["status"]), old["band"]) if old else None
        status = decide(item.encounter, LatestScore(item.band, item.as_of), before, has_died=item.has_died)
        if status is None:
            continue
        raised_again = status is AlertStatus.NEW and before is not None and before.status is not AlertStatus.NEW
        keep = old is not None and not raised_again
        rows.append(
            (
                encounter_id,
                item.encounter.patient_token,
                status.value,
                item.band,
                item.readmission_risk,
                item.reasons,
                item.moment,
                as_utc(old["raised_at"]) if keep and old else item.as_of,
                now,
                as_utc(old["acknowledged_at"]) if keep and old and old["acknowledged_at"] else None,
                old["acknowledged_by"] if keep and old else None,
                old["version"] + 1 if old else 1,
            )
        )
        messages += _messages(item, status, now)
    bulk.insert(connection, tables.alert, rows, on_conflict="version")
    add_messages(connection, messages)


def _newest_scores(connection: Connection, encounter_ids: Iterable[str]) -> dict[str, datetime]:
    rows = bulk.select_by_key(connection, "score.encounter_id, as_of", tables.score, "encounter_id", encounter_ids)
    newest: dict[str, datetime] = {}
    for encounter_id, as_of in rows:
        newest[encounter_id] = max(as_utc(as_of), newest.get(encounter_id, as_utc(as_of)))
    return newest


def _messages(item: IssuedScore, status: AlertStatus, now: datetime) -> list[Message]:
    """Return the alert's message, and a hint for the unit whose board shows the patient."""
    encounter = item.encounter
    change = AlertChanged(
        encounter_id=encounter.encounter_id,
        status=status.value,
        readmission_risk=item.readmission_risk,
        changed_at=now,
    )
    messages = [Message(ALERTS_CHANGED.name, encounter.patient_token.encode(), _encode(change))]
    if encounter.status is EncounterStatus.IN_PROGRESS and encounter.location is not None:
        place = encounter.location
        hint = UnitChanged(facility_id=place.facility_id, unit_id=place.unit_id, occurred_at=item.as_of)
        key = unit_key(place.facility_id, place.unit_id)
        messages.append(Message(UNITS_CHANGED.name, key.encode(), _encode(hint)))
    return messages


def open_alerts(connection: Connection, encounter_ids: Iterable[str]) -> list[str]:
    """Return the ids of those encounters that have an open alert."""
    rows = bulk.select_by_key(connection, "encounter_id, status", tables.alert, "encounter_id", set(encounter_ids))
    return [encounter_id for encounter_id, status in rows if status in OPEN_STATUSES]


def close_alerts(connection: Connection, encounter_ids: Iterable[str], at: datetime) -> None:
    """Close the open alerts of these encounters and publish it; `at` is aware UTC, from the wall clock."""
    alert = tables.alert.columns
    columns = "encounter_id, patient_token, status, readmission_risk"
    messages = []
    rows = bulk.select_by_key(connection, columns, tables.alert, "encounter_id", set(encounter_ids), lock=True)
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
    add_messages(connection, messages)


def acknowledge(engine: Engine, encounter_id: str, version: int, *, by: str, now: datetime, zone: tzinfo = UTC) -> None:
    """Acknowledge an alert and publish it through the outbox, in one transaction.

    Parameters
    ----------
    engine : Engine
        The database.
    encounter_id : str
        Encounter of the alert.
    version : int
        Version of the alert that the person saw.
    by : str
        Name of the person who acknowledges.
    now : datetime
        Aware UTC, from the wall clock, because a person acts.
    zone : tzinfo
        Of the hospital: in which a conflict names times.

    Raises
    ------
    AlertConflict
        The alert has changed since, or its status does not permit it; nothing is written.
    """
    column = tables.alert.columns
    permitted = column.status.in_(statuses_before(AlertStatus.ACKNOWLEDGED, by=Actor.PERSON))
    as_seen = (column.encounter_id == encounter_id) & (column.version == version) & permitted
    change = {
        "status": AlertStatus.ACKNOWLEDGED.value,
        "acknowledged_at": now,
        "acknowledged_by": by,
        "changed_at": now,
        "version": version + 1,
    }
    with engine.begin() as connection:
        if connection.execute(update(tables.alert).where(as_seen).values(change)).rowcount != 1:
            raise AlertConflict(_conflict(connection, encounter_id, now, zone))
        row = connection.execute(
            select(column.patient_token, column.readmission_risk).where(column.encounter_id == encounter_id)
        ).one()
        message = AlertChanged(
            encounter_id=encounter_id,
            status=AlertStatus.ACKNOWLEDGED.value,
            readmission_risk=row.readmission_risk,
            changed_at=now,
        )
        connection.execute(
            insert(tables.outbox).values(
                topic=ALERTS_CHANGED.name, key=row.patient_token.encode(), value=_encode(message), headers=None
            )
        )


def _conflict(connection: Connection, encounter_id: str, now: datetime, zone: tzinfo) -> str:
    """Return the message for a person whose acknowledgement was refused."""
    column = tables.alert.columns
    row = connection.execute(
        select(column.status, column.acknowledged_by, column.acknowledged_at).where(column.encounter_id == encounter_id)
    ).first()
    if row is None:
        return f"Encounter {encounter_id}: the alert no longer exists. The list has been refreshed."
    if row.status == AlertStatus.ACKNOWLEDGED:
        at = when(row.acknowledged_at, now, zone) if row.acknowledged_at else "at an unknown time"
        return f"Encounter {encounter_id}: already acknowledged by {row.acknowledged_by}, {at}. Nothing to do."
    if row.status == AlertStatus.NEW:
        return f"Encounter {encounter_id}: the alert changed while you looked. Check it, then acknowledge it again."
    return f"Encounter {encounter_id}: the alert is closed. Nothing to acknowledge."
