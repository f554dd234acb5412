from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest

from simulators.draws import Chooser, Draws


def draws(seed: int = 1) -> Draws:
    return Draws(np.random.default_rng(seed))


def test_the_same_seed_draws_the_same_numbers_beyond_a_block() -> None:
    one, two = draws(), draws()
    assert [one.uniform() for _ in range(10_000)] == [two.uniform() for _ in range(10_000)]


def test_a_lognormal_has_the_mean_asked_for() -> None:
    its = draws()
    assert fmean(its.lognormal(4.5, 0.6) for _ in range(40_000)) == pytest.approx(4.5, rel=0.02)


def test_choices_follow_their_weights_and_never_take_weight_0() -> None:
    its, chooser = draws(), Chooser(["a", "b", "c", "d"], [1.0, 3.0, 0.0, 0.0])
    chosen = [chooser.choose(its) for _ in range(20_000)]
    assert set(chosen) == {"a", "b"}
    assert chosen.count("b") / 20_000 == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize("weights", [[1.0], [0.0, 0.0], [2.0, -1.0]])
def test_weights_that_choose_nothing_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="one weight of 0 or more for each item"):
        Chooser(["a", "b"], weights)
