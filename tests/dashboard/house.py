"""A whole dashboard for tests: embedded broker, SQLite with a known state, the server as a process."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import confluent_kafka
import msgspec
from sqlalchemy import Engine

from schemas.database import make_engine, upgrade
from schemas.settings import Settings, load_settings
from schemas.topics import (
    ALERTS_CHANGED,
    CAPACITY_METRICS,
    HEARTBEATS,
    AlertChanged,
    CapacityMetrics,
    Heartbeat,
    unit_key,
)
from tests.dashboard.builders import (
    HOSPITAL_YAML,
    HOUR,
    MINUTE,
    NOON,
    bed,
    metrics,
    save_alert,
    save_encounter,
    save_facts,
    save_finding,
    save_metrics,
    save_model_and_fact,
    save_score,
    taken,
)
from tests.streams.builders import admit, at, transfer


def recorded(fact: Any, hours: float) -> Any:
    return msgspec.structs.replace(fact, recorded_at=at(hours))


_encode = msgspec.json.Encoder().encode


class Broker:
    """The embedded broker with the topics that the dashboard follows, and a producer on it."""

    def __init__(self) -> None:
        self._producer: Any = confluent_kafka.Producer(
            {"test.mock.num.brokers": 1, "bootstrap.servers": "replaced", "log_level": 0, "linger.ms": 0}
        )
        broker = next(iter(self._producer.list_topics(timeout=10).brokers.values()))
        self.bootstrap = f"{broker.host}:{broker.port}"
        for topic in (CAPACITY_METRICS, ALERTS_CHANGED, HEARTBEATS):
            self._producer.list_topics(topic.name, timeout=10)
        self._silenced = threading.Event()
        self.beat_with: dict[str, Any] = {}
        """Fields of the worker's heartbeats that a test sets."""

    def start_worker(self) -> None:
        """Send the heartbeats of a worker from now on."""
        self._silenced.clear()
        threading.Thread(target=self._beat, daemon=True).start()

    def kill_worker(self) -> None:
        """End the heartbeats without a goodbye."""
        self._silenced.set()

    def beat(self, **fields: Any) -> None:
        """Send one heartbeat of a worker that runs everything."""
        agents = ("adt", "risk", "labels", "capacity", "quality", "relay")
        values = {"process": "h:1", "role": "worker", "sent_at": datetime.now(UTC), "agents": agents, **fields}
        self.publish_raw(HEARTBEATS.name, b"h:1", _encode(Heartbeat(**values)))

    def _beat(self) -> None:
        producer = self._producer
        while not self._silenced.is_set() and self._producer is producer:
            self.beat(**self.beat_with)
            self._silenced.wait(0.5)

    def publish(self, metric: CapacityMetrics) -> None:
        key = unit_key(metric.facility_id, metric.unit_id).encode()
        self.publish_raw(CAPACITY_METRICS.name, key, _encode(metric))

    def announce_alert(self, encounter_id: str) -> None:
        change = AlertChanged(encounter_id=encounter_id, status="new", readmission_risk=0.5, changed_at=NOON)
        self.publish_raw(ALERTS_CHANGED.name, b"token", _encode(change))

    def publish_raw(self, topic: str, key: bytes, value: bytes) -> None:
        producer = self._producer
        if producer is not None:
            producer.produce(topic, key=key, value=value)
            producer.flush(10)

    def stop(self) -> None:
        self._silenced.set()
        self._producer = None


def medicine(first: str = "occupied") -> CapacityMetrics:
    """Medicine: one to leave, one high risk, one conflict, one overdue for cleaning; bed 01 as asked for."""
    beds = (
        bed("01", first, since=NOON - HOUR, encounter_id="E1" if first == "occupied" else None),
        taken("02", "E2", since=NOON - 30 * HOUR, expected_discharge_at=NOON + 2 * HOUR),
        taken("03", "E3", high_risk=True),
        taken("04", "E4", conflicts=("E5",)),
        bed("05", "dirty", since=NOON - 80 * MINUTE),
        bed("06", "blocked", since=NOON - HOUR, reason="Maintenance"),
        bed("07"),
        bed("08"),
        bed("09", "cleaning", since=NOON - 10 * MINUTE),
        bed("10", "reserved", since=NOON),
    )
    return metrics("MED", beds, as_of=NOON)


def surgery() -> CapacityMetrics:
    beds = (taken("01", "E6"), taken("02", "E7"), taken("03", "E8"), bed("04", "unstaffed"))
    return metrics("SUR", beds, staffed=3)


def make_database(folder: Path, *, filled: bool = True) -> Engine:
    engine = make_engine(f"sqlite:///{folder / 'wardwatch.db'}")
    upgrade(engine)
    if filled:
        with engine.begin() as connection:
            save_model_and_fact(connection)
            for metric in (
                medicine(),
                surgery(),
                metrics("ED", (bed("01"), taken("02", "E9"), bed("03"), bed("04")), staffed=4),
            ):
                save_metrics(connection, metric)
            for number, risk in enumerate((0.61, 0.52, 0.47, 0.39), start=1):
                token = f"{number}" * 32
                save_encounter(connection, f"W{number}", token, bed_id="02", discharged=number % 2 == 0)
                save_alert(connection, f"W{number}", token, risk=risk)
                save_score(connection, f"W{number}", token, as_of=NOON - HOUR, risk=risk)
            save_encounter(connection, "E2", "e" * 32, bed_id="02")
            save_finding(
                connection,
                "stale_stay",
                "E2",
                "No message about this inpatient encounter since then. Ask whether the patient left.",
                since=NOON - 40 * 24 * HOUR,
                bed_id="02",
            )
            twice = "Claimed by E4, E5. Ask who is in this bed, and discharge the others."
            save_finding(connection, "bed_claimed_twice", "TH/MED/04", twice, bed_id="04")
            about_e2 = {"e": "E2", "p": "e" * 32}
            save_facts(
                connection,
                admit(0, "MED/02", **about_e2),
                recorded(transfer(5, "MED/02", **about_e2), 8),
            )
    return engine


def settings_for(folder: Path, broker: Broker, *, port: int = 0) -> Settings:
    hospital_file = folder / "hospital.yaml"
    hospital_file.write_bytes(HOSPITAL_YAML)
    return load_settings(
        data_dir=folder,
        database_url=f"sqlite:///{folder / 'wardwatch.db'}",
        hospital_file=hospital_file,
        kafka_bootstrap_servers=broker.bootstrap,
        kafka_embedded=True,
        dashboard_port=port,
        log_level="warning",
    )
