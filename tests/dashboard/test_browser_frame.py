"""What holds for every page: theme, accessibility, no request elsewhere, empty states, coming back after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.builders import NOON, drop_letters, metrics, save_letters, taken
from tests.dashboard.conftest import House
from tests.dashboard.house import Broker, make_database, settings_for
from tests.dashboard.process import DashboardProcess

READY = {"/": "#board .unit .bed", "/worklist": ".ag-row", "/data-quality": ".ag-row", "/dead-letters": ".ag-row"}
WITH_FACTS = {
    "/worklist": ".ag-row",
    "/data-quality": ".ag-row:has-text('Silent stays')",
    "/dead-letters": ".ag-row",
}
SERIOUS = ("serious", "critical")


@pytest.fixture(params=["light", "dark"])
def themed(request: pytest.FixtureRequest, browser: Browser) -> Iterator[tuple[Page, str]]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=request.param)
    yield context.new_page(), request.param
    context.close()


def show(page: Page, house: House, path: str) -> None:
    page.goto(f"{house.address}{path}")
    expect(page.locator(READY[path]).first).to_be_visible()


@pytest.fixture(scope="module", autouse=True)
def letters(house: House) -> Iterator[None]:
    """Messages that were not understood."""
    with house.engine.begin() as connection:
        save_letters(connection, 3)
    yield
    with house.engine.begin() as connection:
        drop_letters(connection)


@pytest.mark.parametrize("path", list(READY))
def test_axe_finds_nothing_serious(themed: tuple[Page, str], house: House, path: str) -> None:
    page, _ = themed
    show(page, house, path)
    if path in WITH_FACTS:
        page.locator(WITH_FACTS[path]).first.click()
        expect(page.locator(".side .fact").first).to_be_visible()
    found = [violation for violation in Axe().run(page).response["violations"] if violation["impact"] in SERIOUS]
    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found] == []


def test_axe_finds_nothing_serious_in_an_open_bed(themed: tuple[Page, str], house: House) -> None:
    page, _ = themed
    show(page, house, "/")
    page.locator("#board .bed").first.click()
    expect(page.locator("#bed-details .fact").first).to_be_visible()
    page.wait_for_timeout(400)  # the drawer slides in; half faded it has no contrast
    found = [violation for violation in Axe().run(page).response["violations"] if violation["impact"] in SERIOUS]
    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found] == []


def test_the_theme_of_the_machine_is_there_before_anything_is_drawn(themed: tuple[Page, str], house: House) -> None:
    page, scheme = themed
    page.route("**/_dash-component-suites/**", lambda route: route.abort())  # only the page itself and our assets
    page.goto(house.address, wait_until="commit")
    page.wait_for_selector("html[data-mantine-color-scheme]", state="attached")
    assert page.locator("html").get_attribute("data-mantine-color-scheme") == scheme


def test_the_theme_can_be_switched_and_is_remembered(browser: Browser, house: House) -> None:
    page = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light").new_page()
    show(page, house, "/")
    light = background(page)
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    assert (light, background(page)) == ("rgb(243, 245, 248)", "rgb(13, 19, 26)")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    show(page, house, "/worklist")
    assert page.locator(".ag-root-wrapper").evaluate("(node) => getComputedStyle(node).backgroundColor") == DARK_SURFACE
    page.context.close()


DARK_SURFACE = "rgb(21, 29, 39)"


def background(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


@pytest.mark.parametrize("path", list(READY))
def test_nothing_is_asked_of_any_other_host(page: Page, house: House, path: str) -> None:
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.partition("://")[2].partition("/")[0]))
    page.on("websocket", lambda socket: hosts.add(socket.url.partition("://")[2].partition("/")[0]))
    show(page, house, path)
    page.wait_for_timeout(500)
    assert {host for host in hosts if host} == {house.address.partition("://")[2]}


def test_a_page_that_is_not_there_leads_back(page: Page, house: House) -> None:
    page.goto(f"{house.address}/no/such/page")
    page.get_by_role("link", name="bed board").click()
    expect(page.locator("#board .unit").first).to_be_visible()


def test_an_empty_house_says_what_to_do(page: Page, tmp_path: Path) -> None:
    broker = Broker()
    make_database(tmp_path, filled=False).dispose()
    with DashboardProcess(settings_for(tmp_path, broker)) as process:
        page.goto(f"{process.address}/worklist")
        expect(page.locator("#worklist-empty")).to_contain_text("No messages from the hospital yet")
        page.goto(f"{process.address}/data-quality")
        expect(page.locator("#quality-empty")).to_contain_text("The data has not been checked yet")
        page.goto(process.address)
        expect(page.locator("#board")).to_contain_text("No messages from the hospital yet")
        expect(page.locator("#freshness-state")).to_have_text("Worker stopped", timeout=10000)
        broker.publish(metrics("MED", (taken("01", "E1"),), as_of=NOON))
        expect(page.locator("#board .unit")).to_have_count(3)
        expect(page.locator("#board .bed")).to_have_class("bed occupied")
        page.goto("about:blank")  # a server that goes away under an open page is another test
    broker.stop()


def test_an_open_tab_recovers_by_itself_after_a_restart(browser: Browser, tmp_path: Path) -> None:
    broker = Broker()
    make_database(tmp_path).dispose()
    page = browser.new_context().new_page()
    with DashboardProcess(settings_for(tmp_path, broker)) as first:
        port = first.port
        page.goto(first.address)
        expect(page.locator("#freshness-state")).to_have_text("Worker stopped", timeout=10000)
        first.terminate()
    expect(page.locator("#freshness-state")).to_have_text("Server lost")
    with DashboardProcess(settings_for(tmp_path, broker, port=port)):
        expect(page.locator("#freshness-state")).to_have_text("Worker stopped", timeout=20000)
        tile = page.locator('#board [data-key="TH/SUR"][data-bed="01"]')
        expect(tile).to_have_class("bed occupied")
        broker.publish(metrics("SUR", staffed=3, census=0, as_of=NOON))
        expect(page.locator('#board [data-key="TH/SUR"] .bed')).to_have_count(0)
    page.context.close()
    broker.stop()
