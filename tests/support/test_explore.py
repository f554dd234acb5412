"""`make explore`: new seeds each time, and a failure that can be repeated."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.explore import explore, play

pytestmark = pytest.mark.slow

FAILS = """
from hypothesis import given, settings, strategies as st

@settings(max_examples=50{more})
@given(st.integers(0, 10**9))
def test_drawn(number):
    with open({path!r}, "a") as file:
        file.write(f"{{number}}\\n")
    assert number < {limit}
"""


def drawn(folder: Path, limit: int, more: str = "") -> tuple[str, Path]:
    path, seen = folder / "test_drawn.py", folder / "seen"
    path.write_text(FAILS.format(path=str(seen), limit=limit, more=more))
    return str(path), seen


def test_a_seed_draws_the_same_examples_again_and_another_seed_draws_others(tmp_path: Path) -> None:
    test, seen = drawn(tmp_path, 10**9 + 1, ", derandomize=False")  # hypothesis's own profile for CI sets it
    runs = []
    for seed in (1, 1, 2):
        assert play(seed, [test]).exit_code == 0
        runs.append(seen.read_text())
        seen.unlink()
    assert runs[0] == runs[1] != runs[2]


def test_a_failure_prints_its_example_its_seed_and_the_command_that_repeats_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    test, _ = drawn(tmp_path, 10)
    assert explore(0, 7, [test]) == 1
    printed = capsys.readouterr().out
    assert "number=10" in printed
    assert "Seed 7 fails. Repeat it: HYPOTHESIS_PROFILE=explore" in printed
    assert "--hypothesis-seed=7" in printed


def test_make_test_draws_the_same_examples_each_time(tmp_path: Path) -> None:
    """The profile of tests/conftest.py, in a process of its own."""
    test, seen = drawn(tmp_path, 10**9 + 1)
    runs = []
    for _ in range(2):
        code = f"import tests.conftest, sys, pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', {test!r}]))"
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        runs.append(re.findall(r"\d+", seen.read_text()))
        seen.unlink()
    assert runs[0] == runs[1]
    assert len(runs[0]) == 50
