"""A replayed dead letter keeps the time at which it was first received."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, func, insert, select

from schemas import tables
from schemas.events import decode_fact, encode_fact
from streams.operate.dead_letters import read_again, replay
from streams.operate.status import _counts
from streams.store.dead_letters import LetterName, letters
from tests.conftest import MakeSettings
from tests.streams.builders import admit
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


def test_replaying_publishes_what_can_be_used_now_and_says_why_the_rest_cannot(
    engine: Engine, settings: MakeSettings
) -> None:
    good, bad = LetterName("adt.events.v1", 0, 1), LetterName("adt.events.v1", 0, 2)
    save_letter(engine, good, encode_fact(admit(0, "MED/02")))
    save_letter(engine, bad, b"hello")
    done = replay(engine, settings(), [good, bad], by="Ada", now=RECEIVED_AT)
    assert [each.name for each in done] == [good, bad]
    assert done[0].problem is None
    assert done[1].problem
    with engine.connect() as connection:
        (sent,) = connection.execute(select(tables.outbox)).all()
        left = [letter.name for letter in letters(connection, settled=False, limit=9)]
        (settled,) = [each for each in letters(connection, settled=True, limit=9) if each.settled_by]
        assert _counts(connection)["dead_letters"] == 1, "a settled one is no work"
    assert (sent.topic, decode_fact(bytes(sent.value))) == ("adt.events.v1", admit(0, "MED/02"))
    assert (left, settled.settled_by, settled.settled_at) == ([str(bad)], "replayed by Ada", RECEIVED_AT)


def test_of_two_people_who_replay_one_letter_one_publishes_it(engine: Engine, settings: MakeSettings) -> None:
    name = LetterName("adt.events.v1", 0, 1)
    save_letter(engine, name, encode_fact(admit(0, "MED/02")))
    replay(engine, settings(), [name], by="Ada", now=RECEIVED_AT)
    (second,) = replay(engine, settings(), [name], by="Ben", now=RECEIVED_AT)
    assert second.problem == "It was settled before. Nothing to do."
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(tables.outbox)) == 1


def save_letter(engine: Engine, name: LetterName, value: bytes) -> None:
    with engine.begin() as connection:
        row = {"topic": name.topic, "partition": name.partition, "offset": name.offset, "digest": 1}
        connection.execute(
            insert(tables.dead_letter).values(**row, received_at=RECEIVED_AT, reason="A reason.", value=value)
        )
