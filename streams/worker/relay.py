"""The relay: publishes the outbox after the commit, at least once and in order for each key.

On PostgreSQL one worker at a time relays (advisory lock of a session). On SQLite every process may relay: the messages
are idempotent hints, and the state comes from SQL.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
from mode import Service
from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.exc import DBAPIError

from schemas import tables
from schemas.errors import BrokerUnavailable
from schemas.settings import Settings
from streams.store.locks import AdvisoryLock, has_concurrent_writers, try_session_lock
from streams.store.outbox import decode_headers
from streams.worker import metrics
from streams.worker.backpressure import Backpressure
from streams.worker.transactions import Transactions

MAX_ROWS = 2_000
"""Maximum rows that are read and published at once."""
POLL_S = 0.1
"""Seconds between looks for messages of other processes; a commit of this process notifies the relay at once."""

log = structlog.get_logger("wardwatch.outbox")
_Row = Any


class Relay(Service):
    """Publishes outbox rows and deletes them once the broker has acknowledged them."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self._transactions = Transactions(engine, "relay")
        self._leader: Connection | None = None
        self._notified = asyncio.Event()
        self._partition_of = DefaultPartitioner()
        self._producer: AIOKafkaProducer | None = None
        self._backpressure = Backpressure(settings) if settings.kafka_embedded else None

    def notify_relay(self) -> None:
        """Read the outbox now: a transaction of this process has committed."""
        self._notified.set()

    async def on_start(self) -> None:
        """Connect the producer."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self.settings.kafka_bootstrap_servers,
            acks="all",
            enable_idempotence=True,
            compression_type="gzip" if self.settings.kafka_embedded else "lz4",
            max_batch_size=256 * 1024,
            request_timeout_ms=30_000,
        )
        await self._producer.start()

    async def on_stop(self) -> None:
        """Release the broker, the lock and the thread; messages left in the outbox are published later."""
        if self._producer is not None:
            await self._producer.stop()
        if self._leader is not None:
            self._leader.close()
        self._transactions.close()

    @Service.task
    async def _relay(self) -> None:
        while not self.should_stop:
            self._notified.clear()
            if await self._publish_chunk() < MAX_ROWS:
                try:
                    await asyncio.wait_for(self._notified.wait(), POLL_S)
                except TimeoutError:
                    continue

    async def _publish_chunk(self) -> int:
        rows = await self._transactions.run(self._read)
        metrics.OUTBOX_ROWS.set(len(rows))
        if not rows:
            return 0
        try:
            if self._backpressure is not None:
                await self._backpressure.wait(rows)
            await self._publish(rows)
        except (BrokerUnavailable, KafkaError) as error:
            log.warning("outbox: the broker is unavailable. Retrying; no message is lost.", error=type(error).__name__)
            await asyncio.sleep(1.0)
            return 0
        await self._transactions.run(lambda engine: self._delete(engine, [row.id for row in rows]))
        metrics.OUTBOX_PUBLISHED.inc(len(rows))
        return len(rows)

    def _read(self, engine: Engine) -> Sequence[_Row]:
        """Return the oldest rows, or an empty list while another worker relays."""
        query = select(tables.outbox).order_by(tables.outbox.columns.id).limit(MAX_ROWS)
        if not has_concurrent_writers(engine):
            with engine.connect().execution_options(read_only=True) as connection:
                return connection.execute(query).all()
        try:
            leader = self._lead(engine)
            return leader.execute(query).all() if leader is not None else []
        except DBAPIError:
            self._abdicate()
            raise

    def _lead(self, engine: Engine) -> Connection | None:
        if self._leader is None:
            connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            if not try_session_lock(connection, AdvisoryLock.RELAY):
                connection.close()
                return None
            connection.exec_driver_sql("SET synchronous_commit TO off")  # a lost delete causes a duplicate, not a loss
            self._leader = connection
        return self._leader

    def _abdicate(self) -> None:
        if self._leader is not None:
            self._leader.invalidate()
            self._leader = None

    def _delete(self, engine: Engine, ids: list[int]) -> None:
        if has_concurrent_writers(engine):
            try:
                leader = self._lead(engine)
                if leader is not None:
                    leader.exec_driver_sql("DELETE FROM outbox WHERE id = ANY(%s)", (ids,))
            except DBAPIError:
                self._abdicate()
                raise
            return
        column = tables.outbox.columns.id
        with engine.begin() as connection:
            for start in range(0, len(ids), 500):
                connection.execute(delete(tables.outbox).where(column.in_(ids[start : start + 500])))

    async def _publish(self, rows: Sequence[_Row]) -> None:
        assert self._producer is not None
        by_partition: dict[tuple[str, int], list[_Row]] = defaultdict(list)
        for row in rows:
            by_partition[row.topic, await self._partition(row.topic, row.key)].append(row)
        sent = [
            future
            for (topic, partition), messages in by_partition.items()
            for future in await self._send(topic, partition, messages)
        ]
        await asyncio.gather(*sent)

    async def _partition(self, topic: str, key: bytes | None) -> int:
        assert self._producer is not None
        partitions = sorted(await self._producer.partitions_for(topic))
        return int(self._partition_of(key, partitions, partitions))

    async def _send(self, topic: str, partition: int, rows: Sequence[_Row]) -> list[Any]:
        """Send whole batches, which costs a tenth of a send() for each message."""
        assert self._producer is not None
        futures, batch = [], self._producer.create_batch()
        for row in rows:
            message = {
                "key": row.key,
                "value": row.value,
                "timestamp": None,
                "headers": decode_headers(row.headers),
            }
            if batch.append(**message) is None:
                futures.append(await self._producer.send_batch(batch, topic, partition=partition))
                batch = self._producer.create_batch()
                if batch.append(**message) is None:
                    futures.append(
                        await self._producer.send(
                            topic, row.value, row.key, partition=partition, headers=message["headers"]
                        )
                    )
        if batch.record_count():
            futures.append(await self._producer.send_batch(batch, topic, partition=partition))
        return futures
