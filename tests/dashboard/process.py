"""The dashboard as users start it, `python -m wardwatch dashboard`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

from schemas.settings import Settings
from tests.support import guard
from tests.support.worker import environment

LISTENING_WITHIN_S = 30.0
_LISTENING = re.compile(r"Dashboard at\s+(http://\S+)")


class DashboardProcess:
    """A dashboard that lives as long as the `with` block, on a free port unless `settings` names one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        descriptor, name = tempfile.mkstemp(prefix="wardwatch-dashboard-", suffix=".log")
        os.close(descriptor)
        self._log = Path(name)
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""

    def __enter__(self) -> DashboardProcess:
        self.start()
        try:
            self._wait_until_listening()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._log.unlink(missing_ok=True)

    def start(self) -> None:
        arguments = [sys.executable, "-m", "wardwatch", "dashboard", "--port", str(self._settings.dashboard_port)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                arguments,
                env=environment(self._settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        guard.started(self._process.pid)

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def terminate(self) -> int:
        """Send SIGTERM; return the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(15)

    def wait(self, timeout_s: float) -> int:
        """Return the exit code of a dashboard that ends by itself."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        guard.stopped(self._process.pid)

    def _wait_until_listening(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + LISTENING_WITHIN_S
        while (found := _LISTENING.search(self.log)) is None:
            assert self._process.poll() is None, f"The dashboard ended with {self._process.poll()}:\n{self.log}"
            assert time.monotonic() < deadline, f"The dashboard did not listen:\n{self.log}"
            time.sleep(0.05)
        self.address = found[1]
