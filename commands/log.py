"""Commands on the fact log by months: list the partitions, archive old months, restore archived encounters."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from commands.common import AsJson, counted, given_paths, load_settings, print_json, say


def show_partitions(as_json: AsJson = False) -> None:
    """List the partitions of the fact log with the number of their facts; SQLite has one table.

    Example: `wardwatch log partitions --json`
    """
    from schemas.database import existing_engine
    from streams.operate.archive import list_partitions

    with existing_engine(load_settings().sql_url).connect().execution_options(read_only=True) as connection:
        found = list_partitions(connection)
    if as_json:
        print_json(found)
        return
    for each in found:
        say(f"{each.name}: {counted(each.facts, 'fact')}", markup=False)


def archive_months(
    before: Annotated[str, typer.Option(help="Archive what came in before this month, such as 2026-03.")],
    to: Annotated[str, typer.Option(help="Folder for the files, one a month.")],
    quiet_days: Annotated[
        int, typer.Option(help="Days since the month ended, and since an encounter ended; at least 15.")
    ] = 90,
    as_json: AsJson = False,
) -> None:
    """Write old months of the fact log to files that `replay log` reads, verify them, and drop the facts.

    Example: `wardwatch log archive --before 2026-03 --to archive`
    """
    from schemas.database import existing_engine
    from schemas.partitions import Month
    from streams.operate.archive import archive

    engine = existing_engine(load_settings().sql_url)
    found = archive(engine, Month.parse(before), given_paths([to])[0], now=datetime.now(UTC), quiet_days=quiet_days)
    if as_json:
        print_json(found)
        return
    for each in found:
        where = f" to {each.file}" if each.file else ""
        say(
            f"{each.month}: {counted(each.facts, 'fact')} with {counted(each.encounters, 'encounter')}{where}; "
            f"{counted(each.facts_kept, 'fact')} of this month and before stay.",
            markup=False,
        )
    if not found:
        say("Nothing to archive.")


def restore_encounters(
    file: Annotated[Path, typer.Argument(help="A file that `wardwatch log archive` wrote.")],
    encounters: Annotated[
        list[str] | None, typer.Argument(help="Encounters to restore; by default all of the file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring archived encounters back into the fact log, so that late facts about them count again.

    Example: `wardwatch log restore archive/facts-2026-02.jsonl.gz E17`
    """
    from schemas.database import existing_engine
    from streams.operate.archive import restore

    engine = existing_engine(load_settings().sql_url)
    found = restore(engine, file, set(encounters or ()), now=datetime.now(UTC))
    if as_json:
        print_json(found)
        return
    say(f"Restored {counted(found.encounters, 'encounter')} with {counted(found.facts, 'fact')}.")
