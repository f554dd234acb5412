"""A process whose log cannot be written runs on."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from commands.log_stream import LogStream

FULL = Path("/dev/full")


class Disk(io.StringIO):
    """A stream on a disk that may be full."""

    full = False

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)

    def flush(self) -> None:
        if self.full:
            raise OSError(28, "No space left on device")


def test_lines_are_dropped_while_the_disk_is_full_and_written_again_afterwards() -> None:
    disk = Disk()
    log = LogStream(disk)
    log.write("one\n")
    disk.full = True
    log.write("two\n")
    log.flush()
    disk.full = False
    log.write("three\n")
    log.flush()
    assert disk.getvalue() == "one\nthree\n"


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this system")
def test_a_process_whose_output_is_full_logs_and_announces_and_runs_on() -> None:
    code = (
        "import os, structlog; from commands.common import announce, load_settings; load_settings(); "
        "structlog.get_logger('test').warning('no room'); announce('Worker at http://127.0.0.1'); os._exit(7)"
    )
    with FULL.open("w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=full, check=False, timeout=60)
    assert done.returncode == 7
