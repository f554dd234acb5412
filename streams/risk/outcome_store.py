"""SQL of outcomes: the waiting list of index stays, and the released outcomes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, update

from schemas import tables
from schemas.database import as_utc
from streams.store import bulk

_label = tables.label.columns


class Awaited(NamedTuple):
    """An index stay, and the event time at which its outcome is due."""

    encounter_id: str
    patient_token: str
    discharged_at: datetime
    due_at: datetime


class Waiting(NamedTuple):
    """An index stay whose outcome is due."""

    encounter_id: str
    patient_token: str
    discharged_at: datetime


class Result(NamedTuple):
    """The outcome of a stay."""

    readmitted_30d: bool | None
    """None: the stay is not an index stay, by what is known now."""
    readmission_encounter_id: str | None
    """The first return within 30 days, planned or not."""


class Released(NamedTuple):
    """Outcome of a stay, and the risk that the online model gave before it learnt from this stay."""

    encounter_id: str
    result: Result
    prequential_risk: float | None
    """Prediction in [0, 1] of the online model before it learned from this stay; None without features or a model."""


class Decided(NamedTuple):
    """A released outcome."""

    encounter_id: str
    patient_token: str
    discharged_at: datetime
    result: Result


def await_outcomes(connection: Connection, index_stays: Sequence[Awaited]) -> None:
    """Add index stays to the waiting list; released outcomes are kept."""
    forget(connection, [stay.encounter_id for stay in index_stays])
    rows: list[tuple[Any, ...]] = [tuple(stay) for stay in index_stays]
    columns = ("encounter_id", "patient_token", "discharged_at", "due_at")
    bulk.insert(connection, tables.label, rows, on_conflict="nothing", columns=columns)


def forget(connection: Connection, encounter_ids: Collection[str]) -> None:
    """Remove stays from the waiting list: they are not, or no longer, index stays."""
    rows = bulk.select_by_key(connection, "encounter_id, released_at", tables.label, "encounter_id", encounter_ids)
    waiting = [encounter_id for encounter_id, released_at in rows if released_at is None]
    if waiting:
        connection.execute(
            tables.label.delete().where(_label.encounter_id == bindparam("id"), _label.released_at.is_(None)),
            [{"id": encounter_id} for encounter_id in waiting],
        )


def decided(connection: Connection, patient_tokens: Iterable[str]) -> list[Decided]:
    """Return the outcomes of these patients that were released."""
    columns = "encounter_id, patient_token, discharged_at, readmitted_30d, readmission_encounter_id"
    rows = bulk.select_by_key(
        connection, columns, tables.label, "patient_token", patient_tokens, where="released_at IS NOT NULL"
    )
    return [
        Decided(encounter_id, token, as_utc(left), Result(None if outcome is None else bool(outcome), back))
        for encounter_id, token, left, outcome, back in rows
    ]


def correct(connection: Connection, results: Mapping[str, Result]) -> None:
    """Correct outcomes that were released before."""
    if results:
        connection.execute(
            update(tables.label)
            .where(_label.encounter_id == bindparam("id"))
            .values(readmitted_30d=bindparam("outcome"), readmission_encounter_id=bindparam("back")),
            [
                {"id": encounter_id, "outcome": result.readmitted_30d, "back": result.readmission_encounter_id}
                for encounter_id, result in sorted(results.items())
            ],
        )


def due(connection: Connection, until: datetime, limit: int) -> list[Waiting]:
    """Return at most `limit` stays whose outcome is due, by due time."""
    rows = connection.execute(
        select(_label.encounter_id, _label.patient_token, _label.discharged_at)
        .where(_label.released_at.is_(None), _label.due_at <= until)
        .order_by(_label.due_at, _label.encounter_id)
        .limit(limit)
    )
    return [Waiting(*row) for row in rows]


def postpone(connection: Connection, until: Mapping[str, datetime]) -> None:
    """Move the due time of stays whose 30 days have not ended."""
    if until:
        connection.execute(
            update(tables.label).where(_label.encounter_id == bindparam("id")).values(due_at=bindparam("until")),
            [{"id": encounter_id, "until": time} for encounter_id, time in sorted(until.items())],
        )


def release(connection: Connection, released: Sequence[Released], at: datetime) -> None:
    """Write released outcomes."""
    if not released:
        return
    connection.execute(
        update(tables.label)
        .where(_label.encounter_id == bindparam("id"))
        .values(
            released_at=at,
            readmitted_30d=bindparam("outcome"),
            readmission_encounter_id=bindparam("back"),
            prequential_risk=bindparam("risk"),
        ),
        [
            {
                "id": item.encounter_id,
                "outcome": item.result.readmitted_30d,
                "back": item.result.readmission_encounter_id,
                "risk": item.prequential_risk,
            }
            for item in released
        ],
    )
