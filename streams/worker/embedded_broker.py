"""The embedded development broker: the mock broker of librdkafka, in this process and in memory only.

Each partition keeps about 5 MiB; older records are dropped silently. Producers of ours therefore hold back on it
(`WARDWATCH_KAFKA_EMBEDDED`), and a worker that meets a hole stops. For real work there is Kafka.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from confluent_kafka import Producer

from schemas.topics import TOPICS

PARTITIONS = 4
"""Of each topic: the default of the mock broker."""


class EmbeddedBroker:
    """A broker on a free port of 127.0.0.1 that lives as long as the `with` block."""

    def __init__(self) -> None:
        self._producer: Any = None
        self.bootstrap = ""

    def __enter__(self) -> EmbeddedBroker:
        """Start the broker and create its topics, with `PARTITIONS` partitions each."""
        self._producer = Producer(
            {"test.mock.num.brokers": 1, "bootstrap.servers": "replaced", "log_level": 0, "logger": _quiet()}
        )
        brokers = self._producer.list_topics(timeout=10).brokers.values()
        self.bootstrap = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        for topic in TOPICS:
            self._producer.list_topics(topic.name, timeout=10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the broker; all of its records are lost."""
        self._producer = None


def _quiet() -> Any:
    import logging

    logger = logging.getLogger("wardwatch.embedded")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger
