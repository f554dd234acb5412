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
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine = engine
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self.failing = ""
        """The driver's reason for which the last attempt failed; empty after a success."""

    async def run(self, work: Callable[[Engine], Result]) -> Result:
        """Run `work` in the thread until it succeeds; it must open and end its own transaction.

        Raises
        ------
        Exception
            Any error of `work` that a retry cannot resolve.
        """
        loop = asyncio.get_running_loop()
        delay_s = FIRST_RETRY_DELAY_S
        while True:
            try:
                result = await loop.run_in_executor(self._thread, work, self.engine)
            except (DBAPIError, PoolTimeout, WriteConflict) as error:
                if not is_transient(error):
                    raise
                self.failing = "" if isinstance(error, WriteConflict) else driver_reason(error)
                metrics.TRANSACTION_RETRIES.inc()
                log.warning(
                    "database: unavailable, busy or in conflict. Retrying; check the server if this repeats.",
                    reason=type(error).__name__ if isinstance(error, WriteConflict) else explain(error),
                    delay_s=delay_s,
                )
            else:
                self.failing = ""
                return result
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
