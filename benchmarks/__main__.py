"""Run the benchmarks: `python -m benchmarks [--events N]`."""

from __future__ import annotations

import argparse
import os
import platform

from rich.console import Console
from rich.table import Table

from benchmarks.throughput import BASELINE, Figure, measure


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="simulated facts (default 100,000)")
    arguments = parser.parse_args()
    console = Console()
    console.print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, Kafka and databases on the same machine"
    )
    console.print(throughput_table(measure(arguments.events)))


def throughput_table(figures: list[Figure]) -> Table:
    bare = [figure.per_second for figure in figures if figure.name.startswith(BASELINE)]
    yardstick = sum(bare) / len(bare)
    table = Table("path", "events", "seconds", "events/s", "ratio to bare")
    for figure in figures:
        ratio = f"{figure.per_second / yardstick:.2f}"
        table.add_row(figure.name, f"{figure.events:,}", f"{figure.seconds:.2f}", f"{figure.per_second:,.0f}", ratio)
    return table


if __name__ == "__main__":
    main()
