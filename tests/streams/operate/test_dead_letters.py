"""A dead letter that is read again says what it said when it came."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from schemas.events import decode_fact
from streams.operate.dead_letters import read_again
from tests.conftest import MakeSettings
from tests.streams.ingest.fhir.resources import encounter

CAME_AT = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_what_tells_no_time_was_said_when_the_letter_came(settings: MakeSettings) -> None:
    raw = json.dumps(encounter("cancelled", meta=None, period=None)).encode()
    (record,) = read_again(raw, settings(), CAME_AT)
    fact = decode_fact(record.value)
    assert (fact.recorded_at, fact.occurred_at) == (CAME_AT, CAME_AT)


def test_what_tells_a_time_was_said_then(settings: MakeSettings) -> None:
    raw = json.dumps(encounter("cancelled", meta=None)).encode()
    (record,) = read_again(raw, settings(), CAME_AT)
    assert decode_fact(record.value).recorded_at == datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
