"""Letters: by the character set that is declared, or by what the bytes are in truth; and escape sequences."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.pseudonyms import patient_token
from streams.ingest.hl7.splitting import split_messages
from tests.streams.ingest.hl7.messages import KEY, fact, message


def unit_of(raw: bytes) -> str:
    found: Any = fact(raw)
    unit: str = found.data.location.unit_id
    return unit


def declaring(name: str, unit: str = "Säugling") -> str:
    return message(place=f"{unit}^^01^HG").decode().replace("|P|2.5", "|P|2.5" + "|" * 6 + name)


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("UNICODE UTF-8", "utf-8"),
        ("UNICODE UTF-8", "latin-1"),
        ("8859/1", "latin-1"),
        ("8859/1", "utf-8"),
        ("8859/15", "utf-8"),
        ("ASCII", "utf-8"),
        ("ASCII", "latin-1"),
        ("", "utf-8"),
        ("", "latin-1"),
        ("GB 18030-2000", "gb18030"),
        ("UNICODE UTF-16", "utf-8"),
        ("UNICODE UTF-16", "utf-16"),
        ("UNICODE UTF-16", "utf-16-le"),
        ("UNICODE UTF-16", "utf-16-be"),
        ("", "utf-16-le"),
        ("UNICODE UTF-32", "utf-32"),
    ],
)
def test_letters_come_as_the_header_says_or_as_the_bytes_are(declared: str, encoding: str) -> None:
    raw = declaring(declared).encode(encoding)
    assert unit_of(raw) == "Säugling"
    (part,) = split_messages(raw)
    assert unit_of(part) == "Säugling"
    assert unit_of(b"\x0b" + raw + b"\x1c\r") == "Säugling"


def test_plain_letters_under_a_header_that_says_utf_16_are_plain_letters() -> None:
    assert unit_of(declaring("UNICODE UTF-16", "4W").encode()) == "4W"


def test_two_chinese_letters_that_look_like_utf_8_are_read_by_their_own_set() -> None:
    raw = declaring("GB 18030-2000", "联通").encode("gb18030")
    assert b"\xc1\xaa\xcd\xa8" in raw  # valid UTF-8 as well
    assert unit_of(raw) == "联通"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("A\\T\\E", "A&E"),
        ("4\\F\\W", "4|W"),
        ("4\\S\\W\\R\\1\\E\\2", "4^W~1\\2"),
        ("4\\X41\\W", "4AW"),
        ("K\\XC3B6\\ln", "Köln"),
        ("K\\XC3\\\\XB6\\ln", "Köln"),
        ("K\\XF6\\ln", "Köln"),
        ("4\\H\\W\\N\\", "4W"),
        ("A\\.sp999999999\\B\\.br\\C", "A B C"),
        ("4\\C2842\\W", "4W"),
        ("4a\\bW", "4a\\bW"),
        ("4W\\", "4W\\"),
        ("4\\\\W", "4\\\\W"),
        ("4\\XZZ\\W", "4\\XZZ\\W"),
        ("a\\b\\E\\c", "a\\b\\c"),
    ],
)
def test_an_escape_sequence_is_read_and_a_lone_escape_character_stays(written: str, meant: str) -> None:
    assert unit_of(message(place=f"{written}^^01^HG")) == meant


def test_a_byte_is_decoded_in_the_set_of_the_message() -> None:
    assert unit_of(declaring("8859/5", "\\XB0\\").encode()) == "А"  # Cyrillic
    assert unit_of(declaring("GB 18030-2000", "\\XC1AA\\").encode()) == "联"


def test_numbers_with_an_escape_character_are_two_people() -> None:
    tokens = [fact(message(patient=f"{number}^^^HG^MR")).partition_key for number in ("12\\34", "12\\56")]
    assert tokens == [patient_token(KEY, "HG", "12\\34"), patient_token(KEY, "HG", "12\\56")]


def test_other_separators_have_the_same_escapes() -> None:
    raw = message(place="A\\T\\E^^01^HG").decode().translate(str.maketrans("|^~&", "#*%$"))
    assert unit_of(raw.encode()) == "A$E"
