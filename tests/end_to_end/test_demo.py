"""One command starts a whole demo, and the other commands work on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.streams.ingest.hl7.messages import message

pytestmark = pytest.mark.slow
UP_WITHIN_S, SEEN_WITHIN_S = 90.0, 60.0
WARDWATCH = [sys.executable, "-m", "wardwatch"]


def in_the_house(folder: Path, *arguments: str) -> str:
    """Run a command in a shell with the settings of the demo, as the demo tells users to do."""
    shell = ["sh", "-c", f'. {folder / "demo" / "env"} && exec "$@"', "sh", *WARDWATCH, *arguments]
    done = subprocess.run(shell, capture_output=True, text=True, check=False, timeout=SEEN_WITHIN_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


def line_with(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    deadline = time.monotonic() + UP_WITHIN_S
    for line in process.stdout:
        if text in line:
            return line
        assert time.monotonic() < deadline, f"{text!r} was not printed within {UP_WITHIN_S:.0f} s"
    raise AssertionError(f"the demo ended before it printed {text!r}")


def test_an_empty_demo_shows_what_is_sent_to_it(tmp_path: Path) -> None:
    (tmp_path / "a.hl7").write_bytes(message(visit="V1", place="4W^12^01^HG"))
    process = subprocess.Popen(
        [*WARDWATCH, "demo", "--no-simulator", "--port", "0"],
        env={**os.environ, "WARDWATCH_DATA_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        address = line_with(process, "Wardwatch demo:").rpartition(" ")[2].strip()
        assert "demo/env" in line_with(process, "Other commands")
        with urllib.request.urlopen(address, timeout=30) as page:
            assert page.status == 200
        in_the_house(tmp_path, "ingest", "hl7", str(tmp_path / "a.hl7"))
        deadline = time.monotonic() + SEEN_WITHIN_S
        while not (census := json.loads(in_the_house(tmp_path, "as-of", "now", "--json"))["census"]):
            assert time.monotonic() < deadline, "the admission was not seen"
            time.sleep(0.5)
        assert [(row["facility_id"], row["unit_id"], row["count"]) for row in census] == [("HG", "4W", 1)]
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(30)
    assert code == 0
