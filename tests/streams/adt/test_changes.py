"""What a batch changes, decided without a database: from the stored state to the rows to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from schemas.events import AnyFact, PatientClass, encode_fact
from schemas.outgoing import PACE_HEADER
from schemas.state import Encounter, EncounterStatus, Patient
from schemas.topics import EncounterChanged, UnitChanged
from streams.adt.changes import decide
from streams.adt.records import Batch, Fetch, Record, read_batch
from streams.fold import PartitionMark, fold, fold_patient
from streams.store.changes import Before, Changes, People, Stored, WaitingPlan
from streams.store.outbox import decode_headers
from tests.streams.builders import (
    admit,
    at,
    bed,
    cancel_admission,
    cancel_transfer,
    discharge,
    merge,
    observe,
    transfer,
    unmerge,
)

NOW = at(1000)


def batch(*facts: AnyFact | bytes) -> Batch:
    records = [
        Record("adt.events.v1", 0, offset, b"key", fact if isinstance(fact, bytes) else encode_fact(fact))
        for offset, fact in enumerate(facts)
    ]
    return read_batch([Fetch(records, True)])


def stored(*facts: Any) -> Stored[Encounter]:
    encounter = fold(facts)
    assert encounter is not None
    return Stored(3, encounter)


def patient(*facts: Any) -> Patient:
    found = fold_patient(facts)
    assert found is not None
    return found


def messages(changes: Changes, topic: str, kind: type[Any]) -> list[Any]:
    return [
        msgspec.json.decode(message.value or b"", type=kind) for message in changes.messages if message.topic == topic
    ]


def units(changes: Changes) -> list[str]:
    return [hint.unit_id for hint in messages(changes, "units.changed.v1", UnitChanged)]


def people(
    *tokens: str,
    aliases: Mapping[str, str],
    merges: Mapping[str, tuple[str, Any]] | None = None,
    encounters: Sequence[Encounter] = (),
) -> People:
    return People(tokens=tokens, aliases=aliases, merges=merges or {}, encounters=encounters)


def test_an_admission_is_a_new_state_and_two_messages() -> None:
    fact = admit(0, "4W/01")
    changes = decide(batch(fact), Before(has_new_facts=True, facts={"E1": [fact]}), NOW)
    [change] = changes.encounters
    assert change.before is None
    assert change.after is not None
    assert (change.after.status, [stay.unit_id for stay in change.after.unit_stays]) == ("in_progress", ["4W"])
    assert [message.topic for message in changes.messages] == ["encounters.changed.v1", "units.changed.v1"]


def test_a_state_that_did_not_change_is_neither_written_nor_announced() -> None:
    fact = admit(0, "4W/01")
    before = Before(has_new_facts=True, encounters={"E1": stored(fact)}, facts={"E1": [fact]})
    changes = decide(batch(fact), before, NOW)
    assert (changes.encounters, changes.messages) == ([], [])


def test_the_unit_that_the_patient_left_is_announced_and_a_corrected_past_is_marked() -> None:
    facts = [admit(0, "4W/01"), transfer(2, "5E/02"), discharge(5)]
    cancel = cancel_transfer(6)
    before = Before(has_new_facts=True, encounters={"E1": stored(*facts)}, facts={"E1": [*facts, cancel]})
    changes = decide(batch(cancel), before, NOW)
    hints = messages(changes, "units.changed.v1", UnitChanged)
    assert [(hint.unit_id, hint.past_changed) for hint in hints] == [("4W", True), ("5E", True)]


@pytest.mark.parametrize(
    ("stored_facts", "new", "expected"),
    [
        pytest.param([], admit(3, "4W/01"), {"4W": at(3)}, id="an admission"),
        pytest.param([admit(0, "4W/01")], transfer(9, "5E/02"), {"4W": at(9), "5E": at(9)}, id="a transfer"),
        pytest.param([admit(0, "4W/01")], discharge(50), {"4W": at(50)}, id="a discharge: since it, not the arrival"),
        pytest.param(
            [admit(0, "4W/01"), discharge(50)], transfer(9, "5E/02"), {"4W": at(9), "5E": at(9)}, id="a late transfer"
        ),
        pytest.param([admit(0, "4W/01"), discharge(50)], cancel_admission(60), {"4W": at(0)}, id="a cancel"),
    ],
)
def test_a_hint_says_since_when_the_patients_of_a_unit_may_have_changed(
    stored_facts: list[AnyFact], new: AnyFact, expected: dict[str, datetime]
) -> None:
    before = Before(
        has_new_facts=True,
        encounters={"E1": stored(*stored_facts)} if stored_facts else {},
        facts={"E1": [*stored_facts, new]},
    )
    hints = messages(decide(batch(new), before, NOW), "units.changed.v1", UnitChanged)
    assert {hint.unit_id: hint.since for hint in hints} == expected


def test_a_bed_report_changes_no_patients() -> None:
    [hint] = messages(
        decide(batch(bed(1, "4W/02", "dirty")), Before(has_new_facts=True), NOW), "units.changed.v1", UnitChanged
    )
    assert hint.since is None


def test_duplicate_facts_change_only_the_watermark() -> None:
    changes = decide(batch(admit(0, "4W/01"), bed(1, "4W/02", "dirty")), Before(), NOW)
    assert changes == Changes("adt.events.v1", dead_letters=[], watermarks=changes.watermarks, messages=[])
    assert changes.watermarks == {0: PartitionMark((at(1), at(0)), True)}


def test_an_encounter_without_facts_is_deleted_and_announced_as_cancelled() -> None:
    gone = Stored(2, Encounter(encounter_id="E2", patient_token="P1", status=EncounterStatus.IN_PROGRESS))
    fact = admit(0, "4W/01")
    before = Before(has_new_facts=True, encounters={"E2": gone}, merge_groups={"E1": [fact], "E2": []})
    changes = decide(batch(fact), before, NOW)
    assert [(change.before, change.after is None) for change in changes.encounters] == [
        (None, False),
        (gone.state, True),
    ]
    announced = messages(changes, "encounters.changed.v1", EncounterChanged)
    assert [(each.encounter_id, each.status) for each in announced] == [("E1", "in_progress"), ("E2", "cancelled")]


def test_a_merge_writes_an_alias_and_announces_the_encounters_of_both_tokens() -> None:
    first, second = stored(admit(0, "4W/01", e="E1", p="P1")), stored(admit(0, "5E/01", e="E2", p="P2"))
    fact = merge(5, "P1", "P2")
    before = Before(
        has_new_facts=True,
        patient_facts=[[fact]],
        people=people("P1", "P2", aliases={}, encounters=[second.state, first.state]),
    )
    changes = decide(batch(fact), before, NOW)
    assert changes.aliases is not None
    assert (changes.aliases.gone, changes.aliases.written) == ([], [("P1", "P2")])
    announced = messages(changes, "encounters.changed.v1", EncounterChanged)
    assert [(each.encounter_id, each.identity_changed_at) for each in announced] == [("E1", at(5)), ("E2", at(5))]
    assert units(changes) == ["4W", "5E"]


def test_an_unmerge_deletes_the_alias() -> None:
    merged, undone = merge(5, "P1", "P2"), unmerge(6, "P1")
    before = Before(
        has_new_facts=True,
        patients={"P1": Stored(1, patient(merged))},
        patient_facts=[[merged, undone]],
        people=people("P1", "P2", aliases={"P1": "P2"}, merges={"P1": ("P2", (at(5),))}),
    )
    changes = decide(batch(undone), before, NOW)
    assert changes.aliases is not None
    assert (changes.aliases.gone, changes.aliases.written) == (["P1"], [])


def test_a_unit_with_a_place_reserved_for_the_person_is_announced_on_admission_elsewhere() -> None:
    fact = admit(0, "4W/01", p="P1", patient_class=PatientClass.INPATIENT)
    before = Before(
        has_new_facts=True,
        facts={"E1": [fact]},
        waiting_plans=[WaitingPlan("P2", ("HG", "5E")), WaitingPlan("P3", ("HG", "ICU"))],
        persons={"P1": "P2", "P2": "P2", "P3": "P3"},
    )
    assert units(decide(batch(fact), before, NOW)) == ["4W", "5E"]


def test_a_rejected_record_is_one_dead_letter_with_its_reason_and_origin() -> None:
    changes = decide(batch(b"{}", b"[]"), Before(known_letters={key_of(b"[]", 1)}), NOW)
    assert [(letter.offset, letter.value, letter.received_at) for letter in changes.dead_letters] == [(0, b"{}", NOW)]
    [message] = changes.messages
    assert (message.topic, message.value) == ("adt.dead-letters.v1", b"{}")
    assert decode_headers(message.headers) == [
        ("wardwatch-reason", b"Object missing required field `type`"),
        ("wardwatch-origin", b"adt.events.v1/0/0"),
    ]


def key_of(value: bytes, offset: int) -> tuple[int, int, int]:
    [letter] = [each for each in decide(batch(b"", value), Before(), NOW).dead_letters if each.value == value]
    return (letter.partition, offset, letter.digest)


@pytest.mark.parametrize(
    ("header", "sample"),
    [
        pytest.param(None, (at(1), at(1.5), None), id="an interface"),
        pytest.param(b"120", (at(1), at(1.5), 120.0), id="a replay"),
        pytest.param(
            b"2 %d %d" % (at(8).timestamp(), at(1).timestamp()), (at(9), at(1.5), 2.0), id="a replay that says its time"
        ),
        pytest.param(b"max", None, id="as fast as possible"),
        pytest.param(b"-1", (at(1), at(1.5), None), id="not a pace"),
        pytest.param(b"1 nan nan", (at(1), at(1.5), None), id="not a time"),
        pytest.param(b"fast", (at(1), at(1.5), None), id="not a number"),
    ],
)
def test_a_sample_of_the_feed_says_how_late_and_at_which_pace_it_is(header: bytes | None, sample: Any) -> None:
    headers = () if header is None else ((PACE_HEADER, header),)
    sent_ms = int(at(1.5).timestamp() * 1000)
    record = Record("adt.events.v1", 2, 0, b"P1", encode_fact(admit(1)), headers, sent_ms)
    again = record._replace(offset=1, sent_ms=sent_ms + 400)
    read = read_batch([Fetch([record, again], True)]).partitions[2]
    assert read.samples == ([] if sample is None else [sample])
    assert read.sent_at == at(1.5) + timedelta(milliseconds=400)


def test_a_sender_whose_clock_is_ahead_counts_as_one_without_delay() -> None:
    sent_ms = int(at(1).timestamp() * 1000)
    record = Record("adt.events.v1", 2, 0, b"P1", encode_fact(admit(9_000)), (), sent_ms)
    read = read_batch([Fetch([record], True)]).partitions[2]
    assert read.samples == [(at(1), at(1), None)]
    assert list(read.times.values()) == [at(1)]


def test_an_observation_is_stored_and_announces_nothing() -> None:
    fact, seen = admit(0, "4W/01"), observe(5)
    before = Before(has_new_facts=True, encounters={"E1": stored(fact)}, facts={"E1": [fact, seen]})
    changes = decide(batch(seen), before, NOW)
    [change] = changes.encounters
    assert change.after is not None
    assert [each.value for each in change.after.observations] == [11.2]
    assert changes.messages == []
    both = Before(has_new_facts=True, encounters={"E1": stored(fact)}, facts={"E1": [fact, seen, discharge(8)]})
    assert len(messages(decide(batch(seen, discharge(8)), both, NOW), "encounters.changed.v1", EncounterChanged)) == 1


def test_an_observation_of_an_unknown_encounter_waits_in_the_log() -> None:
    seen = observe(5)
    changes = decide(batch(seen), Before(has_new_facts=True, facts={"E1": [seen]}), NOW)
    assert (changes.encounters, changes.messages) == ([], [])
