"""Intervals of rates, and limits of the ratio of observed to expected."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Z_95 = 1.959963984540054
"""Standard normal quantile of 0.975."""
Z_998 = 3.090232306167813
"""Standard normal quantile of 0.999."""
MAX_EXACT = 2_000
"""Up to this number of stays the distribution is computed exactly; above it, the normal one is as good."""


def wilson(events: int, number: int, z: float = Z_95) -> tuple[float, float] | None:
    """Return the Wilson score interval of a share.

    Parameters
    ----------
    events : int
        From 0 to `number`.
    number : int
        0 gives None.
    z : float
        Normal quantile; 95% by default.

    Returns
    -------
    tuple of float or None
        Lower and upper limit, in [0, 1].

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> low, high = wilson(81, 263)
    >>> f"{low:.4f} {high:.4f}"
    '0.2553 0.3662'
    """
    if number == 0:
        return None
    share, square = events / number, z * z / number
    middle = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / number + square / (4 * number)) / (1 + square)
    # At 0 and 1 the limit is exact; rounding must not move it.
    return (0.0 if events == 0 else middle - half), (1.0 if events == number else middle + half)


def limits_of_events(risks: Sequence[float], tail: float, z: float) -> tuple[float, float]:
    """Return the limits between which the number of events lies if the risks are right.

    Parameters
    ----------
    risks : sequence of float
        Risk of each stay, in [0, 1].
    tail : float
        Probability at most beyond each limit, such as 0.025.
    z : float
        The normal quantile that belongs to it, for more than `MAX_EXACT` stays.

    Returns
    -------
    tuple of float
        The lowest and the highest number that are not unusual. Fewer, or more, has a probability of at most `tail`.
    """
    values = np.asarray(risks, dtype=np.float64)
    if len(values) > MAX_EXACT:
        mean, spread = float(values.sum()), math.sqrt(float((values * (1 - values)).sum()))
        return max(mean - z * spread, 0.0), mean + z * spread
    reached = np.cumsum(_distribution(values))
    low = int(np.searchsorted(reached, tail, side="right"))
    high = int(np.searchsorted(reached, 1 - tail, side="left"))
    return float(min(low, len(values))), float(min(high, len(values)))


def _distribution(risks: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the probability of each number of events: the Poisson binomial distribution."""
    found = np.zeros(len(risks) + 1)
    found[0] = 1.0
    for number, risk in enumerate(risks, start=1):
        found[1 : number + 1] = found[1 : number + 1] * (1 - risk) + found[:number] * risk
        found[0] *= 1 - risk
    return found
