"""Backpressure for the relay on the embedded broker, which keeps about 5 MiB per partition and drops older records.

Only the topics that workers read are counted. Of the others (metrics, dead letters) the latest records suffice, and SQL
has all of them.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import structlog

from schemas import kafka
from schemas.settings import Settings
from schemas.topics import ENCOUNTERS_CHANGED, UNITS_CHANGED

READ_BY_WORKERS = (ENCOUNTERS_CHANGED.name, UNITS_CHANGED.name)
UNREAD_BYTES_LIMIT = 2_500_000
"""Limit for a topic as a whole, as if all of its records were in one partition."""

OVERHEAD_BYTES = 64
"""Assumed bytes of a record besides key and value."""
PAUSE_S = 0.1
"""Seconds between two queries of the lag."""
log = structlog.get_logger("wardwatch.outbox")


class Backpressure:
    """Delays publishing while the workers are too far behind."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._unread_bytes: dict[str, int] = defaultdict(int)

    async def wait(self, rows: Sequence[Any]) -> None:
        """Wait until the rows may be published, and add them to the count."""
        more: dict[str, int] = defaultdict(int)
        for row in rows:
            if row.topic in READ_BY_WORKERS:
                more[row.topic] += len(row.value or b"") + len(row.key or b"") + OVERHEAD_BYTES
        logged = False
        while any(self._unread_bytes[topic] + size > UNREAD_BYTES_LIMIT for topic, size in more.items()):
            behind = await asyncio.get_running_loop().run_in_executor(None, kafka.lag, self._settings, list(more))
            for topic, records in behind.items():
                if records == 0:
                    self._unread_bytes[topic] = 0
            if any(behind.values()):
                if not logged:
                    log.info("outbox: the agents are behind. Publishing continues when they catch up.", behind=behind)
                    logged = True
                await asyncio.sleep(PAUSE_S)
        for topic, size in more.items():
            self._unread_bytes[topic] += size
