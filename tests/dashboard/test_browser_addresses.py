"""What a page shows is in its address; keys move on to what is new; times are said as on the server."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import delete, insert

from schemas import tables
from tests.dashboard.builders import HOUR, NOON, metrics, save_alert, save_encounter, save_score, taken
from tests.dashboard.conftest import House
from tests.dashboard.house import medicine, surgery
from tests.schemas.test_local_time import CASES, NOW

ROW = '.ag-center-cols-container .ag-row[row-id="{}"]'
TILE = '#board [data-key="{}"][data-bed="{}"]'


def save(house: House, *alerts: tuple[str, float]) -> None:
    with house.engine.begin() as connection:
        for encounter_id, risk in alerts:
            save_encounter(connection, encounter_id, encounter_id * 16, bed_id="03")
            save_alert(connection, encounter_id, encounter_id * 16, risk=risk)
            save_score(connection, encounter_id, encounter_id * 16, as_of=NOON - HOUR, risk=risk - 0.2)
    house.broker.announce_alert(alerts[0][0])


def remove(house: House, *encounter_ids: str) -> None:
    with house.engine.begin() as connection:
        connection.execute(delete(tables.alert).where(tables.alert.columns.encounter_id.in_(encounter_ids)))


def open_worklist(page: Page, house: House, query: str = "") -> None:
    page.goto(f"{house.address}/worklist{query}")
    expect(page.locator(ROW.format("W1"))).to_be_visible()


def selected(page: Page, encounter_id: str) -> None:
    expect(page.locator(ROW.format(encounter_id))).to_have_attribute("aria-selected", "true")


def test_after_a_the_next_new_alert_is_selected_and_the_row_stays_dimmed_in_its_place(page: Page, house: House) -> None:
    save(house, ("Q1", 0.99), ("Q2", 0.98), ("Q3", 0.97))
    with house.engine.begin() as connection:
        connection.execute(
            tables.alert.update().where(tables.alert.columns.encounter_id == "Q2").values(status="acknowledged")
        )
    open_worklist(page, house, "?alert=Q1")
    selected(page, "Q1")
    page.keyboard.press("a")
    expect(page.locator("#toast")).to_have_text("Encounter Q1 is acknowledged.")
    selected(page, "Q3")  # Q2 was acknowledged before: it stands below all new ones
    expect(page.locator(ROW.format("Q1"))).to_contain_text("Acknowledged")
    expect(page.locator(ROW.format("Q1"))).to_have_class(re.compile(r"\bsettled\b"))
    expect(page.locator(ROW.format("Q1"))).to_have_attribute("row-index", "0")
    page.keyboard.press("a")
    expect(page.locator("#toast")).to_have_text("Encounter Q3 is acknowledged.")
    selected(page, "W1")
    expect(page.locator(ROW.format("Q3"))).to_have_attribute("row-index", "1")
    page.reload()  # the list was left: what is acknowledged stands below what is new
    expect(page.locator(ROW.format("W1"))).to_have_attribute("row-index", "0")
    remove(house, "Q1", "Q2", "Q3")


def test_order_and_selection_of_the_worklist_survive_a_reload_and_a_sent_link(page: Page, house: House) -> None:
    open_worklist(page, house)
    page.locator(".ag-header-cell", has_text="Risk").click()  # ascending
    expect(page).to_have_url(re.compile(r"sort=risk"))
    page.locator(ROW.format("W2")).click()
    expect(page).to_have_url(re.compile(r"alert=W2"))
    first = page.locator('.ag-center-cols-container .ag-row[row-index="0"]')
    lowest = first.get_attribute("row-id")
    assert lowest != "W1"
    page.reload()
    selected(page, "W2")
    expect(first).to_have_attribute("row-id", str(lowest))
    expect(page.locator("#alert-details")).to_contain_text("W2")


def test_raised_is_sorted_by_time_and_not_by_its_text(page: Page, house: House) -> None:
    save(house, ("R1", 0.3), ("R2", 0.3))
    alert = tables.alert
    with house.engine.begin() as connection:  # as texts: Fri 6 Mar < Mon 2 Feb < today
        for encounter_id, hours in (("R1", 24 * 36), ("R2", 24 * 4)):
            raised_at = NOON - hours * HOUR
            connection.execute(
                alert.update().where(alert.columns.encounter_id == encounter_id).values(raised_at=raised_at)
            )
    open_worklist(page, house, "?sort=raised")
    rows = page.locator('.ag-center-cols-container .ag-row[row-index="0"], .ag-center-cols-container [row-index="1"]')
    expect(page.locator('.ag-center-cols-container .ag-row[row-index="0"]')).to_have_attribute("row-id", "R1")
    expect(page.locator('.ag-center-cols-container .ag-row[row-index="1"]')).to_have_attribute("row-id", "R2")
    expect(rows.first).to_contain_text("Feb 13:00")
    remove(house, "R1", "R2")


def test_a_link_to_an_alert_that_is_no_longer_open_says_so(page: Page, house: House) -> None:
    open_worklist(page, house, "?alert=GONE")
    expect(page.locator("#alert-details")).to_contain_text("no longer open")


def test_an_open_bed_is_in_the_address_and_back_closes_it(page: Page, house: House) -> None:
    house.broker.publish(medicine())
    page.goto(house.address)
    page.locator(TILE.format("TH/MED", "02")).click()
    expect(page.get_by_role("dialog")).to_contain_text("Medicine, bed 02")
    page.reload()
    expect(page.get_by_role("dialog")).to_contain_text("Medicine, bed 02")
    expect(page.locator("#bed-details")).to_contain_text("E2")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert "bed=" not in page.url
    page.locator(TILE.format("TH/MED", "05")).click()
    expect(page.get_by_role("dialog")).to_contain_text("Medicine, bed 05")
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.go_forward()
    expect(page.get_by_role("dialog")).to_contain_text("Medicine, bed 05")


def test_a_figure_leads_to_what_it_counts_and_back_leads_to_the_view_before(page: Page, house: House) -> None:
    house.broker.publish(medicine())
    house.broker.publish(surgery())
    page.goto(house.address)
    page.locator("#figure-leaving").click()
    expect(page).to_have_url(re.compile(r"show=leaving"))
    expect(page.locator('[data-key="TH/SUR"].unit')).to_have_class(re.compile(r"\bdim\b"))
    expect(page.locator('[data-key="TH/MED"].unit')).not_to_have_class(re.compile(r"\bdim\b"))
    expect(page.locator(TILE.format("TH/MED", "02"))).not_to_have_class(re.compile(r"\bfaint\b"))
    expect(page.locator(TILE.format("TH/MED", "03"))).to_have_class(re.compile(r"\bfaint\b"))
    page.locator("#figure-conflicts").click()
    expect(page.locator(TILE.format("TH/MED", "04"))).not_to_have_class(re.compile(r"\bfaint\b"))
    page.go_back()
    expect(page.locator("#figure-leaving")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    expect(page.locator("#filter-all")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#board .dim, #board .faint")).to_have_count(0)


def test_each_figure_says_which_units_it_counts(page: Page, house: House) -> None:
    page.goto(house.address)
    expect(page.locator("#figure-occupancy")).to_contain_text("2 inpatient units")
    expect(page.locator("#figure-available")).to_contain_text("inpatient units")
    expect(page.locator("#figure-to_clean")).to_contain_text("3 units")


def test_a_bed_leads_to_its_alert_and_the_alert_back_to_its_bed(page: Page, house: House) -> None:
    house.broker.publish(medicine())
    save(house, ("E3", 0.4))
    page.goto(house.address)
    page.locator(TILE.format("TH/MED", "03")).click()
    page.get_by_role("link", name="High risk: see why").click()
    selected(page, "E3")
    expect(page.locator("#alert-details")).to_contain_text("E3")
    page.locator("#alert-details").get_by_role("link", name="Medicine · 03").click()
    expect(page.get_by_role("dialog")).to_contain_text("Medicine, bed 03")
    remove(house, "E3")


def test_next_to_leave_says_how_many_more_there_are(page: Page, house: House) -> None:
    due = tuple(
        taken(f"{number:02d}", f"D{number}", expected_discharge_at=NOON + number * HOUR / 2 - HOUR)
        for number in range(1, 12)
    )
    house.broker.publish(metrics("SUR", due, staffed=11))
    try:
        page.goto(house.address)
        expect(page.locator("#departures tbody tr")).to_have_count(8)
        expect(page.locator("#departures tbody tr").first).to_contain_text("overdue 30 min")
        expect(page.locator("#departures tbody tr").nth(7)).to_contain_text("today 15:30")  # one is Medicine's
        page.locator("#departures-note").get_by_role("button", name="more").click()
        expect(page).to_have_url(re.compile(r"show=leaving"))
    finally:
        house.broker.publish(surgery())
        expect(page.locator('#board [data-key="TH/SUR"] .bed')).to_have_count(4)


def test_a_line_says_what_to_do(page: Page, house: House) -> None:
    house.broker.publish(medicine())
    page.goto(house.address)
    line = page.locator("#attention .alert", has_text="Medicine: 1 blocked bed")
    expect(line).to_contain_text("bed 06 for 1 h: Maintenance")
    expect(line).to_contain_text("Ask when it can be used again")
    line.click()
    expect(page.get_by_role("dialog")).to_contain_text("Medicine, bed 06")


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Tokyo"])
def test_times_are_those_of_the_hospital_wherever_the_browser_is(page: Page, house: House, zone: str) -> None:
    browser = page.context.browser
    assert browser is not None
    elsewhere = browser.new_context(timezone_id=zone)
    other = elsewhere.new_page()
    other.goto(house.address)
    expect(other.locator("#event-time")).to_contain_text("13:")
    said = [
        other.evaluate(
            "([at, now, zone]) => wardwatch.words.when(at, now, zone)",
            [(NOW + distance).timestamp(), NOW.timestamp(), name],
        )
        for distance, name, _ in CASES
    ]
    assert said == [words for _, _, words in CASES]
    elsewhere.close()


COMMAND = re.compile(r"wardwatch [a-z]|--[a-z]|make demo")


@pytest.mark.parametrize("path", ["/", "/worklist", "/data-quality", "/dead-letters", "/nowhere"])
def test_no_page_names_a_command(page: Page, house: House, path: str) -> None:
    page.goto(f"{house.address}{path}")
    expect(page.locator("#main")).to_be_visible()
    page.wait_for_timeout(500)
    assert COMMAND.search(page.locator("body").inner_text()) is None


def test_a_finding_is_marked_as_seen_and_somebody_else_is_told(page: Page, house: House) -> None:
    page.goto(f"{house.address}/data-quality")
    page.locator(".ag-row", has_text="Silent stays").click()
    page.get_by_role("button", name="Mark as seen").click()
    expect(page.locator("#finding-details")).to_contain_text("Seen by local user, today")
    expect(page.locator("#quality-note")).to_contain_text("1 seen")
    expect(page.locator(".ag-row", has_text="Silent stays")).to_have_class(re.compile(r"\bsettled\b"))
    page.get_by_role("button", name="Hide seen").click()
    expect(page.locator(".ag-row", has_text="Silent stays")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"seen=hide"))
    page.go_back()
    expect(page.locator(".ag-row", has_text="Silent stays")).to_have_count(1)
    page.get_by_role("button", name="Mark as not seen").click()
    expect(page.get_by_role("button", name="Mark as seen")).to_be_visible()


def test_findings_are_grouped_and_a_group_opens(page: Page, house: House) -> None:
    page.goto(f"{house.address}/data-quality")
    page.get_by_role("button", name="By unit").click()
    group = page.locator(".ag-row", has_text="lines").filter(has_text="Medicine")
    expect(group).to_contain_text("Bed claimed twice, Silent stays")
    expect(page.locator(".ag-row", has_text="Ask whether the patient left")).to_have_count(0)
    group.click()
    expect(page.locator(".ag-row", has_text="Ask whether the patient left")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"open=Medicine"))
    page.reload()
    expect(page.locator(".ag-row", has_text="Ask whether the patient left")).to_have_count(1)
    page.get_by_role("button", name="By sender").click()
    expect(page.locator(".ag-row").first).to_be_visible()


def test_two_claims_on_one_bed_are_shown_side_by_side(page: Page, house: House) -> None:
    with house.engine.begin() as connection:
        for encounter_id in ("E4", "E5"):
            save_encounter(connection, encounter_id, encounter_id * 16, bed_id="04")
            place = {"facility_id": "TH", "unit_id": "MED", "bed_id": "04"}
            stay = {"encounter_id": encounter_id, "position": 0, "arrived_at": NOON - HOUR}
            connection.execute(insert(tables.unit_stay).values(**stay, **place))
    page.goto(f"{house.address}/data-quality?kind=bed_claimed_twice")
    page.locator(".ag-row").first.click()
    table = page.locator(".sides-table")
    expect(table.locator("tr", has_text="Encounter")).to_contain_text("E4")
    expect(table.locator("tr.differs").first).to_contain_text("E5")
    expect(table.locator("tr", has_text="Age")).not_to_have_class("differs")


def test_a_message_that_was_not_understood_is_looked_at_without_names_and_replayed(page: Page, house: House) -> None:
    fact = (
        b'{"specversion":"1.0","type":"wardwatch.adt.patient_admitted.v1","id":"1","source":"his","subject":"E77",'
        b'"time":"2026-03-10T11:00:00Z","recordedtime":"2026-03-10T11:00:00Z","partitionkey":"77","data":'
        b'{"patient_class":"inpatient","location":{"facility_id":"TH","unit_id":"MED","bed_id":"08"}}}'
    )
    hl7 = b"MSH|^~\\&|HIS|TH|||20260310||ADT^A01|5|P|2.5\rPID|1||42||Doe^Jane\rPV1|1|?"
    with house.engine.begin() as connection:
        for offset, value in enumerate((fact, hl7)):
            row = {"topic": "adt.events.v1", "partition": 0, "offset": offset, "digest": offset}
            reason = f"PV1-2: not a patient class ({offset}). Send I."
            connection.execute(insert(tables.dead_letter).values(**row, received_at=NOON, reason=reason, value=value))
    page.goto(f"{house.address}/data-quality")
    page.get_by_role("link", name="Messages not understood 2").click()
    page.locator(".ag-row", has_text="(1)").click()
    letter = page.locator(".letter")
    expect(letter).to_contain_text("ADT^A01")
    expect(letter).not_to_contain_text("Jane")
    page.get_by_role("button", name="Replay all").click()
    expect(page.locator("#toast")).to_contain_text("1 message replayed. 1 still cannot be used.")
    expect(page.locator(".ag-row", has_text="(0)")).to_have_count(0)
    with house.engine.connect() as connection:
        assert [row.topic for row in connection.execute(tables.outbox.select()) if b"E77" in bytes(row.value)] == [
            "adt.events.v1"
        ]
