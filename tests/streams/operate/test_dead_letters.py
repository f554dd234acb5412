"""A replayed dead letter keeps the time at which it was first received."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from schemas.events import decode_fact
from streams.operate.dead_letters import read_again
from tests.conftest import MakeSettings
from tests.streams.ingest.fhir.resources import encounter

RECEIVED_AT = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_content_without_a_time_is_recorded_when_the_letter_was_received(settings: MakeSettings) -> None:
    raw = json.dumps(encounter("cancelled", meta=None, period=None)).encode()
    (record,) = read_again(raw, settings(), RECEIVED_AT)
    fact = decode_fact(record.value)
    assert (fact.recorded_at, fact.occurred_at) == (RECEIVED_AT, RECEIVED_AT)


def test_content_with_a_time_is_recorded_at_that_time(settings: MakeSettings) -> None:
    raw = json.dumps(encounter("cancelled", meta=None)).encode()
    (record,) = read_again(raw, settings(), RECEIVED_AT)
    assert decode_fact(record.value).recorded_at == datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
