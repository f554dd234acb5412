"""Migrations make exactly the tables that the code declares, on every engine."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, insert, select
from sqlalchemy.exc import StatementError

from schemas import tables
from schemas.database import _alembic, make_engine, pending_migrations, upgrade
from schemas.errors import SettingsError
from tests.streams.builders import at


def is_no_partition(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or re.fullmatch(r"fact_\d{4}_\d{2}", name or "") is None


def test_the_migrations_give_the_declared_tables(engine: Engine) -> None:
    plain = create_engine(engine.url)  # SQLAlchemy cannot reflect through cursors that fetch in binary
    with plain.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_no_partition})
        assert compare_metadata(context, tables.metadata) == []
    plain.dispose()


def test_upgrading_twice_does_nothing(engine: Engine) -> None:
    assert pending_migrations(engine) == []
    upgrade(engine)
    assert pending_migrations(engine) == []


def test_an_empty_database_lacks_all_migrations(database_url: str) -> None:
    engine = make_engine(database_url)
    assert pending_migrations(engine)[0] == "0001"
    engine.dispose()


def test_times_come_back_as_utc(engine: Engine) -> None:
    given = datetime(2026, 3, 2, 1, 30, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    with engine.begin() as connection:
        connection.execute(insert(tables.midnight).values(name="x", scored_until=given))
        found = connection.scalar(select(tables.midnight.columns.scored_until))
    assert found == datetime(2026, 3, 1, 23, 30, 0, 5, tzinfo=UTC)
    assert found is not None
    assert found.utcoffset() == timedelta(0)


def test_a_naive_time_is_refused(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(StatementError, match="without a zone"):
        connection.execute(insert(tables.midnight).values(name="x", scored_until=datetime(2026, 3, 2)))  # noqa: DTZ001


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://x/y", "postgres"])
def test_an_address_of_something_else_is_refused_with_the_remedy(url: str) -> None:
    with pytest.raises(SettingsError, match="WARDWATCH_DATABASE_URL"):
        make_engine(url)


def test_the_facts_of_an_older_database_are_counted_by_the_hour(database_url: str) -> None:
    engine = make_engine(database_url)
    command.upgrade(_alembic(engine), "0005")
    with engine.begin() as connection:
        for number, time in enumerate((at(0), at(0.5), at(3.2))):
            values = {"subject": "E1", "source": "s", "event_id": str(number), "digest": 1, "body": b"{}"}
            connection.execute(insert(tables.fact).values(**values, occurred_at=time, received_at=time))
    upgrade(engine)
    with engine.connect() as connection:
        column = tables.feed_hour.columns
        counts = connection.execute(select(column.hour, column.facts).order_by(column.hour)).all()
    assert [tuple(row) for row in counts] == [(at(0), 2), (at(3), 1)]
    engine.dispose()
