"""The `capacity` agent: recomputes the units that changed, at most ten times a second, and publishes their metrics.

A message is only a hint that names a unit; the state comes from SQL. All hints that arrive within one interval share
one computation and are acknowledged after its commit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from mode import Service
from sqlalchemy import Engine

from schemas.hospital import Hospital
from schemas.topics import CAPACITY_METRICS, UnitChanged, unit_key
from streams.capacity.census import unit_metrics
from streams.capacity.store import CapacityStore, UnitKey
from streams.store.outbox import Message, add_messages
from streams.worker import metrics
from streams.worker.transactions import Transactions

INTERVAL_S = 0.1
"""Minimum seconds between two computations. With 0.25 s this hop alone would take up to 250 ms (docs/decisions)."""

RECOMPUTE_ALL_S = 60.0
"""Seconds between two computations of all units: an assumed cleaning ends without any message."""

_decode = msgspec.json.Decoder(UnitChanged).decode
_encode = msgspec.json.Encoder().encode


class Capacity(Service):
    """Collects hints and recomputes the units that they name."""

    def __init__(self, transactions: Transactions, hospital: Hospital, notify_relay: Callable[[], None]) -> None:
        super().__init__()
        self._transactions = transactions
        self._hospital = hospital
        self._notify_relay = notify_relay
        self._store = CapacityStore()
        self._waiting: list[Any] = []
        self._hinted = asyncio.Event()
        self._recomputed_all_at = time.monotonic()

    async def run(self, stream: Any) -> None:
        """Collect the stream's hints until it ends; they are acknowledged after the computation."""
        async for event in stream.noack().events():
            self._waiting.append(event)
            self._hinted.set()

    @Service.task
    async def _recompute_hinted(self) -> None:
        while not self.should_stop:
            await self.wait_first(self._hinted.wait(), self._stopped.wait(), timeout=RECOMPUTE_ALL_S)
            self._hinted.clear()
            events, self._waiting = self._waiting, []
            started = time.perf_counter()
            hints = [_decode(record.value) for event in events for record in event.value]
            await self._transactions.run(lambda engine, hints=hints: self.recompute(engine, hints))  # type: ignore[misc]
            for event in events:
                event.ack()
            self._notify_relay()
            metrics.RECORDS.labels("capacity").inc(len(hints))
            spent_s = time.perf_counter() - started
            metrics.BATCH_SECONDS.labels("capacity").observe(spent_s)
            await asyncio.sleep(max(spent_s, INTERVAL_S - spent_s))  # under load the other agents come first

    def recompute(self, engine: Engine, hints: list[UnitChanged]) -> None:
        """Recompute the hinted units and write their metrics and messages in one transaction.

        Once a minute all units are recomputed: an assumed cleaning may have ended without any message.
        """
        units: dict[UnitKey, datetime] = {(hint.facility_id, hint.unit_id): hint.occurred_at for hint in hints}
        self._store.forget((hint.facility_id, hint.unit_id) for hint in hints if hint.past_changed)
        with engine.connect().execution_options(read_only=True) as connection:
            if time.monotonic() - self._recomputed_all_at >= RECOMPUTE_ALL_S:
                units = self._store.known_units(connection) | units
                self._recomputed_all_at = time.monotonic()
            if not units:
                return
            as_of = self._store.event_time(connection, max(units.values()))
            facts = self._store.unit_facts(connection, units.keys(), as_of)
        metrics = [unit_metrics(unit, self._hospital, as_of) for unit in facts]
        encoded = [(metric, _encode(metric)) for metric in metrics]
        with engine.begin() as connection:
            self._store.save(connection, encoded)
            add_messages(
                connection,
                [
                    Message(CAPACITY_METRICS.name, unit_key(metric.facility_id, metric.unit_id).encode(), body)
                    for metric, body in encoded
                ],
            )
