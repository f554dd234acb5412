"""Commands that publish facts: the simulated hospital, and recordings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.common import (
    MAX_SEED,
    AsJson,
    Faults,
    FaultsSeed,
    Speed,
    counted,
    given_paths,
    load_settings,
    parse_time,
    print_json,
    remark,
    say,
)
from schemas.errors import UsageError

if TYPE_CHECKING:
    from schemas.settings import Settings

MAX_DAYS = 36_500.0


def simulate(
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="The same seed gives the same stream.")] = 1,
    days: Annotated[float | None, typer.Option(help="Simulated days to publish; without end if not given.")] = None,
    history_days: Annotated[float, typer.Option(help="Days to publish at once before the pace applies.")] = 0.0,
    start: Annotated[
        str | None,
        typer.Option(help="Start of the simulation, UTC unless it has a zone; by default now minus the history."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--from", help="Publish only what was recorded at this time or later, to go on after a stop."),
    ] = None,
    speed: Speed = "600x",
    faults: Faults = "none",
    faults_seed: FaultsSeed = 1,
    as_json: AsJson = False,
) -> None:
    """Simulate the hospital of the hospital file and publish its facts.

    Example: `wardwatch simulate --days 7 --speed max`
    """
    from schemas.hospital import load_hospital
    from simulators.hospital import simulate as run
    from simulators.publish import Speed as Pace
    from simulators.window import within

    settings = load_settings()
    pace = Pace.parse(speed)
    if not (days is None or 0 < days <= MAX_DAYS) or not 0 <= history_days <= MAX_DAYS:
        raise UsageError(f"--days must be above 0, --history-days 0 or more, and both at most {MAX_DAYS:,.0f}.")
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(days=history_days)
    if start is not None:
        begin = parse_time(start)
    if not 1900 <= begin.year <= 2900:
        raise UsageError("--start must lie in the years 1900 to 2900.")
    facts = run(load_hospital(settings.hospital_file), seed=seed, start=begin, days=days)
    wanted = within(facts, None if since is None else parse_time(since), None)
    publish_facts(
        settings, wanted, pace, as_json, begin + timedelta(days=history_days), faults=faults, seed=faults_seed
    )


def replay(
    source: Annotated[str, typer.Argument(help="Kind of recording: jsonl, mimic-iv, mimic-iii, synthea, hl7 or log.")],
    path: Annotated[
        str, typer.Argument(help="The file or folder; for log a SQLite file, a database address, or an archive.")
    ],
    speed: Speed = "max",
    since: Annotated[str | None, typer.Option("--from", help="Only what was recorded at this time or later.")] = None,
    until: Annotated[str | None, typer.Option(help="Only what was recorded before this time.")] = None,
    dates: Annotated[
        str,
        typer.Option(
            help="Dates of MIMIC. keep: as recorded; window: each patient's last stay ends in January 2026; "
            "auto: window if any date is in the future, else keep."
        ),
    ] = "auto",
    faults: Faults = "none",
    faults_seed: FaultsSeed = 1,
    as_json: AsJson = False,
) -> None:
    """Publish a recording: facts as JSON lines, MIMIC-IV, MIMIC-III, Synthea, HL7 v2 files, or a fact log.

    Example: `wardwatch replay mimic-iv ./mimic_iv_demo --speed max`
    """
    from simulators.publish import Speed as Pace
    from simulators.replay import facts
    from simulators.window import within

    settings = load_settings()
    pace = Pace.parse(speed)
    bounds = [None if text is None else parse_time(text) for text in (since, until)]
    if source == "hl7":
        from streams.ingest.from_files import read_hl7

        messages = read_hl7(given_paths([path]), settings, remark)
        records: Iterator[Any] = (record for message in messages for record in message.records())
    else:
        records = facts(source, path, settings, dates=dates, also=["hl7"])
    publish_facts(settings, within(records, bounds[0], bounds[1]), pace, as_json, faults=faults, seed=faults_seed)


def publish_facts(
    settings: Settings,
    facts: Iterator[Any],
    pace: Any,
    as_json: bool,
    live_from: datetime | None = None,
    *,
    faults: str = "none",
    seed: int = 1,
) -> None:
    """Publish records with a progress line, inject faults if asked, and print the result."""
    from simulators.console import publish_with_progress
    from simulators.faults import FaultReport, profile, summary, with_faults

    injected = FaultReport()
    if faults != "none":
        facts = with_faults(facts, profile(faults), seed, injected)
    report = publish_with_progress(facts, settings, pace, live_from=live_from, quiet=as_json)
    if as_json:
        print_json(dataclasses.asdict(report) | ({"faults": injected} if faults != "none" else {}))
        return
    say(f"Published {counted(report.published, 'record')}" + (", then stopped." if report.stopped else "."))
    if faults != "none":
        say(summary(injected))
