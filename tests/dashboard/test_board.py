from __future__ import annotations

import msgspec
from msgspec.structs import replace

from dashboard.live.board import BoardState, census_hours
from dashboard.live.wire import Board, BoardUnit, Tile
from schemas.topics import CapacityMetrics
from tests.dashboard.builders import HOUR, MINUTE, NOON, bed, hospital, metrics, taken


def draw(*units: CapacityMetrics) -> Board:
    state = BoardState(hospital())
    state.replace(units)
    return state.draw()


def unit(board: Board, key: str) -> BoardUnit:
    return next(unit for unit in board.units if unit.card.key == key)


def tile(*units: CapacityMetrics, key: str, bed_id: str) -> Tile:
    return next(tile for tile in unit(draw(*units), key).tiles if tile.id == bed_id)


def test_before_the_first_fact_the_units_of_the_file_are_there_and_nothing_is_said_of_them() -> None:
    board = draw()
    assert [unit.card.name for unit in board.units] == ["Emergency", "Medicine", "Surgery"]
    assert [unit.card.known for unit in board.units] == [False, False, False]
    assert board.event_time is None
    assert board.summary.figures == ()
    assert board.summary.place == "Test House · 3 units · 18 beds"


def test_the_board_shows_the_latest_moment_of_any_unit_as_event_time() -> None:
    board = draw(metrics("MED", as_of=NOON - HOUR), metrics("SUR", as_of=NOON))
    assert board.event_time == 1773144000  # 2026-03-10T12:00:00Z


def test_newer_metrics_of_a_unit_take_the_place_of_older_ones() -> None:
    state = BoardState(hospital())
    state.replace([metrics("MED", (taken("01", "E1"),))])
    state.apply(metrics("MED", (bed("01", "dirty", since=NOON),), as_of=NOON))
    assert [tile.status for tile in unit(state.draw(), "TH/MED").tiles] == ["dirty"]


def test_a_unit_that_only_the_feed_knows_comes_last_and_is_marked() -> None:
    board = draw(metrics("XRAY", staffed=0, census=2), metrics("MED"))
    assert [unit.card.unit_id for unit in board.units] == ["ED", "MED", "SUR", "XRAY"]
    xray = board.units[-1].card
    assert (xray.listed, xray.percent, xray.level, xray.census) == (False, None, 0, 2)


def test_a_unit_whose_beds_are_learnt_has_an_occupancy_and_no_level() -> None:
    full = replace(metrics("Medicine", staffed=2, census=2, facility_id="MIMIC"), learnt=True)
    card = draw(full).units[0].card
    assert (card.learnt, card.listed, card.percent, card.staffed, card.level) == (True, False, 100, 2, 0)


def test_a_facility_of_the_file_that_the_feed_never_speaks_of_is_left_out() -> None:
    board = draw(metrics("Medicine", staffed=0, census=2, facility_id="MIMIC"))
    assert [unit.card.key for unit in board.units] == ["MIMIC/Medicine"]
    assert board.summary.place == "MIMIC · 1 unit"


def test_a_dirty_bed_is_late_once_the_target_has_passed() -> None:
    beds = (bed("01", "dirty", since=NOON - 45 * MINUTE), bed("02", "cleaning", since=NOON - 46 * MINUTE))
    assert tile(metrics("MED", beds), key="TH/MED", bed_id="01").late is False
    assert tile(metrics("MED", beds), key="TH/MED", bed_id="02").late is True
    assert unit(draw(metrics("MED", beds)), "TH/MED").card.late_cleaning == 1


def test_a_bed_becomes_late_when_another_unit_moves_the_clock() -> None:
    waiting = metrics("MED", (bed("01", "dirty", since=NOON - 40 * MINUTE),), as_of=NOON)
    assert tile(waiting, key="TH/MED", bed_id="01").late is False
    assert tile(waiting, metrics("SUR", as_of=NOON + 10 * MINUTE), key="TH/MED", bed_id="01").late is True


def test_an_expected_discharge_within_twelve_hours_is_leaving_and_a_passed_one_is_late() -> None:
    beds = (
        taken("01", "E1", expected_discharge_at=NOON + 12 * HOUR),
        taken("02", "E2", expected_discharge_at=NOON + 13 * HOUR),
        taken("03", "E3", expected_discharge_at=NOON - MINUTE),
    )
    tiles = unit(draw(metrics("MED", beds)), "TH/MED").tiles
    assert [(tile.leaving, tile.late) for tile in tiles] == [(True, False), (False, False), (True, True)]


def test_of_the_patient_no_identifier_crosses_the_wire() -> None:
    beds = (taken("01", "SECRET-1", conflicts=("SECRET-2",), high_risk=True),)
    sent = msgspec.json.encode(draw(metrics("MED", beds)))
    assert b"SECRET" not in sent
    assert b'"conflicts":1' in sent


def test_a_unit_that_was_quiet_for_two_hours_kept_its_census() -> None:
    hours = tuple(range(24))
    quiet = metrics("MED", census=50, as_of=NOON - 100 * MINUTE, hours=hours)  # 10:20
    assert census_hours(quiet, NOON + 5 * MINUTE) == (*range(2, 24), 50, 50)
    assert census_hours(quiet, NOON - 61 * MINUTE) == hours


def test_a_unit_that_was_quiet_for_days_had_the_same_census_all_day() -> None:
    quiet = metrics("MED", census=3, as_of=NOON - 90 * HOUR, hours=tuple(range(24)))
    assert census_hours(quiet, NOON) == (3,) * 24


def test_patients_without_a_bed_are_counted_only_where_the_feed_names_beds() -> None:
    with_beds = metrics("MED", (bed("01"),), without_bed=2)
    without = metrics("SUR", (), without_bed=3, staffed=0)
    board = draw(with_beds, without)
    assert [unit(board, key).card.without_bed for key in ("TH/MED", "TH/SUR")] == [2, 0]
