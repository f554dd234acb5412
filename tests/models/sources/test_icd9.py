"""Sections and categories of ICD-9-CM."""

from __future__ import annotations

import pytest

from models.sources.icd9 import SECTIONS, category, section


@pytest.mark.parametrize(
    ("code", "of_category", "of_section"),
    [
        ("428", "428", "heart failure"),
        ("428.23", "428", "heart failure"),
        ("427.31", "427", "arrhythmia"),
        ("429", "429", "other heart"),
        ("250.01", "250", "diabetes"),
        ("8", "008", "infection"),
        ("V58", "V58", "V58"),
        ("v58.1", "V58", "V58"),
        ("E885.9", "E885", "external cause"),
        ("999", "999", "procedure complication"),
        ("820.8", "820", "hip fracture"),
        ("821", "821", "fracture"),
        ("?", "?", "unknown"),
        ("", "", "unknown"),
        ("I50.9", "I50", "unknown"),
        ("0", "000", "unknown"),
        ("1000", "1000", "unknown"),
    ],
)
def test_a_code_has_a_category_and_a_section(code: str, of_category: str, of_section: str) -> None:
    assert (category(code), section(code)) == (of_category, of_section)


def test_the_sections_are_in_order_without_a_gap() -> None:
    starts = [start for start, _ in SECTIONS]
    assert starts == sorted(set(starts))
    assert starts[0] == 1
