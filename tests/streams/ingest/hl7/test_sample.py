"""The messages of a public converter, each with its facts or its reason, as docs/reference/hl7/sample.md lists them."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.settings import load_settings
from streams.ingest.from_files import read_hl7

SAMPLE = Path(__file__).parents[4].parent / "shared" / "data" / "hl7_adt"
ROOT = Path(__file__).parents[4]

pytestmark = pytest.mark.skipif(not SAMPLE.is_dir(), reason="the HL7 messages are not at ../shared/data/hl7_adt")


def table(tmp_path: Path) -> list[str]:
    lines = []
    for found in read_hl7([SAMPLE], load_settings(data_dir=tmp_path)):
        reading = found.reading
        came = reading.rejected or ", ".join(type(fact).__name__ for fact in reading.facts)
        lines.append(f"| {found.file.name} | {found.number} | {found.trigger} | {came} |")
    return lines


def test_every_message_is_in_the_table_of_the_docs(tmp_path: Path) -> None:
    said = (ROOT / "docs" / "reference" / "hl7" / "sample.md").read_text().splitlines()
    lines = table(tmp_path)
    assert len(lines) == 60
    assert [line for line in lines if line not in said] == []


def test_nine_in_ten_of_those_with_patient_visit_and_place_give_facts(tmp_path: Path) -> None:
    able, usable = 0, 0
    for found in read_hl7([SAMPLE], load_settings(data_dir=tmp_path)):
        lines = found.raw.replace(b"\n", b"\r").split(b"\r")
        fields = {line[:3]: [*line.split(b"|"), *[b""] * 60] for line in reversed(lines)}
        if b"PID" in fields and b"PV1" in fields and (fields[b"PV1"][19] or fields[b"PID"][18] or fields[b"PV1"][50]):
            able += 1
            usable += bool(found.reading.facts)
    assert able >= 49
    assert usable >= 0.9 * able
