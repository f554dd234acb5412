from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from streams.worker.batching import batched


class FakeStream:
    """The part of a Faust stream that `batched` uses, on a plain queue."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.channel = SimpleNamespace(queue=self.queue)
        self.closed = False

    def noack(self) -> FakeStream:
        return self

    async def events(self) -> AsyncIterator[Any]:
        try:
            while True:
                event = await self.queue.get()
                for _ in range(5):
                    await asyncio.sleep(0)  # like Faust, take some turns of the event loop
                if isinstance(event, StopAsyncIteration):
                    return
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.closed = True

    def put(self, *names: int, records: int = 1) -> None:
        for name in names:
            self.queue.put_nowait(SimpleNamespace(name=name, value=[b""] * records))


def run_story(story: Callable[[FakeStream], Awaitable[None]]) -> FakeStream:
    async def main() -> FakeStream:
        stream = FakeStream()
        await asyncio.wait_for(story(stream), 10)
        return stream

    return asyncio.run(main())


def names(events: list[Any]) -> list[int]:
    return [event.name for event in events]


def test_waiting_events_form_one_batch_in_order() -> None:
    async def story(stream: FakeStream) -> None:
        stream.put(1, 2, 3)
        taking = batched(stream, max_records=100, interval_s=0.0)
        assert names(await anext(taking)) == [1, 2, 3]
        stream.put(4)
        assert names(await anext(taking)) == [4]
        await taking.aclose()

    run_story(story)


def test_a_batch_ends_at_the_maximum_of_records() -> None:
    async def story(stream: FakeStream) -> None:
        stream.put(1, 2, 3, 4, 5, records=10)
        taking = batched(stream, max_records=20, interval_s=0.0)
        assert [names(await anext(taking)) for _ in range(3)] == [[1, 2], [3, 4], [5]]
        await taking.aclose()

    run_story(story)


def test_the_first_event_after_an_idle_time_is_not_delayed_and_the_next_are_batched() -> None:
    async def story(stream: FakeStream) -> None:
        stream.put(0)
        patient = batched(stream, max_records=100, interval_s=60.0)
        assert names(await anext(patient)) == [0]
        await patient.aclose()
        taking = batched(stream, max_records=100, interval_s=0.2)
        stream.put(1)
        begun = time.monotonic()
        assert names(await anext(taking)) == [1]
        stream.put(2)
        asyncio.get_running_loop().call_later(0.05, stream.put, 3)
        assert names(await anext(taking)) == [2, 3]
        assert time.monotonic() - begun >= 0.2
        await taking.aclose()

    run_story(story)


def test_the_queue_is_emptied_during_the_interval() -> None:
    async def story(stream: FakeStream) -> None:
        taking = batched(stream, max_records=100, interval_s=0.3)
        stream.put(1)
        await anext(taking)
        stream.put(2, 3, 4, 5)
        waiting = asyncio.ensure_future(anext(taking))
        await asyncio.sleep(0.1)
        assert stream.queue.empty()
        assert names(await waiting) == [2, 3, 4, 5]
        await taking.aclose()

    run_story(story)


def test_an_error_of_the_stream_reaches_the_agent_after_the_events_before_it() -> None:
    async def story(stream: FakeStream) -> None:
        taking = batched(stream, max_records=100, interval_s=0.0)
        stream.put(1)
        assert names(await anext(taking)) == [1]
        stream.queue.put_nowait(ValueError("revoked"))
        with pytest.raises(ValueError, match="revoked"):
            await anext(taking)

    assert run_story(story).closed


def test_an_agent_that_stops_closes_the_stream() -> None:
    async def story(stream: FakeStream) -> None:
        stream.put(1)
        taking = batched(stream, max_records=100, interval_s=0.0)
        await anext(taking)
        await taking.aclose()

    assert run_story(story).closed


@pytest.mark.parametrize("waiting", [0, 2])
def test_the_end_of_the_stream_drops_the_pending_batch_without_acknowledging_it(waiting: int) -> None:
    async def story(stream: FakeStream) -> None:
        stream.put(*range(waiting))
        stream.queue.put_nowait(StopAsyncIteration())
        assert [names(events) async for events in batched(stream, max_records=100, interval_s=0.0)] == []

    assert run_story(story).closed
