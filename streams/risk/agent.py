"""The loop of the `risk` agent: batches of changed encounters, scored and acknowledged."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from streams.risk.scoring import INTERVAL_S, MAX_AT_ONCE, Scoring, _decode
from streams.worker import metrics
from streams.worker.batching import batched
from streams.worker.transactions import Transactions


async def run(stream: Any, transactions: Transactions, scoring: Scoring, notify_relay: Callable[[], None]) -> None:
    """Take batches of changed encounters for ever."""
    async for events in batched(stream, MAX_AT_ONCE, INTERVAL_S):
        started = time.perf_counter()
        records = [record for event in events for record in event.value]
        changes = [_decode(record.value) for record in records]
        ids = {change.encounter_id for change in changes}
        others = {change.encounter_id: change.identity_changed_at for change in changes if change.identity_changed_at}
        if await transactions.run(lambda engine, ids=ids, others=others: scoring.score_changed(engine, ids, others)):  # type: ignore[misc]
            notify_relay()
        for event in events:
            event.ack()
        metrics.RECORDS.labels("risk").inc(len(records))
        metrics.BATCH_SECONDS.labels("risk").observe(time.perf_counter() - started)
