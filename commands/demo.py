"""Everything on one machine: embedded broker, SQLite, worker, simulator, model and dashboard."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from alembic.util import CommandError
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError

from commands.demo_folder import ENVIRONMENT_FILE, DemoFolder, only_one, open_folder, put_aside
from commands.supervisor import Child, Supervisor
from schemas import tables
from schemas.database import make_engine, upgrade
from schemas.errors import UsageError, WardwatchError
from schemas.hospital import load_hospital
from schemas.signs_of_life import ahead
from streams.store.watermarks import board_time, reached_by_partition
from streams.worker.embedded_broker import PARTITIONS, EmbeddedBroker

HISTORY = timedelta(days=14)
"""Published at once, so that the board starts full and shows the last 24 hours."""
MARGIN = timedelta(days=1)
"""Published again where a demo goes on. Facts that the log has already are dropped."""

SIGN_EVERY_S = 1.0
TRAINING_BED_DAYS = 27_600
"""Simulated days of the training times staffed beds: 120 days of the built-in hospital, about 4,000 index stays. A year
gives a better model (AUROC 0.735 in place of 0.713) and takes three times as long."""
MIN_TRAINING_DAYS, MAX_TRAINING_DAYS = 90, 3_650

UP_WITHIN_S = 120.0
LOOK_AT_DATABASE_EVERY_S = 2.0
Say = Callable[[str], None]


def run_demo(
    folder: Path,
    *,
    speed: str | None,
    port: int,
    seed: int | None,
    hospital: Path | None = None,
    fresh: bool = False,
    say: Say,
) -> None:
    """Run the demo until Ctrl-C or SIGTERM. It goes on from where the last one stopped, if that is possible.

    Parameters
    ----------
    folder : Path
        Folder of the demo's data. What is in it is deleted only with `fresh`; see `commands.demo_folder`.
    speed : str or None
        Pace of the simulated hospital; None for no simulated hospital.
    port : int
        Port of the dashboard; 0 takes a free one.
    seed : int or None
        Seed of the simulated hospital; None: that of the demo which goes on, or 1.
    hospital : Path or None
        Hospital file; None: that of the demo which goes on, or the built-in hospital.
    fresh : bool
        Delete the demo in the folder first.
    say : callable
        Called with each line for the user.

    Raises
    ------
    UsageError
        When a demo runs already in this folder, the port is taken, or the hospital file is not valid.
    WardwatchError
        When a process cannot be restarted; names its log.
    """
    began_s = time.monotonic()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    now = datetime.now(UTC)
    with only_one(folder), EmbeddedBroker() as broker, Supervisor() as supervisor:
        port = _free_port() if port == 0 else port
        _check_free(port)
        choose = {"seed": seed, "hospital": hospital, "simulator": speed is not None, "now": now, "history": HISTORY}
        demo, engine = _open(folder, choose, fresh)
        with engine.connect().execution_options(read_only=True) as connection:
            reached, shown = reached_by_partition(connection).values(), board_time(connection, now)
        for remark in (*demo.remarks, *remarks_on_time(shown, now)):
            say(remark)
        place = _place(demo, broker.bootstrap)
        (folder / ENVIRONMENT_FILE).write_text(
            "".join(f"export {name}={shlex.quote(value)}\n" for name, value in place.items())
        )
        env = {**_without_settings(os.environ), **place, **_of_the_parts(port)}
        arguments = {"worker": ["worker"], "dashboard": ["dashboard"], "train": _training(demo)}
        if speed is not None:
            arguments["simulator"] = ["simulate", *_simulation(demo, reached, now), "--speed", speed]
        say(f"Starting. Logs are in {folder / 'logs'}.")
        children = {name: _child(name, given, folder, env) for name, given in arguments.items()}
        for child in children.values():
            supervisor.start(child)
        address = f"http://127.0.0.1:{port}"
        if _wait_until_up(f"{address}/health", supervisor, stop):
            say(f"\n  Wardwatch demo: [bold]{address}[/]\n")
            say(f"Other commands use this demo after: [bold]. {folder / ENVIRONMENT_FILE}[/]")
            say("Ctrl-C stops everything. The next demo goes on from there.")
            threading.Thread(target=_say_signs, args=(f"{address}/health", stop, say), daemon=True).start()
        failed = supervisor.watch(stop, _Announcer(engine, children["train"], began_s, say).look)
        if failed is not None:
            raise WardwatchError(f"{failed.name}: stopped and could not be restarted. See its log, {failed.log}.")
        say("Stopping.")


def _say_signs(url: str, stop: threading.Event, say: Say) -> None:
    """Say the dashboard's sign of life whenever its state changes."""
    before = ""
    while not stop.wait(SIGN_EVERY_S):
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                health = json.load(answer)
        except (urllib.error.URLError, OSError, ValueError):
            continue  # the supervisor watches the dashboard itself
        if health["feed"] != before:
            before = health["feed"]
            say(str(health["sign"]))


def _open(folder: Path, choose: dict[str, Any], fresh: bool) -> tuple[DemoFolder, Engine]:
    """Prepare the folder and its database. One that cannot be opened is kept beside, and a new one is started."""
    demo = open_folder(folder, fresh=fresh, **choose)
    engine = make_engine(demo.database_url)
    try:
        upgrade(engine)
        return demo, engine
    except (DBAPIError, CommandError):
        if not demo.goes_on:
            raise
    engine.dispose()
    kept = put_aside(folder, choose["now"])
    demo = open_folder(folder, fresh=False, **choose)
    engine = make_engine(demo.database_url)
    upgrade(engine)
    reason = "the database of the one before cannot be opened, or a newer version made it"
    return demo._replace(remarks=[f"Starting afresh: {reason}. The demo before is kept in {kept}."]), engine


def _place(demo: DemoFolder, bootstrap: str) -> dict[str, str]:
    """Return the settings by which any command finds the demo's broker, database and hospital file."""
    place = {
        "WARDWATCH_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "WARDWATCH_KAFKA_EMBEDDED": "true",
        "WARDWATCH_DATABASE_URL": demo.database_url,
        "WARDWATCH_DATA_DIR": str(demo.path.absolute()),
    }
    if demo.hospital_file is not None:
        place["WARDWATCH_HOSPITAL_FILE"] = str(demo.hospital_file.absolute())
    return place


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without settings of Wardwatch: they are meant for other runs."""
    return {name: value for name, value in environment.items() if not name.startswith("WARDWATCH_")}


def _of_the_parts(port: int) -> dict[str, str]:
    return {
        "WARDWATCH_DASHBOARD_HOST": "127.0.0.1",
        "WARDWATCH_DASHBOARD_PORT": str(port),
        "WARDWATCH_WORKER_PORT": "0",
        "PYTHONUNBUFFERED": "1",
        # Threads of OpenMP wait for each other by spinning. Beside the worker and the dashboard that makes training
        # up to three times as slow, and a model of this size is not faster on two cores than on one.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _training(demo: DemoFolder) -> list[str]:
    """Return the command of the first training: on more days where the hospital is smaller."""
    beds = sum(unit.staffed for unit in load_hospital(demo.hospital_file).units.values())
    days = min(max(TRAINING_BED_DAYS // max(beds, 1), MIN_TRAINING_DAYS), MAX_TRAINING_DAYS)
    seed = (demo.record.seed or 0) + 1
    return ["train", "--unless-trained", "--simulated-days", str(days), "--seed", str(seed)]


def remarks_on_time(shown: datetime | None, now: datetime) -> list[str]:
    """Return what the user must know about the time at which a demo goes on: the one before may have run faster.

    Parameters
    ----------
    shown : datetime or None
        The board's time, aware UTC; None for an empty board.
    now : datetime
        The wall clock's time, aware UTC.
    """
    found = ahead(shown, now)
    if not found:
        return []
    return [
        f"The board's time is {found} of the clock, because the demo before ran faster. It goes on from there; "
        "--fresh starts at the present."
    ]


def _simulation(demo: DemoFolder, reached: Collection[datetime], now: datetime) -> list[str]:
    """Return the options of the simulated hospital, which goes on from what the database holds.

    Facts up to now, or up to the last one of the demo before if that is later, are published at once.
    """
    record, first, last = demo.record, None, now
    if len(reached) == PARTITIONS:  # with fewer, some facts of the history may never have been read
        first, last = min(reached) - MARGIN, max(*reached, now)
    history_days = (last - record.started_at) / timedelta(days=1)
    options = {
        "--seed": str(record.seed),
        "--start": record.started_at.isoformat(),
        "--history-days": str(history_days),
    }
    if first is not None and first > record.started_at:
        options["--from"] = first.isoformat()
    return [text for option in options.items() for text in option]


def _child(name: str, arguments: list[str], folder: Path, env: dict[str, str]) -> Child:
    command = [sys.executable, "-m", "wardwatch", *arguments]
    log = folder / "logs" / f"{name}.log"
    restart, essential = name in ("worker", "dashboard"), name != "train"
    return Child(name, command, log, env, restart=restart, essential=essential)


class _Announcer:
    """Tells the user once when the worklist has its first patient, or that no model could be trained."""

    def __init__(self, engine: Engine, training: Child, began_s: float, say: Say) -> None:
        self._engine, self._training, self._began_s, self._say = engine, training, began_s, say
        self._looked_s = 0.0
        self._done = self._has_alerts()

    def look(self) -> None:
        if self._done or time.monotonic() - self._looked_s < LOOK_AT_DATABASE_EVERY_S:
            return
        self._looked_s = time.monotonic()
        if self._training.code:
            self._say(f"No model could be trained, so the worklist stays empty. See {self._training.log}.")
            self._done = True
        elif self._has_alerts():
            elapsed_s = time.monotonic() - self._began_s
            self._say(f"The worklist has its first patients, {elapsed_s:.0f} s after the start.")
            self._done = True

    def _has_alerts(self) -> bool:
        with self._engine.connect().execution_options(read_only=True) as connection:
            return bool(connection.scalar(select(func.count()).select_from(tables.alert)))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise UsageError(f"Port {port} is taken. Choose another with --port, or --port 0 for a free one.") from None


def _wait_until_up(url: str, supervisor: Supervisor, stop: threading.Event) -> bool:
    """Wait for the dashboard to answer. Return False when a process failed, which `watch` reports."""
    deadline = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < deadline and not stop.wait(0.2):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            if supervisor.failed() is not None:
                return False
    return False
