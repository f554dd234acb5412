"""Commands on dead letters: list, show, fix, replay."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from commands.common import AsJson, load_settings, print_json, remark, say
from schemas.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from schemas.settings import Settings
    from streams.store.dead_letters import Contents, LetterName

LetterArgument = Annotated[str, typer.Argument(help="Name from the list: topic/partition/offset.")]


def list_letters(
    settled: Annotated[bool, typer.Option("--all", help="Include settled dead letters.")] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=100_000, help="Maximum number of dead letters, the latest first.")
    ] = 50,
    as_json: AsJson = False,
) -> None:
    """List dead letters with their reasons, the latest first.

    Example: `wardwatch dead-letters list --json`
    """
    from schemas.database import existing_engine
    from schemas.hospital import load_hospital
    from streams.store.dead_letters import letters

    settings = load_settings()
    with existing_engine(settings.sql_url).connect().execution_options(read_only=True) as connection:
        found = letters(connection, settled=settled, limit=limit + 1)
    if len(found) > limit:
        found = found[:limit]
        remark(f"These are the latest {limit:,}; --limit shows more.")
    if as_json:
        print_json(found)
        return
    zone = ZoneInfo(load_hospital(settings.hospital_file).time_zone())
    for letter in found:
        received = letter.received_at.astimezone(zone)
        mark = f" ({letter.settled_by})" if letter.settled_by else ""
        say(f"{letter.name}  {received:%Y-%m-%d %H:%M}  {letter.reason}{mark}", markup=False)
    if not found:
        say("No dead letters.")


def show_letter(name: LetterArgument) -> None:
    """Print a dead letter's bytes as they came. They may name a patient.

    Example: `wardwatch dead-letters show adt.events.v1/0/17`
    """
    from schemas.database import existing_engine
    from streams.store.dead_letters import LetterName, contents

    wanted = LetterName.parse(name)
    with existing_engine(load_settings().sql_url).connect().execution_options(read_only=True) as connection:
        sys.stdout.buffer.write(contents(connection, wanted).value or b"")
    sys.stdout.buffer.flush()


def fix_letter(
    name: LetterArgument,
    file: Annotated[Path, typer.Argument(help="The corrected HL7 v2 message or JSON fact.")],
    again: Annotated[
        bool, typer.Option("--again", help="Also if the dead letter is settled: publish this correction as well.")
    ] = False,
) -> None:
    """Publish a corrected message in place of a dead letter, which is then settled.

    Example: `wardwatch dead-letters fix adt.events.v1/0/17 corrected.hl7`
    """
    from schemas.database import existing_engine
    from streams.store.dead_letters import LetterName, contents

    settings, wanted = load_settings(), LetterName.parse(name)
    try:
        corrected = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror}). Name the file of the corrected message.") from None
    if not corrected.strip():
        raise UsageError(f"{file} is empty. Name the file of the corrected message.")
    engine = existing_engine(settings.sql_url)
    with engine.connect().execution_options(read_only=True) as connection:
        letter = contents(connection, wanted)
    if letter.settled_at is not None and not again:
        raise UsageError(
            f"{wanted}: was {letter.settled_by} at {letter.settled_at:%Y-%m-%d %H:%M} UTC already. What was published "
            "then stays in the log; give --again to publish this correction as well."
        )
    _send(settings, engine, {wanted: letter._replace(value=corrected)}, "fixed")


def replay_letters(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names from the list; by default all that are not settled.")
    ] = None,
) -> None:
    """Read dead letters again with the current code and mapping, and publish those that can be used now.

    Example: `wardwatch dead-letters replay`
    """
    from schemas.database import existing_engine
    from streams.store.dead_letters import LetterName, contents, unsettled

    settings = load_settings()
    engine = existing_engine(settings.sql_url)
    with engine.connect().execution_options(read_only=True) as connection:
        wanted = [LetterName.parse(name) for name in names] if names else unsettled(connection)
        found = {name: contents(connection, name) for name in wanted}
    _send(settings, engine, found, "replayed")


def _send(settings: Settings, engine: Engine, letters: dict[LetterName, Contents], how: str) -> None:
    """Publish and settle what can be read. Exit with 1 when something still cannot."""
    from schemas.errors import FactRejected
    from simulators.publish import Speed as Pace
    from simulators.publish import publish
    from streams.operate.dead_letters import read_again
    from streams.store.dead_letters import settle

    records, settled = [], []
    for name, letter in letters.items():
        try:
            found = read_again(letter.value or b"", settings, letter.received_at)
        except FactRejected as error:
            say(f"{name}: {error}", markup=False)
            continue
        records += found.records
        if found.reason is None:
            settled.append(name)
        else:
            say(f"{name}: {found.reason} The rest is published.", markup=False)
    if records:
        publish(records, settings, speed=Pace.parse("max"))
    if settled:
        with engine.begin() as connection:
            settle(connection, settled, how, datetime.now(UTC))
    left = len(letters) - len(settled)
    say(f"{len(settled):,} {how}, {left:,} still cannot be used.")
    if left:
        raise typer.Exit(1)
