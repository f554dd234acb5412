"""The loop of an agent: batch waiting fetches, run one transaction, acknowledge.

Under load many small fetches share one transaction; a lone fetch is not delayed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Engine

from streams.worker import metrics
from streams.worker.transactions import Transactions

Items = TypeVar("Items")
Result = TypeVar("Result")


async def batched(stream: Any, max_records: int, interval_s: float) -> AsyncGenerator[list[Any], None]:
    """Yield the waiting events of a batch stream, at least one at a time, until the stream ends.

    Parameters
    ----------
    stream : faust.Stream
        Of a topic with `BatchSchema`: the value of an event is a list of records. The caller acknowledges.
    max_records : int
        No further event is added once the batch contains this many records.
    interval_s : float
        Minimum seconds between two yields. The first event after an idle time is yielded at once.

    Yields
    ------
    list of faust.Event
        In the order of delivery.
    """
    manual = stream.noack()
    events, queue = manual.events(), manual.channel.queue
    coming = asyncio.ensure_future(anext(events))
    yielded_at = float("-inf")
    try:
        while True:
            found = [await coming]
            coming = asyncio.ensure_future(anext(events))
            while sum(len(event.value) for event in found) < max_records:
                # Take events during the wait, too: a full queue would block the topics of all agents.
                left_s = yielded_at + interval_s - time.monotonic()
                if queue.empty() or left_s > 0:
                    await asyncio.wait({coming}, timeout=max(0.0, left_s))
                    if not coming.done():
                        break
                found.append(await coming)
                coming = asyncio.ensure_future(anext(events))
            yielded_at = time.monotonic()
            yield found
    except StopAsyncIteration:
        return  # the worker stops; these events are not acknowledged and are delivered again
    finally:
        coming.cancel()
        with suppress(asyncio.CancelledError, StopAsyncIteration):
            await coming
        await events.aclose()


async def run_agent(
    stream: Any,
    agent: str,
    transactions: Transactions,
    *,
    decode: Callable[[list[Any]], Items],
    handle: Callable[[Engine, Items], Result],
    on_commit: Callable[[Items, Result], None],
    max_records: int,
    interval_s: float,
) -> None:
    """Run an agent until the stream ends: decode a batch, handle it in SQL, acknowledge it.

    Parameters
    ----------
    stream : faust.Stream
        Of a topic with `BatchSchema`.
    agent : str
        Label of the metrics.
    transactions : Transactions
        Runs `handle`, and retries it while the database is unavailable.
    decode : callable
        From events to the items that `handle` takes; must not raise for what records contain.
    handle : callable
        Handles the items in one transaction and commits it. An error that a retry cannot resolve ends the worker before
        the batch is acknowledged.
    on_commit : callable
        Called with the items and the result of `handle` after its commit.
    max_records : int
        See `batched`.
    interval_s : float
        See `batched`.
    """
    async for events in batched(stream, max_records, interval_s):
        started_s = time.perf_counter()
        items = decode(events)
        result = await transactions.run(lambda engine, items=items: handle(engine, items))  # type: ignore[misc]
        for event in events:
            event.ack()
        metrics.RECORDS.labels(agent).inc(sum(len(event.value) for event in events))
        metrics.BATCH_SECONDS.labels(agent).observe(time.perf_counter() - started_s)
        on_commit(items, result)
