"""The loop of the `labels` agent: batches of changed encounters whose outcomes are awaited."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from streams.risk.outcomes import INTERVAL_S, MAX_AT_ONCE, _decode, track_index_stays
from streams.worker import metrics
from streams.worker.batching import batched
from streams.worker.transactions import Transactions


async def run(stream: Any, transactions: Transactions, lateness: timedelta) -> None:
    """Take batches of changed encounters for ever."""
    async for events in batched(stream, MAX_AT_ONCE, INTERVAL_S):
        started = time.perf_counter()
        changes = [_decode(record.value) for event in events for record in event.value]
        await transactions.run(lambda engine, changes=changes: track_index_stays(engine, changes, lateness))  # type: ignore[misc]
        for event in events:
            event.ack()
        metrics.RECORDS.labels("labels").inc(len(changes))
        metrics.BATCH_SECONDS.labels("labels").observe(time.perf_counter() - started)
