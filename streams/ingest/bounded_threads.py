"""Threads for reading bodies: small bodies never wait for large ones, and the program ends without waiting for any."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

LARGE_BYTES = 65_536
"""Larger bodies are read a few at a time: each takes many times its size in memory."""
MAX_SMALL, MAX_LARGE = 8, 2
"""Threads at a time."""

_T = TypeVar("_T")


class BoundedThreads:
    """Runs work in threads, up to `MAX_SMALL` small and `MAX_LARGE` large pieces at a time.

    The threads do not belong to an executor: the interpreter would wait for those when it ends.
    """

    def __init__(self) -> None:
        self._small, self._large = asyncio.Semaphore(MAX_SMALL), asyncio.Semaphore(MAX_LARGE)

    async def run(self, size_bytes: int, work: Callable[[], _T]) -> _T:
        """Return what the work returns, or raise what it raises.

        Parameters
        ----------
        size_bytes : int
            Size of the input; decides whether the work is small or large.
        work : callable
            Runs in a thread, and counts until it ends, even if its result is no longer awaited.
        """
        slots = self._large if size_bytes > LARGE_BYTES else self._small
        await slots.acquire()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_T] = loop.create_future()

        def settle(result: _T | None, error: BaseException | None) -> None:
            slots.release()
            if done.done():
                return  # the server stops: the result is no longer awaited
            if error is None:
                done.set_result(result)  # type: ignore[arg-type]
            else:
                done.set_exception(error)

        threading.Thread(target=_work, args=(loop, work, settle), daemon=True).start()
        return await done


def _work(
    loop: asyncio.AbstractEventLoop,
    work: Callable[[], _T],
    settle: Callable[[_T | None, BaseException | None], None],
) -> None:
    result: _T | None = None
    failed: BaseException | None = None
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001  # raised where the result is awaited
        failed = error
    with contextlib.suppress(RuntimeError):  # the loop is closed: the program ends
        loop.call_soon_threadsafe(settle, result, failed)
