from __future__ import annotations

import gzip
from itertools import islice
from pathlib import Path

import pytest

from schemas.errors import SourceError
from schemas.events import AnyFact, encode_fact
from simulators.sources import jsonl


@pytest.mark.parametrize("name", ["facts.jsonl", "facts.jsonl.gz"])
def test_what_was_written_is_read(tmp_path: Path, facts: list[AnyFact], name: str) -> None:
    assert jsonl.write(facts[:500], tmp_path / name) == 500
    assert list(jsonl.read(tmp_path / name)) == facts[:500]


def test_the_same_facts_give_the_same_compressed_bytes(tmp_path: Path, facts: list[AnyFact]) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        jsonl.write(facts[:50], tmp_path / folder / "facts.gz")
    assert (tmp_path / "a" / "facts.gz").read_bytes() == (tmp_path / "b" / "facts.gz").read_bytes()


def test_reading_is_lazy_and_passes_over_empty_lines(tmp_path: Path, facts: list[AnyFact]) -> None:
    path = tmp_path / "facts.jsonl"
    path.write_bytes(b"\n" + encode_fact(facts[0]) + b"\n\n" + encode_fact(facts[1]) + b"\nbad\n")
    assert list(islice(jsonl.read(path), 2)) == facts[:2]


def test_a_bad_line_is_named_with_its_reason(tmp_path: Path, facts: list[AnyFact]) -> None:
    path = tmp_path / "facts.jsonl"
    path.write_bytes(encode_fact(facts[0]) + b'\n{"type": "something else"}\n')
    with pytest.raises(SourceError, match=r"facts\.jsonl:2: Invalid value - at `\$\.type`\. Correct"):
        list(jsonl.read(path))


def test_a_missing_and_a_torn_file_are_named(tmp_path: Path, facts: list[AnyFact]) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.jsonl: No such file"):
        list(jsonl.read(tmp_path / "nowhere.jsonl"))
    torn = tmp_path / "torn.gz"
    torn.write_bytes(gzip.compress(b"\n".join(encode_fact(fact) for fact in facts[:200]))[:-200])
    with pytest.raises(SourceError, match=r"torn\.gz: Compressed file ended"):
        list(jsonl.read(torn))
    not_gzip = tmp_path / "plain.gz"
    not_gzip.write_bytes(b"{}")
    with pytest.raises(SourceError, match=r"plain\.gz: Not a gzipped file"):
        list(jsonl.read(not_gzip))
