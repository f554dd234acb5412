"""Counts and lag for `wardwatch status`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from kafka.errors import KafkaError
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError

from schemas import kafka, tables
from schemas.database_errors import explain
from schemas.errors import BrokerUnavailable, WardwatchError
from schemas.settings import Settings
from schemas.signs_of_life import Sign, sign
from schemas.state import EncounterStatus
from schemas.topics import ADT_EVENTS, ENCOUNTERS_CHANGED, UNITS_CHANGED
from streams.alerts.rules import OPEN_STATUSES
from streams.store.watermarks import board_time

READ_BY_WORKERS = [ADT_EVENTS.name, ENCOUNTERS_CHANGED.name, UNITS_CHANGED.name]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Signs of life, row counts of the database, and the workers' lag on each topic in records."""

    sign: str
    """As the dashboard shows it, in one line."""
    facts: int
    patients: int
    encounters: dict[str, int]
    dead_letters: int
    """Without those that are settled."""
    outbox: int
    lag: dict[str, int] | None
    """None if the broker is unavailable."""
    scores: int
    labels_waiting: int
    labels_released: int
    alerts_open: int
    batch_model: str | None
    event_time: datetime | None


def read_status(settings: Settings, engine: Engine) -> Status:
    """Query the database and the broker for their counts.

    Raises
    ------
    WardwatchError
        When the database cannot be read or lacks its tables.
    """
    try:
        with engine.connect().execution_options(read_only=True) as connection:
            counts = _counts(connection)
    except DBAPIError as error:
        raise WardwatchError(explain(error)) from None
    try:
        behind = kafka.lag(settings, READ_BY_WORKERS)
    except (BrokerUnavailable, KafkaError):
        behind = None
    return Status(sign=read_sign(settings).text, lag=behind, **counts)


def read_sign(settings: Settings, database: str = "") -> Sign:
    """Listen for the heartbeats of workers and interfaces, for up to three seconds, and return the signs of life.

    Parameters
    ----------
    settings : Settings
        Where the broker is.
    database : str
        The driver's reason for which the caller cannot read the database; empty if it can.
    """
    try:
        pulses = kafka.heard(settings)
    except (BrokerUnavailable, KafkaError):
        return sign([], wall=datetime.now(UTC), broker_lost=True)
    return sign(pulses, wall=datetime.now(UTC), database=database)


def _counts(connection: Connection) -> dict[str, Any]:
    encounter, label = tables.encounter.columns, tables.label.columns
    by_status = dict.fromkeys((status.value for status in EncounterStatus), 0)
    for row in connection.execute(select(encounter.status, func.count()).group_by(encounter.status)):
        by_status[row[0]] = row[1]
    alias = tables.alias.columns
    person = func.coalesce(alias.person_token, encounter.patient_token)
    patients = connection.scalar(
        select(func.count(func.distinct(person)))
        .select_from(tables.encounter)
        .outerjoin(tables.alias, alias.patient_token == encounter.patient_token)
    )
    released = label.released_at.is_not(None)
    newest = select(tables.batch_model.columns.name).order_by(tables.batch_model.columns.trained_at.desc()).limit(1)
    return {
        "facts": _rows(connection, tables.fact),
        "patients": patients or 0,
        "encounters": by_status,
        "dead_letters": _rows(connection, tables.dead_letter, tables.dead_letter.columns.settled_at.is_(None)),
        "outbox": _rows(connection, tables.outbox),
        "scores": _rows(connection, tables.score),
        "labels_waiting": _rows(connection, tables.label, ~released),
        "labels_released": _rows(connection, tables.label, released, label.readmitted_30d.is_not(None)),
        "alerts_open": _rows(connection, tables.alert, tables.alert.columns.status.in_(OPEN_STATUSES)),
        "batch_model": connection.scalar(newest),
        "event_time": board_time(connection, datetime.now(UTC)),
    }


def _rows(connection: Connection, table: Any, *conditions: Any) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(*conditions)) or 0
