"""Lossless publishing of facts to Kafka, at a given speed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from schemas.events import AnyFact
from schemas.kafka import ensure_topics, wait_for_broker
from schemas.outgoing import PACE_HEADER, Outgoing, outgoing
from schemas.settings import Settings
from schemas.topics import ADT_EVENTS
from simulators.delivery import Delivery
from simulators.pacing import Pacer, Speed

__all__ = ["Progress", "Report", "Speed", "publish"]

PROGRESS_EVERY_S = 0.5
LOOK_EVERY = 256
"""Facts between two checks of the clock."""
LOOK_EVERY_S = 0.25
MIN_PAUSE_S = 0.001
STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Progress of a publication.

    `published` is the number of facts that the broker has acknowledged; `recorded_at` is that of the last one sent;
    `waiting_for` is the cause of a wait ("a worker", "the broker"), None without one.
    """

    published: int
    recorded_at: datetime | None
    elapsed_s: float
    waiting_for: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """Result of a publication.

    `published` facts of `published_bytes` in `elapsed_s`; `sent_again` of them more than once, because the broker was
    unavailable; `stopped` when it ended before the source did.
    """

    published: int
    published_bytes: int
    sent_again: int
    elapsed_s: float
    first_recorded_at: datetime | None
    last_recorded_at: datetime | None
    stopped: bool


class _ProgressReporter:
    """Reports progress at most every `PROGRESS_EVERY_S`, and each wait when it begins and ends."""

    def __init__(self, on_progress: Callable[[Progress], None] | None, began_s: float) -> None:
        self._on_progress, self._began_s = on_progress, began_s
        self._reported_s = began_s
        self.published = 0
        self.recorded_at: datetime | None = None

    def waiting(self, waiting_for: str | None) -> None:
        self._report(waiting_for)

    def maybe(self) -> None:
        if time.monotonic() - self._reported_s >= PROGRESS_EVERY_S:
            self._report(None)

    def _report(self, waiting_for: str | None) -> None:
        self._reported_s = time.monotonic()
        if self._on_progress is not None:
            self._on_progress(
                Progress(
                    published=self.published,
                    recorded_at=self.recorded_at,
                    elapsed_s=self._reported_s - self._began_s,
                    waiting_for=waiting_for,
                )
            )


def publish(
    facts: Iterable[AnyFact | Outgoing],
    settings: Settings,
    *,
    speed: Speed,
    on_progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
    since: tuple[datetime, float] | None = None,
) -> Report:
    """Publish facts on the topic of ADT events, keyed by patient or bed.

    While the broker is unavailable it waits and retries. On the embedded broker it waits until the workers have
    committed what the broker keeps. A keyboard interrupt or `stop` ends it in order: it waits for the acknowledgement
    of what was sent.

    Parameters
    ----------
    facts : iterable of AnyFact or Outgoing
        In the order of `recorded_at` where the speed is not ``max``.
    settings : Settings
        Where Kafka is.
    speed : Speed
        Of event time (`recorded_at`) relative to wall-clock time.
    on_progress : callable or None
        Called at most twice a second, and when a wait begins or ends.
    stop : threading.Event or None
        Set it to stop.
    since : tuple of datetime and float, or None
        See `Pacer`: an event time, and the `time.monotonic()` at which it was due.

    Returns
    -------
    Report
        After the last fact was acknowledged.

    Raises
    ------
    BrokerUnavailable
        When no broker answers at the start.
    UsageError
        When it rejects the facts permanently; the message has the remedy.
    WardwatchError
        When the broker is unavailable at a stop; the message has the number of unacknowledged facts.
    """
    wait_for_broker(settings)
    ensure_topics(settings)
    stop = stop or threading.Event()
    began_s = time.monotonic()
    reporter, pacer = _ProgressReporter(on_progress, began_s), Pacer(speed, since=since)
    first: datetime | None = None
    delivery = Delivery(
        settings,
        ADT_EVENTS.name,
        prompt=speed.factor is not None,
        on_waiting=reporter.waiting,
        stopped=stop.is_set,
    )
    with closing(delivery):
        try:
            for number, fact in enumerate(facts):
                record = fact if isinstance(fact, Outgoing) else outgoing(fact)
                if record.recorded_at is not None:
                    if _paused(pacer, record.recorded_at, delivery, reporter, stop):
                        break
                    first = first or record.recorded_at
                    reporter.recorded_at = record.recorded_at
                elif stop.is_set():
                    break
                delivery.send(record.key, record.value, (*record.headers, (PACE_HEADER, pacer.header())))
                if number % LOOK_EVERY == 0:
                    reporter.published = delivery.acknowledged
                    reporter.maybe()
        except KeyboardInterrupt:
            stop.set()
        delivery.flush(STOP_TIMEOUT_S if stop.is_set() else None)
        return Report(
            published=delivery.acknowledged,
            published_bytes=delivery.acknowledged_bytes,
            sent_again=delivery.sent_again,
            elapsed_s=time.monotonic() - began_s,
            first_recorded_at=first,
            last_recorded_at=reporter.recorded_at,
            stopped=stop.is_set(),
        )


def _paused(
    pacer: Pacer, recorded_at: datetime, delivery: Delivery, reporter: _ProgressReporter, stop: threading.Event
) -> bool:
    """Wait until the fact is due, and check acknowledgements meanwhile; return whether to stop."""
    while (wait_s := pacer.wait_s(recorded_at)) > MIN_PAUSE_S and not stop.is_set():
        delivery.check()
        reporter.published = delivery.acknowledged
        reporter.maybe()
        stop.wait(min(wait_s, LOOK_EVERY_S))
    return stop.is_set()
