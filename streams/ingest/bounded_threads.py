"""Work in threads that holds up nobody: small pieces never wait for large ones, and the end of the program for none."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

LARGE_BYTES = 65_536
"""A body of more is large: it becomes many times its size in memory, so few are read at a time."""
SMALL_AT_A_TIME, LARGE_AT_A_TIME = 8, 2

_T = TypeVar("_T")


class Lanes:
    """Runs work in threads, at most so many at a time of each kind.

    The threads are no part of an executor: the interpreter waits for those when it ends, however long they take.
    """

    def __init__(self) -> None:
        self._small, self._large = asyncio.Semaphore(SMALL_AT_A_TIME), asyncio.Semaphore(LARGE_AT_A_TIME)

    async def run(self, size_bytes: int, work: Callable[[], _T]) -> _T:
        """Return what the work returns, or raise what it raises.

        Parameters
        ----------
        size_bytes : int
            Of what is worked on; says which lane it takes.
        work : callable
            Runs in a thread, and has its place in the lane until it ends, wanted or not.
        """
        lane = self._large if size_bytes > LARGE_BYTES else self._small
        await lane.acquire()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_T] = loop.create_future()

        def settle(result: _T | None, error: BaseException | None) -> None:
            lane.release()
            if done.done():
                return  # the server stops: nobody waits any more
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
