"""The pytest plugin: the fixture `replay` makes replays and closes them after the test.

pytest loads it wherever Wardwatch is installed, so it imports nothing until a test uses the fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from simulators.testing import Replay


@pytest.fixture
def replay() -> Iterator[Callable[..., Replay]]:
    """Make a `Replay`: of facts, or `replay(source="mimic-iv", path=...)`, or `replay(days=7, start=...)`."""
    from simulators.testing import Replay

    with ExitStack() as stack:

        def make(*facts: object, **arguments: object) -> Replay:
            if "source" in arguments:
                made = Replay.recorded(**arguments)  # type: ignore[arg-type]
            elif "days" in arguments:
                made = Replay.simulated(**arguments)  # type: ignore[arg-type]
            else:
                made = Replay(*facts, **arguments)  # type: ignore[arg-type]
            return stack.enter_context(made)

        yield make
