"""Commands on the hospital file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commands.common import counted, load_settings, say
from schemas.errors import UsageError


def discover(
    file: Annotated[Path, typer.Argument(help="The hospital file to write; - prints it.")] = Path("hospital.yaml"),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a hospital file from the facilities, units and beds that the feed has shown, for you to correct.

    Example: `wardwatch hospital discover hospital.yaml`
    """
    from schemas.database import existing_engine
    from schemas.hospital import parse_hospital
    from simulators.sources.fact_log import shown
    from streams.operate.discover import hospital_text, seen_units
    from streams.store.watermarks import event_time

    url = load_settings().sql_url
    printed = str(file) == "-"
    if not printed and not overwrite and file.exists():
        raise UsageError(f"{file}: exists already. Name another file, or replace it with --overwrite.")
    with existing_engine(url).connect().execution_options(read_only=True) as connection:
        units = seen_units(connection)
        text = hospital_text(units, shown(url), event_time(connection))
    if not units:
        raise UsageError("The feed has shown no unit yet. Start a worker and send or replay a feed first.")
    parse_hospital(text.encode(), "the draft")
    if printed:
        typer.echo(text, nl=False)
        return
    try:
        with file.open("w" if overwrite else "x", encoding="utf-8") as output:
            output.write(text)
    except OSError as error:
        raise UsageError(f"{file}: cannot be written ({error.strerror}). Name another file.") from None
    beds = sum(len(unit.beds) for unit in units)
    say(f"{file}: {counted(len(units), 'unit')}, {counted(beds, 'named bed')}.", markup=False)
    say("Correct it, then set WARDWATCH_HOSPITAL_FILE to it and restart the workers and the dashboard.")
