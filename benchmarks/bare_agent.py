"""The yardstick: a Faust agent that only reads the topic (`noack_take(1000)`, raw bytes) and acknowledges.

Run as `python -m benchmarks.bare_agent BOOTSTRAP RECORDS`; prints seconds from the first batch to the last record.
"""

from __future__ import annotations

import sys
import tempfile
import time
from typing import Any

import faust
from mode.supervisors import CrashingSupervisor

from schemas.topics import ADT_EVENTS


def main(bootstrap: str, records: int) -> None:
    app = faust.App(
        "bare",
        broker=f"kafka://{bootstrap}",
        agent_supervisor=CrashingSupervisor,
        broker_commit_interval=0.25,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        datadir=tempfile.mkdtemp(),
    )
    topic = app.topic(ADT_EVENTS.name, value_type=bytes, value_serializer="raw", key_serializer="raw")
    seen, first = 0, 0.0

    async def read(stream: Any) -> None:
        nonlocal seen, first
        async for batch in stream.noack_take(1000, within=0.5):
            first = first or time.perf_counter()
            seen += len(batch)
            for event in batch:
                event.ack()
            if seen >= records:
                print(time.perf_counter() - first, flush=True)
                worker.spinner = None
                app.loop.call_soon(sys.exit, 0)

    app.agent(topic)(read)
    worker = faust.Worker(app, loglevel="ERROR", quiet=True, redirect_stdouts=False)
    worker.spinner = None
    worker.execute_from_commandline()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
