"""A replayed dead letter keeps the time at which it was first received."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from schemas.events import decode_fact
from streams.operate.dead_letters import read_again
from tests.conftest import MakeSettings
from tests.streams.ingest.fhir.resources import encounter
from tests.streams.ingest.hl7.messages import message

RECEIVED_AT = datetime(2026, 3, 4, 12, tzinfo=UTC)


def test_content_without_a_time_is_recorded_when_the_letter_was_received(settings: MakeSettings) -> None:
    raw = json.dumps(encounter("cancelled", meta=None, period=None)).encode()
    (record,) = read_again(raw, settings(), RECEIVED_AT).records
    fact = decode_fact(record.value)
    assert (fact.recorded_at, fact.occurred_at) == (RECEIVED_AT, RECEIVED_AT)


def test_content_with_a_time_is_recorded_at_that_time(settings: MakeSettings) -> None:
    raw = json.dumps(encounter("cancelled", meta=None)).encode()
    (record,) = read_again(raw, settings(), RECEIVED_AT).records
    assert decode_fact(record.value).recorded_at == datetime(2026, 3, 2, 9, 15, tzinfo=UTC)


def test_a_letter_of_which_a_part_can_be_used_gives_that_part_and_the_reason(
    settings: MakeSettings, tmp_path: Path
) -> None:
    raw = message("A20", more=["NPU|4W^12^01^HG|H", "NPU|4W^12^02^HG|CLEAN", "NPU|4W^12^03^HG|READY"])
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("bed_statuses: {CLEAN: cleaning}\n")
    found = read_again(raw, settings(hl7_mapping_file=mapping))
    assert [decode_fact(record.value).id for record in found.records] == ["C1/1", "C1/2"]
    assert found.reason == "NPU segment 3 of 3, NPU-2: an unknown code. Add it to bed_statuses in the HL7 mapping."
    mapping.write_text("bed_statuses: {CLEAN: cleaning, READY: available}\n")
    assert read_again(raw, settings(hl7_mapping_file=mapping)).reason is None
