"""Locks between workers on each engine: PostgreSQL has locks; SQLite has one writer and does not need them."""

from __future__ import annotations

import time

from sqlalchemy import Connection, Engine

from schemas import tables
from streams.store.locks import (
    AdvisoryLock,
    has_concurrent_writers,
    lock,
    lock_shared,
    lock_tables,
    try_lock,
    try_session_lock,
)


def test_a_lock_is_held_until_the_transaction_ends(engine: Engine) -> None:
    free_for_others = not has_concurrent_writers(engine)
    with engine.connect() as other:
        with engine.connect() as holder:
            assert try_lock(holder, AdvisoryLock.LEARN)
            assert try_lock(other, AdvisoryLock.LEARN) is free_for_others
            assert try_lock(other, AdvisoryLock.MIDNIGHT)
        assert try_lock(other, AdvisoryLock.LEARN)


def test_a_blocking_lock_excludes_others(engine: Engine) -> None:
    with engine.connect() as holder, engine.connect() as other:
        lock(holder, AdvisoryLock.PEOPLE)
        assert try_lock(other, AdvisoryLock.PEOPLE) is not has_concurrent_writers(engine)


def test_a_shared_lock_excludes_only_the_one_who_wants_it_alone(engine: Engine) -> None:
    with engine.connect() as holder, engine.connect() as other:
        lock_shared(holder, AdvisoryLock.PARTS)
        lock_shared(other, AdvisoryLock.PARTS)
        other.rollback()
        assert try_lock(other, AdvisoryLock.PARTS) is not has_concurrent_writers(engine)


def test_the_lock_of_a_session_outlives_its_transaction(engine: Engine) -> None:
    with engine.connect() as other:
        with engine.connect() as holder:
            assert try_session_lock(holder, AdvisoryLock.RELAY)
            holder.commit()
            assert try_session_lock(other, AdvisoryLock.RELAY) is not has_concurrent_writers(engine)
            holder.invalidate()
        assert eventually_free(other)


def eventually_free(connection: Connection) -> bool:
    """Return whether the lock is free within two seconds: the server releases it soon after the connection closes."""
    for _ in range(100):
        if try_session_lock(connection, AdvisoryLock.RELAY):
            return True
        time.sleep(0.02)
    return False


def test_locked_tables_can_be_read_by_others(engine: Engine) -> None:
    with engine.connect() as holder, engine.connect().execution_options(read_only=True) as other:
        lock_tables(holder, (tables.fact, tables.encounter), timeout_s=5, statement_timeout_s=5)
        assert other.execute(tables.fact.select()).all() == []


def test_every_lock_has_its_own_number() -> None:
    assert len({int(each) for each in AdvisoryLock}) == len(list(AdvisoryLock)) == 9
