"""The worklist in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from schemas import tables
from tests.dashboard.builders import save_alert, save_encounter
from tests.dashboard.conftest import House

ROW = '.ag-row[row-id="{}"]'


def open_worklist(page: Page, house: House) -> None:
    page.goto(f"{house.address}/worklist")
    expect(page.locator(ROW.format("W1"))).to_be_visible()


def test_an_alert_shows_patient_place_risk_and_reasons(page: Page, house: House) -> None:
    open_worklist(page, house)
    first = page.locator(ROW.format("W1"))
    expect(first).to_contain_text("61 %")
    expect(first).to_contain_text("High")
    expect(first).to_contain_text("11111111")
    expect(first).to_contain_text("Medicine · 02")
    expect(first).to_contain_text("Admissions in 12 months 3 · Heart failure")
    expect(first).not_to_contain_text("Age 71")  # it lowers the risk
    expect(page.locator(ROW.format("W2"))).to_contain_text("home")


def test_the_panel_shows_three_risks_and_what_moved_them(page: Page, house: House) -> None:
    open_worklist(page, house)
    page.locator(ROW.format("W1")).click()
    panel = page.locator("#alert-details")
    risks = ("Blend, shown in the list61 %", "Batch model71 %", "Online model51 %")
    for words in (*risks, "+0.80", "−0.20", "online version 7"):
        expect(panel).to_contain_text(words)


def test_the_panel_shows_bedside_scores_and_opens_each(page: Page, house: House) -> None:
    open_worklist(page, house)
    page.locator(ROW.format("W1")).click()
    scores = page.locator("#alert-details .bedside details")
    expect(scores.nth(0)).to_contain_text("LACE 11 of 19, high")
    expect(scores.nth(1)).to_contain_text("Not known: haemoglobin, procedure in the stay")
    scores.nth(1).locator("summary").click()
    expect(scores.nth(1).get_by_role("row", name="Sodium (below 135 mmol/L) 133 mmol/L 1")).to_be_visible()
    charlson = page.get_by_text("Charlson (1987) 2 of 29")
    expect(page.get_by_role("row", name="Diabetes yes 1")).to_be_hidden()
    charlson.click()
    expect(page.get_by_role("row", name="Diabetes yes 1")).to_be_visible()


def test_keys_choose_and_acknowledge(page: Page, house: House) -> None:
    with house.engine.begin() as connection:
        for encounter_id, risk in (("K1", 0.98), ("K2", 0.97)):
            save_encounter(connection, encounter_id, encounter_id * 16)
            save_alert(connection, encounter_id, encounter_id * 16, risk=risk)
    house.broker.announce_alert("K1")
    open_worklist(page, house)
    expect(page.locator(ROW.format("K1"))).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator(ROW.format("K1"))).to_have_attribute("aria-selected", "true")
    page.keyboard.press("j")
    expect(page.locator(ROW.format("K2"))).to_have_attribute("aria-selected", "true")
    page.keyboard.press("k")
    expect(page.locator(ROW.format("K1"))).to_have_attribute("aria-selected", "true")
    page.keyboard.press("a")
    expect(page.locator("#toast")).to_have_text("Encounter K1 is acknowledged.")
    expect(page.locator(ROW.format("K1")).get_by_role("button")).to_have_count(0)
    with house.engine.connect() as connection:
        alert = connection.execute(select(tables.alert).where(tables.alert.columns.encounter_id == "K1")).one()
    assert (alert.status, alert.acknowledged_by, alert.version) == ("acknowledged", "local user", 2)


def test_who_comes_second_is_told_so_and_sees_the_list_as_it_is(page: Page, house: House) -> None:
    open_worklist(page, house)
    expect(page.locator(ROW.format("W4")).get_by_role("button")).to_be_visible()
    column = tables.alert.columns
    with house.engine.begin() as connection:  # somebody else, in another window
        connection.execute(
            update(tables.alert)
            .where(column.encounter_id == "W4")
            .values(status="acknowledged", acknowledged_by="Ada", acknowledged_at=column.raised_at, version=2)
        )
    page.locator(ROW.format("W4")).get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#toast")).to_have_text(
        "Encounter W4: already acknowledged by Ada, Tue 10 Mar 12:00. Nothing to do."
    )
    expect(page.locator(ROW.format("W4"))).to_contain_text("Acknowledged")


def test_a_new_alert_appears_by_itself(page: Page, house: House) -> None:
    open_worklist(page, house)
    with house.engine.begin() as connection:
        save_encounter(connection, "N1", "f" * 32)
        save_alert(connection, "N1", "f" * 32, risk=0.7)
    house.broker.announce_alert("N1")
    expect(page.locator(ROW.format("N1"))).to_be_visible(timeout=5000)
    expect(page.locator(ROW.format("N1"))).to_contain_text("ffffffff")
