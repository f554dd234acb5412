"""Whose message it is: numbers and who assigned them, merges, unmerges, and two patients in one message."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import events
from schemas.events import patient_subject
from schemas.pseudonyms import patient_token
from streams.ingest.hl7.mapping import Hl7Mapping
from tests.streams.ingest.hl7.messages import KEY, fact, message, read


def token(number: str, authority: str = "HG") -> str:
    return patient_token(KEY, authority, number)


def test_the_number_of_the_preferred_type_identifies_the_patient() -> None:
    assert fact(message(patient="99^^^SSA^SS~17^^^HG^MR")).partition_key == token("17")
    assert fact(message(patient="99^^^SSA^SS~17^^^HG^mr")).partition_key == token("17")
    assert fact(message(patient="17^^^HG~99^^^SSA^SS")).partition_key == token("17")


def test_pid_2_serves_where_pid_3_is_empty() -> None:
    with_both = message(patient="17^^^HG^MR").replace(b"PID|1|", b"PID|1|99^^^HG^MR")
    assert fact(with_both).partition_key == token("17")
    alone = message(patient="").replace(b"PID|1|", b"PID|1|5^^^SSA^SS~17^^^HG^MR")
    assert fact(alone).partition_key == token("17")


def test_numbers_of_two_authorities_known_by_their_oid_are_two_people() -> None:
    assert fact(message(patient="17^^^&1.2.3&ISO^MR")).partition_key == token("17", "1.2.3")
    assert fact(message(patient="17^^^&1.2.4&ISO^MR")).partition_key == token("17", "1.2.4")
    assert fact(message(patient="17^^^HG&1.2.3&ISO^MR")).partition_key == token("17", "HG")
    assert fact(message(patient="17"), Hl7Mapping(default_authority="HG")).partition_key == token("17")


def test_a_merge_names_who_is_merged_away_and_who_stays() -> None:
    found: Any = fact(message("A40", more=["MRG|16^^^HG^MR"]))
    assert (found.subject, found.partition_key) == (patient_subject(token("16")), token("16"))
    assert found.data.into == token("17")


def test_a_merged_number_without_an_authority_has_that_of_the_number_that_stays() -> None:
    found: Any = fact(message("A40", patient="5^^^SSA^SS~20^^^HG^MR", more=["MRG|17"]))
    assert (found.partition_key, found.data.into) == (token("17"), token("20"))


def test_each_merge_is_into_the_patient_before_it() -> None:
    more = ["MRG|16^^^HG^MR", "PID|2||27^^^HG^MR", "MRG|26^^^HG^MR", "MRG|25^^^HG^MR"]
    found: Any = read(message("A40", more=more)).facts
    assert [(each.id, each.partition_key, each.data.into) for each in found] == [
        ("C1/1", token("16"), token("17")),
        ("C1/2", token("26"), token("27")),
        ("C1/3", token("25"), token("27")),
    ]


def test_a_pair_of_one_number_does_not_stop_the_others() -> None:
    more = ["MRG|17^^^HG^MR", "PID|2||27^^^HG^MR", "MRG|26^^^HG^MR"]
    found: Any = fact(message("A40", more=more))
    assert (found.partition_key, found.data.into) == (token("26"), token("27"))


def test_an_unlinked_patient_is_set_apart_from_the_other() -> None:
    found: Any = fact(message("A37", more=["PID|2||18^^^HG^MR"]))
    assert type(found) is events.PatientsUnmerged
    assert (found.subject, found.partition_key) == (patient_subject(token("18")), token("18"))
    assert found.data == events.UnmergeDetails(apart_from=token("17"))


OTHER = ["PID|2||18^^^HG^MR||ROE^RICHARD||19600101|M", "PV1|2|I|5E^1^02^HG||||||||||||||||V2"]
FIRST = ["PID|2||17^^^HG^MR||DOE^JANE||19500101|F", "PV1|2|I|5E^1^02^HG||||||||||||||||V1"]


def test_a_swap_is_two_transfers_at_one_instant() -> None:
    one, two = read(message("A17", more=OTHER)).facts
    assert (one.id, two.id, one.subject, two.subject) == ("C1/1", "C1/2", "V1", "V2")
    assert (one.partition_key, two.partition_key) == (token("17"), token("18"))
    assert one.occurred_at == two.occurred_at
    assert isinstance(two, events.PatientTransferred)
    assert two.data.location is not None
    assert two.data.location.unit_id == "5E"


def test_what_follows_the_second_patient_of_a_swap_is_not_of_the_first() -> None:
    one, two = read(message("A17", more=[*OTHER, "PV2|||||||||20260309", "DG1|1||I50.9^^I10"])).facts
    assert isinstance(one, events.PatientTransferred)
    assert isinstance(two, events.PatientTransferred)
    assert (one.data.expected_discharge_at, one.data.diagnoses) == (None, ())
    assert (two.data.expected_discharge_at is None, len(two.data.diagnoses)) == (False, 1)
    assert (one.data.sex, two.data.sex) == (events.Sex.FEMALE, events.Sex.MALE)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (message("A40"), "MRG: missing"),
        (message("A40", more=["MRG|17^^^HG^MR"]), "the same patient"),
        (message("A40", more=["MRG|"]), "MRG-1: empty"),
        (message("A37"), "PID: not two segments. A37 needs two"),
        (message("A37", more=["PID|2||17^^^HG^MR"]), "PID-3: both PID name the same patient"),
        (message("A17"), "PID and PV1: A17 needs two PID"),
        (message("A17", more=OTHER[:1]), "one PV1 after it"),
        (message("A17", more=["PV1|2|I|5E^1^02^HG||||||||||||||||V2", OTHER[0]]), "one PV1 after it"),
        (message("A17", more=[FIRST[0], OTHER[1]]), "PID-3: two PID of A17 name the same patient"),
        (message("A17", more=FIRST), "Send an A02 for a move"),
        (message("A17", more=[OTHER[0], FIRST[1]]), "PV1-19, PID-18, PV1-50: the same for both patients of A17"),
        (message("A17", control_id="C" * 199, more=OTHER), "MSH-10: longer than 198"),
        (message("A40", control_id="C" * 199, more=["MRG|1^^^HG", "MRG|2^^^HG"]), "MSH-10: longer than 198"),
    ],
)
def test_what_does_not_say_who_is_who_is_refused(raw: bytes, said: str) -> None:
    reading = read(raw)
    assert reading.facts == ()
    assert reading.rejected is not None
    assert said in reading.rejected


def test_the_longest_control_id_is_taken_where_a_message_is_one_fact() -> None:
    assert fact(message(control_id="C" * 200)).id == "C" * 200
