"""Take together what is waiting: under load many small fetches become one transaction, and alone none waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any


async def batched(stream: Any, most_records: int, interval_s: float) -> AsyncGenerator[list[Any], None]:
    """Yield all events of a batch stream that are there, at least one, until the stream ends.

    Parameters
    ----------
    stream : faust.Stream
        Of a topic with `BatchSchema`: the value of an event is a list of records. Acknowledging is the caller's part.
    most_records : int
        No further event is taken once those at hand hold this many records.
    interval_s : float
        Least time from one yield to the next. The first event after a calm time is yielded at once.

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
            while sum(len(event.value) for event in found) < most_records:
                # Take what comes while waiting, too: a full queue would hold up the topics of all agents.
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
        return  # the worker stops; what was gathered is not acknowledged and comes again
    finally:
        coming.cancel()
        with suppress(asyncio.CancelledError, StopAsyncIteration):
            await coming
        await events.aclose()
