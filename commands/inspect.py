"""Commands on the fact log: rebuild, as-of and data-quality."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from commands.common import AsJson, counted, load_settings, parse_time, print_json, print_table, remark, say
from schemas.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection


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


def rebuild(
    check: Annotated[
        bool, typer.Option("--check", help="Only list the rows that differ; exit with 1 if there are any.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Derive all state from the fact log again, correct the rows that differ, and list them.

    Exits with 0 once the state is correct, whether or not rows differed before.

    Example: `wardwatch rebuild --json`
    """
    from schemas.database import existing_engine
    from streams.operate.rebuild import rebuild

    engine = existing_engine(load_settings().sql_url)
    with _progress("folding the fact log", quiet=as_json) as on_progress:
        report = rebuild(engine, on_progress, correct=not check)
    if as_json:
        print_json(report)
    else:
        _print_report(report, check)
    if check and report.differed:
        raise typer.Exit(1)


def _print_report(report: Any, check: bool) -> None:
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
        say(f"  {', '.join(found.keys)}{', ...' if found.rows > len(found.keys) else ''}", markup=False)
    if report.differed:
        say("Nothing was changed; without --check these rows are corrected." if check else "All of them are corrected.")


def as_of(
    time: Annotated[str, typer.Argument(help="A time such as 2026-03-02T08:00 (UTC unless it has a zone), or now.")],
    patient: Annotated[
        str | None, typer.Option(help="Token of a patient, or its first characters; show only this patient.")
    ] = None,
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
    from streams.store.watermarks import event_time

    moment = None if time == "now" else parse_time(time)
    with existing_engine(load_settings().sql_url).connect().execution_options(read_only=True) as connection:
        _remark_beyond(moment, event_time(connection))
        if patient is None:
            with _progress("reading the fact log", quiet=as_json) as on_progress:
                hospital = house_as_of(connection, moment, known=known, on_progress=on_progress)
            print_json(hospital) if as_json else _print_hospital(hospital)
            return
        token = _whole_token(connection, patient)
        person = person_as_of(connection, token, moment, known=known)
        if person is None:
            raise UsageError(_nothing_yet(connection, token, known))
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


def _remark_beyond(moment: datetime | None, reached: datetime | None) -> None:
    """Tell the user when the feed has not reached the moment."""
    if moment is None or (reached is not None and moment <= reached):
        return
    if reached is None:
        remark("The feed has no event time yet: too few facts have been read.")
    else:
        remark(
            f"The feed has reached {reached:%Y-%m-%d %H:%M} UTC. What happened between then and "
            f"{moment:%Y-%m-%d %H:%M} UTC is not known yet."
        )


def _whole_token(connection: Connection, given: str) -> str:
    from streams.operate.as_of import tokens_that_begin_with
    from streams.store.people import persons

    # A token is ASCII. A database may reject other characters that a terminal can send.
    found = tokens_that_begin_with(connection, given) if given and given.isascii() else []
    if not found:
        raise UsageError(
            "--patient: no patient has this token, or one that begins so. Give a token as the worklist shows it, or "
            "its first characters."
        )
    if len(found) > 1 and len(set(persons(connection, found).values())) > 1:
        raise UsageError(f"--patient: {len(found):,} tokens begin with {given!r}. Give more characters of it.")
    return found[0]


def _nothing_yet(connection: Connection, token: str, known: bool) -> str:
    from streams.operate.as_of import first_fact_at

    first = first_fact_at(connection, token, known=known)
    verb = "was recorded" if known else "is of"
    since = f": the first fact about this patient {verb} {first:%Y-%m-%d %H:%M} UTC" if first else ""
    return f"--patient {token}: nothing {'was known' if known else 'had happened'} by then{since}. Give a later time."


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
