"""Commands that run processes (worker, dashboard, demo) and look after them (db upgrade, status, doctor)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.common import MAX_SEED, AsJson, Speed, announce, load_settings, print_json, print_table, remark, say
from schemas.errors import UsageError


def worker(
    agents: Annotated[
        str,
        typer.Option(help="Agents to run, separated by commas: adt, risk, labels, capacity, quality, relay; or all."),
    ] = "all",
) -> None:
    """Run a worker, which turns facts into state, scores and metrics. Several workers share the work.

    Example: `wardwatch worker --agents adt,relay`
    """
    from schemas.database import existing_engine, pending_migrations
    from schemas.kafka import ensure_topics, wait_for_broker
    from streams.app import AGENTS, check_agents, run_worker

    settings = load_settings()
    chosen = check_agents(AGENTS if agents == "all" else [name.strip() for name in agents.split(",")])
    if pending_migrations(existing_engine(settings.sql_url)):
        raise UsageError("The database lacks its tables or its newest migration; run `wardwatch db upgrade`.")
    wait_for_broker(settings)
    ensure_topics(settings)
    run_worker(settings, chosen, lambda address: announce(f"Worker ({', '.join(chosen)}) at {address}/ready"))


def dashboard(
    port: Annotated[
        int | None, typer.Option(help="Port; 0 takes a free one. Overrides WARDWATCH_DASHBOARD_PORT.")
    ] = None,
) -> None:
    """Serve the dashboard on loopback.

    Example: `wardwatch dashboard --port 8050`
    """
    from dashboard.app import serve
    from streams.operate.dead_letters import replay

    settings = load_settings() if port is None else load_settings(dashboard_port=port)
    serve(
        settings,
        on_listening=lambda address: announce(f"Dashboard at {address}"),
        make_replay=lambda engine: lambda names, by, now: replay(engine, settings, names, by=by, now=now),
    )


def demo(
    speed: Speed = "120x",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of the dashboard; 0 takes a free one.")] = 8050,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=MAX_SEED, help="Seed of the simulated hospital; by default as before, or 1."),
    ] = None,
    hospital: Annotated[
        Path | None, typer.Option(help="Hospital file; by default as before, or the built-in Harbour General.")
    ] = None,
    simulator: Annotated[
        bool, typer.Option(help="Publish the facts of a simulated hospital, or wait for a feed of your own.")
    ] = True,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Delete the demo before, instead of going on with it.")
    ] = False,
) -> None:
    """Run everything on this machine: broker, worker, model, simulator and dashboard. Ctrl-C stops it.

    It goes on from where the last demo stopped. Of the settings it reads WARDWATCH_DATA_DIR only; its data is in the
    folder `demo` there.

    Example: `wardwatch demo --speed 600x`
    """
    from commands.demo import run_demo
    from commands.demo_folder import base_of
    from simulators.publish import Speed as Pace

    Pace.parse(speed)
    given = sorted(name for name in os.environ if name.startswith("WARDWATCH_"))
    data_dir = Path(os.environ.get("WARDWATCH_DATA_DIR") or "var")
    ignored = [name for name in given if name != "WARDWATCH_DATA_DIR"]
    for name in given:
        del os.environ[name]
    settings = load_settings(data_dir=base_of(data_dir))
    if ignored:
        remark(f"The demo ignores {', '.join(ignored)}. Its own options are listed by `wardwatch demo --help`.")
    folder = settings.data_dir / "demo"
    pace = speed if simulator else None
    run_demo(folder, speed=pace, port=port, seed=seed, hospital=hospital, fresh=fresh, say=say)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # all is stopped; freeing what was imported would take seconds more on a busy machine


def upgrade(as_json: AsJson = False) -> None:
    """Create the tables or bring them to the newest migration; safe to repeat.

    Example: `wardwatch db upgrade`
    """
    from schemas.database import make_engine, pending_migrations, upgrade

    settings = load_settings()
    engine = make_engine(settings.sql_url)
    applied = pending_migrations(engine)
    upgrade(engine)
    if as_json:
        print_json({"database": engine.dialect.name, "applied": applied})
    else:
        say(f"{engine.dialect.name}: " + (f"applied {', '.join(applied)}" if applied else "up to date"))


def status(as_json: AsJson = False) -> None:
    """Show what is in the database and how far behind the workers are.

    Example: `wardwatch status --json`
    """
    from schemas.database import existing_engine
    from streams.operate.status import read_status

    settings = load_settings()
    found = read_status(settings, existing_engine(settings.sql_url))
    if as_json:
        print_json(found)
    else:
        _print_status(found)
    if found.lag is None:
        raise typer.Exit(1)


def _print_status(found: Any) -> None:
    import msgspec
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in msgspec.to_builtins(found).items():
        if name == "lag" and value is None:
            value = "unknown: no Kafka broker answers"
        elif isinstance(value, dict):
            value = ", ".join(f"{key} {number:,}" for key, number in value.items())
        elif value is None:
            value = "none"
        table.add_row(name.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value))
    print_table(table)


def doctor(as_json: AsJson = False) -> None:
    """Check what Wardwatch needs, with a remedy for what is missing. Exits with 1 when something is missing.

    Example: `wardwatch doctor`
    """
    from commands.doctor import examine

    checks = examine(load_settings(log_level="error"))
    if as_json:
        print_json(checks)
    else:
        for check in checks:
            mark = "[green]ok     [/]" if check.ok else "[red]missing[/]"
            say(f"{mark} {check.name}: {check.found}")
            if check.remedy:
                say(f"        {check.remedy}", style="dim")
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
