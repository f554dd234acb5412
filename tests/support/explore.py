"""Run the generated tests with new seeds, again and again, and say how to repeat each failure.

`make test` draws the same examples each time. `make explore MINUTES=60` draws others. For every failure it prints the
seed and the command that repeats it; hypothesis prints the smallest example that it found. Write that example down as
an `@example` of the test, so that `make test` tries it from then on.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

SEED_BITS = 32


class Round(NamedTuple):
    """One run of all generated tests."""

    seed: int
    exit_code: int
    output: str


def command(seed: int, tests: Sequence[str]) -> list[str]:
    """Return the command that runs the generated tests with a seed."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "hypothesis"]
    return [*pytest, f"--hypothesis-seed={seed}", *tests]


def play(seed: int, tests: Sequence[str]) -> Round:
    """Run the generated tests once."""
    environment = {**os.environ, "HYPOTHESIS_PROFILE": "explore"}
    done = subprocess.run(
        command(seed, tests), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return Round(seed, done.returncode, done.stdout)


def explore(minutes: float, seed: int | None, tests: Sequence[str]) -> int:
    """Run rounds until the time is up, at least one; return the number of rounds that failed.

    Parameters
    ----------
    minutes : float
        No round begins later.
    seed : int or None
        Of the first round, to repeat it; None for a new one. Later rounds always have new ones.
    tests : sequence of str
        Files or node ids; empty for all.
    """
    ends_at = time.monotonic() + minutes * 60
    failed = rounds = 0
    while not rounds or time.monotonic() < ends_at:
        this = seed if seed is not None and not rounds else secrets.randbits(SEED_BITS)
        found = play(this, tests)
        rounds += 1
        if found.exit_code:
            failed += 1
            print(found.output)
            repeat = " ".join(["HYPOTHESIS_PROFILE=explore", *command(this, tests)])
            print(f"Seed {this} fails. Repeat it: {repeat}", flush=True)
        else:
            print(f"Seed {this}: {found.output.strip().splitlines()[-1]}", flush=True)
    print(f"{rounds} rounds, {failed} failed.", flush=True)
    return failed


def main() -> int:
    """Read the command line and explore; the exit code is 1 where a round failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60, help="no round begins later (default: 60)")
    parser.add_argument("--seed", type=int, help="of the first round, to repeat it")
    parser.add_argument("tests", nargs="*", help="files or tests; all generated tests by default")
    given = parser.parse_args()
    return 1 if explore(given.minutes, given.seed, given.tests) else 0


if __name__ == "__main__":
    sys.exit(main())
