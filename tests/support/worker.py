"""The worker as users start it, `python -m wardwatch worker`, and a wait until its work is done."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from schemas import tables
from schemas.kafka import connection, lag
from schemas.settings import Settings
from streams.operate.status import READ_BY_WORKERS
from tests.support import guard

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 60.0
_LISTENING = re.compile(r"Worker \([^)]*\) at\s+(http://\S+)/ready")


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment of a child process: ours, with these settings and no other of Wardwatch."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("WARDWATCH_")}
    for name, value in settings.model_dump(mode="json", exclude_none=True).items():
        env[f"WARDWATCH_{name.upper()}"] = str(value)
    return env | {"PYTHONUNBUFFERED": "1", "COLUMNS": "400"}


class Stopped(NamedTuple):
    """How a worker ended."""

    exit_code: int
    seconds: float


class Worker:
    """A worker process that lives as long as the `with` block.

    Parameters
    ----------
    settings : Settings
        Where Kafka and SQL are.
    agents : str
        What it runs, by commas; all by default.
    extra : mapping of str to str
        Environment variables besides, such as `NO_CYTHON`.
    """

    def __init__(self, settings: Settings, agents: str = "all", extra: Mapping[str, str] | None = None) -> None:
        self._env = environment(settings) | dict(extra or {})
        self._arguments = [sys.executable, "-m", "wardwatch", "worker", "--agents", agents]
        descriptor, name = tempfile.mkstemp(prefix="wardwatch-worker-", suffix=".log")
        os.close(descriptor)
        self._log = Path(name)
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""

    def __enter__(self) -> Worker:
        """Start it; returns once it is ready."""
        self.start()
        try:
            self.wait_until_ready()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it in whatever state it is."""
        self.kill()
        self._log.unlink(missing_ok=True)

    def start(self) -> None:
        """Start it without waiting."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._arguments, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        guard.started(self._process.pid)

    @property
    def log(self) -> str:
        """All that it has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def log_tail(self) -> str:
        """The last lines that it has printed."""
        return "\n".join(self.log.splitlines()[-30:])

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._running().poll()

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._running().pid

    def is_ready(self) -> bool:
        """Whether /ready answers 200."""
        found = _LISTENING.search(self.log)
        if found is None:
            return False
        self.address = found[1]
        try:
            with urllib.request.urlopen(f"{self.address}/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def wait_until_ready(self, timeout_s: float = READY_WITHIN_S) -> None:
        """Return once /ready answers 200.

        Raises
        ------
        AssertionError
            When the worker ended or took too long; shows what it printed.
        """
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            code = self.exit_code
            if code is not None:
                raise AssertionError(f"The worker ended with {code} before it was ready. It printed:\n{self.log_tail}")
            if time.monotonic() > deadline:
                raise AssertionError(f"The worker was not ready within {timeout_s:.0f} s. Log:\n{self.log_tail}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it with SIGKILL."""
        process = self._running()
        process.kill()
        process.wait()
        guard.stopped(process.pid)

    def terminate(self, timeout_s: float = STOP_WITHIN_S) -> Stopped:
        """End it with SIGTERM.

        Returns
        -------
        Stopped
            Its exit code, and the seconds it took.

        Raises
        ------
        AssertionError
            When it does not stop in time; shows what it printed.
        """
        process, begun = self._running(), time.monotonic()
        process.terminate()
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"SIGTERM did not stop the worker in {timeout_s:.0f} s:\n{self.log_tail}") from None
        guard.stopped(process.pid)
        return Stopped(code, time.monotonic() - begun)

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the worker was not started"
        return self._process


class _Seen(NamedTuple):
    facts: int
    outbox: int
    lag: dict[str, int]
    ends: dict[TopicPartition, int]


def drained(
    settings: Settings,
    engine: Engine,
    facts: int,
    *workers: Worker,
    topics: Sequence[str] = tuple(READ_BY_WORKERS),
    timeout_s: float = 60.0,
) -> None:
    """Wait until SQL holds `facts` facts, the outbox is empty, and every record is committed.

    Parameters
    ----------
    settings, engine
        Addresses of Kafka and SQL. Either may be unavailable for a while.
    facts : int
        How many rows the fact log must hold in the end.
    *workers : Worker
        Their logs are shown on failure. The wait ends at once when all of them have ended.
    topics : sequence of str
        What the workers read; fewer when they do not run all agents.
    timeout_s : float
        How long this may take.

    Raises
    ------
    AssertionError
        When there are more facts, or on timeout; with the progress and the last lines of each worker.
    """
    deadline = time.monotonic() + timeout_s
    before: _Seen | None = None
    last = "nothing could be read"
    while True:
        seen, trouble = _look(settings, engine, topics)
        last = trouble or str(seen)
        if seen is not None and seen.facts > facts:
            raise AssertionError(f"SQL holds {seen.facts} facts, more than the {facts} that were sent.")
        # Twice the same, with nothing published in between: work still held by an agent would have shown.
        if (
            seen is not None
            and seen == before
            and seen.facts == facts
            and not seen.outbox
            and not any(seen.lag.values())
        ):
            return
        ended = bool(workers) and all(worker.exit_code is not None for worker in workers)
        if ended or time.monotonic() > deadline:
            why = "All workers have ended" if ended else f"{timeout_s:.0f} s are over"
            logs = "".join(f"\n--- worker {worker.pid}:\n{worker.log_tail}" for worker in workers)
            raise AssertionError(f"{why}, and not all of the {facts} facts are done: {last}.{logs}")
        before = seen
        time.sleep(0.1)


def _look(settings: Settings, engine: Engine, topics: Sequence[str]) -> tuple[_Seen | None, str]:
    try:
        behind = lag(settings, list(topics))
        ends = _end_offsets(settings, topics)
        with engine.connect().execution_options(read_only=True) as sql:
            stored = sql.scalar(select(func.count()).select_from(tables.fact)) or 0
            waiting = sql.scalar(select(func.count()).select_from(tables.outbox)) or 0
    except (KafkaError, OperationalError) as error:
        return None, f"not all could be read ({type(error).__name__})"
    return _Seen(stored, waiting, behind, ends), ""


def _end_offsets(settings: Settings, topics: Sequence[str]) -> dict[TopicPartition, int]:
    consumer = KafkaConsumer(**connection(settings))
    try:
        partitions = [
            TopicPartition(topic, number) for topic in topics for number in consumer.partitions_for_topic(topic) or ()
        ]
        ends: dict[TopicPartition, int] = consumer.end_offsets(partitions)
        return ends
    finally:
        consumer.close()
