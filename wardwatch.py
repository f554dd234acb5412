"""Command line: every command by its name, and the exit codes.

Only `commands` is imported here. It imports other packages when a command runs, so that the help is fast.
"""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from commands import codes, dead_letters, evaluate, hospital, ingest, inspect, label, log, run, simulate, train
from commands.common import remark
from schemas.errors import WardwatchError

app = typer.Typer(
    name="wardwatch",
    help="Watch a hospital's admissions, transfers and discharges: live beds, readmission risk, capacity.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
database_group = typer.Typer(help="Manage the database.", no_args_is_help=True)
ingest_group = typer.Typer(help="Read HL7 v2, FHIR and JSON, from files or over the network.", no_args_is_help=True)
dead_letters_group = typer.Typer(help="List, correct and replay records that could not be used.", no_args_is_help=True)
log_group = typer.Typer(help="Look at the fact log by months, archive old months, restore.", no_args_is_help=True)
codes_group = typer.Typer(help="Import code lists.", no_args_is_help=True)
hospital_group = typer.Typer(help="Write a hospital file.", no_args_is_help=True)
app.add_typer(database_group, name="db")
app.add_typer(codes_group, name="codes")
app.add_typer(hospital_group, name="hospital")
app.add_typer(ingest_group, name="ingest")
app.add_typer(dead_letters_group, name="dead-letters")
app.add_typer(log_group, name="log")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"wardwatch {version('wardwatch')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Watch a hospital's admissions, transfers and discharges: live beds, readmission risk, capacity."""


for command in (
    run.demo,
    run.worker,
    run.dashboard,
    run.status,
    run.doctor,
    simulate.simulate,
    simulate.replay,
    inspect.data_quality,
    inspect.rebuild,
    inspect.as_of,
    train.train,
    label.label,
    label.readmissions,
    evaluate.evaluate,
):
    app.command()(command)
database_group.command()(run.upgrade)
codes_group.command("import")(codes.import_lists)
hospital_group.command()(hospital.discover)
for feed in (ingest.hl7, ingest.mllp, ingest.fhir, ingest.http):
    ingest_group.command()(feed)
log_group.command("partitions")(log.show_partitions)
log_group.command("archive")(log.archive_months)
log_group.command("restore")(log.restore_encounters)
dead_letters_group.command("list")(dead_letters.list_letters)
dead_letters_group.command("show")(dead_letters.show_letter)
dead_letters_group.command("fix")(dead_letters.fix_letter)
dead_letters_group.command("replay")(dead_letters.replay_letters)


def main() -> None:
    """Run the command line: 0 done, 1 failed or something is missing, 2 wrong input (one line says what)."""
    try:
        code = app(standalone_mode=False, prog_name="wardwatch")
    except typer.TyperException as error:
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        if not message.strip():
            sys.exit(2)  # no command given: the help was printed
        _fail(f"{message.rstrip('.')}. {_help_for(error)}", 2)
    except (typer.Abort, KeyboardInterrupt):
        _fail("Stopped.", 130)
    except WardwatchError as error:
        _fail(str(error), error.exit_code)
    except Exception as error:
        from alembic.util import CommandError
        from sqlalchemy.exc import DBAPIError
        from sqlalchemy.exc import TimeoutError as PoolTimeout

        if not isinstance(error, DBAPIError | CommandError | PoolTimeout):
            raise
        from schemas.database_errors import explain

        _fail(explain(error), 1)
    sys.exit(code if isinstance(code, int) else 0)


def _help_for(error: typer.TyperException) -> str:
    """Return a hint at the help of the command."""
    context = getattr(error, "ctx", None)
    return f"Try `{context.command_path if context else 'wardwatch'} --help`."


def _fail(message: str, code: int) -> NoReturn:
    remark(" ".join(line.strip() for line in message.splitlines() if line.strip()))
    sys.exit(code)


if __name__ == "__main__":
    main()
