"""The command line: one front door. Each command imports its room when it runs, and only then."""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from schemas.errors import UsageError, WardwatchError

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

    from schemas.settings import Settings

app = typer.Typer(
    name="wardwatch",
    help="Watch a hospital's admissions, transfers and discharges: live beds, readmission risk, capacity.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
database = typer.Typer(help="The database.", no_args_is_help=True)
app.add_typer(database, name="db")
ingest = typer.Typer(help="Feeds that hospitals have, to facts.", no_args_is_help=True)
app.add_typer(ingest, name="ingest")

LARGEST_SEED = 2**32 - 1
LONGEST_DAYS = 36_500.0
SIMULATED_FROM = datetime(2025, 1, 1, tzinfo=UTC)
"""Where the simulated years that models are trained on begin."""

dead_letters = typer.Typer(help="Records that are no facts: look, mend, send again.", no_args_is_help=True)
app.add_typer(dead_letters, name="dead-letters")

LetterArgument = Annotated[str, typer.Argument(help="As the list names it: topic/partition/offset.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Faults = Annotated[str, typer.Option(help="Faults on purpose between the source and Kafka: none, mild or hostile.")]
FaultsSeed = Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="The same seed gives the same faults.")]
Speed = Annotated[str, typer.Option(help="Pace of the facts against the clock: 1x, 600x, or max.")]


def _settings(**overrides: object) -> Settings:
    from schemas.settings import load_settings

    settings = load_settings(**overrides)
    _set_up_logging(settings)
    return settings


def _set_up_logging(settings: Settings) -> None:
    import structlog

    level = getattr(logging, settings.log_level.upper())
    logging.basicConfig(
        level=max(level, logging.WARNING), format="%(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    for chatty in ("kafka", "aiokafka"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)  # what they report, we raise
    for framework in ("faust", "mode"):
        logging.getLogger(framework).setLevel(max(level, logging.ERROR))
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _say(text: str = "", **style: Any) -> None:
    from rich.console import Console

    Console(highlight=False).print(text, soft_wrap=True, **style)


def _print_json(value: object) -> None:
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


@app.command()
def worker(
    agents: Annotated[str, typer.Option(help="What to run, by commas: adt, risk, labels, capacity, relay.")] = "all",
) -> None:
    """Run a worker: facts in, state, scores and metrics out. Start more of them to share the work.

    Example: `wardwatch worker --agents adt,relay`
    """
    from schemas.database import existing_engine, pending_migrations
    from schemas.kafka import ensure_topics, wait_for_broker
    from streams.app import AGENTS, check_agents, run_worker

    settings = _settings()
    chosen = check_agents(AGENTS if agents == "all" else [name.strip() for name in agents.split(",")])
    if pending_migrations(existing_engine(settings.sql_url)):
        raise UsageError("The database lacks its tables or its newest migration; run `wardwatch db upgrade`.")
    wait_for_broker(settings)
    ensure_topics(settings)
    run_worker(settings, chosen, lambda address: _say(f"Worker ({', '.join(chosen)}) at {address}/ready"))


@database.command()
def upgrade(as_json: AsJson = False) -> None:
    """Create the tables or bring them to the newest migration; safe to repeat.

    Example: `wardwatch db upgrade`
    """
    from schemas.database import make_engine, pending_migrations, upgrade

    settings = _settings()
    engine = make_engine(settings.sql_url)
    applied = pending_migrations(engine)
    upgrade(engine)
    if as_json:
        _print_json({"database": engine.dialect.name, "applied": applied})
    else:
        _say(f"{engine.dialect.name}: " + (f"applied {', '.join(applied)}" if applied else "up to date"))


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show what is in the database and how far behind the workers are.

    Example: `wardwatch status --json`
    """
    from schemas.database import existing_engine
    from streams.status import read_status

    settings = _settings()
    found = read_status(settings, existing_engine(settings.sql_url))
    if as_json:
        _print_json(found)
    else:
        _print_status(found)
    if found.lag is None:
        raise typer.Exit(1)


def _print_status(found: Any) -> None:
    import msgspec
    from rich.console import Console
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
    Console(highlight=False).print(table)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is there, what is missing, and how to get it. Exits with 1 when something is missing.

    Example: `wardwatch doctor`
    """
    from streams.doctor import examine

    checks = examine(_settings(log_level="error"))
    if as_json:
        _print_json(checks)
    else:
        for check in checks:
            mark = "[green]ok     [/]" if check.ok else "[red]missing[/]"
            _say(f"{mark} {check.name}: {check.found}")
            if check.remedy:
                _say(f"        {check.remedy}", style="dim")
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


@app.command()
def dashboard(
    port: Annotated[
        int | None, typer.Option(help="Port; 0 takes a free one. Overrides WARDWATCH_DASHBOARD_PORT.")
    ] = None,
) -> None:
    """Serve the dashboard on loopback.

    Example: `wardwatch dashboard --port 8050`
    """
    from dashboard.app import serve

    settings = _settings() if port is None else _settings(dashboard_port=port)
    serve(settings, on_listening=lambda address: _say(f"Dashboard at {address}"))


@app.command()
def simulate(
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="The same seed gives the same stream.")] = 1,
    days: Annotated[float | None, typer.Option(help="Simulated days to publish; for ever when not given.")] = None,
    history_days: Annotated[float, typer.Option(help="Days published at once before the pace begins.")] = 0.0,
    start: Annotated[
        datetime | None, typer.Option(help="First simulated instant, UTC; by default now, less the history.")
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

    settings = _settings()
    pace = Pace.parse(speed)
    if not (days is None or 0 < days <= LONGEST_DAYS) or not 0 <= history_days <= LONGEST_DAYS:
        raise UsageError(f"--days must be above 0, --history-days 0 or more, and both at most {LONGEST_DAYS:,.0f}.")
    if start is not None and not 1900 <= start.year <= 2900:
        raise UsageError("--start must lie in the years 1900 to 2900.")
    begin = (
        start.replace(tzinfo=UTC) if start else datetime.now(UTC).replace(microsecond=0) - timedelta(days=history_days)
    )
    facts = run(load_hospital(settings.hospital_file), seed=seed, start=begin, days=days)
    _publish(settings, facts, pace, as_json, begin + timedelta(days=history_days), faults=faults, seed=faults_seed)


@app.command()
def replay(
    source: Annotated[str, typer.Argument(help="What it is: jsonl, mimic-iv, mimic-iii, synthea, hl7 or log.")],
    path: Annotated[str, typer.Argument(help="The file or folder; for log a SQLite file or a database address.")],
    speed: Speed = "max",
    since: Annotated[str | None, typer.Option("--from", help="Only what was recorded at this time or later.")] = None,
    until: Annotated[str | None, typer.Option(help="Only what was recorded before this time.")] = None,
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

    settings = _settings()
    pace = Pace.parse(speed)
    if source == "hl7":
        from streams.ingest.from_files import read_hl7

        told: Iterator[Any] = (record for message in read_hl7([Path(path)], settings) for record in message.records())
    else:
        told = facts(source, path, settings, also=["hl7"])
    bounds = [None if text is None else _parse_time(text) for text in (since, until)]
    _publish(settings, within(told, bounds[0], bounds[1]), pace, as_json, faults=faults, seed=faults_seed)


def _publish(
    settings: Settings,
    facts: Iterator[Any],
    pace: Any,
    as_json: bool,
    live_from: datetime | None = None,
    *,
    faults: str = "none",
    seed: int = 1,
) -> None:
    from simulators.console import publish_with_progress
    from simulators.faults import FaultReport, profile, summary, with_faults

    injected = FaultReport()
    if faults != "none":
        facts = with_faults(facts, profile(faults), seed, injected)
    report = publish_with_progress(facts, settings, pace, live_from=live_from, quiet=as_json)
    if as_json:
        _print_json(dataclasses.asdict(report) | ({"faults": injected} if faults != "none" else {}))
        return
    _say(f"Published {report.published:,} records" + (", then stopped." if report.stopped else "."))
    if faults != "none":
        _say(summary(injected))


@ingest.command()
def hl7(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders of HL7 v2 messages.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would come of each message.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish HL7 v2 messages from files; what cannot be used becomes a dead letter that says why.

    Example: `wardwatch ingest hl7 ./messages --dry-run --json`
    """
    from streams.ingest.from_files import read_hl7

    settings = _settings()
    _from_files(settings, read_hl7(paths, settings), dry_run, as_json)


@ingest.command()
def mllp(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 2575,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    largest_bytes: Annotated[int, typer.Option(help="The largest message taken, in bytes.")] = 1_048_576,
    tls_cert: Annotated[str | None, typer.Option(help="PEM file of the certificate: listen with TLS.")] = None,
    tls_key: Annotated[str | None, typer.Option(help="PEM file of its key.")] = None,
    tls_ca: Annotated[
        str | None, typer.Option(help="PEM file of the authority that senders' certificates need.")
    ] = None,
) -> None:
    """Listen for HL7 v2 over MLLP; a message is acknowledged once Kafka has what came of it.

    Example: `wardwatch ingest mllp --port 2575`
    """
    from schemas.kafka import ensure_topics, wait_for_broker
    from streams.ingest.mllp import MllpOptions, serve_mllp

    if not 0 <= port <= 65_535 or largest_bytes < 1_000:
        raise UsageError("--port must be 0 to 65535 and --largest-bytes at least 1000.")
    settings = _settings()
    options = MllpOptions(
        host=host, port=port, largest_bytes=largest_bytes, tls_cert=tls_cert, tls_key=tls_key, tls_ca=tls_ca
    )
    wait_for_broker(settings)
    ensure_topics(settings)
    server = serve_mllp(settings, options, lambda address: _say(f"MLLP at {address}"))
    _say(f"{server.acknowledged:,} acknowledged, {server.rejected:,} rejected, {server.unanswered:,} not answered.")


@ingest.command()
def fhir(
    paths: Annotated[list[Path], typer.Argument(help="Files (.json, .ndjson) and folders of FHIR R4 or R5 resources.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would come of each resource.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish FHIR Encounters and Bundles from files; what cannot be used becomes a dead letter that says why.

    Example: `wardwatch ingest fhir ./bundles --dry-run --json`
    """
    from streams.ingest.from_files import read_fhir

    settings = _settings()
    _from_files(settings, read_fhir(paths, settings), dry_run, as_json)


@ingest.command()
def http(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")] = 8060,
) -> None:
    """Listen for JSON facts and FHIR resources over HTTP; answers once Kafka has them.

    Example: `wardwatch ingest http --port 8060`
    """
    from schemas.kafka import ensure_topics, wait_for_broker
    from streams.ingest.http import require_token, serve_http

    settings = _settings()
    require_token(settings.ingest_host, settings.ingest_token)
    wait_for_broker(settings)
    ensure_topics(settings)
    serve_http(settings, port, lambda address: _say(f"Facts at {address}/facts, FHIR at {address}/fhir"))


def _from_files(settings: Settings, messages: Iterator[Any], dry_run: bool, as_json: bool) -> None:
    if dry_run:
        _tell_readings(messages, as_json)
        return
    from simulators.publish import Speed as Pace

    records = (record for message in messages for record in message.records())
    _publish(settings, records, Pace.parse("max"), as_json)


def _tell_readings(messages: Iterator[Any], as_json: bool) -> None:
    import msgspec

    usable = rejected = 0
    for message in messages:
        reading = message.reading
        usable, rejected = usable + (reading.rejected is None), rejected + (reading.rejected is not None)
        if as_json:
            typer.echo(msgspec.json.encode(message.as_json()))
        else:
            what = reading.rejected or ", ".join(type(fact).__name__ for fact in reading.facts)
            kind = f" {reading.trigger}" if reading.trigger else ""
            _say(f"{message.file}[{message.number}]{kind}: {what}", markup=False)
    if not as_json:
        _say(f"{usable:,} messages give facts, {rejected:,} would be dead letters.")


@app.command()
def data_quality(as_json: AsJson = False) -> None:
    """List what a person must look at: facts that do not fit, stays that never ended, places nobody knows.

    Example: `wardwatch data-quality --json`
    """
    from schemas.database import existing_engine
    from schemas.hospital import load_hospital
    from streams.data_quality import findings

    settings = _settings()
    with existing_engine(settings.sql_url).connect().execution_options(read_only=True) as connection:
        found = findings(connection, load_hospital(settings.hospital_file))
    if as_json:
        _print_json(found)
        return
    for each in found:
        since = f", since {each.since:%Y-%m-%d %H:%M}" if each.since else ""
        _say(f"{each.kind.value.replace('_', ' ')}: {each.subject}: {each.says.replace('_', ' ')}{since}", markup=False)
    if not found:
        _say("Nothing to look at.")


@app.command()
def rebuild(as_json: AsJson = False) -> None:
    """Derive all state anew from the fact log, put it in place of what differs, and say what that was.

    Example: `wardwatch rebuild --json`
    """
    from rich.console import Console
    from rich.progress import Progress

    from schemas.database import existing_engine
    from streams.rebuild import rebuild

    engine = existing_engine(_settings().sql_url)
    with Progress(console=Console(stderr=True), disable=as_json, transient=True) as bar:
        task = bar.add_task("folding the fact log", total=None)
        report = rebuild(engine, lambda done, of: bar.update(task, completed=done, total=of))
    if as_json:
        _print_json(report)
        return
    _say(f"{report.facts:,} facts about {report.subjects:,} subjects, {report.facts_per_s:,.0f} facts/s.")
    if not report.differed:
        _say("Nothing differed.")
    for found in report.differences:
        _say(f"{found.table}: {found.missing:,} rows were missing, {found.extra:,} too many, {found.changed:,} wrong:")
        _say(f"  {', '.join(found.keys)}{', ...' if found.rows > len(found.keys) else ''}")


@app.command()
def as_of(
    time: Annotated[str, typer.Argument(help="A time such as 2026-03-02T08:00 (UTC unless it has a zone), or now.")],
    patient: Annotated[str | None, typer.Option(help="A patient's token: that patient's state.")] = None,
    known: Annotated[
        bool, typer.Option("--known/--true", help="By what had been reported then, or by what is known today.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the house, or a patient, at a moment: as it was true then, or as it was known then.

    Example: `wardwatch as-of now --json`
    """
    from schemas.database import existing_engine
    from streams.as_of import house_as_of, person_as_of

    moment = None if time == "now" else _parse_time(time)
    with existing_engine(_settings().sql_url).connect().execution_options(read_only=True) as connection:
        if patient is None:
            house = house_as_of(connection, moment, known=known)
            _print_json(house) if as_json else _print_house(house)
            return
        person = person_as_of(connection, patient, moment, known=known)
    if person is None:
        raise UsageError("Nothing was said of this patient by then. Give a token as the worklist shows it.")
    _print_json(person) if as_json else _print_person(person)


def _parse_time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no time. Write 2026-03-02T08:00, with a zone such as +01:00, or now.") from None


def _print_house(house: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("facility", "unit", "class", "in progress"):
        table.add_column(name, justify="right" if name == "in progress" else "left")
    for line in house.census:
        table.add_row(line.facility_id or "?", line.unit_id or "?", line.patient_class, f"{line.count:,}")
    Console(highlight=False).print(table)
    _say(", ".join(f"{status} {count:,}" for status, count in house.encounters.items()))


def _print_person(person: Any) -> None:
    _say(person.person_token + (f", with {len(person.tokens) - 1} merged tokens" if len(person.tokens) > 1 else ""))
    for encounter in person.encounters:
        place = encounter.location
        where = f" in {place.unit_id} {place.bed_id or ''}".rstrip() if place else ""
        _say(f"{encounter.encounter_id}: {encounter.status.value}, {encounter.patient_class.value}{where}")


@dead_letters.command("list")
def list_letters(
    settled: Annotated[bool, typer.Option("--all", help="Those that were settled too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most, the latest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List dead letters with their reasons, the latest first.

    Example: `wardwatch dead-letters list --json`
    """
    from schemas.database import existing_engine
    from streams.dead_letters import letters

    with existing_engine(_settings().sql_url).connect().execution_options(read_only=True) as connection:
        found = letters(connection, settled=settled, limit=limit)
    if as_json:
        _print_json(found)
        return
    for letter in found:
        mark = f" ({letter.settled_by})" if letter.settled_by else ""
        _say(f"{letter.name}  {letter.received_at:%Y-%m-%d %H:%M}  {letter.reason}{mark}", markup=False)
    if not found:
        _say("No dead letters.")


@dead_letters.command("show")
def show_letter(name: LetterArgument) -> None:
    """Print a dead letter's bytes as they came. They may name a patient.

    Example: `wardwatch dead-letters show adt.events.v1/0/17`
    """
    from schemas.database import existing_engine
    from streams.dead_letters import LetterName, contents

    wanted = LetterName.parse(name)
    with existing_engine(_settings().sql_url).connect().execution_options(read_only=True) as connection:
        sys.stdout.buffer.write(contents(connection, wanted).value or b"")
    sys.stdout.buffer.flush()


@dead_letters.command("fix")
def fix_letter(
    name: LetterArgument,
    file: Annotated[Path, typer.Argument(help="The corrected HL7 v2 message or JSON fact.")],
) -> None:
    """Publish a corrected message in place of a dead letter, which is then settled.

    Example: `wardwatch dead-letters fix adt.events.v1/0/17 corrected.hl7`
    """
    from streams.dead_letters import LetterName

    wanted = LetterName.parse(name)
    try:
        corrected = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror}).") from None
    if _send_letters({wanted: corrected}, "fixed"):
        raise typer.Exit(1)


@dead_letters.command("replay")
def replay_letters(
    names: Annotated[list[str] | None, typer.Argument(help="Names from the list; all that are not settled.")] = None,
) -> None:
    """Read dead letters again, with the readers and the mapping of today, and publish what can be used now.

    Example: `wardwatch dead-letters replay`
    """
    from schemas.database import existing_engine
    from streams.dead_letters import LetterName, contents, unsettled

    with existing_engine(_settings().sql_url).connect().execution_options(read_only=True) as connection:
        wanted = [LetterName.parse(name) for name in names] if names else unsettled(connection)
        found = {name: contents(connection, name).value or b"" for name in wanted}
    if _send_letters(found, "replayed"):
        raise typer.Exit(1)


def _send_letters(bodies: dict[Any, bytes], how: str) -> int:
    """Publish what can be read and settle it; returns how many cannot."""
    from schemas.database import existing_engine
    from schemas.errors import FactRejected
    from simulators.publish import Speed as Pace
    from simulators.publish import publish
    from streams.dead_letters import contents, read_again, settle

    settings = _settings()
    engine = existing_engine(settings.sql_url)
    records, settled = [], []
    for name, raw in bodies.items():
        with engine.connect().execution_options(read_only=True) as connection:
            contents(connection, name)
        try:
            records += read_again(raw, settings)
        except FactRejected as error:
            _say(f"{name}: {error}", markup=False)
        else:
            settled.append(name)
    if records:
        publish(records, settings, speed=Pace.parse("max"))
        with engine.begin() as connection:
            settle(connection, settled, how, datetime.now(UTC))
    _say(f"{len(settled):,} {how}, {len(bodies) - len(settled):,} still cannot be used.")
    return len(bodies) - len(settled)


@app.command()
def train(
    simulated_days: Annotated[
        int | None,
        typer.Option(min=1, max=3_650, help="Train on a simulated hospital of this many days instead."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Of the folds and of the simulation.")] = 1,
    unless_trained: Annotated[
        bool, typer.Option("--unless-trained", help="Do nothing where a model is in use already.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train the readmission model on the encounters in SQL and put it into use.

    Example: `wardwatch train --json`
    """
    from models.registry import latest_batch_model_name
    from schemas.database import existing_engine

    settings = _settings()
    engine = existing_engine(settings.sql_url)
    if unless_trained:
        with engine.connect().execution_options(read_only=True) as connection:
            name = latest_batch_model_name(connection)
        if name is not None:
            _print_json({"in_use": name}) if as_json else _say(f"{name} is in use; nothing to train.")
            return
    report = _train(settings, engine, simulated_days, seed)
    if as_json:
        _print_json(report)
    else:
        _say(report.summary())


def _train(settings: Settings, engine: Any, simulated_days: int | None, seed: int) -> Any:
    from models.registry import all_histories, save_batch_model
    from models.train import train as fit
    from schemas.topics import ADT_EVENTS
    from streams.unit_of_work import read_watermarks
    from streams.watermarks import overall

    if simulated_days is None:
        with engine.connect().execution_options(read_only=True) as connection:
            histories = all_histories(connection)
            reached = overall(read_watermarks(connection, ADT_EVENTS.name).values())
        until = reached - timedelta(days=settings.label_lateness_days) if reached else None
    else:
        histories = _simulated_histories(settings, simulated_days, seed)
        until = SIMULATED_FROM + timedelta(days=simulated_days)
    model = fit(
        histories, alert_share=settings.alert_share, seed=seed, trained_at=datetime.now(UTC), followed_until=until
    )
    with engine.begin() as connection:
        save_batch_model(connection, model)
    return model.report


def _simulated_histories(settings: Settings, days: int, seed: int) -> list[list[Any]]:
    from schemas.events import BedStatusChanged
    from schemas.hospital import load_hospital
    from simulators.hospital import simulate as run
    from streams.encounters import fold

    facts: dict[str, list[Any]] = {}
    hospital = load_hospital(settings.hospital_file)
    for fact in run(hospital, seed=seed, start=SIMULATED_FROM, days=days):
        if not isinstance(fact, BedStatusChanged):
            facts.setdefault(fact.subject, []).append(fact)
    histories: dict[str, list[Any]] = {}
    for about in facts.values():
        encounter = fold(about)
        if encounter is not None:
            histories.setdefault(encounter.patient_token, []).append(encounter)
    return list(histories.values())


@app.command()
def demo(
    speed: Speed = "120x",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of the dashboard; 0 takes a free one.")] = 8050,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Of the simulated hospital.")] = 1,
) -> None:
    """Run everything on this machine: broker, worker, model, simulator and dashboard. Ctrl-C stops it.

    Example: `wardwatch demo --speed 600x`
    """
    from simulators.publish import Speed as Pace
    from streams.demo import run_demo

    Pace.parse(speed)
    run_demo(_settings(), speed=speed, port=port, seed=seed, say=_say)


def main() -> None:
    """Run the command line: 0 done, 1 failed or something is missing, 2 wrong input (one line says what)."""
    try:
        code = app(standalone_mode=False)
    except UsageError as error:
        _fail(str(error), 2)
    except typer.TyperException as error:
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        if not message.strip():
            sys.exit(2)  # no command was given, and the help has been printed
        _fail(f"{message} Try `wardwatch --help`.", 2)
    except (typer.Abort, KeyboardInterrupt):
        _fail("Stopped.", 130)
    except WardwatchError as error:
        _fail(str(error), 1)
    except Exception as error:
        from sqlalchemy.exc import DBAPIError

        if not isinstance(error, DBAPIError):
            raise
        _fail(_database_failed(error), 1)
    sys.exit(code if isinstance(code, int) else 0)


def _database_failed(error: DBAPIError) -> str:
    """One line of what the driver says; never the statement, whose parameters may be about a patient."""
    first_line = str(error.orig).strip().partition("\n")[0]
    return f"The database failed: {first_line}. Check WARDWATCH_DATABASE_URL, or run `wardwatch db upgrade`."


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(f"wardwatch: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
