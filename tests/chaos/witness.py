"""Watches committed offsets against SQL while workers are disturbed: never may they be past what SQL holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError

from schemas import tables
from schemas.events import AnyFact, decode_fact, encode_fact
from schemas.kafka import connection
from schemas.settings import Settings
from schemas.state import Encounter, decode_encounter
from schemas.topics import ADT_EVENTS, WORKER_GROUP
from streams.fold.encounter import fold

PAUSE_S = 0.1


class Topic:
    """Reads a topic as it grows: of each partition the offset and the fact id of every record."""

    def __init__(self, settings: Settings) -> None:
        self._consumer = KafkaConsumer(**connection(settings), enable_auto_commit=False, auto_offset_reset="earliest")
        numbers = self._consumer.partitions_for_topic(ADT_EVENTS.name)
        self.records: dict[TopicPartition, list[tuple[int, str]]] = {
            TopicPartition(ADT_EVENTS.name, number): [] for number in numbers
        }
        self._consumer.assign(list(self.records))
        self._consumer.seek_to_beginning(*self.records)

    def read_up_to(self, offsets: dict[TopicPartition, int]) -> None:
        """Read on until everything below these offsets has been read."""
        while any(self._consumer.position(partition) < offset for partition, offset in offsets.items()):
            for partition, records in self._consumer.poll(timeout_ms=500).items():
                self.records[partition] += [(record.offset, decode_fact(record.value).id) for record in records]


def until(done: Callable[[], bool], what: str, timeout_s: float = 90.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, f"{what} did not come about within {timeout_s:.0f} s"
        time.sleep(0.05)


def expected_encounters(facts: Sequence[AnyFact]) -> dict[str, Encounter]:
    """What an undisturbed run comes to: the fold of each encounter's facts, in memory."""
    about: dict[str, list[AnyFact]] = {}
    for fact in facts:
        if not fact.subject.startswith("bed:"):
            about.setdefault(fact.subject, []).append(fact)
    folded = {subject: fold(given) for subject, given in about.items()}  # type: ignore[arg-type]
    return {subject: encounter for subject, encounter in folded.items() if encounter is not None}


def stored_encounters(engine: Engine) -> dict[str, Encounter]:
    column = tables.encounter.columns
    with engine.connect() as sql:
        rows = sql.execute(select(column.encounter_id, column.state)).all()
    return {row.encounter_id: decode_encounter(row.state) for row in rows}


def stored_facts(engine: Engine) -> list[bytes]:
    with engine.connect() as sql:
        return sorted(sql.scalars(select(tables.fact.columns.body)))


def sent_facts(facts: Sequence[AnyFact]) -> list[bytes]:
    return sorted(encode_fact(fact) for fact in facts)


class Witness:
    """Compares for as long as the `with` block lasts. An outage of either side does not count; it retries.

    Attributes
    ----------
    moments : int
        How often both sides could be read and were compared.
    """

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings, self._engine = settings, engine
        self._topic = Topic(settings)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._failure: BaseException | None = None
        self.moments = 0

    def __enter__(self) -> Witness:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(60)
        if self._failure is not None and error is None:
            raise self._failure

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self._compare()
            except (KafkaError, DBAPIError):
                time.sleep(PAUSE_S)
            except BaseException as error:  # noqa: BLE001 - raised in the test at the end of the block
                self._failure = error
                return
            self._stop.wait(PAUSE_S)

    def _compare(self) -> None:
        consumer = KafkaConsumer(
            **connection(self._settings), group_id=WORKER_GROUP, enable_auto_commit=False, bootstrap_timeout_ms=2_000
        )
        try:  # the offsets first: SQL can only have grown when it is read
            committed = {partition: consumer.committed(partition) or 0 for partition in self._topic.records}
        finally:
            consumer.close()
        with self._engine.connect() as sql:
            held = set(sql.scalars(select(tables.fact.columns.event_id)))
        self._topic.read_up_to(committed)
        for partition, records in self._topic.records.items():
            missing = [offset for offset, fact_id in records if offset < committed[partition] and fact_id not in held]
            assert not missing, f"{partition}: committed {committed[partition]}, but SQL lacks {len(missing)} before it"
        self.moments += 1
