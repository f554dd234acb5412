"""Commands on the fact log: rebuild, as-of and data-quality."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from commands.common import AsJson, counted, load_settings, parse_time, print_json, print_table, say
from schemas.errors import UsageError


def data_quality(as_json: AsJson = False) -> None:
    """List data-quality findings: facts that do not fit, stays that never ended, unknown units and beds.

    Example: `wardwatch data-quality --json`
    """
    from schemas.database import existing_engine
    from schemas.hospital import load_hospital
    from streams.quality.findings import findings

    settings = load_settings()
    with existing_engine(settings.sql_url).connect().execution_options(read_only=True) as connection:
        found = findings(connection, load_hospital(settings.hospital_file))
    if as_json:
        print_json(found)
        return
    for each in found:
        since = f", since {each.since:%Y-%m-%d %H:%M}" if each.since else ""
        say(f"{each.kind.value.replace('_', ' ')}: {each.subject}{since}: {each.says}", markup=False)
    if not found:
        say("Nothing to look at.")


def rebuild(as_json: AsJson = False) -> None:
    """Derive all state from the fact log again, correct the rows that differ, and list them.

    Example: `wardwatch rebuild --json`
    """
    from schemas.database import existing_engine
    from streams.operate.rebuild import rebuild

    engine = existing_engine(load_settings().sql_url)
    with _progress("folding the fact log", quiet=as_json) as on_progress:
        report = rebuild(engine, on_progress)
    if as_json:
        print_json(report)
        return
    say(
        f"{counted(report.facts, 'fact')} about {counted(report.subjects, 'subject')}, "
        f"{report.facts_per_s:,.0f} facts/s."
    )
    if not report.differed:
        say("Nothing differed.")
    for found in report.differences:
        say(
            f"{found.table}: {counted(found.missing, 'row')} missing, "
            f"{found.extra:,} too many, {found.changed:,} wrong:"
        )
        say(f"  {', '.join(found.keys)}{', ...' if found.rows > len(found.keys) else ''}")


def as_of(
    time: Annotated[str, typer.Argument(help="A time such as 2026-03-02T08:00 (UTC unless it has a zone), or now.")],
    patient: Annotated[str | None, typer.Option(help="Token of a patient; show only this patient.")] = None,
    known: Annotated[
        bool,
        typer.Option("--known/--true", help="By the facts that were reported until then, or by all facts known today."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the hospital or a patient at a time in the past: as it was, or as it was known then.

    Example: `wardwatch as-of now --json`
    """
    from schemas.database import existing_engine
    from streams.operate.as_of import house_as_of, person_as_of

    moment = None if time == "now" else parse_time(time)
    with existing_engine(load_settings().sql_url).connect().execution_options(read_only=True) as connection:
        if patient is None:
            with _progress("reading the fact log", quiet=as_json) as on_progress:
                hospital = house_as_of(connection, moment, known=known, on_progress=on_progress)
            print_json(hospital) if as_json else _print_hospital(hospital)
            return
        # A token is ASCII. A database may reject other characters that a terminal can send.
        person = person_as_of(connection, patient, moment, known=known) if patient.isascii() else None
    if person is None:
        raise UsageError("--patient: no facts about this patient by then. Give a token as the worklist shows it.")
    print_json(person) if as_json else _print_person(person)


@contextmanager
def _progress(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal; yields the function that moves it, given what is done and how much there is."""
    from rich.console import Console
    from rich.progress import Progress

    terminal = Console(stderr=True)
    with Progress(console=terminal, disable=quiet or not terminal.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _print_hospital(hospital: Any) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("facility", "unit", "class", "in progress"):
        table.add_column(name, justify="right" if name == "in progress" else "left")
    for line in hospital.census:
        table.add_row(line.facility_id or "?", line.unit_id or "?", line.patient_class, f"{line.count:,}")
    print_table(table)
    say(", ".join(f"{status} {count:,}" for status, count in hospital.encounters.items()))


def _print_person(person: Any) -> None:
    say(
        person.person_token
        + (f", with {counted(len(person.tokens) - 1, 'merged token')}" if len(person.tokens) > 1 else "")
    )
    for encounter in person.encounters:
        place = encounter.location
        where = f" in {place.unit_id} {place.bed_id or ''}".rstrip() if place else ""
        say(f"{encounter.encounter_id}: {encounter.status.value}, {encounter.patient_class.value}{where}")
