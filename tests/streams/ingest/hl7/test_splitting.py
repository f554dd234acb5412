"""Messages in bytes: each found once, whatever is around them."""

from __future__ import annotations

import pytest

from streams.ingest.hl7.splitting import split_messages
from tests.streams.ingest.hl7.messages import message

ONE, TWO = message("A01"), message("A03")


@pytest.mark.parametrize(
    "raw",
    [
        ONE + b"\r" + TWO,
        ONE.replace(b"\r", b"\n") + b"\n\n" + TWO.replace(b"\r", b"\n"),
        ONE.replace(b"\r", b"\r\n") + b"\r\n" + TWO.replace(b"\r", b"\r\n"),
        b"\x0b" + ONE + b"\x1c\r\x0b" + TWO + b"\x1c\r",
        b"FHS|^~\\&|x\rBHS|^~\\&|x\r" + ONE + b"\r" + TWO + b"\rBTS|2\rFTS|1\r",
        b"\xef\xbb\xbf" + ONE + b"\r\r\r" + TWO,
    ],
)
def test_each_message_is_found(raw: bytes) -> None:
    found = split_messages(raw)
    assert len(found) == 2
    assert all(part.startswith(b"MSH|") for part in found)
    assert b"ADT^A01" in found[0]
    assert b"ADT^A03" in found[1]


def test_an_msh_within_a_field_begins_no_message() -> None:
    assert len(split_messages(ONE + b"\rNTE|1||see MSH|9")) == 1


def test_what_is_no_message_is_not_lost() -> None:
    assert split_messages(b"hello\r" + ONE) == [b"hello", ONE]
    assert split_messages(b"") == []


def test_of_a_batch_without_a_message_only_the_envelope_falls_away() -> None:
    inner = b"EVN|A01|2026\rPID|1||17"
    assert split_messages(b"FHS|^~\\&|x\rBHS|^~\\&|y\r" + inner + b"\rBTS|1\rFTS|1\r") == [inner]
    assert split_messages(b"BHS|^~\\&|y\r\n" + inner + b"\r\nBTS|1") == [inner]
    assert split_messages(ONE + b"\rBTS|1\rPID|2||18\r") == [ONE, b"PID|2||18"]
    assert split_messages(b"FHS|^~\\&|x\rBHS|^~\\&|y\rBTS|0\rFTS|1\r") == []
