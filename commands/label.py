"""Commands on labels: the table of index stays and outcomes, and the rates of readmission."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TextIO

import typer

from commands.common import AsJson, counted, load_settings, parse_time, print_json, print_table, remark, say
from schemas.errors import UsageError

if TYPE_CHECKING:
    from models.labels.rates import Rate
    from models.labels.rules import Definition
    from models.labels.table import LabelRow, LabelSummary

RulesOption = Annotated[
    str,
    typer.Option(
        "--rules",
        help="`adults` (18 and over), `cms` (65 and over), or `crude`: each discharge of a living patient by itself.",
    ),
]
WindowOption = Annotated[
    str | None,
    typer.Option("--window", help="Count the 30 days by date (`calendar`) or as 30 times 24 hours (`hours`)."),
]
ObservationOption = Annotated[
    bool, typer.Option("--observation", help="Count observation stays, as index stays and as returns.")
]
DeathOption = Annotated[bool, typer.Option("--or-death", help="Count a death within the 30 days as an outcome, too.")]
UntilOption = Annotated[
    str | None,
    typer.Option(
        help="Time until which all returns are known: stays whose 30 days end later are left out. If not given, the "
        "event time less WARDWATCH_LABEL_LATENESS_DAYS; the crude count then takes all stays."
    ),
]


class Labelled(NamedTuple):
    """The table, what it was made by, and the risk issued at each discharge."""

    rows: list[LabelRow]
    definition: Definition
    summary: LabelSummary
    risks: dict[str, float]


def label(
    file: Annotated[str, typer.Argument(help="The CSV file to write; - prints it.")],
    rules: RulesOption = "adults",
    window: WindowOption = None,
    observation: ObservationOption = False,
    or_death: DeathOption = False,
    followed_until: UntilOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a table of all encounters: index stay or the reason why not, episode, return, outcome, doubts.

    Example: `wardwatch label labels.csv`
    """
    if file == "-" and as_json:
        raise UsageError("--json: the table and the summary cannot both go to standard output. Name a file.")
    if file != "-":
        _check(Path(file), overwrite)
    found = _labelled(rules, window, observation, or_death, followed_until)
    if file == "-":
        _write_csv(sys.stdout, found.rows)
        return
    _write(Path(file), found.rows)
    if as_json:
        print_json({"file": file, "summary": found.summary})
        return
    say(f"{file}: {counted(len(found.rows), 'encounter')}.", markup=False)
    _print_summary(found.summary)


def readmissions(
    by: Annotated[
        str, typer.Option(help="Groups: month, facility, unit, disposition, condition; several parted by commas.")
    ] = "month,unit",
    rules: RulesOption = "adults",
    window: WindowOption = None,
    observation: ObservationOption = False,
    or_death: DeathOption = False,
    followed_until: UntilOption = None,
    as_json: AsJson = False,
) -> None:
    """Report rates of readmission within 30 days with intervals, and observed against expected where scores exist.

    Example: `wardwatch readmissions --by month,unit,disposition,condition`
    """
    from models.labels.rates import By, rate_of, rates_by

    known = [each.value for each in By]
    names = [name.strip() for name in by.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"--by: unknown {', '.join(unknown)}. Choose from {', '.join(known)}.")
    found = _labelled(rules, window, observation, or_death, followed_until)
    stays = [row for row in found.rows if row.is_index_admission]
    name = found.summary.outcome_name
    overall = rate_of("all", stays, name, found.risks)
    groups = {each: rates_by(By(each), stays, name, found.risks) for each in dict.fromkeys(names)}
    if as_json:
        print_json({"summary": found.summary, "overall": overall, "by": groups})
        return
    _print_summary(found.summary)
    _print_rates("all", [overall])
    for each, rates in groups.items():
        _print_rates(each, rates)


def _labelled(rules: str, window: str | None, observation: bool, or_death: bool, until: str | None) -> Labelled:
    from models.labels.rules import Definition
    from models.labels.table import label_rows, summarise
    from schemas.database import existing_engine
    from schemas.hospital import load_hospital
    from streams.risk.discharge_risks import discharge_risks
    from streams.store.code_sets import load_code_sets
    from streams.store.histories import of_everyone
    from streams.store.people import deaths
    from streams.store.watermarks import event_time

    chosen = _rules(rules, window, observation, or_death)
    settings = load_settings()
    hospital = load_hospital(settings.hospital_file)
    with existing_engine(settings.sql_url).connect().execution_options(read_only=True) as connection:
        definition = Definition(chosen, hospital, load_code_sets(connection))
        reached = event_time(connection)
        crude = chosen.crude and until is None
        followed = None if crude else _followed_until(until, reached, settings.label_lateness_days)
        histories = of_everyone(connection)
        died_at = deaths(connection, histories)
        risks = discharge_risks(connection)
    rows = label_rows(histories, definition, died_at, followed)
    return Labelled(rows, definition, summarise(rows, definition, followed), risks)


def _rules(name: str, window: str | None, observation: bool, or_death: bool) -> Any:
    from dataclasses import replace

    from models.labels.rules import PRESETS, Counted, Window

    if name not in PRESETS:
        raise UsageError(f"--rules: unknown {name!r}. Choose from {', '.join(PRESETS)}.")
    if window is not None and window not in list(Window):
        raise UsageError(f"--window: unknown {window!r}. Choose from {', '.join(Window)}.")
    rules = PRESETS[name]
    if observation and rules.crude:
        raise UsageError("--observation: the crude count has observation stays already. Leave the option out.")
    return replace(
        rules,
        window=Window(window) if window else rules.window,
        counted=Counted.OBSERVATION if observation else rules.counted,
        or_death=or_death,
    )


def _followed_until(given: str | None, reached: datetime | None, lateness_days: float) -> datetime:
    if given is not None:
        until = parse_time(given)
        if reached is None or until > reached:
            remark("--followed-until: later than the feed has reached. Returns after that are counted as none.")
        return until
    if reached is None:
        raise UsageError(
            "The feed has no event time yet: too few facts have been read. Start a worker, or give --followed-until."
        )
    return reached - timedelta(days=lateness_days)


def _check(path: Path, overwrite: bool) -> None:
    if path.suffix.lower() != ".csv":
        raise UsageError(f"{path}: does not end in .csv. Name a file that does.")
    if path.exists() and not overwrite:
        raise UsageError(f"{path}: exists already. Name another file, or replace it with --overwrite.")


def _write(path: Path, rows: Sequence[LabelRow]) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as output:
            _write_csv(output, rows)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}). Name another file.") from None


def _write_csv(output: TextIO, rows: Iterable[LabelRow]) -> None:
    from models.labels.table import LabelRow

    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(LabelRow.__struct_fields__)
    writer.writerows([_text(getattr(row, name)) for name in LabelRow.__struct_fields__] for row in rows)


def _text(value: object) -> object:
    """Return a value as CSV text: empty for None, `true` and `false`, ISO 8601 times, names parted by blanks."""
    match value:
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat()
        case tuple():
            return " ".join(value)
    return value


def _print_summary(summary: LabelSummary) -> None:
    until = f", followed until {summary.followed_until:%Y-%m-%d %H:%M} UTC" if summary.followed_until else ""
    say(f"Rate: {summary.outcome_name} within 30 days. {summary.rules}: {summary.definition}{until}.", markup=False)
    say(f"{counted(summary.encounters, 'encounter')}, of them {counted(summary.index_stays, 'index stay')}.")
    for title, numbers in (
        ("Outcomes", summary.outcomes),
        ("Not an index stay", summary.reasons),
        ("Doubts about the data", summary.data_quality),
    ):
        if numbers:
            say(f"{title}: {', '.join(f'{name} {number:,}' for name, number in numbers.items())}.", markup=False)


def _print_rates(title: str, rates: Sequence[Rate]) -> None:
    from rich.table import Table

    with_ratio = any(rate.against_expected for rate in rates)
    table = Table(box=None, pad_edge=False)
    table.add_column(title)
    for name in ("index stays", "readmitted", "rate", "95%", *(("O/E", "funnel 95%", "signal") if with_ratio else ())):
        table.add_column(name, justify="right")
    for rate in rates:
        table.add_row(rate.group, *_cells(rate), *(_ratio_cells(rate) if with_ratio else ()))
    say()
    print_table(table)


def _cells(rate: Rate) -> tuple[str, ...]:
    share = "" if rate.rate is None else f"{rate.rate:.1%}"
    interval = "" if rate.interval_95 is None else f"{rate.interval_95[0]:.1%} to {rate.interval_95[1]:.1%}"
    return f"{rate.index_stays:,}", f"{rate.readmissions:,}", share, interval


def _ratio_cells(rate: Rate) -> tuple[str, ...]:
    against = rate.against_expected
    if against is None or against.ratio is None or against.limits_95 is None:
        return "", "", ""
    low, high = against.limits_95
    signal = "" if against.signal == "none" else against.signal.replace("_", " ")
    return f"{against.ratio:.2f}", f"{low:.2f} to {high:.2f}", signal
