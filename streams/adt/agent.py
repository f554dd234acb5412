"""The `adt` agent: facts into the log and the state.

Decode, one transaction, acknowledge. What is no fact goes to the dead letters; when most of what comes is rejected
the worker stops instead of draining the topic.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from schemas.errors import TooManyRejected
from schemas.topics import ADT_EVENTS
from streams.adt.process import Outcome, process
from streams.adt.records import Batch, Fetch, Record, read_batch
from streams.store.unit_of_work import unit_of_work
from streams.worker import metrics
from streams.worker.batching import batched
from streams.worker.transactions import Transactions, is_transient

WINDOW = 1_000
"""Records that `RejectionLimit` looks back on."""

MIN_REJECTED = 200
"""A few bad records at the start of a topic are no changed feed."""

MAX_AT_ONCE = 2_000
"""Records in one transaction, unless a single fetch holds more."""

INTERVAL_S = 0.025
"""Least time between two transactions: at 200 facts a second a third of the work, for 12 ms more until the board."""

log = structlog.get_logger("wardwatch.adt")
Clock = Callable[[], datetime]


class RejectionLimit:
    """Stops the worker when more than `share` of the last `WINDOW` records were rejected."""

    def __init__(self, share: float) -> None:
        self.share = share
        self._window: deque[tuple[int, int]] = deque()

    def note(self, records: int, rejected: int) -> None:
        """Count a batch.

        Raises
        ------
        TooManyRejected
            When the limit is passed.
        """
        self._window.append((records, rejected))
        total = sum(count for count, _ in self._window)
        while len(self._window) > 1 and total - self._window[0][0] >= WINDOW:
            total -= self._window.popleft()[0]
        bad = sum(count for _, count in self._window)
        if bad >= MIN_REJECTED and bad > self.share * total and self.share < 1:
            raise TooManyRejected(
                f"{bad} of the last {total} records of {ADT_EVENTS.name} were no facts. Look at the dead letters: the "
                "feed has changed or writes to the wrong topic. To go on all the same, set "
                "WARDWATCH_REJECTED_SHARE_LIMIT=1."
            )


def ingest(engine: Engine, fetches: Sequence[Fetch], *, clock: Clock) -> Outcome:
    """Bring fetches into SQL, in one transaction.

    Where SQL refuses the content of a batch (no outage, but a value it cannot hold), the records are taken one by one
    and the refused ones go to the dead letters.
    """
    batch = read_batch(fetches)
    try:
        return _one_transaction(engine, batch, clock)
    except DBAPIError as error:
        if is_transient(error):
            raise
        single = [Fetch([record], fetch.caught_up) for fetch in fetches for record in fetch.records]
        if len(single) > 1:
            outcomes = [ingest(engine, [one], clock=clock) for one in single]
            return Outcome(*(sum(values) for values in zip(*outcomes, strict=True)))
        reason = f"SQL refused it: {type(error.orig).__name__}. Shorten or correct the field at the sender."
        return _one_transaction(engine, batch._replace(facts={}, rejected=[(single[0].records[0], reason)]), clock)


def _one_transaction(engine: Engine, batch: Batch, clock: Clock) -> Outcome:
    with unit_of_work(engine) as work:
        return process(batch, work, clock())


def to_record(record: Any) -> Record:
    """Return an aiokafka record as ours."""
    return Record(record.topic, record.partition, record.offset, record.key, record.value, record.headers)


def count(outcome: Outcome) -> None:
    """Add a batch to the metrics."""
    metrics.RECORDS.labels("adt").inc(outcome.facts + outcome.rejected)
    metrics.FACTS_NEW.inc(outcome.new_facts)
    metrics.FACTS_REPEATED.inc(outcome.facts - outcome.new_facts)
    metrics.DEAD_LETTERS.inc(outcome.rejected)
    metrics.ENCOUNTERS_CHANGED.inc(outcome.encounters_changed)


async def run(
    stream: Any, transactions: Transactions, limit: RejectionLimit, clock: Clock, notify_relay: Callable[[], None]
) -> None:
    """Take batches from the stream for ever; an error that waiting does not mend ends the worker, offset unmoved."""
    async for events in batched(stream, MAX_AT_ONCE, INTERVAL_S):
        started = time.perf_counter()
        fetches = [_fetch(stream.app.consumer, event) for event in events]
        outcome = await transactions.run(lambda engine, fetches=fetches: ingest(engine, fetches, clock=clock))  # type: ignore[misc]
        for event in events:
            event.ack()
        notify_relay()
        count(outcome)
        metrics.BATCH_SECONDS.labels("adt").observe(time.perf_counter() - started)
        limit.note(sum(len(fetch.records) for fetch in fetches), outcome.unreadable)


def _fetch(consumer: Any, event: Any) -> Fetch:
    """Return what one event holds; of a partition that was taken away meanwhile nobody here knows where it ends."""
    tp = event.message.tp
    highwater = consumer.highwater(tp)
    at_the_end = highwater is None or event.message.offset + 1 >= highwater
    return Fetch([to_record(record) for record in event.value], at_the_end and tp in consumer.assignment())
