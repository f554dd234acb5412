from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import SourceError, UsageError
from schemas.events import AnyFact
from schemas.settings import load_settings
from simulators import replay
from simulators.sources import jsonl


def test_a_file_of_facts_is_replayed(tmp_path: Path, facts: list[AnyFact]) -> None:
    jsonl.write(facts[:10], tmp_path / "facts.jsonl")
    assert list(replay.facts("jsonl", tmp_path / "facts.jsonl", load_settings(data_dir=tmp_path))) == facts[:10]


def test_an_unknown_source_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no source 'hl7'\. Take one of: jsonl, mimic-iv"):
        replay.facts("hl7", tmp_path, load_settings(data_dir=tmp_path))


@pytest.mark.parametrize(("source", "needs"), [("jsonl", "file of facts"), ("mimic-iv", "folder of the CLIF tables")])
def test_a_path_that_is_not_there_is_refused_at_once(tmp_path: Path, source: str, needs: str) -> None:
    with pytest.raises(SourceError, match=f"is not there. The source {source} needs a {needs}"):
        replay.facts(source, tmp_path / "nothing", load_settings(data_dir=tmp_path))


def test_the_folder_of_mimic_is_read_with_the_key_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    with pytest.raises(SourceError, match=r"no clif_patient\.csv"):
        list(replay.facts("mimic-iv", tmp_path / "tables", load_settings(data_dir=tmp_path)))
    assert (tmp_path / "pseudonym.key").is_file()
