"""The board's time and its sign of life at a hospital's pace: `python -m benchmarks.live [--minutes 10]`.

A simulated hospital publishes at 1x. A worker and the dashboard run as users start them, on the embedded broker and
SQLite. Four times a second the dashboard's /health is read: how far the board's time is behind the wall clock, and what
the sign says. In the end the worker is killed with SIGKILL, and the seconds until the sign names it are measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from schemas.database import make_engine, upgrade
from schemas.settings import load_settings
from schemas.signs_of_life import State
from streams.worker.embedded_broker import EmbeddedBroker
from tests.dashboard.process import DashboardProcess
from tests.support import guard
from tests.support.worker import Worker, environment

HISTORY_DAYS = 14
LOOK_EVERY_S = 0.25
SETTLED_WITHIN_S = 300.0
NAMED_WITHIN_S = 60.0


class Live(NamedTuple):
    """What was measured; seconds."""

    looks: int
    lag_p50_s: float
    lag_p99_s: float
    lag_max_s: float
    ahead: int
    """Looks at which the board's time was later than the wall clock."""
    back: int
    """Looks at which the board's time was earlier than at the look before."""
    live_share: float
    states: Counter[str]
    named_after_s: float
    """From SIGKILL of the worker to the sign that names it."""


def measure(minutes: float, seed: int = 1) -> Live:
    """Run the feed for so many minutes, after its history has been read."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = stack.enter_context(EmbeddedBroker())
        settings = load_settings(
            kafka_bootstrap_servers=broker.bootstrap,
            kafka_embedded=True,
            database_url=f"sqlite:///{folder / 'wardwatch.db'}",
            data_dir=folder,
            dashboard_port=0,
            log_level="error",
        )
        engine = make_engine(settings.sql_url)
        upgrade(engine)
        engine.dispose()
        worker = stack.enter_context(Worker(settings))
        dashboard = stack.enter_context(DashboardProcess(settings))
        arguments = ["simulate", "--history-days", str(HISTORY_DAYS), "--speed", "1x", "--seed", str(seed), "--json"]
        feed = subprocess.Popen(
            [sys.executable, "-m", "wardwatch", *arguments],
            env=environment(settings),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        guard.started(feed.pid)
        stack.callback(feed.wait)
        stack.callback(feed.terminate)
        _wait_until_live(dashboard.address)
        lags_s, states = _look(dashboard.address, minutes * 60)
        worker.kill()
        named_after_s = _named(dashboard.address)
    times = [at for at, _ in lags_s]
    values = [lag for _, lag in lags_s]
    p50, p99 = np.percentile(values, [50, 99])
    return Live(
        looks=len(values),
        lag_p50_s=float(p50),
        lag_p99_s=float(p99),
        lag_max_s=max(values),
        ahead=sum(lag < 0 for lag in values),
        back=sum(later < sooner for sooner, later in pairwise(times)),
        live_share=states[State.LIVE.value] / len(values),
        states=states,
        named_after_s=named_after_s,
    )


def _health(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _lag_s(health: dict[str, Any]) -> float | None:
    if health["event_time"] is None:
        return None
    return (datetime.now(UTC) - datetime.fromisoformat(health["event_time"])).total_seconds()


def _wait_until_live(address: str) -> None:
    """Return once the history is read: the board's time is near the wall clock, and the sign says live."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while True:
        health = _health(address)
        lag_s = _lag_s(health)
        if health["feed"] == State.LIVE.value and lag_s is not None and lag_s < 60:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"The board did not become live within {SETTLED_WITHIN_S:.0f} s: {health}")
        time.sleep(LOOK_EVERY_S)


def _look(address: str, seconds: float) -> tuple[list[tuple[float, float]], Counter[str]]:
    """Return the board's time and the lag at each look, and how often each state was seen."""
    found: list[tuple[float, float]] = []
    states: Counter[str] = Counter()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        health = _health(address)
        lag_s = _lag_s(health)
        states[health["feed"]] += 1
        if lag_s is not None:
            found.append((datetime.fromisoformat(health["event_time"]).timestamp(), lag_s))
        time.sleep(LOOK_EVERY_S)
    return found, states


def _named(address: str) -> float:
    killed = time.monotonic()
    while _health(address)["feed"] != State.WORKER_STOPPED.value:
        if time.monotonic() - killed > NAMED_WITHIN_S:
            return float("inf")
        time.sleep(0.05)
    return time.monotonic() - killed


def table_of(found: Live, minutes: float) -> Table:
    """Return the result as a table."""
    table = Table(f"at 1x for {minutes:g} min", "value")
    table.add_row("looks at /health", f"{found.looks:,}")
    table.add_row("board's time behind the wall clock, p50", f"{found.lag_p50_s:.2f} s")
    table.add_row("p99", f"{found.lag_p99_s:.2f} s")
    table.add_row("max", f"{found.lag_max_s:.2f} s")
    table.add_row("ahead of the wall clock; earlier than before", f"{found.ahead}; {found.back}")
    table.add_row("share of looks that said live", f"{found.live_share:.1%}")
    others = {state: count for state, count in found.states.items() if state != State.LIVE.value}
    table.add_row("other states", ", ".join(f"{state} {count}" for state, count in others.items()) or "none")
    table.add_row("killed worker named after", f"{found.named_after_s:.1f} s")
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to look")
    parser.add_argument("--seed", type=int, default=1, help="of the simulated hospital")
    arguments = parser.parse_args()
    Console().print(table_of(measure(arguments.minutes, arguments.seed), arguments.minutes))


if __name__ == "__main__":
    main()
