"""Messages that say which visit is which, and whose: accounts and visits merged, moved or renumbered."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import events
from schemas.pseudonyms import patient_token
from streams.ingest.hl7.mapping import Hl7Mapping
from tests.streams.ingest.hl7.messages import KEY, message, read

TOKEN = patient_token(KEY, "HG", "17")
OTHER = patient_token(KEY, "HG", "18")
ACCOUNT = b"|19500101|F" + b"|" * 10 + b"ACC2"


def merged(trigger: str, *segments: str, **fields: Any) -> bytes:
    return message(trigger, more=segments, **fields)


def with_account(raw: bytes) -> bytes:
    return raw.replace(b"|19500101|F", ACCOUNT)


def without_pv1(raw: bytes) -> bytes:
    return b"\r".join(line for line in raw.split(b"\r") if not line.startswith(b"PV1"))


def told(raw: bytes, mapping: Hl7Mapping | None = None) -> list[tuple[type, str, str, Any]]:
    """Kind, subject, token, and what the fact is about."""
    reading = read(raw, mapping)
    assert reading.rejected is None, reading.rejected
    return [
        (
            type(fact),
            fact.subject,
            fact.partition_key,
            getattr(fact.data, "into", None) or getattr(fact.data, "moved_from", None),
        )
        for fact in reading.facts
    ]


MERGED, MOVED, UPDATED = events.EncountersMerged, events.EncounterMoved, events.EncounterUpdated


@pytest.mark.parametrize("trigger", ["A42", "A45", "A50"])
def test_a_visit_with_another_number_than_before_is_merged_into_it(trigger: str) -> None:
    found = told(merged(trigger, "MRG|17^^^HG^MR||||V0"))
    assert found == [(MERGED, "V0", TOKEN, "V1"), (UPDATED, "V1", TOKEN, None)]


@pytest.mark.parametrize("trigger", ["A35", "A41", "A44", "A49"])
def test_an_account_is_the_visit_where_nothing_else_numbers_it(trigger: str) -> None:
    raw = with_account(merged(trigger, "MRG|||ACC1", visit=""))
    assert told(raw) == [(MERGED, "ACC1", TOKEN, "ACC2"), (UPDATED, "ACC2", TOKEN, None)]
    by_account = Hl7Mapping(visit_number=("PID-18",))
    assert told(without_pv1(raw), by_account) == [(MERGED, "ACC1", TOKEN, "ACC2")]
    assert "PID-18 is an account" in str(read(without_pv1(raw)).rejected)


def test_an_account_is_no_visit_where_another_field_numbers_it() -> None:
    assert told(with_account(merged("A41", "MRG|||ACC1"))) == [(UPDATED, "V1", TOKEN, None)]
    assert told(merged("A49", "MRG|||ACC1", visit="", f50="ALT")) == [(UPDATED, "ALT", TOKEN, None)]


def test_an_alternate_visit_number_is_followed_where_it_is_the_only_one() -> None:
    raw = merged("A51", "MRG||||||ALT0", visit="", f50="ALT")
    assert told(raw) == [(MERGED, "ALT0", TOKEN, "ALT"), (UPDATED, "ALT", TOKEN, None)]


@pytest.mark.parametrize("trigger", ["A44", "A45"])
def test_a_visit_of_another_patient_than_before_is_moved(trigger: str) -> None:
    found = told(merged(trigger, "MRG|18^^^HG^MR||||V1"))
    assert found == [(MOVED, "V1", TOKEN, OTHER), (UPDATED, "V1", TOKEN, None)]


def test_a_visit_may_have_another_number_and_another_patient() -> None:
    found = told(merged("A45", "MRG|18^^^HG^MR||||V0"))
    assert found == [
        (MERGED, "V0", TOKEN, "V1"),
        (MOVED, "V1", TOKEN, OTHER),
        (UPDATED, "V1", TOKEN, None),
    ]
    assert [fact.id for fact in read(merged("A45", "MRG|18^^^HG^MR||||V0")).facts] == ["C1/1", "C1/2", "C1/3"]


def test_each_visit_of_each_patient_is_told_of() -> None:
    segments = [
        "MRG|17^^^HG^MR||||V1",
        "PV1||I|4W^01^01^HG" + "|" * 16 + "V1",
        "MRG|17^^^HG^MR||||V0",
        "PV1||I|5E^01^01^HG" + "|" * 16 + "V2",
        "PID|2||18^^^HG^MR",
        "MRG|17^^^HG^MR",
        "PV1||I|ED^02^02^HG" + "|" * 16 + "V3",
    ]
    raw = b"\r".join([without_pv1(message("A45")), *(segment.encode() for segment in segments)])
    assert told(raw) == [
        (UPDATED, "V1", TOKEN, None),
        (MERGED, "V0", TOKEN, "V2"),
        (UPDATED, "V2", TOKEN, None),
        (MOVED, "V3", OTHER, TOKEN),
        (UPDATED, "V3", OTHER, None),
    ]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (merged("A45"), "MRG: missing after the PID"),
        (merged("A42", "MRG|17^^^HG^MR"), "MRG-5: not a number other than PV1-19"),
        (merged("A50", "MRG|||||V1"), "MRG-5: not a number other than PV1-19"),
        (merged("A50", "MRG|||||bed:HG/4W/01"), "a reserved prefix (bed: or patient:)"),
        (merged("A45", "MRG|||||V1", "PV1||I|5E"), "PV1: two segments after one MRG"),
        (merged("A44", "MRG|18^^^HG^MR", visit=""), "PV1-19, PID-18, PV1-50: no visit number"),
        (with_account(without_pv1(merged("A44", "MRG|18^^^HG^MR||ACC2"))), "PV1: missing after the MRG"),
    ],
)
def test_what_cannot_be_used_says_why(raw: bytes, said: str) -> None:
    reading = read(raw)
    assert reading.facts == ()
    assert said in str(reading.rejected)


def test_a_number_that_has_no_former_value_in_mrg_cannot_be_changed() -> None:
    raw = merged("A42", "MRG|||||V0", f5="PRE1")
    reading = read(raw, Hl7Mapping(visit_number=("PV1-5",)))
    assert "PV1-5: the visit number's field, for which MRG has no former value" in str(reading.rejected)
    assert told(raw.replace(b"A42", b"A45"), Hl7Mapping(visit_number=("PV1-5",))) == [(UPDATED, "PRE1", TOKEN, None)]


def test_an_account_that_stays_what_it_was_changes_nothing() -> None:
    raw = with_account(without_pv1(merged("A44", "MRG|17^^^HG^MR||ACC2")))
    reading = read(raw, Hl7Mapping(visit_number=("PID-18",)))
    assert "MRG: names the same visit and patient" in str(reading.rejected)
