from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import confluent_kafka
import pytest

from schemas.events import AnyFact
from schemas.hospital import Hospital, parse_hospital
from schemas.settings import Settings, load_settings
from simulators.hospital import DischargeTruth, simulate

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 180

SIXTY_BEDS = b"""
facilities:
  - facility_id: SM
    name: Small
    time_zone: Europe/Berlin
    units:
      - {unit_id: ED, name: Emergency, type: emergency, licensed_beds: 10}
      - {unit_id: MED, name: Medicine, specialty: General medicine, type: medical_surgical, licensed_beds: 22}
      - {unit_id: SUR, name: Surgery, specialty: Surgery, type: medical_surgical, licensed_beds: 22, staffed_beds: 18}
      - {unit_id: ICU, name: ICU, type: intensive_care, licensed_beds: 8}
      - {unit_id: MAT, name: Maternity, type: maternity, licensed_beds: 8}
"""


@pytest.fixture(scope="session")
def hospital() -> Hospital:
    return parse_hospital(SIXTY_BEDS, "sixty_beds.yaml")


@pytest.fixture(scope="session")
def truths() -> list[DischargeTruth]:
    return []


@pytest.fixture(scope="session")
def facts(hospital: Hospital, truths: list[DischargeTruth]) -> list[AnyFact]:
    """Half a year of a hospital of 56 staffed beds and an emergency department of ten."""
    return list(simulate(hospital, seed=7, start=START, days=DAYS, on_discharge=truths.append))


@pytest.fixture
def embedded() -> Iterator[Settings]:
    """The embedded broker with the topic of ADT events."""
    broker = confluent_kafka.Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "x", "log_level": 0})
    address = next(iter(broker.list_topics(timeout=10).brokers.values()))
    broker.list_topics("adt.events.v1", timeout=10)
    yield load_settings(kafka_bootstrap_servers=f"{address.host}:{address.port}", kafka_embedded=True)
    del broker
