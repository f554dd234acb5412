"""The loop of the `risk` agent: scores batches of changed encounters and acknowledges them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Engine

from schemas.topics import EncounterChanged
from streams.risk.scoring import MAX_AT_ONCE, Scoring
from streams.worker.batching import run_agent
from streams.worker.transactions import Transactions

MIN_INTERVAL_S = 0.1
"""Minimum seconds between two transactions. Nothing on screen waits for scores."""

_decode = msgspec.json.Decoder(EncounterChanged).decode


async def run(stream: Any, transactions: Transactions, scoring: Scoring, notify_relay: Callable[[], None]) -> None:
    """Run the agent until the stream ends."""

    def on_commit(_changes: list[EncounterChanged], issued: int) -> None:
        if issued:
            notify_relay()

    await run_agent(
        stream,
        "risk",
        transactions,
        decode=lambda events: [_decode(record.value) for event in events for record in event.value],
        handle=lambda engine, changes: _score(engine, changes, scoring),
        on_commit=on_commit,
        max_records=MAX_AT_ONCE,
        interval_s=MIN_INTERVAL_S,
    )


def _score(engine: Engine, changes: list[EncounterChanged], scoring: Scoring) -> int:
    merged = {change.encounter_id: change.identity_changed_at for change in changes if change.identity_changed_at}
    return scoring.score_changed(engine, {change.encounter_id for change in changes}, merged)
