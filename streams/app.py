"""The wiring of a worker: one Faust app on the batch transport, the selected agents, the relay, and its web page.

With these settings no event was lost under kills, rebalances and outages (docs/decisions, batch transport).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import faust
import structlog
from mode import Service
from mode.supervisors import CrashingSupervisor
from sqlalchemy.exc import DBAPIError

from schemas.database import make_engine
from schemas.database_errors import explain
from schemas.errors import UsageError
from schemas.hospital import load_hospital
from schemas.settings import Settings
from schemas.topics import ADT_EVENTS, ENCOUNTERS_CHANGED, PARTITIONS, UNITS_CHANGED, WORKER_GROUP, Topic
from streams.adt.agent import RejectionLimit
from streams.adt.agent import run as run_adt
from streams.capacity.agent import Capacity
from streams.quality.agent import Quality
from streams.store.locks import has_concurrent_writers
from streams.worker.batch_transport import BatchSchema, Transport
from streams.worker.board_clock import ClockService
from streams.worker.health import WorkerPage
from streams.worker.heartbeat import HeartbeatService
from streams.worker.relay import Relay
from streams.worker.transactions import Transactions

log = structlog.get_logger("wardwatch.worker")

AGENTS = ("adt", "risk", "labels", "capacity", "quality", "relay")
"""Agents that a worker can run; all by default."""

READING_AGENTS = frozenset({"adt", "risk", "labels", "capacity"})
"""Agents that read a topic; the others poll SQL."""

SWITCH_INTERVAL_S = 0.001
"""Longest time in seconds that a computing thread keeps the interpreter: the default, 5 ms, delays each SQL answer."""

EVENT_TIME_CHECK_S = 0.5
"""Seconds between two checks whether the board's time has passed a midnight or the due time of an outcome."""


def create_app(settings: Settings) -> faust.App:
    """Return the Faust app without agents; `wire` adds them."""
    app = faust.App(
        WORKER_GROUP,
        broker=[f"kafka://{address}" for address in settings.kafka_bootstrap_servers.split(",")],
        agent_supervisor=CrashingSupervisor,
        autodiscover=False,
        broker_commit_interval=0.25,
        broker_max_poll_interval=86_400.0,
        broker_max_poll_records=2_000,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        datadir=str(settings.data_dir / "faust"),
        consumer_auto_offset_reset="earliest",
        stream_buffer_maxsize=4,
        stream_wait_empty=False,
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=PARTITIONS,
        web_enabled=False,
        web_tables_enabled=False,
        web_bind="127.0.0.1",
        loghandlers=[],
        logging_config={"version": 1, "disable_existing_loggers": False},
    )
    app.transport = Transport(app.conf.broker_consumer, app)
    return app


class EventTimeTask(Service):
    """Runs `work` in a transaction whenever event time may have advanced."""

    def __init__(self, transactions: Transactions, work: Callable[..., int], notify_relay: Callable[[], None]) -> None:
        super().__init__()
        self._transactions = transactions
        self._work = work
        self._notify_relay = notify_relay

    @Service.task
    async def _watch(self) -> None:
        while not self.should_stop:
            if await self._transactions.run(self._work):
                self._notify_relay()
            else:
                await self.sleep(EVENT_TIME_CHECK_S)


def check_agents(names: Collection[str]) -> tuple[str, ...]:
    """Return the names in the order of `AGENTS`.

    Raises
    ------
    UsageError
        When a name is not an agent, or no name is given.
    """
    unknown = sorted(set(names) - set(AGENTS))
    if unknown or not names:
        wrong = f"unknown {', '.join(unknown)}" if unknown else "empty"
        raise UsageError(f"--agents: {wrong}. Choose from {', '.join(AGENTS)}.")
    return tuple(name for name in AGENTS if name in names)


def utc_now() -> datetime:
    """Return the time of the wall clock, aware UTC."""
    return datetime.now(UTC)


def wire(
    app: faust.App, settings: Settings, agents: Collection[str], on_listening: Callable[[str], None]
) -> list[Service]:
    """Add the agents to the app, and return the services that run beside them."""
    engine = make_engine(settings.sql_url)
    failures: dict[object, str] = {}
    shared = None if has_concurrent_writers(engine) else Transactions(engine, "sql", failures)

    def transactions(name: str) -> Transactions:
        return shared or Transactions(engine, name, failures)  # SQLite has one writer: queue its work here, not in SQL

    relay = Relay(engine, settings) if "relay" in agents else None
    notify_relay = relay.notify_relay if relay is not None else _no_relay
    if READING_AGENTS.isdisjoint(agents):
        app.producer_only = True  # Faust's consumer refuses to start without a topic
    clock = ClockService(app, transactions("clock"), utc_now)
    heart = HeartbeatService(settings, tuple(agents), clock.fill)
    services: list[Service] = [WorkerPage(app, settings, on_listening), clock, heart]
    if relay is not None:
        services.append(relay)
    if "adt" in agents:
        limit = RejectionLimit(settings.rejected_share_limit)
        work = transactions("adt")
        _agent(app, "adt", ADT_EVENTS, lambda stream: run_adt(stream, work, limit, utc_now, notify_relay))
    if "risk" in agents:
        from models.labels.rules import Definition  # here, so that a worker without it does not load the models
        from streams.risk.agent import run as run_risk
        from streams.risk.scoring import Scoring, score_midnights

        definition = Definition(hospital=load_hospital(settings.hospital_file))
        scoring, scores = Scoring(utc_now, definition), transactions("risk")
        _agent(app, "risk", ENCOUNTERS_CHANGED, lambda stream: run_risk(stream, scores, scoring, notify_relay))
        services.append(
            EventTimeTask(transactions("midnights"), lambda sql: score_midnights(sql, scoring), notify_relay)
        )
    if "labels" in agents:
        from streams.risk.label_definition import LabelDefinition
        from streams.risk.outcomes import OutcomeTrainer
        from streams.risk.outcomes_agent import run as run_outcomes

        labels = LabelDefinition(load_hospital(settings.hospital_file))
        trainer, outcomes = OutcomeTrainer(utc_now, labels), transactions("labels")
        lateness = timedelta(days=settings.label_lateness_days)
        _agent(app, "labels", ENCOUNTERS_CHANGED, lambda stream: run_outcomes(stream, outcomes, lateness, labels))
        services.append(EventTimeTask(outcomes, trainer.release_due, notify_relay))
    if "capacity" in agents:
        capacity = Capacity(transactions("capacity"), load_hospital(settings.hospital_file), notify_relay, utc_now)
        _agent(app, "capacity", UNITS_CHANGED, capacity.run)
        services.append(capacity)
    if "quality" in agents:
        reading = Transactions(engine, "quality", failures)
        services.append(Quality(reading, transactions("findings"), load_hospital(settings.hospital_file), utc_now))
    return services


def _no_relay() -> None:
    """Do nothing: this worker does not run a relay."""


def _agent(app: faust.App, name: str, topic: Topic, run: Callable[[Any], Any]) -> None:
    async def agent(stream: Any) -> None:
        await run(stream)

    agent.__name__ = name
    app.agent(app.topic(topic.name, schema=BatchSchema()), name=name)(agent)


def run_worker(
    settings: Settings, agents: Collection[str] = AGENTS, on_listening: Callable[[str], None] = print
) -> None:
    """Run a worker until SIGTERM or SIGINT.

    Parameters
    ----------
    settings : Settings
        Addresses of Kafka and SQL, among others.
    agents : collection of str
        Agents to run; all of `AGENTS` by default.
    on_listening : callable
        Called with the address of /ready and /metrics once the page is served.

    Raises
    ------
    SystemExit
        With 0 after a clean stop and 1 after a crash; offsets of unfinished batches are not committed.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()  # objects from the start-up stay; facts and states have no cycles and are not tracked
    loop = _new_loop()
    settings.data_dir.mkdir(parents=True, exist_ok=True)  # Faust creates only one level and crashes otherwise
    app = create_app(settings)
    services = wire(app, settings, agents, on_listening)
    worker = faust.Worker(
        app, *services, loop=loop, loglevel=logging.WARNING, redirect_stdouts=False, quiet=True, override_logging=False
    )
    worker.spinner = None  # Faust would write it to standard output
    try:
        worker.execute_from_commandline()
    finally:
        if app.crash_reason is not None:
            log.error(
                "worker: stopped by an error. Correct the cause and restart it.",
                reason=_reason(app.crash_reason),
            )


def _reason(error: BaseException) -> str:
    """Return one line without an SQL statement, whose parameters may be about a patient."""
    return explain(error) if isinstance(error, DBAPIError) else f"{type(error).__name__}: {error}"


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        loop = asyncio.new_event_loop()
    else:
        loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop
