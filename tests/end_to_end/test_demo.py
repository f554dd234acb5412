"""One command starts a whole demo; the other commands work on it; Ctrl-C stops it, and the next one goes on."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.streams.ingest.hl7.messages import message

pytestmark = pytest.mark.slow
UP_WITHIN_S, SEEN_WITHIN_S, STOPPED_WITHIN_S = 120.0, 60.0, 5.0
WARDWATCH = [sys.executable, "-m", "wardwatch"]


class Terminal:
    """A demo in a terminal of its own, as a user starts it."""

    def __init__(self, folder: Path, *options: str, **variables: str) -> None:
        self.folder = folder
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WARDWATCH_")}
        self._env: Mapping[str, str] = {**clean, "WARDWATCH_DATA_DIR": str(folder), "TERM": "dumb", **variables}
        self._seen = ""
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.execve(WARDWATCH[0], [*WARDWATCH, "demo", "--port", "0", *options], {**self._env})

    def line_with(self, text: str) -> str:
        deadline = time.monotonic() + UP_WITHIN_S
        while time.monotonic() < deadline:
            for line in self._seen.splitlines(keepends=True):
                if text in line and line.endswith("\n"):
                    return line.strip()
            assert self._read(), f"the demo ended before it printed {text!r}: {self._seen}"
        raise AssertionError(f"{text!r} was not printed within {UP_WITHIN_S:.0f} s: {self._seen}")

    def _read(self) -> bool:
        if not select.select([self._terminal], [], [], 0.5)[0]:
            return True
        try:
            found = os.read(self._terminal, 65_536)
        except OSError:  # Linux: the other end is closed
            return False
        self._seen += found.decode()
        return bool(found)

    def command(self, *arguments: str) -> str:
        """Run a command in a shell with the settings of the demo, as the demo tells users to do."""
        shell = ["sh", "-c", f'. {self.folder / "demo" / "env"} && exec "$@"', "sh", *WARDWATCH, *arguments]
        done = subprocess.run(shell, capture_output=True, text=True, check=False, timeout=SEEN_WITHIN_S)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def census(self) -> list[tuple[str, str, int]]:
        """Wait until somebody is in the hospital."""
        deadline = time.monotonic() + SEEN_WITHIN_S
        while not (census := json.loads(self.command("as-of", "now", "--json"))["census"]):
            assert time.monotonic() < deadline, "nobody was admitted"
            time.sleep(0.5)
        return [(row["facility_id"], row["unit_id"], row["count"]) for row in census]

    def press_ctrl_c(self) -> float:
        """Return the seconds until the demo has ended with exit code 0."""
        began_s = time.monotonic()
        os.write(self._terminal, b"\x03")
        while self._read() and time.monotonic() - began_s < 30.0:
            pass
        elapsed_s = time.monotonic() - began_s
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self._terminal)
        self.pid = 0
        assert code == 0, self._seen
        return elapsed_s


@contextmanager
def demo(folder: Path, *options: str, **variables: str) -> Iterator[Terminal]:
    terminal = Terminal(folder, *options, **variables)
    try:
        yield terminal
    finally:
        if terminal.pid:
            terminal.press_ctrl_c()


def test_an_empty_demo_shows_what_is_sent_to_it_and_goes_on_after_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "a.hl7").write_bytes(message(visit="V1", place="4W^12^01^HG"))
    hospital = Path(__file__).parents[2] / "docs" / "how-to" / "example_hospital.yaml"
    with demo(tmp_path, "--no-simulator", "--hospital", str(hospital)) as first:
        address = first.line_with("Wardwatch demo:").rpartition(" ")[2]
        assert "demo/env" in first.line_with("Other commands")
        with urllib.request.urlopen(address, timeout=30) as page:
            assert page.status == 200
        first.command("ingest", "hl7", str(tmp_path / "a.hl7"))
        assert first.census() == [("HG", "4W", 1)]
        assert "Lakeside" in first.command("doctor", "--json")
        assert first.press_ctrl_c() < STOPPED_WITHIN_S
    elsewhere = {
        "WARDWATCH_DATA_DIR": str(tmp_path / "demo"),  # as after `. var/demo/env`
        "WARDWATCH_DATABASE_URL": "postgresql+psycopg://ward@127.0.0.1:1/production",
        "WARDWATCH_LOG_LEVEL": "loud",
    }
    with demo(tmp_path, "--no-simulator", **elsewhere) as second:
        assert "WARDWATCH_DATABASE_URL, WARDWATCH_LOG_LEVEL" in second.line_with("The demo ignores")
        assert second.line_with("Going on with").startswith(f"Going on with the demo in {tmp_path / 'demo'}.")
        second.line_with("Wardwatch demo:")
        assert second.census() == [("HG", "4W", 1)]


def test_a_demo_in_a_broken_database_is_kept_and_a_new_one_starts(tmp_path: Path) -> None:
    with demo(tmp_path, "--no-simulator") as first:
        first.line_with("Starting.")
    (tmp_path / "demo" / "wardwatch.db").write_bytes(b"not a database" * 1_000)
    for beside in ("-wal", "-shm"):
        (tmp_path / "demo" / f"wardwatch.db{beside}").unlink(missing_ok=True)
    with demo(tmp_path, "--no-simulator") as second:
        assert "cannot be opened" in second.line_with("Starting afresh")
        second.line_with("Starting.")
    (kept,) = tmp_path.glob("demo-*")
    assert (kept / "wardwatch.db").read_bytes().startswith(b"not a database")
