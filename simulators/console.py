"""Publishing with a progress line on the terminal: history at once, then paced."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain

from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from schemas.events import AnyFact
from schemas.outgoing import Outgoing
from schemas.settings import Settings
from simulators.publish import Progress, Report, Speed, publish

STARTED_WITHIN_S = 60.0
"""A simulation whose pace begins less than this ago begins now, and at 1x keeps step with the wall clock."""


def publish_with_progress(
    facts: Iterator[AnyFact | Outgoing], settings: Settings, speed: Speed, *, live_from: datetime | None, quiet: bool
) -> Report:
    """Publish facts and show progress on standard error.

    Parameters
    ----------
    facts : iterator of AnyFact
        In order of `recorded_at`.
    settings : Settings
        Where Kafka is.
    speed : Speed
        Of the facts recorded from `live_from` on; those before are published at once.
    live_from : datetime or None
        None: the pace holds from the first fact on.
    quiet : bool
        Show nothing. Nothing is shown either if standard error is not a terminal.

    Returns
    -------
    Report
        Of history and live facts together.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    terminal = Console(stderr=True)
    with Bar(*columns, console=terminal, disable=quiet or not terminal.is_terminal, transient=True) as bar:
        task = bar.add_task("connecting")

        def show(progress: Progress) -> None:
            until = f", up to {progress.recorded_at:%Y-%m-%d %H:%M} UTC" if progress.recorded_at else ""
            waiting = f", waiting for {progress.waiting_for}" if progress.waiting_for else ""
            bar.update(task, description=f"{progress.published:,} facts{until}{waiting}")

        if live_from is None:
            return publish(facts, settings, speed=speed, on_progress=show)
        began_s = time.monotonic() - _seconds_since(live_from)
        history = _Before(facts, live_from)
        first = publish(history, settings, speed=Speed.parse("max"), on_progress=show)
        if first.stopped:
            return first
        since = (live_from, began_s)  # at 1x the facts then keep step with the wall clock, however long history took
        again = history.last  # says the time at once, where the first fact at this pace may be minutes away
        rest = chain(again, history.rest, facts)
        second = publish(rest, settings, speed=speed, on_progress=show, since=since)
        return _together(first, replace(second, published=second.published - len(again)))


def _seconds_since(live_from: datetime) -> float:
    """Return how long ago the pace began by the wall clock, or 0 where it is another time: that of a simulation."""
    late_s = (datetime.now(UTC) - live_from).total_seconds()
    return late_s if 0 <= late_s < STARTED_WITHIN_S else 0.0


class _Before:
    """The facts recorded before a time; the first later one is kept in `rest`, and the last one before it in `last`."""

    def __init__(self, facts: Iterator[AnyFact | Outgoing], until: datetime) -> None:
        self._facts, self._until = facts, until
        self.rest: list[AnyFact | Outgoing] = []
        self.last: list[AnyFact | Outgoing] = []

    def __iter__(self) -> Iterator[AnyFact | Outgoing]:
        for fact in self._facts:
            if fact.recorded_at is not None and fact.recorded_at >= self._until:
                self.rest.append(fact)
                return
            yield fact
            self.last = [fact]


def _together(first: Report, second: Report) -> Report:
    return replace(
        second,
        published=first.published + second.published,
        published_bytes=first.published_bytes + second.published_bytes,
        sent_again=first.sent_again + second.sent_again,
        elapsed_s=first.elapsed_s + second.elapsed_s,
        first_recorded_at=first.first_recorded_at or second.first_recorded_at,
    )
