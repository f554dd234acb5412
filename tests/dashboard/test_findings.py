"""The data-quality page: every kind of finding has a title, a text and a place in the order."""

from __future__ import annotations

from pathlib import Path

import pytest
from dash import html
from sqlalchemy import Engine

from dashboard.data.findings import finding_list
from dashboard.pages.data_quality import View, filters, row
from streams.quality.kinds import KINDS, PROBLEMS, Kind, text_of
from tests.dashboard.builders import NOON, context_of, save_finding

DETAILS = {
    "encounters": "E4, E5",
    "patient_class": "inpatient",
    "source": "HIS",
    "event_id": "7",
    "subjects": "E1, E2",
    "field": "PV2-9",
    "whole": "Encounter/e1",
}


def test_every_kind_has_a_title_of_its_own() -> None:
    assert set(KINDS) == set(Kind)
    assert len({text.title for text in KINDS.values()}) == len(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_the_page_shows_every_kind_by_its_title(kind: Kind, engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        save_finding(connection, kind.value, "E1", "A text. A remedy.")
    found = finding_list(engine)
    assert row(found.findings[0], found, context_of(engine, tmp_path))["kind"] == KINDS[kind].title
    buttons = [each for each in filters(found, View(kind=kind)) if isinstance(each, html.Button)]
    assert [str(button.children[0]) for button in buttons] == ["All", KINDS[kind].title]


def test_a_kind_that_a_newer_worker_wrote_is_shown_by_its_code(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        save_finding(connection, "of_tomorrow", "E1", "A text. A remedy.")
    found = finding_list(engine)
    assert row(found.findings[0], found, context_of(engine, tmp_path))["kind"] == "of_tomorrow"


def test_findings_are_listed_in_work_order_then_the_longest_standing_first(engine: Engine) -> None:
    with engine.begin() as connection:
        for kind in ("unknown_bed", "facts_do_not_fit", "stale_stay", "bed_claimed_twice"):
            save_finding(connection, kind, kind, "A text. A remedy.")
        save_finding(connection, "stale_stay", "older", "A text. A remedy.", since=NOON)
    subjects = [each.subject for each in finding_list(engine).findings]
    assert subjects == ["bed_claimed_twice", "older", "stale_stay", "facts_do_not_fit", "unknown_bed"]


def test_every_text_says_what_is_wrong_and_then_what_to_do() -> None:
    texts = [text_of(kind, **DETAILS) for kind in Kind if kind is not Kind.FACTS_DO_NOT_FIT]
    for text in [*texts, *PROBLEMS.values()]:
        assert text.count(". ") == 1, text
        assert text.endswith(".")
        assert text[0].isupper()
        assert "{" not in text
