"""From publish to the browser's DOM, at 200 facts a second, through Kafka, PostgreSQL, all agents and the dashboard.

One fact in ten is a probe: a bed of a unit of its own changes its status, and a MutationObserver in Chromium notes when
the tile shows it. Both clocks are this machine's.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from kafka import KafkaProducer
from playwright.sync_api import expect, sync_playwright

from benchmarks.throughput import migrated, train
from schemas import kafka
from schemas.events import AnyFact, BedDetails, BedStatus, BedStatusChanged, Location, bed_subject, encode_fact
from schemas.hospital import load_hospital
from schemas.topics import ADT_EVENTS
from simulators.hospital import simulate
from tests.dashboard.process import DashboardProcess
from tests.support.kafka import KafkaBroker
from tests.support.parts import CHROMIUM_ARGUMENTS, chromium
from tests.support.postgres import PostgresServer
from tests.support.worker import Worker

START = datetime(2026, 1, 1, tzinfo=UTC)
PER_SECOND = 200
PROBE_EVERY = 10
BEDS = 20
WARM_UP_S = 10
SETTLE_S = 3.0
UNIT = "BENCH"
CYCLE = (BedStatus.DIRTY, BedStatus.CLEANING, BedStatus.AVAILABLE)

WATCH = """() => {
    window.seen = [];
    const note = (tile) => {
        const status = ["dirty", "cleaning", "available"].find((name) => tile.classList.contains(name));
        window.seen.push([tile.dataset.bed, status, performance.timeOrigin + performance.now()]);
    };
    new MutationObserver((changes) => changes.forEach((change) => {
        const tile = change.target.closest ? change.target.closest('.bed[data-key$="/BENCH"]') : null;
        if (tile && change.attributeName === "class") note(tile);
    })).observe(document.getElementById("board"), { subtree: true, attributes: true });
}"""


class Latency(NamedTuple):
    """What was measured; times in milliseconds."""

    probes: int
    lost: int
    p50_ms: float
    p99_ms: float
    max_ms: float


class _Sent(NamedTuple):
    bed_id: str
    status: BedStatus
    at_ms: float


def measure_latency(seconds: float) -> Latency:
    """Publish for `seconds`, after a warm-up, and compare with what the browser saw."""
    executable = chromium()
    if executable is None:
        raise FileNotFoundError("Chromium is missing; install it (Debian: apt-get install chromium).")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker, postgres = stack.enter_context(KafkaBroker()), stack.enter_context(PostgresServer())
        hospital = folder / "hospital.yaml"
        text = files("schemas").joinpath("harbour_general.yaml").read_text("utf-8").rstrip("\n")
        hospital.write_text(f"{text}\n      - {{unit_id: {UNIT}, name: Probes, type: other, licensed_beds: {BEDS}}}\n")
        settings = broker.settings.model_copy(
            update={
                "database_url": postgres.new_database(),
                "data_dir": folder,
                "hospital_file": hospital,
                "dashboard_port": 0,
                "log_level": "error",
            }
        )
        migrated(settings.sql_url).dispose()
        train(settings)
        stack.enter_context(Worker(settings))
        dashboard = stack.enter_context(DashboardProcess(settings))
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=executable, args=CHROMIUM_ARGUMENTS
        )
        producer = KafkaProducer(**kafka.connection(settings), linger_ms=0, acks="all", compression_type="lz4")
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        stream = _stream()
        producer.send(ADT_EVENTS.name, **_record(next(stream)))
        page.goto(dashboard.address)
        expect(page.locator(f'[data-key$="/{UNIT}"].unit')).to_have_count(1, timeout=30_000)
        _publish(producer, stream, WARM_UP_S)
        page.evaluate(WATCH)
        sent = _publish(producer, stream, seconds)
        page.wait_for_timeout(SETTLE_S * 1000)
        seen = page.evaluate("window.seen")
        producer.close()
        browser.close()
    return _compare(sent, seen)


def _stream() -> Iterator[AnyFact]:
    """Return the facts of the simulated hospital, with a probe after every nine."""
    background = simulate(load_hospital(), seed=1, start=START)
    probes = 0
    for number, fact in enumerate(background, start=1):
        yield fact
        if number % (PROBE_EVERY - 1) == 0:
            yield _probe(probes, fact)
            probes += 1


def _probe(number: int, fact: AnyFact) -> BedStatusChanged:
    """Return the next status of the next bed, at the event time of the stream."""
    place = Location(facility_id="HG", unit_id=UNIT, bed_id=f"{number % BEDS + 1:02d}")
    status = CYCLE[number // BEDS % len(CYCLE)]
    subject = bed_subject(place)
    return BedStatusChanged(
        id=f"probe-{number}",
        source="/benchmark",
        subject=subject,
        partition_key=subject,
        occurred_at=fact.recorded_at,
        recorded_at=fact.recorded_at,
        data=BedDetails(location=place, status=status),
    )


def _publish(producer: Any, stream: Iterator[AnyFact], seconds: float) -> list[_Sent]:
    """Publish at the pace; return the probes and the time of day, in milliseconds, at which each was handed over."""
    sent = []
    begun = time.monotonic()
    for number in range(int(seconds * PER_SECOND)):
        fact = next(stream)
        record = _record(fact)
        time.sleep(max(0.0, begun + number / PER_SECOND - time.monotonic()))
        if isinstance(fact, BedStatusChanged) and fact.data.location.unit_id == UNIT:
            sent.append(_Sent(str(fact.data.location.bed_id), fact.data.status, time.time() * 1000))
        producer.send(ADT_EVENTS.name, **record)
    producer.flush()
    return sent


def _record(fact: AnyFact) -> dict[str, bytes]:
    return {"key": fact.partition_key.encode(), "value": encode_fact(fact)}


def _compare(sent: Sequence[_Sent], seen: Sequence[tuple[str, str, float]]) -> Latency:
    """Match each probe with the first time that the bed's tile showed its status after it was sent."""
    shown: dict[tuple[str, str], list[float]] = defaultdict(list)
    for bed_id, status, at_ms in seen:
        shown[bed_id, status].append(at_ms)
    delays = []
    for probe, following in zip(sent, [*sent[BEDS:], *[None] * BEDS], strict=True):
        until = following.at_ms + SETTLE_S * 1000 if following else float("inf")
        after = [at for at in shown[probe.bed_id, probe.status.value] if probe.at_ms <= at < until]
        if after:
            delays.append(min(after) - probe.at_ms)
    p50, p99 = np.percentile(delays, [50, 99])
    return Latency(len(sent), len(sent) - len(delays), float(p50), float(p99), max(delays))
