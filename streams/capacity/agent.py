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
from schemas.topics import CAPACITY_METRICS, CapacityMetrics, UnitChanged, unit_key
from streams.capacity.census import UnitFacts, next_cleaned_at, unit_metrics
from streams.capacity.store import CapacityStore, UnitKey
from streams.store.outbox import Message, add_messages
from streams.store.watermarks import board_time
from streams.worker import metrics
from streams.worker.transactions import Transactions

INTERVAL_S = 0.1
"""Minimum seconds between two computations. With 0.25 s this hop alone would take up to 250 ms (docs/decisions)."""

TICK_S = 1.0
"""Seconds between two looks whether an assumed cleaning has ended: it ends without any message."""

RECOMPUTE_ALL_S = 60.0
"""Seconds between two computations of all units, in case another worker that computed some of them has stopped."""

_decode = msgspec.json.Decoder(UnitChanged).decode
_encode = msgspec.json.Encoder().encode


class Capacity(Service):
    """Collects hints and recomputes the units that they name."""

    def __init__(
        self,
        transactions: Transactions,
        hospital: Hospital,
        notify_relay: Callable[[], None],
        wall_clock: Callable[[], datetime],
    ) -> None:
        super().__init__()
        self._wall_clock = wall_clock
        self._as_of: datetime | None = None
        self._cleaned_at: dict[UnitKey, datetime] = {}
        """When the next assumed cleaning of a unit ends, of the units that this worker computed."""
        self._transactions = transactions
        self._hospital = hospital
        self._notify_relay = notify_relay
        self._store = CapacityStore(hospital)
        self._waiting: list[Any] = []
        self._hinted = asyncio.Event()
        self._recomputed_all_at = float("-inf")

    async def run(self, stream: Any) -> None:
        """Collect the stream's hints until it ends; they are acknowledged after the computation."""
        async for event in stream.noack().events():
            self._waiting.append(event)
            self._hinted.set()

    @Service.task
    async def _recompute_hinted(self) -> None:
        while not self.should_stop:
            await self.wait_first(self._hinted.wait(), self._stopped.wait(), timeout=TICK_S)
            self._hinted.clear()
            events, self._waiting = self._waiting, []
            started = time.perf_counter()
            hints = [_decode(record.value) for event in events for record in event.value]
            computed = await self._transactions.run(lambda engine, hints=hints: self.recompute(engine, hints))  # type: ignore[misc]
            for event in events:
                event.ack()
            if not computed:
                continue
            self._notify_relay()
            metrics.RECORDS.labels("capacity").inc(len(hints))
            spent_s = time.perf_counter() - started
            metrics.BATCH_SECONDS.labels("capacity").observe(spent_s)
            await asyncio.sleep(max(spent_s, INTERVAL_S - spent_s))  # under load the other agents come first

    def recompute(self, engine: Engine, hints: list[UnitChanged]) -> int:
        """Recompute the hinted units, and those in which an assumed cleaning has ended; return the number of units.

        Metrics and messages are written in one transaction.
        """
        units: dict[UnitKey, datetime] = {(hint.facility_id, hint.unit_id): hint.occurred_at for hint in hints}
        self._store.note(hints)
        with engine.connect().execution_options(read_only=True) as connection:
            if time.monotonic() - self._recomputed_all_at >= RECOMPUTE_ALL_S:
                units = self._store.known_units(connection) | units
                self._recomputed_all_at = time.monotonic()
            reached = board_time(connection, self._wall_clock())
            if reached is not None:
                self._as_of = max(reached, self._as_of or reached)
            as_of = self._as_of or max(units.values(), default=None)
            if as_of is None:
                return 0
            units |= {unit: as_of for unit, at in self._cleaned_at.items() if at <= as_of}
            if not units:
                return 0
            facts = self._store.unit_facts(connection, units.keys(), as_of)
        metrics = [unit_metrics(unit, self._hospital, as_of) for unit in facts]
        for unit, metric in zip(facts, metrics, strict=True):
            self._note_cleaning(unit, metric)
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
        return len(metrics)

    def _note_cleaning(self, unit: UnitFacts, metric: CapacityMetrics) -> None:
        """Note when the next assumed cleaning of a unit ends."""
        key = (metric.facility_id, metric.unit_id)
        self._cleaned_at.pop(key, None)
        ends_at = next_cleaned_at(unit, metric, self._hospital)
        if ends_at is not None:
            self._cleaned_at[key] = ends_at
