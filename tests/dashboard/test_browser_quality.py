"""The data-quality page in a real browser."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.dashboard.builders import NOON, save_finding
from tests.dashboard.conftest import House

SILENT = ".ag-row:has-text('Silent stays')"


def open_page(page: Page, house: House) -> None:
    page.goto(f"{house.address}/data-quality")
    expect(page.locator(".ag-row").first).to_be_visible()


def test_a_finding_says_what_it_is_where_it_is_and_since_when(page: Page, house: House) -> None:
    open_page(page, house)
    line = page.locator(SILENT)
    for words in ("Silent stays", "Medicine · 02", "E2", "Ask whether the patient left.", "40 d 0 h"):
        expect(line).to_contain_text(words)
    expect(page.locator("#quality-note")).to_contain_text("to look at")
    expect(page.locator("#quality-note")).to_contain_text("Ask the administrator")  # the list is of another year


def test_the_panel_shows_the_facts_behind_it(page: Page, house: House) -> None:
    open_page(page, house)
    page.locator(SILENT).click()
    panel = page.locator("#finding-details")
    for words in (
        "No message about this inpatient encounter since then",
        "Reported facts (2)",
        "Patient admitted",
        "recorded 3 h 00 min later",
    ):
        expect(panel).to_contain_text(words)


def test_the_list_is_filtered_by_kind_and_the_url_remembers_it(page: Page, house: House) -> None:
    open_page(page, house)
    page.get_by_role("button", name="Bed claimed twice").click()
    expect(page.locator(SILENT)).to_have_count(0)
    expect(page.locator(".ag-row")).to_have_count(1)
    page.reload()
    expect(page.locator(".ag-row")).to_contain_text("Claimed by E4, E5")
    expect(page.locator(SILENT)).to_have_count(0)
    page.get_by_role("button", name="All").click()
    expect(page.locator(SILENT)).to_have_count(1)
    assert "kind" not in page.url


def test_keys_move_through_the_list(page: Page, house: House) -> None:
    open_page(page, house)
    page.keyboard.press("j")
    expect(page.locator(".ag-row").first).to_have_attribute("aria-selected", "true")


def test_a_new_finding_appears_by_itself(page: Page, house: House) -> None:
    open_page(page, house)
    with house.engine.begin() as connection:
        save_finding(connection, "unknown_unit", "TH/9Z", "The hospital file does not name this unit.", since=NOON)
    expect(page.locator(".ag-row:has-text('TH/9Z')")).to_be_visible(timeout=8000)
