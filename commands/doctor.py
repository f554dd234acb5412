"""Checks of `wardwatch doctor`: what is present, what is missing, and the remedy."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable

import msgspec
from alembic.util import CommandError
from kafka.errors import KafkaError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from models.registry import latest_batch_model_name
from schemas import kafka
from schemas.database import driver_reason, existing_engine, pending_migrations
from schemas.database_errors import explain
from schemas.errors import UsageError, WardwatchError
from schemas.hospital import load_hospital
from schemas.settings import Settings
from schemas.signs_of_life import State
from schemas.topics import TOPICS
from streams.operate.status import read_sign

REMEDIES = {
    State.BROKER_LOST: "Start Kafka and set WARDWATCH_KAFKA_BOOTSTRAP_SERVERS.",
    State.DATABASE_FAILING: "Mend the database; no fact is lost meanwhile.",
    State.WORKER_STOPPED: "Start `wardwatch worker`.",
    State.INTERFACE_STOPPED: "Start `wardwatch ingest mllp` or `wardwatch ingest http` again.",
    State.STARTING: "Repeat this in a few seconds.",
}
"""What to do in a state."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """Result of one check."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def examine(settings: Settings) -> list[Check]:
    """Check everything that Wardwatch needs. Never raises for what is missing."""
    return [
        _python(),
        _check("hospital file", lambda: _hospital(settings), "Correct the file, or unset WARDWATCH_HOSPITAL_FILE."),
        _data_dir(settings),
        _check("database", lambda: _database(settings), "Set WARDWATCH_DATABASE_URL, then run `wardwatch db upgrade`."),
        _check(
            "kafka",
            lambda: _kafka(settings),
            "Start Kafka and set WARDWATCH_KAFKA_BOOTSTRAP_SERVERS, or try `make demo`.",
        ),
        _signs(settings),
        _check(
            "model",
            lambda: _model(settings),
            "Run `wardwatch train` once the database holds 30 days of discharges.",
        ),
    ]


def _check(name: str, look: Callable[[], str], remedy: str) -> Check:
    try:
        return Check(name=name, ok=True, found=look())
    except (DBAPIError, CommandError, PoolTimeout) as error:
        return Check(name=name, ok=False, found=explain(error), remedy=remedy)
    except (WardwatchError, SQLAlchemyError, KafkaError, OSError) as error:
        text = str(error) if isinstance(error, WardwatchError) else type(error).__name__
        return Check(name=name, ok=False, found=text, remedy=remedy)


def _python() -> Check:
    ok = sys.version_info >= (3, 11)
    return Check(
        name="python", ok=ok, found=platform.python_version(), remedy="" if ok else "Install Python 3.11 or newer."
    )


def _hospital(settings: Settings) -> str:
    hospital = load_hospital(settings.hospital_file)
    beds = sum(unit.staffed for unit in hospital.units.values())
    names = ", ".join(facility.name for facility in hospital.facilities)
    return f"{names}: {len(hospital.units)} units, {beds} staffed beds"


def _data_dir(settings: Settings) -> Check:
    folder = settings.data_dir
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    ok = os.access(existing, os.W_OK)
    remedy = "" if ok else "Set WARDWATCH_DATA_DIR to a folder that can be written."
    return Check(name="data directory", ok=ok, found=f"{folder}, {'' if ok else 'not '}writable", remedy=remedy)


def _database(settings: Settings) -> str:
    engine = existing_engine(settings.sql_url)
    pending = pending_migrations(engine)
    if pending:
        raise WardwatchError(f"{engine.dialect.name} lacks the migrations {', '.join(pending)}")
    return f"{engine.dialect.name}, up to date"


def _kafka(settings: Settings) -> str:
    kafka.wait_for_broker(settings, timeout_s=3.0)
    missing = kafka.missing_topics(settings)
    if missing:
        raise WardwatchError(f"topics missing: {', '.join(missing)}. A worker creates them when it starts")
    return f"{settings.kafka_bootstrap_servers}, {len(TOPICS)} topics"


def _signs(settings: Settings) -> Check:
    """Return the signs of life in the words of the dashboard."""
    database = ""
    try:
        with existing_engine(settings.sql_url).connect():
            pass
    except SQLAlchemyError as error:
        database = driver_reason(error)
    except WardwatchError as error:
        database = str(error)
    try:
        found = read_sign(settings, database)
    except UsageError as error:
        return Check(name="signs of life", ok=False, found=str(error), remedy="Correct the setting.")
    ok = found.state in (State.LIVE, State.CATCHING_UP, State.SILENT)
    return Check(name="signs of life", ok=ok, found=found.text, remedy="" if ok else REMEDIES[State(found.state)])


def _model(settings: Settings) -> str:
    with existing_engine(settings.sql_url).connect().execution_options(read_only=True) as connection:
        name = latest_batch_model_name(connection)
    if name is None:
        raise WardwatchError("no model is trained")
    return name
