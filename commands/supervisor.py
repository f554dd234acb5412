"""Supervisor of processes: start them, restart those that end, and stop all. Used by `wardwatch demo`."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

GRACE_S = 2.5
"""How long a process may take to stop before it is killed. What it had not committed is read again."""

FIRST_RESTART_S = 1.0
MAX_RESTARTS = 5
STEADY_S = 60.0
"""A process that ran this long has started well; its count of restarts is reset."""

_PR_SET_PDEATHSIG = 1


class Child:
    """One process and its log file.

    Parameters
    ----------
    name, arguments, log, env
        Of the process.
    restart : bool
        Start it again when it ends; otherwise it is a one-off.
    essential : bool
        Whether a failure ends everything.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        log: Path,
        env: Mapping[str, str],
        *,
        restart: bool,
        essential: bool = True,
    ) -> None:
        self.name = name
        self.arguments = [*arguments]
        self.log = log
        self.restart = restart
        self.essential = essential
        self.restarts = 0
        self.started_at = 0.0
        self._env = dict(env)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process in its own session: Ctrl-C reaches only the parent, which stops its children in order."""
        self.started_at = time.monotonic()
        with self.log.open("ab") as output:
            self.process = self._popen(output)

    @property
    def code(self) -> int | None:
        """Exit code of the process; None while it runs."""
        return self.process.poll() if self.process else None

    def _popen(self, output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.arguments,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Supervisor:
    """Processes that live as long as the `with` block, in the order in which they were started."""

    def __init__(self) -> None:
        self._children: list[Child] = []

    def __enter__(self) -> Supervisor:
        """Return the supervisor, without processes."""
        return self

    def start(self, child: Child) -> None:
        """Start a process and supervise it."""
        child.start()
        self._children.append(child)

    def failed(self) -> Child | None:
        """Restart ended processes. Return one that cannot be restarted, or a one-off that failed."""
        for child in self._children:
            code = child.code
            if code is None or (not child.restart and (code == 0 or not child.essential)):
                continue
            if time.monotonic() - child.started_at > STEADY_S:
                child.restarts = 0
            if not child.restart or child.restarts >= MAX_RESTARTS:
                return child
            child.restarts += 1
            time.sleep(FIRST_RESTART_S)
            child.start()
        return None

    def watch(self, stop: threading.Event, on_look: Callable[[], None] = lambda: None) -> Child | None:
        """Supervise until `stop` is set, and call `on_look` twice a second.

        Return the process that could not be restarted, if any.
        """
        while not stop.wait(0.5):
            child = self.failed()
            if child is not None:
                return child
            on_look()
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ask all to stop, the last started first; kill what does not stop within `GRACE_S`."""
        running = [child.process for child in reversed(self._children) if child.process and child.code is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + GRACE_S
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
