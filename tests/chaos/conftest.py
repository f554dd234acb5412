"""Settings and database of a worker on a fresh Kafka broker and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from schemas.database import make_engine, upgrade
from schemas.settings import Settings, load_settings
from tests.support.kafka import KafkaBroker
from tests.support.postgres import PostgresServer


@pytest.fixture
def settings(fresh_kafka: KafkaBroker, postgres: PostgresServer, tmp_path: Path) -> Settings:
    return load_settings(
        kafka_bootstrap_servers=fresh_kafka.bootstrap,
        database_url=postgres.new_database(),
        data_dir=tmp_path,
        log_level="warning",
    )


@pytest.fixture
def sql(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(settings.sql_url)
    upgrade(engine)
    yield engine
    engine.dispose()
