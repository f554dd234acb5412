"""The `adt` agent: facts into the log and the state.

Decode, one transaction, acknowledge. Records that are not valid facts go to the dead letters; if most records are
rejected, the worker stops instead of draining the topic.
"""

from __future__ import annotations

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
from streams.worker.batching import run_agent
from streams.worker.transactions import Transactions, is_transient

WINDOW = 1_000
"""Number of records that `RejectionLimit` counts."""

MIN_REJECTED = 200
"""Below this number rejected records do not stop the worker: a feed may start with a few."""

MAX_AT_ONCE = 2_000
"""Records in one transaction, unless a single fetch holds more."""

MIN_INTERVAL_S = 0.025
"""Minimum seconds between two transactions: at 200 facts/s a third of the work, for 12 ms more until the board."""

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
                f"{ADT_EVENTS.name}: {bad} of the last {total} records are not valid facts. Look at the dead letters: "
                "the feed has changed or writes to the wrong topic. To continue anyway, set "
                "WARDWATCH_REJECTED_SHARE_LIMIT=1."
            )


def ingest(engine: Engine, fetches: Sequence[Fetch], *, clock: Clock) -> Outcome:
    """Write fetches to SQL, in one transaction.

    If SQL rejects a value in the batch (a data error, not an outage), the records are written one by one and the
    rejected ones go to the dead letters.
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
        reason = f"SQL rejected the record: {type(error.orig).__name__}. Shorten or correct the field at the sender."
        return _one_transaction(engine, batch._replace(facts={}, rejected=[(single[0].records[0], reason)]), clock)


def _one_transaction(engine: Engine, batch: Batch, clock: Clock) -> Outcome:
    with unit_of_work(engine) as work:
        return process(batch, work, clock())


def to_record(record: Any) -> Record:
    """Return an aiokafka record as a `Record`."""
    return Record(record.topic, record.partition, record.offset, record.key, record.value, record.headers)


def count(outcome: Outcome) -> None:
    """Add a batch to the metrics."""
    metrics.FACTS_NEW.inc(outcome.new_facts)
    metrics.FACTS_REPEATED.inc(outcome.facts - outcome.new_facts)
    metrics.DEAD_LETTERS.inc(outcome.rejected)
    metrics.ENCOUNTERS_CHANGED.inc(outcome.encounters_changed)


async def run(
    stream: Any, transactions: Transactions, limit: RejectionLimit, clock: Clock, notify_relay: Callable[[], None]
) -> None:
    """Run the agent until the stream ends.

    Raises
    ------
    TooManyRejected
        When `limit` is passed; what was committed until then is acknowledged.
    """

    def on_commit(fetches: list[Fetch], outcome: Outcome) -> None:
        notify_relay()
        count(outcome)
        limit.note(sum(len(fetch.records) for fetch in fetches), outcome.unreadable)

    await run_agent(
        stream,
        "adt",
        transactions,
        decode=lambda events: [_fetch(stream.app.consumer, event) for event in events],
        handle=lambda engine, fetches: ingest(engine, fetches, clock=clock),
        on_commit=on_commit,
        max_records=MAX_AT_ONCE,
        interval_s=MIN_INTERVAL_S,
    )


def _fetch(consumer: Any, event: Any) -> Fetch:
    """Return the records of one event; a partition that was revoked meanwhile counts as not read to its end."""
    tp = event.message.tp
    highwater = consumer.highwater(tp)
    at_the_end = highwater is None or event.message.offset + 1 >= highwater
    return Fetch([to_record(record) for record in event.value], at_the_end and tp in consumer.assignment())
