from __future__ import annotations

import random
from itertools import pairwise

from dashboard.live.board import BoardState
from dashboard.live.delta import changes, merged
from dashboard.live.wire import Board, BoardUnit, UnitChange
from schemas.topics import CapacityMetrics
from tests.dashboard.builders import NOON, bed, hospital, metrics, taken


def draw(*units: CapacityMetrics) -> Board:
    state = BoardState(hospital())
    state.replace(units)
    return state.draw()


def apply(units: tuple[BoardUnit, ...], differing: tuple[UnitChange, ...]) -> tuple[BoardUnit, ...]:
    """What the browser does, in Python."""
    by_key = {change.key: change for change in differing}
    return tuple(_apply_one(unit, by_key.get(unit.card.key)) for unit in units)


def _apply_one(unit: BoardUnit, change: UnitChange | None) -> BoardUnit:
    if change is None:
        return unit
    newer = {tile.id: tile for tile in change.tiles}
    tiles = change.tiles if change.whole else tuple(newer.get(tile.id, tile) for tile in unit.tiles)
    return BoardUnit(card=change.card or unit.card, tiles=tiles)


def test_only_the_tile_that_differs_crosses_the_wire() -> None:
    before = draw(metrics("MED", (taken("01", "E1"), taken("02", "E2"), bed("03"))))
    after = draw(metrics("MED", (taken("01", "E1"), taken("02", "E2"), taken("03", "E3"))))
    found = changes(before, after)
    assert found is not None
    (only,) = found
    assert (only.key, only.whole, [tile.id for tile in only.tiles]) == ("TH/MED", False, ["03"])
    assert only.card is not None
    assert only.card.census == 3


def test_a_change_of_a_tile_alone_sends_no_card() -> None:
    before = draw(metrics("MED", (taken("01", "E1"),)))
    after = draw(metrics("MED", (taken("01", "E1", high_risk=True),)))
    assert [(change.card, change.tiles[0].high_risk) for change in changes(before, after) or ()] == [(None, True)]


def test_nothing_new_is_no_change() -> None:
    assert changes(draw(metrics("MED", (bed("01"),))), draw(metrics("MED", (bed("01"),)))) == ()


def test_beds_that_come_or_go_send_all_beds_of_the_unit() -> None:
    found = changes(draw(metrics("MED", (bed("01"),))), draw(metrics("MED", (bed("01"), bed("99")))))
    assert [(change.whole, len(change.tiles)) for change in found or ()] == [(True, 2)]


def test_units_that_come_or_go_need_a_snapshot() -> None:
    assert changes(draw(metrics("MED")), draw(metrics("MED"), metrics("XRAY", staffed=0))) is None


def test_applying_the_changes_gives_the_new_board_whatever_happened() -> None:
    chance = random.Random(4)
    statuses = ["occupied", "dirty", "cleaning", "available", "blocked"]

    def some(unit_id: str) -> CapacityMetrics:
        count = chance.choice([3, 3, 3, 4])
        beds = tuple(bed(f"{number:02d}", chance.choice(statuses), since=NOON) for number in range(count))
        return metrics(unit_id, beds)

    before = draw(some("MED"), some("SUR"))
    for _ in range(200):
        after = draw(some("MED"), some("SUR"))
        found = changes(before, after)
        assert found is not None
        assert apply(before.units, found) == after.units
        before = after


def test_steps_taken_together_again_or_from_the_middle_lead_to_the_same_board() -> None:
    draws = random.Random(5)

    def some_board() -> Board:
        beds = [bed(f"{number:02d}", draws.choice(["available", "dirty", "blocked"])) for number in range(1, 6)]
        return draw(metrics("MED", tuple(draws.sample(beds, draws.choice([4, 5])))), metrics("SUR", (bed("01"),)))

    for _ in range(200):
        boards = [some_board() for _ in range(5)]
        steps = [changes(old, new) for old, new in pairwise(boards)]
        together = merged(step for step in steps if step is not None)
        for known in boards:
            assert apply(known.units, together) == boards[-1].units
