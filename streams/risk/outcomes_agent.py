"""The loop of the `labels` agent: keeps the waiting list of outcomes from batches of changed encounters."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from schemas.topics import EncounterChanged
from streams.risk.label_definition import LabelDefinition
from streams.risk.outcomes import MAX_AT_ONCE, track_index_stays
from streams.worker.batching import run_agent
from streams.worker.transactions import Transactions

MIN_INTERVAL_S = 0.25
"""Minimum seconds between two transactions. Nothing on screen waits for outcomes."""

_decode = msgspec.json.Decoder(EncounterChanged).decode


async def run(stream: Any, transactions: Transactions, lateness: timedelta, labels: LabelDefinition) -> None:
    """Run the agent until the stream ends."""
    await run_agent(
        stream,
        "labels",
        transactions,
        decode=lambda events: [_decode(record.value) for event in events for record in event.value],
        handle=lambda engine, changes: track_index_stays(engine, changes, lateness, labels),
        on_commit=lambda _changes, _result: None,
        max_records=MAX_AT_ONCE,
        interval_s=MIN_INTERVAL_S,
    )
