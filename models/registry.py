"""The registry of models in SQL. The caller owns the transaction."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from models.readmission.batch import BatchModel
from models.readmission.online import OnlineModel
from models.readmission.report import encode_report
from schemas import tables

ONLINE_NAME = "online"


def save_batch_model(connection: Connection, model: BatchModel) -> None:
    """Store a trained model; the latest by `trained_at` is in use."""
    connection.execute(
        insert(tables.batch_model).values(
            name=model.name,
            trained_at=model.trained_at,
            risk_threshold=model.risk_threshold,
            report=encode_report(model.report),
            artifact=model.to_bytes(),
        )
    )


def latest_batch_model_name(connection: Connection) -> str | None:
    """Return the name of the model in use, without loading it; None if none is registered."""
    column = tables.batch_model.columns
    return connection.scalar(select(column.name).order_by(column.trained_at.desc(), column.name.desc()).limit(1))


def latest_batch_model(connection: Connection) -> BatchModel | None:
    """Return the model in use; None if none is registered.

    Raises
    ------
    UsageError
        When the stored bytes are not a valid model.
    """
    column = tables.batch_model.columns
    artifact = connection.scalar(
        select(column.artifact).order_by(column.trained_at.desc(), column.name.desc()).limit(1)
    )
    return None if artifact is None else BatchModel.from_bytes(artifact)


def online_version(connection: Connection) -> int:
    """Return the stored version of the online model; 0 if none is stored."""
    column = tables.online_model.columns
    return connection.scalar(select(column.version).where(column.name == ONLINE_NAME)) or 0


def load_online_model(connection: Connection) -> OnlineModel | None:
    """Return the online model as last saved; None if none is stored."""
    column = tables.online_model.columns
    state = connection.scalar(select(column.state).where(column.name == ONLINE_NAME))
    return None if state is None else OnlineModel.from_bytes(state)


def save_online_model(connection: Connection, model: OnlineModel, version: int) -> None:
    """Store the online model under its next version.

    Parameters
    ----------
    connection : Connection
        In the transaction that released the outcomes it learnt, so that no outcome is learnt twice.
    model : OnlineModel
        The model to store.
    version : int
        `online_version` plus 1, both in this transaction.
    """
    values = {"version": version, "learnt": model.learnt, "state": model.to_bytes()}
    column = tables.online_model.columns
    changed = connection.execute(update(tables.online_model).where(column.name == ONLINE_NAME).values(**values))
    if changed.rowcount == 0:
        connection.execute(insert(tables.online_model).values(name=ONLINE_NAME, **values))
