"""What is larger than anybody sends is refused before it is parsed, so that nobody else waits for it."""

from __future__ import annotations

import time

import pytest

from streams.ingest.hl7.frame import read_frame
from streams.ingest.hl7.mapping import Hl7Mapping
from tests.streams.ingest.hl7.messages import KEY, fact, message, read

MANY = 1_000_000


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (message(patient="17^^^HG^MR" + "~" * MANY), "PID-3: more than 1,000 repetitions"),
        (message(patient="17^^^HG^MR" + "^" * MANY), "more than 20,000 repetitions, components"),
        (message(patient="17^^^HG^MR" + "&" * MANY), "more than 20,000 repetitions, components"),
        (message(more=["DG1|1||I10.1^^I10"] * 25_000), "more than 1,000 segments"),
        (message("A40", more=["MRG|1"] * 1_000), "more than 1,000 segments"),
        (
            message("A40", patient="~" * 999 + "17", more=["MRG|" + "1~" * 900] * 30),
            "more than 20,000 repetitions, components",
        ),
        (message().replace(b"|P|2.5", b"|P~" + b"~" * 2_000 + b"|2.5"), "MSH-11: more than 1,000 repetitions"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_nobody_sends_is_refused_at_once(raw: bytes, said: str) -> None:
    began_s = time.process_time()
    reading = read(raw)
    assert time.process_time() - began_s < 5  # parsed, the first takes nine seconds or more
    assert reading.facts == ()
    assert reading.rejected is not None
    assert said in reading.rejected


@pytest.mark.parametrize(
    "piece", [b"\x0b", b"\r\n", b"\r", b" ", b"\x0b\r", b"\x00", b"\x1c", b"\r ", b"\\X41", b"\\.a", b"MSH|"]
)
def test_no_run_of_one_piece_takes_long(piece: bytes) -> None:
    began_s = time.process_time()
    for raw in (piece * (MANY // len(piece)), message() + piece * (MANY // len(piece)) + message(f10="x")):
        read_frame(raw, Hl7Mapping(), KEY)
    assert time.process_time() - began_s < 20  # quadratic, each would take hours


def test_a_message_at_the_limit_is_read() -> None:
    assert len(read(message("A40", more=[f"MRG|{number}^^^HG" for number in range(100, 1_096)])).facts) == 996
    assert fact(message(patient="17^^^HG^MR" + "~" * 999)).subject == "V1"


def test_segments_and_fields_that_nobody_reads_do_not_count() -> None:
    raw = message(f5="~" * 5_000, more=["OBX|1|TX|||" + "~" * 100] * 5_000)
    assert fact(raw).subject == "V1"
