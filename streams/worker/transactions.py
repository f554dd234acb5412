"""Run SQL work in a thread and retry while the database is unavailable; one piece of work at a time for each agent.

Transient errors (a lost connection, a timeout, a deadlock, a write conflict) are retried with jittered backoff. Any
other error is raised to the caller: a data error is not an outage.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from schemas.database import driver_reason
from schemas.database_errors import explain
from schemas.errors import WriteConflict
from streams.worker import metrics

FIRST_RETRY_DELAY_S = 0.1
MAX_RETRY_DELAY_S = 5.0

FAILING_AFTER_ATTEMPTS = 2
"""A deadlock or a lock is over at the next attempt; what fails again is a fault of the database."""

Result = TypeVar("Result")
log = structlog.get_logger("wardwatch.sql")


class Transactions:
    """Runs the SQL work of one agent in one thread, in order.

    Parameters
    ----------
    engine : Engine
        Shared by the agents of a process; each runs at most one transaction at a time.
    name : str
        Name of the thread, for stack dumps.
    failures : dict or None
        Work that is being retried, with the driver's reason. Shared by the agents of a process, so that each knows
        of all; None for a dict of its own.
    """

    def __init__(self, engine: Engine, name: str, failures: dict[object, str] | None = None) -> None:
        self.engine = engine
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._failures = {} if failures is None else failures

    @property
    def failing(self) -> str:
        """The driver's reason for which work is being retried; empty once all of it has succeeded.

        On a full disk small transactions may succeed while large ones fail, so a success of other work does not count.
        """
        return next(iter(self._failures.values()), "")

    async def run(self, work: Callable[[Engine], Result]) -> Result:
        """Run `work` in the thread until it succeeds; it must open and end its own transaction.

        Raises
        ------
        Exception
            Any error of `work` that a retry cannot resolve.
        """
        this = object()
        try:
            return await self._until_it_succeeds(work, this)
        finally:
            self._failures.pop(this, None)

    async def _until_it_succeeds(self, work: Callable[[Engine], Result], this: object) -> Result:
        loop = asyncio.get_running_loop()
        delay_s, attempts = FIRST_RETRY_DELAY_S, 0
        while True:
            try:
                return await loop.run_in_executor(self._thread, work, self.engine)
            except (DBAPIError, PoolTimeout, WriteConflict) as error:
                if not is_transient(error):
                    raise
                attempts = 0 if isinstance(error, WriteConflict) else attempts + 1
                if attempts >= FAILING_AFTER_ATTEMPTS:
                    self._failures[this] = driver_reason(error)
                metrics.TRANSACTION_RETRIES.inc()
                log.warning(
                    "database: unavailable, busy or in conflict. Retrying; check the server if this repeats.",
                    reason=type(error).__name__ if isinstance(error, WriteConflict) else explain(error),
                    delay_s=delay_s,
                )
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))
            delay_s = min(2 * delay_s, MAX_RETRY_DELAY_S)

    def close(self) -> None:
        """Stop the thread without waiting; a running statement ends by its own timeout."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def is_transient(error: BaseException) -> bool:
    """Return whether a retry can succeed: the database is unavailable or locked, or another worker wrote first."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, OperationalError | InterfaceError | PoolTimeout | WriteConflict)
