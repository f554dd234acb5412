from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, update

import dashboard
from dashboard.components.alert_details import alert_details
from dashboard.data.alerts import latest_risks, worklist
from dashboard.pages.worklist import row
from models.moments import MOMENT_WORDS, Moment
from schemas import tables
from streams.alerts import AlertStatus
from tests.dashboard.builders import NOON, context_of, save_alert, save_score

DASHBOARD = Path(dashboard.__file__).parent


def test_every_moment_has_words_of_its_own() -> None:
    assert set(MOMENT_WORDS) == set(Moment)
    assert len(set(MOMENT_WORDS.values())) == len(Moment)
    assert MOMENT_WORDS[Moment.IDENTITY] == "Merge"


@pytest.mark.parametrize("moment", Moment)
def test_the_worklist_shows_words_for_a_moment_and_never_its_code(
    moment: Moment, engine: Engine, tmp_path: Path
) -> None:
    with engine.begin() as connection:
        save_alert(connection, "E1", "t1", moment=moment.value)
        save_score(connection, "E1", "t1", as_of=NOON, risk=0.5, moment=moment.value)
    [alert] = worklist(engine).alerts
    assert row(alert, context_of(engine, tmp_path))["moment"] == MOMENT_WORDS[moment]
    risks = latest_risks(engine, "E1")
    assert risks is not None
    panel = alert_details(alert, risks, where="home", raised="now", zone=ZoneInfo("UTC"))
    assert f"Scored at {MOMENT_WORDS[moment].lower()}, Tue 10 Mar 2026" in str(panel)


@pytest.mark.parametrize(
    ("status", "can_acknowledge", "words"), [("new", True, "New"), ("acknowledged", False, "Acknowledged")]
)
def test_a_line_offers_the_button_only_where_a_person_may_acknowledge(
    status: str, can_acknowledge: bool, words: str, engine: Engine, tmp_path: Path
) -> None:
    with engine.begin() as connection:
        save_alert(connection, "E1", "t1", status=status)
    line = row(worklist(engine).alerts[0], context_of(engine, tmp_path))
    assert (line["can_acknowledge"], line["status"]) == (can_acknowledge, words)


def test_no_page_spells_out_a_status_that_the_alert_rules_define() -> None:
    literals = [f'"{status.value}"' for status in AlertStatus]
    sources = {path.name: path.read_text(encoding="utf-8") for path in DASHBOARD.rglob("*.py")}
    assert [(name, each) for name, text in sources.items() for each in literals if each in text] == []


def panel_of(engine: Engine) -> str:
    [alert] = worklist(engine).alerts
    risks = latest_risks(engine, alert.encounter_id)
    return str(alert_details(alert, risks, where="home", raised="now", zone=ZoneInfo("UTC")))


def test_the_panel_shows_the_bedside_scores_item_by_item(engine: Engine) -> None:
    with engine.begin() as connection:
        save_alert(connection, "E1", "t1")
        save_score(connection, "E1", "t1", as_of=NOON, risk=0.5)
    panel = panel_of(engine)
    for words in (
        "LACE 11 of 19, high",
        "HOSPITAL 2 to 4 of 13, low",
        "Not known: haemoglobin, procedure in the stay",
        "Heart failure, Diabetes",
        "133 mmol/L",
        "0 to 1",
        "No condition that counts.",
    ):
        assert words in panel, words


def test_a_score_from_before_bedside_scores_says_so(engine: Engine) -> None:
    with engine.begin() as connection:
        save_alert(connection, "E1", "t1")
        save_score(connection, "E1", "t1", as_of=NOON, risk=0.5)
        connection.execute(update(tables.score).values(bedside=None))
    assert "issued before bedside scores were computed" in panel_of(engine)
