"""Deliver each fetch of a partition to a Faust stream as one element: the list of its Kafka records.

Faust spends about 100 us of asyncio work on every element. With one element per fetch that cost is paid once for
hundreds of records (docs/decisions/0002-batch-transport.md). This depends on private names of faust-streaming 0.15.3,
which is therefore pinned; tests/streams/worker/test_batch_transport.py fails when they change.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any, cast

import faust
from faust.transport.drivers import aiokafka
from faust.types import TP

from schemas.errors import RecordsLost

PRIVATE_NAMES = ("_getmany", "_to_message", "_new_offset", "_add_gap", "_acked", "_acked_index", "_commit")
"""Private names of `faust.transport.drivers.aiokafka.Consumer` that this module uses."""


class BatchSchema(faust.Schema[Any, Any]):
    """Schema whose value is the list of records, undecoded."""

    def loads_key(self, *_args: Any, **_kwargs: Any) -> None:
        """Return no key: the records of a batch have many."""

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:  # noqa: ARG002
        """Return the list of records."""
        return message.value


class BatchConsumer(aiokafka.Consumer):
    """Consumer that commits, per partition, the end of the acknowledged prefix in the order of delivery."""

    def on_init(self) -> None:
        """Initialize the bookkeeping of delivered batches."""
        super().on_init()
        self._delivered: dict[TP, deque[Any]] = defaultdict(deque)
        self._next_offset: dict[TP, int] = {}
        self.last_commit_at = time.monotonic()

    async def _getmany(self, active_partitions: Any, timeout: float) -> dict[TP, list[Any]]:
        found = await super()._getmany(active_partitions, timeout)
        for tp, records in found.items():
            if records:
                await self._check_for_hole(tp, records)
        return {tp: [records] for tp, records in found.items() if records}

    async def _check_for_hole(self, tp: TP, records: list[Any]) -> None:
        """Stop if the broker dropped records before they were read; a gap inside the log (a marker) is not a loss."""
        expected = self._next_offset.get(tp, self._committed_offset[tp])
        self._next_offset[tp] = records[-1].offset + 1
        if expected is None or records[0].offset <= expected:
            return
        earliest = (await self.earliest_offsets(tp))[tp]
        if earliest > expected:
            raise RecordsLost(
                f"{tp.topic}/{tp.partition}: the broker dropped the records from {expected} to {earliest - 1} before "
                "they were read. Replay them from their source; a longer retention (or fewer records at once on the "
                "embedded broker) avoids it."
            )

    def _to_message(self, tp: TP, records: list[Any]) -> Any:
        message = super()._to_message(tp, records[-1])  # its offset is the last one
        message.key, message.value, message.headers = None, cast(Any, records), None
        self._delivered[message.tp].append(message)
        return message

    def _new_offset(self, tp: TP) -> int | None:
        # Not in ack(): the compiled stream calls Consumer.ack past an override.
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        delivered, offset = self._delivered[tp], None
        while delivered and delivered[0].acked:
            offset = delivered.popleft().offset + 1
        return offset

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Ignore gaps in offsets: the order of delivery decides what may be committed."""

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        committed = await super()._commit(offsets)
        if committed:
            self.last_commit_at = time.monotonic()
        return bool(committed)

    def on_buffer_full(self, tp: TP) -> None:
        """Block the reader while the queue is full, without the driver's sleep of one second."""

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Discard acknowledgements from before a rebalance; at worst some batches are delivered again."""
        self._delivered.clear()
        self._next_offset.clear()
        await super().on_partitions_revoked(revoked)

    def highwater(self, tp: TP) -> int | None:  # type: ignore[override]
        """Return the end offset of the partition; None if it is unknown, for example because it was revoked."""
        try:
            return cast("int | None", super().highwater(tp))
        except AssertionError:
            return None

    def unread(self, tp: TP) -> int | None:
        """Return how many records of a partition are not acknowledged yet; None while its end is unknown."""
        end = self.highwater(tp)
        if end is None:
            return None
        waiting = [message for message in self._delivered[tp] if not message.acked]
        read = self._next_offset.get(tp, self._committed_offset[tp])
        done = waiting[0].value[0].offset if waiting else read
        return max(end - (done or 0), 0)

    async def perform_seek(self) -> None:
        """Discard what was delivered from the old positions."""
        self._delivered.clear()
        self._next_offset.clear()
        await super().perform_seek()

    @property
    def unacknowledged(self) -> int:
        """Number of batches delivered and not yet acknowledged."""
        return sum(1 for delivered in self._delivered.values() for message in delivered if not message.acked)


class Transport(aiokafka.Transport):
    """Faust's own aiokafka transport with `BatchConsumer`."""

    Consumer = BatchConsumer
