"""SQL of scores: stays to score, scores issued, and features as frozen at the discharge."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Connection, literal, or_, select

from models.bedside.items import encode_scores
from models.features.catalogue import Features
from schemas import tables
from schemas.database import as_utc
from schemas.events import PatientClass
from schemas.state import Encounter, EncounterStatus, decode_encounter
from streams.alerts.rules import IssuedScore
from streams.alerts.store import save_alerts
from streams.risk.moments import Due, Scored
from streams.store import bulk

_encode = msgspec.json.Encoder().encode
_features = msgspec.json.Decoder(dict[str, float | str | None])
_HERE = literal(EncounterStatus.IN_PROGRESS.value, literal_execute=True)
_INPATIENT = literal(PatientClass.INPATIENT.value, literal_execute=True)
"""Literals in the statement, not parameters, so that PostgreSQL uses the partial indexes."""


def inpatients_between(connection: Connection, since: datetime, until: datetime) -> list[Encounter]:
    """Return the inpatient encounters in progress at some time between two midnights."""
    return _inpatients(connection, since, tables.encounter.columns.admitted_at < until)


def in_hospital_since(connection: Connection, since: datetime) -> list[Encounter]:
    """Return the inpatient encounters that are in progress or ended later than `since`."""
    return _inpatients(connection, since)


def _inpatients(connection: Connection, since: datetime, *conditions: ColumnElement[bool]) -> list[Encounter]:
    column = tables.encounter.columns
    query = select(column.state).where(
        column.patient_class == _INPATIENT, or_(column.status == _HERE, column.discharged_at > since), *conditions
    )
    return [decode_encounter(row.state) for row in connection.execute(query)]


def not_yet_scored(connection: Connection, due: Sequence[Due]) -> list[Due]:
    """Return the moments that do not have a score yet."""
    rows = bulk.select_by_key(
        connection, "score.encounter_id, moment, as_of", tables.score, "encounter_id", {d.key[0] for d in due}
    )
    known = {(encounter_id, moment, as_utc(as_of)) for encounter_id, moment, as_of in rows}
    return [item for item in due if item.key not in known]


def scored_until(connection: Connection) -> datetime | None:
    """Return the last midnight whose inpatients have all been scored."""
    return connection.scalar(select(tables.midnight.columns.scored_until))


def save_scored_until(connection: Connection, midnight: datetime) -> None:
    """Store the last midnight whose inpatients have all been scored."""
    bulk.insert(connection, tables.midnight, [("score", midnight)], on_conflict="update")


def save(
    connection: Connection,
    scored: Sequence[Scored],
    batch_model: str,
    online_version: int,
    now: datetime,
    dead: Collection[str] = (),
) -> None:
    """Write scores, raise or close alerts, and announce the changed alerts; none is raised for a patient in `dead`."""
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
            encode_scores(item.bedside),
        )
        for item in scored
    ]
    bulk.insert(connection, tables.score, rows, on_conflict="nothing")
    issued = [
        IssuedScore(
            encounter=item.due.encounter,
            band=item.risk.band.value,
            readmission_risk=item.risk.readmission_risk,
            reasons=_encode(item.risk.reasons),
            moment=item.due.moment.value,
            as_of=item.due.as_of,
            has_died=item.due.encounter.patient_token in dead,
        )
        for item in scored
    ]
    save_alerts(connection, issued, now)


def frozen_features(connection: Connection, encounter_ids: Iterable[str]) -> dict[tuple[str, datetime], Features]:
    """Return the features stored with the discharge score, by encounter and discharge time."""
    rows = bulk.select_by_key(
        connection, "score.encounter_id, moment, as_of, features", tables.score, "encounter_id", encounter_ids
    )
    return {
        (encounter_id, as_utc(as_of)): _features.decode(raw)
        for encounter_id, moment, as_of, raw in rows
        if moment == "discharge"
    }
