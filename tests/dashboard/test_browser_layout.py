"""Nothing overlaps, is cut or is too small to hit, from a phone to a wide screen, at 200% zoom, and in both themes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from schemas.topics import CapacityMetrics
from tests.dashboard.builders import (
    HOUR,
    NOON,
    bed,
    drop_letters,
    metrics,
    save_alert,
    save_encounter,
    save_finding,
    save_letters,
    taken,
)
from tests.dashboard.conftest import House
from tests.dashboard.house import medicine, surgery

BOXES = (Path(__file__).parent / "boxes.js").read_text()
SMALLEST_TARGET_PX = 24


class Screen(NamedTuple):
    """Size in CSS pixels; at 200% zoom half of the screen's, and two device pixels to each."""

    width: int
    height: int
    zoom: int = 1


SCREENS = (
    Screen(360, 740),
    Screen(390, 844),
    Screen(699, 900),
    Screen(700, 900),
    Screen(768, 1024),
    Screen(1024, 768),
    Screen(1099, 800),
    Screen(1100, 800),
    Screen(1279, 800),
    Screen(1280, 800),
    Screen(1366, 768),
    Screen(1440, 900),
    Screen(1920, 1080),
    Screen(683, 384, zoom=2),
    Screen(720, 450, zoom=2),
    Screen(960, 540, zoom=2),
)


def crowded_emergency() -> CapacityMetrics:
    beds = tuple(taken(f"{number:02d}", f"X{number}", since=NOON - 7 * HOUR) for number in range(1, 31))
    return metrics("ED", (*beds, bed("HALL-A", "dirty", since=NOON - 5 * HOUR)), staffed=30, without_bed=6)


@pytest.fixture(scope="module")
def crowded(house: House) -> Iterator[House]:
    """The house with long names, a crowded unit, and many lines in each list."""
    for metric in (crowded_emergency(), medicine(), surgery()):
        house.broker.publish(metric)
    with house.engine.begin() as connection:
        for number in range(12):
            token = f"{number:02d}" * 16
            save_encounter(connection, f"L{number}", token, bed_id="02")
            save_alert(connection, f"L{number}", token, risk=0.2 - number / 100)
        long = "Two facts about this encounter contradict each other about the place. Ask which one is right."
        save_finding(connection, "facts_do_not_fit", "HG-1-AN-ENCOUNTER-OF-A-LONG-NAME-000104", long, since=NOON)
        save_letters(connection, 30)
    yield house
    with house.engine.begin() as connection:
        drop_letters(connection)
    house.broker.publish(metrics("ED", (bed("01"), taken("02", "E9"), bed("03"), bed("04")), staffed=4))


@pytest.fixture(scope="module", params=["light", "dark"])
def sized(request: pytest.FixtureRequest, browser: Browser) -> Iterator[dict[int, Page]]:
    """One page for each density and theme: its cache spares each test a first load."""
    contexts = [browser.new_context(color_scheme=request.param, device_scale_factor=zoom) for zoom in (1, 2)]
    yield {zoom: context.new_page() for zoom, context in zip((1, 2), contexts, strict=True)}
    for context in contexts:
        context.close()


def at_rest(page: Page) -> list[str]:
    """Return what is wrong once the page has settled: a busy machine takes a while to lay it out anew."""
    faults: list[str] = []
    for _ in range(20):
        page.wait_for_timeout(150)
        faults = list(page.evaluate(f"({BOXES})({SMALLEST_TARGET_PX})"))
        if not faults:
            break
    return faults


def scrolled_to_the_end(page: Page) -> list[str]:
    page.evaluate("document.querySelectorAll('.app > div, .main, .side').forEach((node) => (node.scrollTop = 1e6))")
    return at_rest(page)


def faults_on(page: Page, zoom: int) -> dict[Screen, list[str]]:
    """Return what is wrong on each screen of this density, at the top of the page and at its end."""
    found = {}
    for screen in SCREENS:
        if screen.zoom == zoom:
            page.set_viewport_size(ViewportSize(width=screen.width, height=screen.height))
            found[screen] = at_rest(page) + scrolled_to_the_end(page)
    return {screen: faults for screen, faults in found.items() if faults}


def test_the_board_fits_every_screen(sized: dict[int, Page], crowded: House) -> None:
    for zoom, page in sized.items():
        page.goto(crowded.address)
        expect(page.locator('#board [data-key="TH/ED"] .bed')).to_have_count(31)
        expect(page.locator("#occupancy-chart .scatterlayer .js-line")).to_have_count(1)
        assert faults_on(page, zoom) == {}


def test_an_open_bed_fits_every_screen(sized: dict[int, Page], crowded: House) -> None:
    for zoom, page in sized.items():
        page.goto(crowded.address)
        page.locator('#board [data-key="TH/MED"][data-bed="02"]').click()
        expect(page.locator("#bed-details .fact").first).to_be_visible()
        page.wait_for_timeout(400)  # the drawer slides in
        assert faults_on(page, zoom) == {}


@pytest.mark.parametrize("path", ["/worklist", "/data-quality", "/dead-letters"])
def test_a_list_and_its_panel_fit_every_screen(sized: dict[int, Page], crowded: House, path: str) -> None:
    for zoom, page in sized.items():
        page.set_viewport_size(ViewportSize(width=1440, height=900))
        page.goto(f"{crowded.address}{path}")
        row = page.locator(".ag-center-cols-container .ag-row").first
        expect(row).to_be_visible()
        assert faults_on(page, zoom) == {}
        page.set_viewport_size(ViewportSize(width=1440, height=900))
        row.click()
        expect(page.locator(".side .finding-says, .side .fact").first).to_be_visible()
        assert faults_on(page, zoom) == {}


def test_a_page_that_is_not_there_fits_every_screen(sized: dict[int, Page], crowded: House) -> None:
    for zoom, page in sized.items():
        page.goto(f"{crowded.address}/no/such/page")
        expect(page.locator(".main .empty")).to_be_visible()
        assert faults_on(page, zoom) == {}


@pytest.mark.parametrize("width", [360, 699, 700, 1100, 1366])
def test_every_new_alert_can_be_acknowledged_on_every_screen(page: Page, crowded: House, width: int) -> None:
    page.set_viewport_size(ViewportSize(width=width, height=768))
    page.goto(f"{crowded.address}/worklist")
    button = page.get_by_role("button", name="Acknowledge").locator("visible=true").first
    expect(button).to_be_in_viewport(ratio=1)
    if width >= 700:
        middle = "(node) => { const box = node.getBoundingClientRect(); return box.top + box.height / 2; }"
        row = button.locator("xpath=ancestor::div[@role='row']")
        assert abs(button.evaluate(middle) - row.evaluate(middle)) <= 1


def test_on_a_phone_a_tap_shows_the_panel_and_back_shows_the_list(page: Page, crowded: House) -> None:
    page.set_viewport_size(ViewportSize(width=390, height=844))
    page.goto(f"{crowded.address}/worklist")
    card = page.locator('.row-card-open[data-row="W1"]')
    card.click()
    expect(page.locator("#alert-details")).to_contain_text("Admissions in 12 months")
    expect(card).to_be_hidden()
    page.get_by_role("button", name="Back to the list").click()
    expect(card).to_be_visible()
    card.click()
    expect(card).to_be_hidden()
    page.go_back()
    expect(page.locator('.row-card-open[data-row="W1"]')).to_be_visible()


def test_the_measure_finds_what_it_is_for(page: Page, crowded: House) -> None:
    page.goto(f"{crowded.address}/worklist")
    expect(page.locator(".ag-row").first).to_be_visible()
    assert at_rest(page) == []
    page.add_style_tag(
        content=".sec-h { margin-bottom: -40px } .nav { width: 20px !important } .keys { margin-right: -90px }"
    )
    page.add_style_tag(content=".ag-row .btn { margin-left: 60px }")
    faults = " ".join(at_rest(page))
    for words in ("overlap of", "smaller than 24 px", "cut at the side"):
        assert words in faults
