"""The bed page in a real browser."""

from __future__ import annotations

import re
from datetime import timedelta

from playwright.sync_api import Page, expect

from schemas.topics import CapacityMetrics
from tests.dashboard.builders import HOUR, NOON, bed, metrics, taken
from tests.dashboard.conftest import House
from tests.dashboard.house import medicine, surgery

SIGN_MS = 20_000
"""Longest wait for a sign: a heartbeat, a push and a paint, on a machine that runs other tests."""

TILE = '#board [data-key="{}"][data-bed="{}"]'


def open_board(page: Page, house: House, query: str = "") -> None:
    page.goto(f"{house.address}/{query}")
    expect(page.locator("#board .unit")).to_have_count(3)
    expect(page.locator("#freshness")).not_to_have_class("pill freshness starting")


def emergency(status: str, *, as_of_s: int) -> CapacityMetrics:
    since = NOON - HOUR
    first = taken("01", "E20", since=since) if status == "occupied" else bed("01", status, since=since)
    beds = (first, taken("02", "E9"), bed("03"), bed("04"))
    return metrics("ED", beds, staffed=4, as_of=NOON + timedelta(seconds=as_of_s))


def test_the_board_shows_what_sql_holds(page: Page, house: House) -> None:
    house.broker.publish(medicine())
    open_board(page, house)
    expect(page.locator(TILE.format("TH/MED", "05"))).to_have_class("bed dirty late")
    expect(page.locator(TILE.format("TH/MED", "02"))).to_have_class("bed occupied leaving")
    expect(page.locator(TILE.format("TH/MED", "04"))).to_have_attribute("aria-label", BED_04)
    expect(page.locator("#figure-conflicts .figure-row b")).to_have_text("1")
    expect(page.locator('[data-key="TH/SUR"] .level')).to_have_text("Full")
    expect(page.locator("#place")).to_have_text("Test House · 3 units · 18 beds")
    expect(page.locator("#event-time")).to_contain_text("10 Mar 2026, 13:")  # Europe/Berlin


BED_04 = "Bed 04, occupied, since Tue, 10 Mar 2026, 12:00 CET, claimed by 2 patients"


LONG = "5EAST-ROOM003-BED-DX"


def test_beds_named_by_their_rooms_are_told_apart_and_no_name_is_clipped(page: Page, house: House) -> None:
    marked = (taken("101-A", "E6"), taken("102-A", "E7", conflicts=("E8",)), bed("3N136-B2"), taken(LONG, "E9"))
    house.broker.publish(metrics("SUR", marked, staffed=4))
    try:
        open_board(page, house)
        tiles = page.locator('#board [data-key="TH/SUR"] .bed span')
        expect(tiles).to_have_text(["101-A", "102-A", "3N136-B2", "…-BED-DX"])
        expect(page.locator(TILE.format("TH/SUR", LONG))).to_have_attribute("title", re.compile(f"^Bed {LONG}, occ"))
        clipped = (
            "(spans) => spans.filter((span) => span.scrollWidth > span.clientWidth).map((span) => span.textContent)"
        )
        assert tiles.evaluate_all(clipped) == []
        heights = tiles.evaluate_all("(spans) => spans.map((span) => span.getBoundingClientRect().height)")
        assert max(heights) < 14  # one line each
    finally:
        house.broker.publish(surgery())
        expect(page.locator('#board [data-key="TH/SUR"] .bed')).to_have_count(4)


def test_published_metrics_reach_the_page(page: Page, house: House) -> None:
    open_board(page, house)
    tile = page.locator(TILE.format("TH/ED", "01"))
    for number, status in enumerate(("occupied", "dirty", "cleaning", "available")):
        house.broker.publish(emergency(status, as_of_s=number))
        expect(tile).to_have_attribute("aria-label", STATUS[status])
    expect(page.locator("#freshness-state")).to_have_text("Live")


STATUS = {
    "occupied": "Bed 01, occupied, since Tue, 10 Mar 2026, 12:00 CET",
    "dirty": "Bed 01, dirty, since Tue, 10 Mar 2026, 12:00 CET, beyond the target of 45 min",
    "cleaning": "Bed 01, in cleaning, since Tue, 10 Mar 2026, 12:00 CET, beyond the target of 45 min",
    "available": "Bed 01, available, since Tue, 10 Mar 2026, 12:00 CET",
}


def test_a_delta_touches_only_the_tiles_that_differ(page: Page, house: House) -> None:
    house.broker.publish(emergency("available", as_of_s=10))
    open_board(page, house)
    expect(page.locator(TILE.format("TH/ED", "01"))).to_have_class("bed available")
    page.evaluate(
        """() => {
            window.touched = new Set();
            new MutationObserver((changes) => changes.forEach((change) => {
                const tile = change.target.closest(".bed");
                if (tile) window.touched.add(`${tile.dataset.key} ${tile.dataset.bed}`);
            })).observe(document.getElementById("board"), { subtree: true, childList: true, attributes: true });
        }"""
    )
    house.broker.publish(emergency("dirty", as_of_s=11))
    expect(page.locator(TILE.format("TH/ED", "01"))).to_have_class("bed dirty late")
    assert page.evaluate("[...window.touched]") == ["TH/ED 01"]


def test_a_board_that_is_ahead_of_the_clock_says_by_how_much_beside_its_time(page: Page, house: House) -> None:
    open_board(page, house)
    expect(page.locator("#event-ahead")).to_be_hidden()
    page.evaluate(
        """() => {
            const { received } = window.wardwatch.freshness;
            window.wardwatch.freshness.received = (push) =>
                received({ ...push, feed: { ...push.feed, ahead: "10 h ahead" } });
        }"""
    )
    expect(page.locator("#event-ahead")).to_have_text("10 h ahead", timeout=SIGN_MS)
    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.locator("#event-ahead")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_the_sign_says_live_catching_up_and_that_the_worker_was_killed(page: Page, house: House) -> None:
    open_board(page, house)
    expect(page.locator("#freshness-state")).to_have_text("Live", timeout=SIGN_MS)
    expect(page.locator("#freshness-age")).to_have_text("no event yet", timeout=SIGN_MS)
    expect(page.locator("#past")).to_be_hidden()
    house.broker.beat_with = {"behind_s": 7_300.0, "unread": 500, "progress": 0.4}
    expect(page.locator("#freshness-state")).to_have_text("Catching up", timeout=SIGN_MS)
    expect(page.locator("#past")).to_contain_text("The board shows the past", timeout=SIGN_MS)
    expect(page.locator("#figure-occupancy")).not_to_contain_text("24 h", timeout=SIGN_MS)
    house.broker.beat_with = {"database": "database or disk is full"}
    expect(page.locator("#freshness-state")).to_have_text("Database failing", timeout=SIGN_MS)
    expect(page.locator("#freshness-age")).to_contain_text("database or disk is full", timeout=SIGN_MS)
    house.broker.beat_with = {}
    expect(page.locator("#freshness-state")).to_have_text("Live", timeout=SIGN_MS)
    page.evaluate(
        """() => {
            window.announced = 0;
            new MutationObserver((changes) => { window.announced += changes.length; })
                .observe(document.getElementById("freshness-state"), { childList: true, characterData: true });
        }"""
    )
    page.wait_for_timeout(2_500)
    assert page.evaluate("window.announced") == 0  # a screen reader is not disturbed while the state is the same
    house.broker.kill_worker()
    expect(page.locator("#freshness-state")).to_have_text("Worker stopped", timeout=SIGN_MS)
    house.broker.start_worker()
    expect(page.locator("#freshness-state")).to_have_text("Live", timeout=SIGN_MS)


def test_a_click_opens_a_bed_and_escape_gives_the_focus_back(page: Page, house: House) -> None:
    open_board(page, house)
    page.locator(TILE.format("TH/MED", "02")).click()
    details = page.locator("#bed-details")
    expect(details).to_contain_text("E2")
    expect(details).to_contain_text("In this bed30 h 0")
    expect(details).to_contain_text("Expected dischargeTue 10 Mar 2026, 15:00 CET")
    expect(details).not_to_contain_text("Heart failure")
    expect(page.get_by_role("dialog")).to_contain_text("Medicine, bed 02")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(TILE.format("TH/MED", "02"))).to_be_focused()


def test_an_open_bed_follows_what_happens_to_it(page: Page, house: House) -> None:
    house.broker.publish(emergency("occupied", as_of_s=20))
    open_board(page, house)
    expect(page.locator(TILE.format("TH/ED", "01"))).to_have_class("bed occupied")
    page.locator(TILE.format("TH/ED", "01")).click()
    expect(page.locator("#bed-details .chip").first).to_have_text("Occupied")
    house.broker.publish(emergency("dirty", as_of_s=21))
    expect(page.locator("#bed-details .chip").first).to_have_text("Dirty")


def test_arrow_keys_move_across_beds_and_into_the_next_unit(page: Page, house: House) -> None:
    open_board(page, house)
    page.locator(TILE.format("TH/ED", "03")).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(TILE.format("TH/ED", "04"))).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(TILE.format("TH/MED", "01"))).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(TILE.format("TH/ED", "04"))).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator(TILE.format("TH/MED", "01"))).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Medicine, bed 01")


def test_one_bed_of_each_unit_is_in_the_tab_order(page: Page, house: House) -> None:
    open_board(page, house)
    page.locator(TILE.format("TH/MED", "07")).focus()
    page.keyboard.press("ArrowRight")
    counts = page.evaluate(
        "[...document.querySelectorAll('.beds')].map((beds) => beds.querySelectorAll('[tabindex=\"0\"]').length)"
    )
    assert counts == [1, 1, 1]


def test_a_filter_dims_what_does_not_match_and_is_kept_in_the_address(page: Page, house: House) -> None:
    house.broker.publish(medicine())
    house.broker.publish(surgery())
    open_board(page, house)
    page.get_by_role("button", name="Few or no beds").click()
    expect(page.locator('[data-key="TH/SUR"].unit')).not_to_have_class("unit level-4 dim")
    expect(page.locator('[data-key="TH/MED"].unit')).to_have_class("unit level-1 dim")
    assert page.url.endswith("/?show=full")
    page.reload()
    expect(page.locator("#board .unit")).to_have_count(3)
    expect(page.get_by_role("button", name="Few or no beds")).to_have_attribute("aria-pressed", "true")
    expect(page.locator('[data-key="TH/MED"].unit')).to_have_class("unit level-1 dim")
    page.get_by_role("button", name="Cleaning overdue", exact=True).click()
    expect(page.locator('[data-key="TH/SUR"].unit')).to_have_class("unit level-4 dim")


def test_what_needs_attention_leads_to_the_bed(page: Page, house: House) -> None:
    house.broker.publish(medicine())
    open_board(page, house)
    page.get_by_role("button", name="bed 04 is claimed twice").click()
    expect(page.get_by_role("dialog")).to_contain_text("Medicine, bed 04")
    expect(page.locator("#bed-details")).to_contain_text("E5")


def test_the_board_is_still_there_after_a_look_at_the_worklist(page: Page, house: House) -> None:
    open_board(page, house)
    page.get_by_role("link", name="Worklist").click()
    expect(page.locator("#page-title")).to_have_text("Worklist")
    house.broker.publish(emergency("cleaning", as_of_s=30))
    page.get_by_role("link", name="Beds").click()
    expect(page.locator(TILE.format("TH/ED", "01"))).to_have_class("bed cleaning late")
    expect(page.locator("#figures .figure")).to_have_count(6)


def test_the_chart_shows_the_last_day(page: Page, house: House) -> None:
    open_board(page, house)
    expect(page.locator("#occupancy-chart .scatterlayer .js-line")).to_have_count(1)
    expect(page.locator("#chart-note")).to_have_text("of 13 staffed beds")


def test_a_tab_that_missed_a_delta_asks_for_a_snapshot(page: Page, house: House) -> None:
    house.broker.publish(emergency("available", as_of_s=40))
    open_board(page, house)
    expect(page.locator(TILE.format("TH/ED", "01"))).to_have_class("bed available")
    page.evaluate(
        """() => {
            const parse = JSON.parse;
            JSON.parse = (text, ...more) => {  // one delta is lost on its way
                const value = parse(text, ...more);
                if (value && value.delta) {
                    JSON.parse = parse;
                    return { ...value, delta: false, seq: value.seq - 1 };
                }
                return value;
            };
        }"""
    )
    house.broker.publish(emergency("dirty", as_of_s=41))
    expect(page.locator(TILE.format("TH/ED", "01"))).to_have_class("bed dirty late")


def test_a_lost_delta_is_made_good_by_the_next_one(page: Page, house: House) -> None:
    house.broker.publish(emergency("available", as_of_s=50))
    open_board(page, house)
    expect(page.locator(TILE.format("TH/ED", "01"))).to_have_class("bed available")
    page.evaluate(
        """() => {
            window.asked = 0;
            const set = dash_clientside.set_props;
            dash_clientside.set_props = (id, props) => {
                if (id === "resync") window.asked += 1;
                return set(id, props);
            };
            const receive = dash_clientside.wardwatch.receive;
            dash_clientside.wardwatch.receive = (text) => {
                const beat = text ? JSON.parse(text) : {};
                window.asked = 0;
                receive(text);
                if (!text || beat.board || beat.delta || window.asked) return "";  // it asks where Dash lost one before
                dash_clientside.wardwatch.receive = () => "";
                const units = [{ key: "TH/ED", tiles: [{ id: "01", status: "dirty", late: true }] }];
                return receive(JSON.stringify({ ...beat, delta: true, seq: beat.seq + 2, since: beat.seq, units }));
            };
        }"""
    )
    expect(page.locator(TILE.format("TH/ED", "01"))).to_have_class("bed dirty late")
    assert page.evaluate("window.asked") == 0
