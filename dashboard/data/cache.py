"""Cache for answers that many browsers request at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class ShortMemory(Generic[T]):
    """Cache with a lifetime of `ttl_s` seconds. Of several threads with the same key, one computes.

    Parameters
    ----------
    ttl_s : float
        Maximum age of an answer, in seconds.
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, ttl_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._ttl_s = ttl_s
        self._clock = clock
        self._answers: dict[Hashable, tuple[float, T]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return the answer for `key`, computing it when it is too old."""
        with self._lock:
            known = self._answers.get(key)
            now = self._clock()
            if known is not None and now - known[0] < self._ttl_s:
                return known[1]
            answer = compute()
            self._answers[key] = (now, answer)
            return answer

    def forget(self) -> None:
        """Invalidate all answers, after a write."""
        with self._lock:
            self._answers.clear()
