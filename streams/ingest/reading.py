"""Result of reading input in any format: facts, and the problems of input without facts."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from schemas.errors import FactRejected, InvalidInput
from schemas.events import AnyFact, decode_fact, encode_fact


class InputProblem(NamedTuple):
    """Why input, or a part of it, gives no facts. It never quotes the input, which may hold names."""

    where: str
    """Field or element in the standard's own notation; empty where the input as a whole is meant."""
    reason: str
    """What is wrong, and what to do."""

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" if self.where else self.reason


class Reading(msgspec.Struct, frozen=True):
    """Facts and problems of one message or resource. A subclass for each format adds what only that format has."""

    facts: tuple[AnyFact, ...] = ()
    problems: tuple[InputProblem, ...] = ()

    @property
    def rejected(self) -> str | None:
        """All problems in one line, as the reason of a dead letter; None where there are none."""
        return " ".join(map(str, self.problems)) or None


class Part(NamedTuple):
    """A part of the input with its bytes, which can be read again by themselves, and its reading."""

    raw: bytes
    reading: Reading


def problem_of(error: InvalidInput) -> InputProblem:
    """Return the problem that an error describes."""
    return InputProblem(error.where, error.reason)


def require_valid(fact: AnyFact, where: str) -> AnyFact:
    """Return the fact as the worker will decode it, so that no interface accepts what the worker rejects.

    Parameters
    ----------
    fact : AnyFact
        As read from the input.
    where : str
        Field to name where the fact is invalid.

    Raises
    ------
    InvalidInput
        With the reason of `decode_fact`.
    """
    try:
        return decode_fact(encode_fact(fact))
    except (FactRejected, UnicodeEncodeError, OverflowError) as error:
        reason = str(error) if isinstance(error, FactRejected) else "A text or a time cannot be written as JSON."
        raise InvalidInput(where, f"the fact would be invalid: {reason}") from None
