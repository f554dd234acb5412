"""Messages in files: each found once, whatever stands around them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.errors import SourceError, UsageError
from schemas.outgoing import REJECTED_HEADER
from schemas.settings import load_settings
from streams.ingest.from_files import read_hl7
from streams.ingest.hl7_files import messages_in, split_messages
from streams.ingest.hl7_mapping import load_mapping
from tests.streams.ingest.messages import message

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


def test_folders_are_read_by_name_and_a_missing_path_is_said(tmp_path: Path) -> None:
    (tmp_path / "b.hl7").write_bytes(TWO)
    (tmp_path / "a.hl7").write_bytes(ONE + b"\r" + ONE)
    assert [(file.name, index) for file, index, _ in messages_in([tmp_path])] == [
        ("a.hl7", 0),
        ("a.hl7", 1),
        ("b.hl7", 0),
    ]
    with pytest.raises(SourceError, match="is not there"):
        messages_in([tmp_path / "nothing"])


def test_what_cannot_be_read_goes_to_kafka_as_it_came_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a.hl7").write_bytes(b"hello\r" + ONE)
    bad, good = read_hl7([tmp_path], load_settings(data_dir=tmp_path / "data"))
    assert bad.as_json()["dead_letter"].startswith("No MSH segment")
    (record,) = bad.records()
    assert (record.value, record.headers[0][0]) == (b"hello", REJECTED_HEADER)
    (record,) = good.records()
    assert (json.loads(record.value)["subject"], record.headers) == ("V1", ())


def test_a_mapping_that_is_wrong_says_where(tmp_path: Path) -> None:
    file = tmp_path / "mapping.yaml"
    file.write_text("visit_number: [PV1]\n")
    with pytest.raises(UsageError, match=r"visit_number"):
        load_mapping(file)
    file.write_text("time_zone: Nowhere/City\n")
    with pytest.raises(UsageError, match="IANA"):
        load_mapping(file)
    file.write_text("time_zone: Europe/Berlin\nunits: {4W: west}\n")
    assert load_mapping(file).units == {"4W": "west"}
