"""Work that is retried: the process knows of it until that very work has succeeded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError

from schemas.errors import WriteConflict
from streams.worker import transactions as module
from streams.worker.transactions import Transactions

FULL = "database or disk is full"


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_RETRY_DELAY_S", 0.01)


def fails(times: int, error: Callable[[], Exception]) -> Callable[[Engine], int]:
    """Return work that fails so many times, and then returns how often it was run."""
    runs = 0

    def work(_: Engine) -> int:
        nonlocal runs
        runs += 1
        if runs <= times:
            raise error()
        return runs

    return work


def disk_is_full() -> Exception:
    return OperationalError("INSERT", {}, Exception(FULL))


@pytest.mark.parametrize("shares_a_thread", [True, False], ids=["SQLite", "PostgreSQL"])
def test_small_work_that_succeeds_does_not_hide_that_other_work_fails(shares_a_thread: bool) -> None:
    async def story() -> None:
        engine, failures = create_engine("sqlite://"), dict[object, str]()
        large = Transactions(engine, "large", failures)
        small = large if shares_a_thread else Transactions(engine, "small", failures)
        waiting = asyncio.create_task(large.run(fails(6, disk_is_full)))
        while not small.failing:
            await asyncio.sleep(0.001)
        for _ in range(3):
            assert await small.run(lambda _: "done") == "done"
            assert small.failing == large.failing == FULL
        assert await waiting == 7
        assert small.failing == large.failing == ""

    asyncio.run(asyncio.wait_for(story(), 20))


def test_what_succeeds_at_the_next_attempt_is_no_fault_of_the_database() -> None:
    async def story() -> None:
        sql, seen = Transactions(create_engine("sqlite://"), "sql"), set[str]()
        for error, times in ((disk_is_full, 1), (lambda: WriteConflict("other worker"), 4)):
            waiting = asyncio.create_task(sql.run(fails(times, error)))
            while not waiting.done():
                seen.add(sql.failing)
                await asyncio.sleep(0.001)
            assert await waiting == times + 1
        assert seen == {""}

    asyncio.run(asyncio.wait_for(story(), 20))


def test_work_that_is_given_up_is_no_longer_named() -> None:
    async def story() -> None:
        sql = Transactions(create_engine("sqlite://"), "sql")
        waiting = asyncio.create_task(sql.run(fails(1_000, disk_is_full)))
        while not sql.failing:
            await asyncio.sleep(0.001)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert sql.failing == ""

    asyncio.run(asyncio.wait_for(story(), 20))
