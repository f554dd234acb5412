"""Guard that ends all processes which tests started, even when pytest is killed.

A small process reads a pipe whose other end only this process holds, and gets the processes started and stopped. When
the pipe closes, it kills the rest and deletes their folders.
"""

from __future__ import annotations

import atexit
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import IO

_WATCH = """
import os, shutil, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
pids, folders = set(), set()
for line in sys.stdin:
    what, _, value = line.rstrip("\\n").partition(" ")
    if what == "started":
        pids.add(int(value))
    elif what == "stopped":
        pids.discard(int(value))
    elif what == "folder":
        folders.add(value)
for pid in pids:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
for folder in folders:
    shutil.rmtree(folder, ignore_errors=True)
"""


@cache
def _pipe() -> IO[str]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _WATCH], stdin=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdin is not None
    atexit.register(_close, process)
    return process.stdin


def _close(process: subprocess.Popen[str]) -> None:
    process.communicate()


def _send(what: str, value: object) -> None:
    pipe = _pipe()
    pipe.write(f"{what} {value}\n")
    pipe.flush()


def started(pid: int) -> None:
    """Kill the process when this one ends."""
    _send("started", pid)


def stopped(pid: int) -> None:
    """Forget a process that has ended; its number may be reused."""
    _send("stopped", pid)


def remove(folder: Path) -> None:
    """Delete a temporary folder when this process ends."""
    _send("folder", folder)
