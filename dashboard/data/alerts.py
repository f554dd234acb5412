"""Queries of the worklist page: open alerts with reasons and place, and the latest score of one encounter."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import Connection, Engine, Row, case, desc, func, select

from models import training_state
from models.bedside.items import BedsideScore, decode_scores
from models.moments import Moment
from schemas import tables
from schemas.state import Encounter, EncounterStatus, decode_encounter
from streams.alerts import OPEN_STATUSES, AlertStatus

LISTED = 300
"""Maximum number of alerts on the worklist."""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """A reason as issued. `contribution` is in log-odds; above 0 it raises the risk."""

    label: str
    value: str
    contribution: float


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the worklist. `readmission_risk` in [0, 1]."""

    encounter_id: str
    patient_token: str
    status: AlertStatus
    band: str
    readmission_risk: float
    reasons: tuple[Reason, ...]
    moment: Moment
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    version: int
    in_house: bool
    facility_id: str | None
    unit_id: str | None
    bed_id: str | None
    age_years: int | None
    sex: str | None
    admitted_at: datetime | None
    discharged_at: datetime | None


class Worklist(msgspec.Struct, frozen=True, kw_only=True):
    """The most urgent open alerts, and the number of all."""

    alerts: tuple[Alert, ...]
    open: int
    new: int
    has_model: bool
    has_facts: bool
    training: timedelta | None = None
    """How long the training under way is expected to take yet; None if no model is being trained."""


class Risks(msgspec.Struct, frozen=True, kw_only=True):
    """The latest score of an encounter: three probabilities of a readmission within 30 days, each in [0, 1]."""

    batch_risk: float
    online_risk: float
    readmission_risk: float
    as_of: datetime
    moment: Moment
    batch_model: str
    online_version: int
    bedside: tuple[BedsideScore, ...] | None
    """None if the score was issued before they were computed."""


_reasons = msgspec.json.Decoder(tuple[Reason, ...]).decode


def worklist(engine: Engine, limit: int = LISTED, kept: Collection[str] = ()) -> Worklist:
    """Return open alerts: new ones first, then by risk, highest first.

    Parameters
    ----------
    engine : Engine
        The database.
    limit : int
        How many at most, 1 and up.
    kept : collection of str
        Encounters whose alerts stay among the new ones, whatever their status has become.
    """
    column = tables.alert.columns
    stays = column.encounter_id.in_(kept)
    query = (
        select(tables.alert, tables.encounter.columns.state, tables.alias.columns.person_token)
        .outerjoin(tables.alias, tables.alias.columns.patient_token == column.patient_token)
        .outerjoin(tables.encounter, tables.encounter.columns.encounter_id == column.encounter_id)
        .where(column.status.in_(OPEN_STATUSES) | stays)
        .order_by(
            case((column.status == AlertStatus.NEW, 0), (stays, 0), else_=1),
            desc(column.readmission_risk),
            column.encounter_id,
        )
        .limit(limit)
    )
    with engine.connect().execution_options(read_only=True) as connection:
        alerts = tuple(_alert(row) for row in connection.execute(query))
        counts = _counts(connection)
        return Worklist(
            alerts=alerts,
            open=sum(counts.values()),
            new=counts.get(AlertStatus.NEW, 0),
            training=training_state.remaining(connection, datetime.now(UTC)),
            has_model=_any_row(connection, tables.batch_model.columns.name),
            has_facts=_any_row(connection, tables.fact.columns.subject),
        )


def _counts(connection: Connection) -> dict[str, int]:
    status = tables.alert.columns.status
    rows = connection.execute(select(status, func.count()).where(status.in_(OPEN_STATUSES)).group_by(status))
    return {row[0]: row[1] for row in rows}


def _any_row(connection: Connection, column: object) -> bool:
    return connection.execute(select(column).limit(1)).first() is not None  # type: ignore[call-overload]


def _alert(row: Row[tuple[object, ...]]) -> Alert:
    encounter = decode_encounter(row.state) if row.state is not None else None
    place = encounter.location if encounter and encounter.status is EncounterStatus.IN_PROGRESS else None
    return Alert(
        encounter_id=row.encounter_id,
        patient_token=row.person_token or row.patient_token,
        status=AlertStatus(row.status),
        band=row.band,
        readmission_risk=row.readmission_risk,
        reasons=_reasons(row.reasons),
        moment=Moment(row.moment),
        raised_at=row.raised_at,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        version=row.version,
        in_house=encounter is not None and encounter.status is EncounterStatus.IN_PROGRESS,
        facility_id=place.facility_id if place else None,
        unit_id=place.unit_id if place else None,
        bed_id=place.bed_id if place else None,
        age_years=encounter.age_years if encounter else None,
        sex=_sex(encounter),
        admitted_at=encounter.admitted_at if encounter else None,
        discharged_at=encounter.discharged_at if encounter else None,
    )


def _sex(encounter: Encounter | None) -> str | None:
    return encounter.sex.value if encounter and encounter.sex else None


def latest_risks(engine: Engine, encounter_id: str) -> Risks | None:
    """Return the latest score of an encounter, or None when it has none."""
    column = tables.score.columns
    query = (
        select(
            column.batch_risk,
            column.online_risk,
            column.readmission_risk,
            column.as_of,
            column.moment,
            column.batch_model,
            column.online_version,
            column.bedside,
        )
        .where(column.encounter_id == encounter_id)
        .order_by(desc(column.as_of))
        .limit(1)
    )
    with engine.connect().execution_options(read_only=True) as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    bedside = None if row.bedside is None else decode_scores(row.bedside)
    return Risks(**{**row._mapping, "moment": Moment(row.moment), "bedside": bedside})
