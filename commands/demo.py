"""Everything on one machine: embedded broker, SQLite, worker, simulator, model and dashboard."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from commands.supervisor import Child, Supervisor
from schemas.database import make_engine, upgrade
from schemas.errors import UsageError, WardwatchError
from schemas.settings import Settings
from streams.worker.embedded_broker import EmbeddedBroker

HISTORY_DAYS = 14
"""Published at once, so that the board starts full and shows the last 24 hours."""

TRAINING_DAYS = 365
UP_WITHIN_S = 60.0
SIGN_EVERY_S = 1.0
Say = Callable[[str], None]


def run_demo(settings: Settings, *, speed: str | None, port: int, seed: int, say: Say) -> None:
    """Run the demo until Ctrl-C or SIGTERM. Each demo starts empty; the data of the last one is deleted.

    Parameters
    ----------
    settings : Settings
        Settings of the user. The demo overrides addresses, ports and folders.
    speed : str or None
        Pace of the simulated hospital; None for no simulated hospital.
    port : int
        Port of the dashboard; 0 takes a free one.
    seed : int
        Seed of the simulated hospital.
    say : callable
        Called with each line for the user.

    Raises
    ------
    UsageError
        When a demo runs already in this data directory, or the port is taken.
    WardwatchError
        When a process cannot be restarted; names its log.
    """
    folder = settings.data_dir / "demo"
    port = _free_port() if port == 0 else port
    _check_free(port)
    with _only_one(folder), EmbeddedBroker() as broker, Supervisor() as supervisor:
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        signal.signal(signal.SIGINT, lambda *_: stop.set())
        place = _place(folder.absolute(), broker.bootstrap)
        (folder / "env").write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in place.items()))
        env = {**os.environ, **place, **_of_the_parts(settings, port)}
        upgrade(make_engine(env["WARDWATCH_DATABASE_URL"]))
        wardwatch = [sys.executable, "-m", "wardwatch"]
        parts = {"worker": ["worker"], "dashboard": ["dashboard"]}
        if speed is not None:
            parts["simulator"] = [
                "simulate",
                "--history-days",
                str(HISTORY_DAYS),
                "--speed",
                speed,
                "--seed",
                str(seed),
            ]
        for name, arguments in parts.items():
            supervisor.start(_child(name, [*wardwatch, *arguments], folder, env, restart=name != "simulator"))
        address = f"http://127.0.0.1:{port}"
        say(f"Starting. Logs are in {folder / 'logs'}.")
        if _wait_until_up(f"{address}/health", supervisor, stop):
            say(f"\n  Wardwatch demo: [bold]{address}[/]\n")
            say("A model is being trained on a simulated year; the worklist fills in about half a minute.")
            say(f"Other commands use this demo after: [bold]. {folder / 'env'}[/]")
            say("Ctrl-C stops everything.")
            training = [*wardwatch, "train", "--simulated-days", str(TRAINING_DAYS), "--seed", str(seed + 1)]
            supervisor.start(_child("train", training, folder, env, restart=False))
            threading.Thread(target=_say_signs, args=(f"{address}/health", stop, say), daemon=True).start()
        failed = supervisor.watch(stop)
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


def _place(folder: Path, bootstrap: str) -> dict[str, str]:
    """Return the settings by which any command finds the demo's broker and database."""
    return {
        "WARDWATCH_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "WARDWATCH_KAFKA_EMBEDDED": "true",
        "WARDWATCH_DATABASE_URL": f"sqlite:///{folder / 'wardwatch.db'}",
        "WARDWATCH_DATA_DIR": str(folder),
    }


def _of_the_parts(settings: Settings, port: int) -> dict[str, str]:
    return {
        "WARDWATCH_DASHBOARD_HOST": "127.0.0.1",
        "WARDWATCH_DASHBOARD_PORT": str(port),
        "WARDWATCH_WORKER_PORT": "0",
        "WARDWATCH_LOG_LEVEL": settings.log_level,
        "PYTHONUNBUFFERED": "1",
    }


def _child(name: str, arguments: list[str], folder: Path, env: dict[str, str], *, restart: bool) -> Child:
    return Child(name, arguments, folder / "logs" / f"{name}.log", env, restart=restart)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Lock the folder of the demo for this process, and empty it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_suffix(".lock")
    with lock.open("a") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"A demo is running already in {folder}. Stop it, or set WARDWATCH_DATA_DIR.") from None
        if folder.exists():
            shutil.rmtree(folder)
        (folder / "logs").mkdir(parents=True)
        yield


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
