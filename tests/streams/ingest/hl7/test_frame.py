"""What stands in one frame: each message of it becomes facts or a dead letter, and one answer tells the worst."""

from __future__ import annotations

import json

import pytest

from schemas.errors import FactRejected
from schemas.outgoing import REJECTED_HEADER, Outgoing
from schemas.pseudonyms import patient_token
from streams.ingest.hl7.acknowledgement import Answer
from streams.ingest.hl7.frame import FrameResult, read_frame, too_large
from streams.ingest.hl7.mapping import Hl7Mapping
from streams.ingest.hl7.message import parse_message
from tests.streams.ingest.hl7.messages import KEY, message

ONE = message("A01", control_id="C1")
TWO = message("A03", control_id="C2", visit="V2", patient="18^^^HG^MR")
BAD = message("A01", control_id="C3", visit="")
ACK = b"MSH|^~\\&|X|Y|WW|HG|20260302102000||ACK^A01|C9|P|2.5\rMSA|AA|C1\r"


def frame(block: bytes) -> FrameResult:
    return read_frame(block, Hl7Mapping(), KEY)


def ids(found: FrameResult) -> list[str]:
    return [json.loads(record.value)["id"] for record in found.records if not record.headers]


def letters(found: FrameResult) -> list[Outgoing]:
    return [record for record in found.records if record.headers]


def reason(record: Outgoing) -> bytes:
    ((name, said),) = record.headers
    assert name == REJECTED_HEADER
    return said


def test_a_second_message_in_a_frame_is_not_lost() -> None:
    found = frame(ONE + b"\r" + TWO)
    assert (found.answer, found.reason, found.header.control_id) == (Answer.ACCEPTED, "", "C1")
    assert ids(found) == ["C1", "C2"]
    assert (found.accepted, found.rejected) == (2, 0)


def test_the_answer_to_several_messages_is_the_worst_of_them() -> None:
    found = frame(ONE + b"\r" + BAD)
    assert (found.answer, found.header.control_id) == (Answer.ERROR, "C1")
    assert found.reason.startswith("Message 2 of 2 in the frame: PV1-19, PID-18, PV1-50: no visit number")
    assert ids(found) == ["C1"]
    assert [record.value for record in letters(found)] == [BAD]
    assert frame(b"hello\r" + ONE + b"\r" + BAD).answer is Answer.REJECTED


def test_the_beds_of_a_message_that_can_be_read_are_published_beside_its_dead_letter() -> None:
    some = message("A20", control_id="C4", more=["NPU|4W^12^01^HG|H", "NPU|4W^12^02^HG|"])
    found = frame(some + b"\r" + ONE)
    assert (found.answer, found.accepted, found.rejected) == (Answer.ERROR, 1, 1)
    assert found.reason.startswith("Message 1 of 2 in the frame: NPU segment 2 of 2, NPU-2: empty")
    assert ids(found) == ["C4/1", "C1"]
    (letter,) = letters(found)
    assert letter.value == some
    assert reason(letter).startswith(b"NPU segment 2 of 2, NPU-2: empty")


def test_a_batch_is_its_messages() -> None:
    found = frame(b"FHS|^~\\&|x\rBHS|^~\\&|x\r" + ONE + b"\r" + TWO + b"\rBTS|2\rFTS|1\r")
    assert (found.answer, found.header.control_id, ids(found)) == (Answer.ACCEPTED, "C1", ["C1", "C2"])


def test_a_batch_of_nothing_is_refused_and_kept() -> None:
    found = frame(b"BHS|^~\\&|x\rBTS|0\r")
    assert found.answer is Answer.REJECTED
    assert letters(found)[0].value == b"BHS|^~\\&|x\rBTS|0\r"


@pytest.mark.parametrize("begun", [ONE[: ONE.index(b"||DOE")], ONE[:30], ONE, b"MSH|"])
@pytest.mark.parametrize("again", [TWO, b"\xef\xbb\xbf" + TWO, b"\r\n" + TWO, b"BHS|^~\\&|x\r" + TWO + b"\rBTS|1"])
def test_a_frame_that_was_cut_does_not_mix_with_the_next(begun: bytes, again: bytes) -> None:
    found = frame(begun + b"\x0b" + again)
    assert (found.answer, found.header.control_id) == (Answer.ACCEPTED, "C2")
    (record,) = [record for record in found.records if not record.headers]
    assert json.loads(record.value)["subject"] == "V2"
    assert record.key == patient_token(KEY, "HG", "18").encode()
    (letter,) = letters(found)
    assert letter.value == begun + b"\x0b"
    assert b"The message was cut" in reason(letter)
    assert (found.accepted, found.rejected) == (1, 1)


def test_a_message_that_was_cut_is_not_taken_for_a_whole_one_when_it_is_read_again() -> None:
    (letter,) = letters(frame(ONE[:-20] + b"\x0b" + TWO))
    with pytest.raises(FactRejected, match="cut"):
        parse_message(letter.value)


def test_a_vertical_tab_within_a_field_cuts_nothing() -> None:
    found = frame(ONE + b"\rNTE|1||one line\x0band another")
    assert (found.answer, ids(found), letters(found)) == (Answer.ACCEPTED, ["C1"], [])


def test_a_frame_that_begins_within_a_field_that_is_read_is_refused() -> None:
    found = frame(ONE[: ONE.index(b"^^^HG^MR")] + b"\x0bGET / HTTP/1.1\r" + ONE[ONE.index(b"PV1|") :])
    assert (found.answer, found.header.control_id) == (Answer.ERROR, "C1")
    assert found.reason.startswith("A field contains the start of a frame (0B)")


def test_an_acknowledgement_is_neither_answered_nor_kept() -> None:
    found = frame(ACK)
    assert (found.answer, found.records, found.ignored) == (None, [], 1)
    both = frame(ACK + ONE)
    assert (both.answer, both.header.control_id, both.ignored) == (Answer.ACCEPTED, "C1", 1)


def test_more_messages_than_anybody_sends_in_a_frame_are_one_dead_letter() -> None:
    found = frame(b"MSH|^~\\&|\r" * 1_001)
    assert found.answer is Answer.REJECTED
    assert len(found.records) == 1
    assert b"more than 1,000 messages" in reason(found.records[0])


def test_of_a_message_that_is_too_large_the_beginning_is_kept() -> None:
    found = too_large(ONE + b"\rNTE|1||" + b"x" * 100_000, 10_000)
    assert (found.answer, found.header.control_id) == (Answer.REJECTED, "C1")
    (letter,) = found.records
    assert letter.value[:-1] == (ONE + b"\rNTE|1||" + b"x" * 100_000)[:16_384]
    assert b"larger than 10000 bytes" in reason(letter)
    with pytest.raises(FactRejected, match="cut"):
        parse_message(letter.value)
