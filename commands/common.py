"""Shared parts of the commands: settings, logging, common options, and output."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.log_stream import LogStream
from schemas.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from schemas.settings import Settings

MAX_SEED = 2**32 - 1
MAX_LINE = 100_000
"""Characters; a table is only as wide as its content."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Faults = Annotated[str, typer.Option(help="Faults to inject between the source and Kafka: none, mild or hostile.")]
FaultsSeed = Annotated[int, typer.Option(min=0, max=MAX_SEED, help="The same seed gives the same faults.")]
Speed = Annotated[str, typer.Option(help="Pace of the facts against the clock: 1x, 600x, or max.")]


def load_settings(**overrides: object) -> Settings:
    """Read the settings, and configure logging."""
    from schemas.settings import load_settings as read

    settings = read(**overrides)
    _set_up_logging(settings)
    return settings


def _set_up_logging(settings: Settings) -> None:
    import structlog

    level = getattr(logging, settings.log_level.upper())
    logging.basicConfig(
        level=max(level, logging.WARNING), format="%(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    for chatty in ("kafka", "aiokafka"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)  # their errors are raised and reported by us
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
        logger_factory=structlog.PrintLoggerFactory(LogStream(sys.stderr)),  # type: ignore[arg-type] # only written to
    )


def remark(text: str) -> None:
    """Print a remark to standard error, so that it is not part of the result."""
    typer.echo(f"wardwatch: {text}", err=True)


def say(text: str = "", **style: Any) -> None:
    """Print a line for people; `markup=False` for text from outside."""
    from rich.console import Console

    Console(highlight=False).print(text, soft_wrap=True, **style)


def announce(text: str) -> None:
    """Print a line of a process that runs on. If it cannot be written, as on a full disk, the process runs on too."""
    with suppress(OSError):
        say(text)


def print_table(table: Table) -> None:
    """Print a table for people. Lines wrap at the width of the terminal, and not at all when the output is piped."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = MAX_LINE
    console.print(table)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the singular or plural.

    Examples
    --------
    >>> counted(1, "record"), counted(1_200, "record")
    ('1 record', '1,200 records')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def print_json(value: object) -> None:
    """Print JSON for programs."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def given_paths(texts: Sequence[str]) -> list[Path]:
    """Return the paths of the command line. Reject an empty one: an unset variable must not mean the current folder."""
    if not all(texts):
        raise UsageError("path: empty. Name files or folders; . is the current folder.")
    return [Path(text) for text in texts]


def parse_time(text: str) -> datetime:
    """Return a time of the command line as aware UTC."""
    if text == "now":
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text!r} is not a valid time. Write 2026-03-02T08:00, with a zone such as +01:00, or now."
        ) from None
