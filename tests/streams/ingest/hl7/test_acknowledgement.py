"""Acknowledgements: what is answered in original and enhanced mode, and what never is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from streams.ingest.hl7.acknowledgement import Answer, answer
from streams.ingest.hl7.header import read_header
from tests.streams.ingest.hl7.messages import message

NOW = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)


def code(raw: bytes, what: Answer) -> str | None:
    block = answer(read_header(raw), what, "", NOW)
    return None if block is None else block.decode().split("\r")[1].split("|")[1]


def asking(accept: str, application: str) -> bytes:
    return message().replace(b"|P|2.5", f"|P|2.5|||{accept}|{application}".encode())


@pytest.mark.parametrize(
    ("accept", "application", "codes"),
    [
        ("", "", ["AA", "AE", "AR"]),
        ("AL", "NE", ["CA", "CE", "CR"]),
        ("AL", "AL", ["CA", "CE", "CR"]),
        ("ER", "NE", [None, "CE", "CR"]),
        ("SU", "NE", ["CA", None, None]),
        ("NE", "NE", [None, None, None]),
        ("NE", "AL", ["AA", "AE", "AR"]),
        ("NE", "ER", [None, "AE", "AR"]),
        ("", "ER", [None, "AE", "AR"]),
        ("NE", "SU", ["AA", None, None]),
        ("ER", "AL", ["AA", "CE", "CR"]),
        ("SU", "ER", ["CA", "AE", "AR"]),
        ("always", "", ["CA", "CE", "CR"]),
    ],
)
def test_what_is_answered_is_what_the_sender_asks_for(accept: str, application: str, codes: list[str | None]) -> None:
    raw = asking(accept, application)
    assert [code(raw, what) for what in (Answer.ACCEPTED, Answer.ERROR, Answer.REJECTED)] == codes


@pytest.mark.parametrize(
    "raw",
    [
        b"MSH|^~\\&|X|Y|WW|HG|20260302102000||ACK^A01|C3|P|2.5\rMSA|AA|C1\r",
        b"MSH|^~\\&|X|Y|WW|HG|20260302102000||ACK|C3|P|2.5",
        b"MSH|^~\\&|X|Y|WW|HG|20260302102000||ADR^A19|C3|P|2.5|||AL|AL\nMSA|AE|C1\n",
    ],
)
@pytest.mark.parametrize("what", list(Answer))
def test_what_answers_a_message_is_never_answered(raw: bytes, what: Answer) -> None:
    assert code(raw, what) is None


def test_the_answer_names_the_message_in_its_own_separators() -> None:
    raw = message().decode().translate(str.maketrans("|^~&", "#*%$")).encode()
    block = answer(read_header(raw), Answer.ERROR, "why # and * not", NOW)
    assert block is not None
    assert block.decode().split("\r") == [
        "MSH#*%\\$#WW#WW#ADT#HARBOUR#20260302103000+0000##ACK*A01*ACK#WC1#P#2.5",
        "MSA#AE#C1#why   and   not",
        "",
    ]
