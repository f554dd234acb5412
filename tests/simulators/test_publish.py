from __future__ import annotations

import random
import string
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from schemas.errors import UsageError
from schemas.events import AnyFact, EncounterUpdated, UpdateDetails, encode_fact
from schemas.kafka import connection
from schemas.settings import Settings
from schemas.topics import WORKER_GROUP
from simulators import delivery
from simulators.publish import Progress, Speed, publish

TOPIC = "adt.events.v1"
PARTITIONS = [TopicPartition(TOPIC, number) for number in range(4)]


@contextmanager
def consumer(settings: Settings) -> Iterator[Any]:
    client = KafkaConsumer(
        **connection(settings), group_id=WORKER_GROUP, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    client.assign(PARTITIONS)
    try:
        yield client
    finally:
        client.close()


def read_all(settings: Settings, expected: int, timeout_s: float = 10.0) -> list[Any]:
    """Return all records, waiting until there are as many as expected."""
    records: list[Any] = []
    deadline = time.monotonic() + timeout_s
    with consumer(settings) as client:
        while len(records) < expected and time.monotonic() < deadline:
            for batch in client.poll(100).values():
                records += batch
    return records


class SlowWorker(threading.Thread):
    """Starts when a publisher waits for it, reads, and commits in intervals, as a worker does."""

    def __init__(self, settings: Settings, *, commit_every_s: float) -> None:
        super().__init__(daemon=True)
        self._settings, self._commit_every_s = settings, commit_every_s
        self.wanted, self.done = threading.Event(), threading.Event()
        self.values: list[bytes] = []
        self.holes = 0

    def run(self) -> None:
        self.wanted.wait()
        following: dict[TopicPartition, int] = {}
        committed_s = time.monotonic()
        with consumer(self._settings) as client:
            while not self.done.is_set():
                for partition, batch in client.poll(100, max_records=5_000).items():
                    for record in batch:
                        self.holes += record.offset - following.get(partition, 0)
                        following[partition] = record.offset + 1
                        self.values.append(record.value)
                if time.monotonic() - committed_s > self._commit_every_s:
                    client.commit()
                    committed_s = time.monotonic()


def wait_until(reached: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_every_fact_arrives_once_under_its_key(embedded: Settings, facts: list[AnyFact]) -> None:
    some = facts[:3_000]
    report = publish(some, embedded, speed=Speed.parse("max"))
    assert (report.published, report.sent_again, report.stopped) == (3_000, 0, False)
    assert (report.first_recorded_at, report.last_recorded_at) == (some[0].recorded_at, some[-1].recorded_at)
    records = read_all(embedded, 3_000)
    assert sorted(r.value for r in records) == sorted(encode_fact(fact) for fact in some)
    keys = {r.value: r.key for r in records}
    assert all(keys[encode_fact(fact)] == fact.partition_key.encode() for fact in some)


def test_a_key_has_the_partition_that_kafka_gives_it() -> None:
    # murmur2 of "21" is -973932308 in org.apache.kafka.common.utils.UtilsTest; 1173551340 without its sign.
    assert delivery.key_hash(b"21") == 1_173_551_340


def incompressible(count: int) -> list[AnyFact]:
    """Return facts of one patient, of 400 bytes that gzip can do little with: the broker counts compressed bytes."""
    generator = random.Random(5)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        EncounterUpdated(
            id=f"{number}",
            source="test",
            subject="E1",
            occurred_at=at,
            recorded_at=at,
            partition_key="one patient",
            data=UpdateDetails(service="".join(generator.choices(string.printable[:64], k=190))),
        )
        for number in range(count)
    ]


def test_the_embedded_broker_loses_nothing_behind_a_slow_worker(embedded: Settings) -> None:
    worker = SlowWorker(embedded, commit_every_s=0.3)
    worker.start()
    waits: list[Progress] = []

    def on_progress(progress: Progress) -> None:
        waits.append(progress)
        if progress.waiting_for == "a worker":
            worker.wanted.set()

    try:
        sent = incompressible(50_000)
        report = publish(sent, embedded, speed=Speed.parse("max"), on_progress=on_progress)
        wait_until(lambda: len(worker.values) >= len(sent))
    finally:
        worker.done.set()
        worker.wanted.set()
        worker.join()
    assert report.published_bytes > 20_000_000
    assert worker.holes == 0
    assert sorted(worker.values) == sorted(encode_fact(fact) for fact in sent)
    assert any(progress.waiting_for == "a worker" for progress in waits)


def test_without_a_worker_it_holds_back_and_can_be_stopped(embedded: Settings, facts: list[AnyFact]) -> None:
    stop = threading.Event()

    def on_progress(progress: Progress) -> None:
        if progress.waiting_for == "a worker":
            stop.set()

    report = publish(facts, embedded, speed=Speed.parse("max"), on_progress=on_progress, stop=stop)
    assert report.stopped
    assert 2_500_000 < report.published_bytes < 4 * 3_200_000


def test_a_backlog_of_somebody_else_counts(embedded: Settings, facts: list[AnyFact]) -> None:
    first = publish(facts[:12_000], embedded, speed=Speed.parse("max"))
    stop = threading.Event()
    on_progress: Callable[[Progress], None] = lambda progress: stop.set() if progress.waiting_for else None  # noqa: E731
    second = publish(facts, embedded, speed=Speed.parse("max"), on_progress=on_progress, stop=stop)
    assert first.published == 12_000
    assert second.stopped
    # 12,000 records of others count 8.4 MB of the 12 MB in four partitions.
    assert second.published_bytes < 4_000_000


def test_an_interrupt_flushes_what_was_sent(embedded: Settings, facts: list[AnyFact]) -> None:
    def interrupted() -> Iterator[AnyFact]:
        yield from facts[:700]
        raise KeyboardInterrupt

    report = publish(interrupted(), embedded, speed=Speed.parse("max"))
    assert report.stopped
    assert report.published == 700
    assert len(read_all(embedded, 700)) == 700


def test_an_error_of_the_source_passes_through(embedded: Settings, facts: list[AnyFact]) -> None:
    def broken() -> Iterator[AnyFact]:
        yield facts[0]
        raise UsageError("line 2 is not a fact")

    with pytest.raises(UsageError, match="line 2 is not a fact"):
        publish(broken(), embedded, speed=Speed.parse("max"))


def test_it_keeps_the_pace(embedded: Settings, facts: list[AnyFact]) -> None:
    some = facts[:200]
    event_time_s = (some[-1].recorded_at - some[0].recorded_at).total_seconds()
    factor = event_time_s / 0.8
    began_s = time.monotonic()
    report = publish(some, embedded, speed=Speed(factor))
    assert report.published == 200
    assert 0.75 < report.elapsed_s <= time.monotonic() - began_s
