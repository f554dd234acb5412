"""The population: draws the next patient by age and frailty, and replaces people who die."""

from __future__ import annotations

import math
from collections.abc import Callable

from schemas.events import Sex
from simulators.draws import Chooser, Draws
from simulators.population import Person, person

REFRESH_AFTER = 2_000
"""Draws after which the weights are computed again, because people have died and others replaced them."""
MAX_TRIES = 500

Weight = Callable[[Person, int], float]


def illness_weight(who: Person, age: int) -> float:
    """Rate of emergency admissions: doubles with each 20 years, and grows by a fifth with each chronic condition."""
    return who.frailty * math.pow(2.0, (age - 60) / 20.0) * math.pow(1.22, len(who.conditions)) if age >= 18 else 0.0


def ed_weight(who: Person, age: int) -> float:
    """Rate of ED visits that end at home: flat in age, and with frequent attenders among them."""
    return math.pow(who.frailty, 1.5) * (1.0 if age < 65 else 1.3)


def elective_weight(_who: Person, age: int) -> float:
    """Rate of appointments for surgery: people between 45 and 85."""
    return 1.0 if 45 <= age <= 85 else 0.15 if age >= 18 else 0.0


def birth_weight(who: Person, age: int) -> float:
    """Rate of births: women from 18 to 44, most around 30."""
    return max(0.0, 1.0 - abs(age - 30) / 15.0) if who.sex is Sex.FEMALE and 18 <= age <= 44 else 0.0


def child_weight(who: Person, age: int) -> float:
    """Rate of stays on a children's ward."""
    return who.frailty if age < 18 else 0.0


class Community:
    """The population of one facility.

    Parameters
    ----------
    seed, facility_id : str, str
        Name the persons; see `population.person`.
    size : int
        How many people, always.
    draws : Draws
        Randomness.
    """

    def __init__(self, seed: str, facility_id: str, size: int, draws: Draws) -> None:
        self._seed, self._facility_id, self._draws = seed, facility_id, draws
        self._number = size
        self.people = [person(seed, facility_id, number, number, 0, draws) for number in range(size)]
        self._choosers: dict[Weight, tuple[Chooser[int], int]] = {}

    def choose(self, weight: Weight, now_s: int, *, rested: bool) -> Person | None:
        """Draw a person who is not in hospital, by weight.

        Parameters
        ----------
        weight : callable
            Relative rate of a person at an age in years.
        now_s : int
            Seconds of the simulation.
        rested : bool
            Only a person who left hospital more than 30 days ago.

        Returns
        -------
        Person or None
            None if no such person was found.
        """
        chooser, left = self._choosers.get(weight) or (None, 0)
        if chooser is None or left <= 0:
            weights = [weight(who, who.age_years(now_s)) for who in self.people]
            if not any(weights):
                return None
            chooser, left = Chooser(range(len(self.people)), weights), REFRESH_AFTER
        self._choosers[weight] = (chooser, left - 1)
        for _ in range(MAX_TRIES):
            who = self.people[chooser.choose(self._draws)]
            if not who.busy and (not rested or who.rests_until_s <= now_s):
                return who
        return None

    def bury(self, who: Person, now_s: int) -> None:
        """Replace a person who died by a new one."""
        self.people[who.slot] = person(self._seed, self._facility_id, self._number, who.slot, now_s, self._draws)
        self._number += 1
