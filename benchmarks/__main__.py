"""Run the benchmarks: `python -m benchmarks [--events N]`."""

from __future__ import annotations

import argparse
import os
import platform

from rich.console import Console
from rich.table import Table

from benchmarks.latency import PER_SECOND, Latency, measure_latency
from benchmarks.throughput import BASELINE, Figure, measure


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="simulated facts (default 100,000)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the latency run (default 60)")
    arguments = parser.parse_args()
    console = Console()
    console.print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, Kafka and databases on the same machine"
    )
    console.print(throughput_table(measure(arguments.events)))
    console.print(latency_table(measure_latency(arguments.seconds)))


def throughput_table(figures: list[Figure]) -> Table:
    bare = [figure.per_second for figure in figures if figure.name.startswith(BASELINE)]
    yardstick = sum(bare) / len(bare)
    table = Table("path", "events", "seconds", "events/s", "ratio to bare")
    for figure in figures:
        ratio = f"{figure.per_second / yardstick:.2f}"
        table.add_row(figure.name, f"{figure.events:,}", f"{figure.seconds:.2f}", f"{figure.per_second:,.0f}", ratio)
    return table


def latency_table(found: Latency) -> Table:
    table = Table(f"publish to DOM at {PER_SECOND} events/s", "probes", "lost", "p50", "p99", "max")
    times = [f"{value:.0f} ms" for value in (found.p50_ms, found.p99_ms, found.max_ms)]
    table.add_row("Kafka, PostgreSQL, all agents, Chromium", f"{found.probes:,}", str(found.lost), *times)
    return table


if __name__ == "__main__":
    main()
