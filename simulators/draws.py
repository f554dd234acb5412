"""Random numbers in blocks: one call of numpy for thousands of draws, then a plain float each.

A simulated patient needs some forty numbers; asking numpy for one at a time would cost more than all the rest.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Generic, TypeVar

import numpy as np

BLOCK = 8192

T = TypeVar("T")


class Draws:
    """Draws from one seeded generator. The same seed and the same calls give the same numbers.

    Parameters
    ----------
    generator : numpy.random.Generator
        Not shared: no other code may draw from it.
    """

    def __init__(self, generator: np.random.Generator) -> None:
        self.uniform: Callable[[], float] = _blocks(generator.random).__next__
        self.normal: Callable[[], float] = _blocks(generator.standard_normal).__next__
        self.exponential: Callable[[], float] = _blocks(generator.standard_exponential).__next__

    def chance(self, probability: float) -> bool:
        """Return True with `probability` in [0, 1]."""
        return self.uniform() < probability

    def between(self, low: float, high: float) -> float:
        """Return a number in [low, high), each as likely."""
        return low + (high - low) * self.uniform()

    def seconds(self, low_minutes: float, high_minutes: float) -> int:
        """Return whole seconds between two numbers of minutes."""
        return int(60.0 * self.between(low_minutes, high_minutes))

    def lognormal(self, mean: float, sigma: float) -> float:
        """Return a lognormal number of the given mean (not median); `sigma` is that of its logarithm."""
        return mean * math.exp(sigma * self.normal() - 0.5 * sigma * sigma)


class Chooser(Generic[T]):
    """Chooses items by weight.

    Parameters
    ----------
    items : sequence
        What to choose from; not empty.
    weights : sequence of float
        As many, none negative, not all 0.

    Examples
    --------
    >>> Chooser(["a", "b"], [0.0, 1.0]).choose(Draws(np.random.default_rng(0)))
    'b'
    """

    def __init__(self, items: Sequence[T], weights: Sequence[float]) -> None:
        total = float(sum(weights))
        if len(items) != len(weights) or not total > 0.0 or min(weights) < 0.0:
            raise ValueError(
                f"The weights parameter of Chooser must have one weight of 0 or more for each item, not all 0. "
                f"Got {len(weights)} weights for {len(items)} items instead."
            )
        self._items = items
        self._bounds = list(accumulate(weight / total for weight in weights))
        self._last = max(index for index, weight in enumerate(weights) if weight > 0.0)

    def choose(self, draws: Draws) -> T:
        """Return one item."""
        return self._items[min(bisect_right(self._bounds, draws.uniform()), self._last)]


def _blocks(draw: Callable[[int], np.ndarray]) -> Iterator[float]:
    while True:
        yield from draw(BLOCK).tolist()
