"""Files and folders of a feed: which are read, which are skipped or empty, and what a message of them becomes."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from schemas.errors import SourceError
from schemas.outgoing import REJECTED_HEADER, Outgoing
from schemas.settings import load_settings
from streams.ingest.fhir.files import fhir_files
from streams.ingest.from_files import read_fhir, read_hl7
from streams.ingest.hl7.files import hl7_files
from streams.ingest.hl7.splitting import split_messages
from tests.project.test_command_line import run
from tests.streams.ingest.hl7.messages import message

ONE, TWO = message("A01"), message("A03")


def test_a_message_that_was_cut_within_a_segment_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    cut = ONE[: ONE.index(b"||DOE")]
    assert split_messages(b"\x0b" + cut + b"\x0b" + TWO + b"\x1c\r") == [cut + b"\x0b", TWO]
    assert split_messages(b"\x0b" + ONE + b"\r\x0b" + TWO + b"\r") == [ONE, TWO]
    (tmp_path / "a.hl7").write_bytes(b"\x0b" + cut + b"\x0b" + TWO + b"\x1c\r")
    first, second = read_hl7([tmp_path / "a.hl7"], load_settings(data_dir=tmp_path / "data"))
    assert first.as_json()["dead_letter"].startswith("The message was cut")
    assert len(second.reading.facts) == 1


def test_folders_are_read_by_name_and_a_missing_path_is_said(tmp_path: Path) -> None:
    (tmp_path / "b.hl7").write_bytes(TWO)
    (tmp_path / "a.hl7").write_bytes(ONE + b"\r" + ONE)
    assert [(file.name, index) for file, index, _ in hl7_files([tmp_path])] == [
        ("a.hl7", 0),
        ("a.hl7", 1),
        ("b.hl7", 0),
    ]
    with pytest.raises(SourceError, match="no such file or folder"):
        hl7_files([tmp_path / "nothing"])


def test_what_cannot_be_read_goes_to_kafka_as_it_came_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a.hl7").write_bytes(b"hello\r" + ONE)
    bad, good = read_hl7([tmp_path], load_settings(data_dir=tmp_path / "data"))
    assert bad.as_json()["dead_letter"].startswith("MSH: missing at the start")
    (record,) = bad.records()
    assert isinstance(record, Outgoing)
    assert (record.value, record.headers[0][0]) == (b"hello", REJECTED_HEADER)
    assert good.records() == list(good.reading.facts)
    assert [fact.subject for fact in good.reading.facts] == ["V1"]


def test_files_with_a_number_are_read_and_those_passed_over_are_counted(tmp_path: Path) -> None:
    for name in ("m.001", "m.002", "m.hl7"):
        (tmp_path / name).write_bytes(ONE)
    for name in ("secret.key", "wards.db", ".hidden.hl7"):
        (tmp_path / name).write_bytes(b"x")
    said: list[str] = []
    assert [file.name for file, _, _ in hl7_files([tmp_path], said.append)] == ["m.001", "m.002", "m.hl7"]
    assert said == [
        "Files skipped in the folders: 3. Only files named .adt, .dat, .er7, .hl7, .hl7v2, .msg, .txt, "
        "with a number (.001) or with no suffix are read."
    ]


def test_nothing_is_said_where_nothing_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.hl7").write_bytes(ONE)
    said: list[str] = []
    assert len(list(hl7_files([tmp_path, tmp_path / "a.hl7"], said.append))) == 2
    assert said == []


def test_a_folder_of_which_nothing_is_read_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"{}")
    with pytest.raises(SourceError, match=r"No file to read\. Files skipped in the folders: 1\."):
        hl7_files([tmp_path])


def test_files_without_a_message_are_named_or_an_error_in_the_end_where_there_are_no_others(tmp_path: Path) -> None:
    (tmp_path / "a.hl7").write_bytes(b"FHS|^~\\&|x\rFTS|1\r")
    with pytest.raises(SourceError, match="No message in the files"):
        list(hl7_files([tmp_path]))
    (tmp_path / "b.hl7").write_bytes(ONE)
    said: list[str] = []
    assert [file.name for file, _, _ in hl7_files([tmp_path], said.append)] == ["b.hl7"]
    assert said == [f"Files without a message: {tmp_path / 'a.hl7'}."]


@pytest.mark.parametrize("suffix", ["hl7", "json", "ndjson"])
@pytest.mark.parametrize(
    "nothing",
    [b"", b"\r\n", b"\xef\xbb\xbf \n", b" " * 200_000],
    ids=["none", "a line", "a mark", "spaces"],
)
def test_files_that_are_empty_are_named_and_become_no_dead_letter(tmp_path: Path, suffix: str, nothing: bytes) -> None:
    feed, settings = tmp_path / "feed", load_settings(data_dir=tmp_path / "data")
    feed.mkdir()
    read, something = (read_hl7, ONE) if suffix == "hl7" else (read_fhir, b'{"resourceType": "Bundle"}')
    (feed / f"a.{suffix}").write_bytes(nothing)
    with pytest.raises(SourceError, match=rf"Empty files: .*a\.{suffix}\. Nothing to read"):
        read([feed], settings)
    (feed / f"b.{suffix}").write_bytes(something)
    said: list[str] = []
    assert [message.file.name for message in read([feed], settings, said.append)] == [f"b.{suffix}"]
    assert said == [f"Empty files: {feed / f'a.{suffix}'}."]


def test_of_many_files_that_are_empty_the_first_are_named(tmp_path: Path) -> None:
    for name in "abcdef":
        (tmp_path / f"{name}.hl7").write_bytes(b"" if name < "f" else ONE)
    said: list[str] = []
    assert len(list(hl7_files([tmp_path], said.append))) == 1
    first = ", ".join(str(tmp_path / f"{name}.hl7") for name in "abc")
    assert said == [f"Empty files: {first} and 2 more."]


def test_a_pipe_is_read_once_and_whole(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.hl7"
    os.mkfifo(pipe)
    writing = threading.Thread(target=pipe.write_bytes, args=[ONE])
    writing.start()
    assert len(list(hl7_files([pipe]))) == 1
    writing.join()


def test_a_name_that_is_not_utf_8_is_shown_as_far_as_it_is(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.hl7")).write_bytes(b"hello")
    (found,) = read_hl7([tmp_path], load_settings(data_dir=tmp_path / "data"))
    assert json.dumps(found.as_json(), ensure_ascii=False).encode()
    assert found.as_json()["file"] == f"{tmp_path}/\N{REPLACEMENT CHARACTER}.hl7"
    (record,) = found.records()
    assert isinstance(record, Outgoing)
    assert record.key == "\N{REPLACEMENT CHARACTER}.hl7/0".encode()


def test_a_path_that_is_too_long_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="name too long"):
        hl7_files([tmp_path / ("a" * 300)])


def test_the_command_says_what_it_passed_over_and_reads_the_rest(tmp_path: Path) -> None:
    (tmp_path / "feed").mkdir()
    (tmp_path / "feed" / "a.hl7").write_bytes(ONE)
    (tmp_path / "feed" / "a.pdf").write_bytes(b"%PDF")
    done = run(tmp_path, "ingest", "hl7", str(tmp_path / "feed"), "--dry-run")
    assert done.returncode == 0
    assert "1 message gives facts, 0 would be dead letters." in done.stdout
    assert done.stderr.startswith("wardwatch: Files skipped in the folders: 1. Only files named .adt")


def test_the_command_bears_names_that_are_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "feed").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/feed/\xff.hl7")).write_bytes(ONE)
    for more in ([], ["--json"]):
        done = run(tmp_path, "ingest", "hl7", str(tmp_path / "feed"), "--dry-run", *more)
        assert (done.returncode, done.stderr) == (0, "")
        assert "\N{REPLACEMENT CHARACTER}.hl7" in done.stdout
    gone = run(tmp_path, "ingest", "hl7", os.fsdecode(b"/\xff.hl7"), "--dry-run")
    assert gone.returncode == 2
    assert gone.stderr.count("\n") == 1


@pytest.mark.parametrize("content", [None, b"", b"\n"])
def test_a_command_that_finds_nothing_exits_2_with_one_line(content: bytes | None, tmp_path: Path) -> None:
    (tmp_path / "feed").mkdir()
    if content is not None:
        (tmp_path / "feed" / "a.hl7").write_bytes(content)
    done = run(tmp_path, "ingest", "hl7", str(tmp_path / "feed"), "--dry-run")
    assert done.returncode == 2
    assert done.stderr.startswith("wardwatch: Empty files: " if content is not None else "wardwatch: No file to read.")
    assert done.stderr.count("\n") == 1


def test_a_certificate_or_mapping_that_cannot_be_used_is_said_before_kafka_is_waited_for(tmp_path: Path) -> None:
    for arguments, variables, said in (
        (["--tls-key", "x"], {}, "need --tls-cert"),
        (["--tls-cert", "/nope"], {}, "The TLS certificate or key cannot be used"),
        ([], {"WARDWATCH_HL7_MAPPING_FILE": "/nope"}, "WARDWATCH_HL7_MAPPING_FILE"),
    ):
        began_s = time.monotonic()
        done = run(tmp_path, "ingest", "mllp", *arguments, **variables)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert said in done.stderr
        assert time.monotonic() - began_s < 20


def test_files_and_folders_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.ndjson").write_bytes(b'{"a": 1}\r\n\n{"a": 2}\n')
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{\n"a": 3\n}')
    (tmp_path / "key.txt").write_bytes(b"no resource")
    (tmp_path / ".hidden.json").write_bytes(b"{}")
    said: list[str] = []
    found = [(file.name, index, json.loads(raw)["a"]) for file, index, raw in fhir_files([tmp_path], said.append)]
    assert said == ["Files skipped in the folders: 2. Only files named .json, .ndjson are read."]
    assert found == [("a.json", 0, 3), ("1.ndjson", 0, 1), ("1.ndjson", 1, 2)]
    assert [index for _, index, _ in fhir_files([tmp_path / "key.txt"])] == [0]
    with pytest.raises(SourceError, match="no such file or folder"):
        fhir_files([tmp_path, tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="No file to read"):
        fhir_files([tmp_path / "empty"])
