"""The command that trains the readmission model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.common import MAX_SEED, AsJson, load_settings, print_json, remark, say
from commands.stay_files import checked_source, mapping_of, read_stays
from schemas.errors import UsageError

if TYPE_CHECKING:
    from schemas.settings import Settings

SIMULATED_FROM = datetime(2025, 1, 1, tzinfo=UTC)
"""Start of the simulated time on which models are trained."""


def train(
    simulated_days: Annotated[
        int | None,
        typer.Option(min=1, max=3_650, help="Train on a simulated hospital of this many days instead."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the folds and of the simulation.")] = 1,
    unless_trained: Annotated[bool, typer.Option("--unless-trained", help="Do nothing if a model is in use.")] = False,
    source: Annotated[
        str | None,
        typer.Option(
            help="Train on a file instead of SQL: uci (Diabetes 130-US hospitals), or csv with a mapping file."
        ),
    ] = None,
    data: Annotated[Path | None, typer.Option(help="With --source: the table of stays, CSV or gzip.")] = None,
    out: Annotated[Path | None, typer.Option(help="With --source: the folder to write the model into.")] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="With --source csv: YAML that says what the columns are.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train the readmission model on the encounters in SQL and put it into use, or train on a file into a folder.

    Example: `wardwatch train --json`, or
    `wardwatch train --source uci --data diabetic_data.csv --out model`
    """
    if source is not None:
        if simulated_days is not None or unless_trained:
            raise UsageError("--source: not used with --simulated-days or --unless-trained. Leave them out.")
        return _train_on_file(source, data, out, mapping, seed, as_json)
    if data is not None or out is not None or mapping is not None:
        raise UsageError("--data, --out and --mapping: need --source. Write --source uci, or csv with a mapping file.")
    return _train_in_sql(simulated_days, seed, unless_trained, as_json)


def _train_in_sql(simulated_days: int | None, seed: int, unless_trained: bool, as_json: bool) -> None:
    from models import training_state
    from models.registry import latest_batch_model_name
    from schemas.database import existing_engine

    settings = load_settings()
    engine = existing_engine(settings.sql_url)
    if unless_trained:
        with engine.connect().execution_options(read_only=True) as connection:
            name = latest_batch_model_name(connection)
        if name is not None:
            print_json({"in_use": name}) if as_json else say(f"{name} is in use; nothing to train.")
            return
    training_state.started(engine, datetime.now(UTC))
    succeeded = False
    try:
        report = _train(settings, engine, simulated_days, seed)
        succeeded = True
    finally:
        training_state.ended(engine, datetime.now(UTC), succeeded=succeeded)
    if as_json:
        print_json(report)
    else:
        say(report.summary())


def _train_on_file(
    source: str, data: Path | None, out: Path | None, mapping: Path | None, seed: int, as_json: bool
) -> None:
    """Train on a file, write the model's folder, and print the report."""
    from models.readmission.tabular.model import make_folder, save
    from models.readmission.tabular.train import STEPS, train_on_table

    checked = checked_source(source)
    if data is None or out is None:
        raise UsageError("--source needs --data FILE, the table to train on, and --out DIR, the folder for the model.")
    settings = load_settings()
    text = mapping_of(mapping)
    table = read_stays(checked, data, text, mapping)
    make_folder(out)  # before the minutes of training
    model = train_on_table(
        table,
        alert_share=settings.alert_share,
        seed=seed,
        trained_at=datetime.now(UTC),
        mapping=None if text is None else text.decode(),
        progress=lambda done: remark(f"{done} of {STEPS} fits done"),
    )
    report = save(model, out).report
    if as_json:
        print_json(report)
    else:
        say(report.summary(), markup=False)
        say(f"Written to {out}; nothing was put into use.", markup=False)


def _train(settings: Settings, engine: Any, simulated_days: int | None, seed: int) -> Any:
    from models.labels.rules import Definition
    from models.readmission.train import train as fit
    from models.registry import save_batch_model
    from schemas.hospital import load_hospital
    from streams.store.code_sets import load_code_sets
    from streams.store.histories import of_everyone
    from streams.store.people import deaths
    from streams.store.watermarks import event_time

    died_at: dict[str, datetime] = {}
    with engine.connect().execution_options(read_only=True) as connection:
        definition = Definition(hospital=load_hospital(settings.hospital_file), codes=load_code_sets(connection))
        if simulated_days is None:
            histories = list(of_everyone(connection).values())
            died_at = deaths(connection, {stay.patient_token for history in histories for stay in history})
            reached = event_time(connection)
            until = reached - timedelta(days=settings.label_lateness_days) if reached else None
    if simulated_days is not None:
        histories = _simulated_histories(settings, simulated_days, seed)
        until = SIMULATED_FROM + timedelta(days=simulated_days)
    model = fit(
        histories,
        alert_share=settings.alert_share,
        seed=seed,
        trained_at=datetime.now(UTC),
        followed_until=until,
        died_at=died_at,
        definition=definition,
    )
    with engine.begin() as connection:
        save_batch_model(connection, model)
    return model.report


def _simulated_histories(settings: Settings, days: int, seed: int) -> list[list[Any]]:
    from schemas.events import BedStatusChanged
    from schemas.hospital import load_hospital
    from simulators.hospital import simulate as run
    from streams.fold.encounter import fold

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
