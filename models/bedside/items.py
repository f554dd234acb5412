"""The items of a bedside score: what is known of each, and the points that it gives.

Three states of an input: known; known to be at least so much (`is_final` False: the stay goes on, or the feed does not
reach far enough back); and not known (None). An item has the fewest and the most points that its input allows, so the
total of a score is a number, or a range. An input that is not known never counts as 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec


class Amount(NamedTuple):
    """A number, or the least that it can be."""

    number: float
    is_final: bool = True
    """False if the number can only be larger: so far, or as far back as was observed."""


class Conditions(NamedTuple):
    """Groups of diagnoses that a patient is known to have."""

    groups: frozenset[str]
    is_final: bool = True
    """False if there can be more: the stay goes on, or the feed does not reach far enough back."""


class Item(msgspec.Struct, frozen=True, array_like=True):
    """One item of a score, with the points that it gives."""

    key: str
    value: str | None
    """As people read it; None if the input is not known."""
    low: int
    """The fewest points that it can be worth."""
    high: int
    """The most points; equal to `low` if the input is known."""

    @property
    def is_missing(self) -> bool:
        """Whether the input is not known."""
        return self.value is None


class BedsideScore(msgspec.Struct, frozen=True, array_like=True):
    """A bedside score of one patient at one moment."""

    name: str
    """A key of `models.bedside.catalogue.SCORES`."""
    items: tuple[Item, ...]

    @property
    def low(self) -> int:
        """The fewest points that the patient can have."""
        return sum(item.low for item in self.items)

    @property
    def high(self) -> int:
        """The most points that the patient can have; equal to `low` if nothing is missing."""
        return sum(item.high for item in self.items)

    @property
    def missing(self) -> tuple[str, ...]:
        """Keys of the items whose input is not known."""
        return tuple(item.key for item in self.items if item.is_missing)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(tuple[BedsideScore, ...])


def encode_scores(scores: Sequence[BedsideScore]) -> bytes:
    """Return scores as JSON."""
    return _encoder.encode(scores)


def decode_scores(raw: bytes) -> tuple[BedsideScore, ...]:
    """Read what `encode_scores` wrote."""
    return _decoder.decode(raw)


Steps = Sequence[tuple[float, int]]
"""From which number on how many points are given; in descending order, the last from 0 on."""


def points_of(number: float, steps: Steps) -> int:
    """Return the points of a number.

    Examples
    --------
    >>> points_of(4.9, ((5, 2), (0, 0))), points_of(5, ((5, 2), (0, 0)))
    (0, 2)
    """
    return next(points for least, points in steps if number >= least)


def stepped(key: str, amount: Amount | None, steps: Steps, unit: str) -> Item:
    """Return the item of an amount whose points grow in steps.

    Parameters
    ----------
    key : str
        Of the item.
    amount : Amount or None
        0 or more.
    steps : Steps
        Points by amount.
    unit : str
        In the singular, for people: "day".
    """
    most = steps[0][1]
    if amount is None:
        return Item(key, None, steps[-1][1], most)
    low = points_of(amount.number, steps)
    return Item(key, in_units(amount, unit), low, low if amount.is_final else most)


def in_units(amount: Amount, unit: str) -> str:
    """Return an amount as people read it.

    Examples
    --------
    >>> in_units(Amount(1), "visit"), in_units(Amount(4.26, False), "day")
    ('1 visit', 'at least 4.2 days')
    """
    text = f"{int(amount.number * 10) / 10:.1f}".removesuffix(".0")  # never rounded up to the next step
    words = f"{text} {unit}{'' if text == '1' else 's'}"
    return words if amount.is_final else f"at least {words}"


def yes_or_no(key: str, answer: bool | None, points: int) -> Item:
    """Return the item of a question that gives points for yes."""
    if answer is None:
        return Item(key, None, 0, points)
    worth = points if answer else 0
    return Item(key, "yes" if answer else "no", worth, worth)


def below(key: str, value: float | None, limit: float, unit: str, points: int) -> Item:
    """Return the item of a measurement that gives points below a limit."""
    if value is None:
        return Item(key, None, 0, points)
    worth = points if value < limit else 0
    return Item(key, f"{value:g} {unit}", worth, worth)
