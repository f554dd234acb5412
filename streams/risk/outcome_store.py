"""SQL of outcomes: the waiting list of index stays, and the released outcomes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, update

from schemas import tables
from schemas.state import Encounter
from streams.store import bulk


class Waiting(NamedTuple):
    """An index stay whose outcome is due."""

    encounter_id: str
    patient_token: str
    discharged_at: datetime


class Released(NamedTuple):
    """Outcome of an index stay, and the risk that the online model gave before it learnt from this stay."""

    encounter_id: str
    readmitted_30d: bool
    prequential_risk: float | None
    """Prediction in [0, 1] of the online model before it learned from this stay; None without features or a model."""


def await_outcomes(connection: Connection, index_stays: Sequence[Encounter], follow_up: timedelta) -> None:
    """Add index stays to the waiting list; released outcomes are kept."""
    rows: list[tuple[Any, ...]] = [
        (stay.encounter_id, stay.patient_token, stay.discharged_at, stay.discharged_at + follow_up, None, None, None)
        for stay in index_stays
        if stay.discharged_at is not None
    ]
    forget(connection, [stay.encounter_id for stay in index_stays])
    bulk.insert(connection, tables.label, rows, on_conflict="nothing")


def forget(connection: Connection, encounter_ids: Collection[str]) -> None:
    """Remove stays from the waiting list: they are not, or no longer, index stays."""
    rows = bulk.select_by_key(connection, "encounter_id, released_at", tables.label, "encounter_id", encounter_ids)
    waiting = [encounter_id for encounter_id, released_at in rows if released_at is None]
    if waiting:
        label = tables.label.columns
        connection.execute(
            tables.label.delete().where(label.encounter_id == bindparam("id"), label.released_at.is_(None)),
            [{"id": encounter_id} for encounter_id in waiting],
        )


def released(connection: Connection, encounter_ids: Collection[str]) -> list[str]:
    """Return the ids of the stays whose outcome was released."""
    rows = bulk.select_by_key(connection, "encounter_id, released_at", tables.label, "encounter_id", encounter_ids)
    return [encounter_id for encounter_id, released_at in rows if released_at is not None]


def correct(connection: Connection, outcomes: Mapping[str, bool]) -> None:
    """Correct outcomes that were released before."""
    if outcomes:
        label = tables.label.columns
        connection.execute(
            update(tables.label)
            .where(label.encounter_id == bindparam("id"))
            .values(readmitted_30d=bindparam("outcome")),
            [{"id": encounter_id, "outcome": outcome} for encounter_id, outcome in sorted(outcomes.items())],
        )


def due(connection: Connection, until: datetime, limit: int) -> list[Waiting]:
    """Return at most `limit` stays whose outcome is due, by due time."""
    label = tables.label.columns
    rows = connection.execute(
        select(label.encounter_id, label.patient_token, label.discharged_at)
        .where(label.released_at.is_(None), label.due_at <= until)
        .order_by(label.due_at, label.encounter_id)
        .limit(limit)
    )
    return [Waiting(*row) for row in rows]


def release(connection: Connection, released: Sequence[Released], at: datetime) -> None:
    """Write released outcomes."""
    if not released:
        return
    label = tables.label.columns
    connection.execute(
        update(tables.label)
        .where(label.encounter_id == bindparam("id"))
        .values(released_at=at, readmitted_30d=bindparam("outcome"), prequential_risk=bindparam("risk")),
        [{"id": item.encounter_id, "outcome": item.readmitted_30d, "risk": item.prequential_risk} for item in released],
    )
