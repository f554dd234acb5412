from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from dashboard.live import hub as hub_module
from dashboard.live.hub import Hub
from schemas.topics import Heartbeat
from tests.dashboard.builders import MINUTE, NOON, bed, hospital, metrics, taken


def run(story: Callable[[Hub], Awaitable[None]]) -> None:
    """Run a story on a hub that pushes."""

    async def told() -> None:
        hub = Hub(hospital(), "build-1")
        pushing = asyncio.create_task(hub.run())
        try:
            await asyncio.wait_for(story(hub), 10)
        finally:
            pushing.cancel()

    asyncio.run(told())


def read(message: str) -> dict[str, Any]:
    return msgspec.json.decode(message, type=dict[str, Any])


def worker(**fields: Any) -> Heartbeat:
    return Heartbeat(process="h:1", role="worker", sent_at=NOON, agents=("adt", "capacity", "relay"), **fields)


async def loaded(hub: Hub) -> int:
    """Load a first snapshot and return its seq."""
    hub.load([metrics("MED", (bed("01"), bed("02")))])
    while hub.board.event_time is None:
        await asyncio.sleep(0.005)
    return int(read(hub.snapshot())["seq"])


def test_a_change_is_pushed_as_a_delta_that_follows_the_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "OVERLAP_S", 0.0)

    async def story(hub: Hub) -> None:
        seq = await loaded(hub)
        with hub.watch() as watcher:
            hub.accept([metrics("MED", (taken("01", "E1"), bed("02")))], alerts=0)
            push = read(await watcher.next())
        assert (push["delta"], push["seq"], push["build"]) == (True, seq + 1, "build-1")
        assert [tile["id"] for tile in push["units"][0]["tiles"]] == ["01"]
        assert push["feed"]["state"] == "starting"  # no worker was heard yet

    run(story)


def test_a_change_after_a_calm_time_is_pushed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(hub: Hub) -> None:
        await loaded(hub)
        monkeypatch.setattr(hub_module, "PUSH_INTERVAL_S", 60.0)
        hub._pushed_at -= 60.0
        with hub.watch() as watcher:
            hub.accept([metrics("MED", (taken("01", "E1"), bed("02")))], alerts=0)
            assert read(await watcher.next())["delta"]

    run(story)


def test_changes_in_quick_succession_come_together() -> None:
    async def story(hub: Hub) -> None:
        first = await loaded(hub)
        for number in range(1, 101):
            hub.accept([metrics("MED", (taken("01", f"E{number}", high_risk=number % 2 == 1), bed("02")))], 0)
            await asyncio.sleep(0.002)
        while hub._changed.is_set():
            await asyncio.sleep(0.01)
        [medicine] = [unit for unit in hub.board.units if unit.card.unit_id == "MED"]
        assert medicine.tiles[0].status == "occupied"
        assert 1 <= read(hub.snapshot())["seq"] - first <= 50  # one each 50 ms

    run(story)


def test_a_watcher_that_falls_behind_gets_a_snapshot_and_not_a_queue() -> None:
    async def story(hub: Hub) -> None:
        seq = await loaded(hub)
        with hub.watch() as watcher:
            for number in range(3):
                hub.accept([metrics("MED", (taken("01", f"E{number}", high_risk=number % 2 == 0), bed("02")))], 0)
                await asyncio.sleep(0.12)
            push = read(await watcher.next())
            assert "board" in push
            assert push["seq"] == seq + 3
            hub.accept([metrics("MED", (bed("01"), bed("02")))], alerts=0)
            assert read(await watcher.next())["seq"] == seq + 4

    run(story)


def test_a_delta_repeats_the_last_second_for_tabs_that_lost_a_message() -> None:
    async def story(hub: Hub) -> None:
        seq = await loaded(hub)
        with hub.watch() as watcher:
            hub.accept([metrics("MED", (bed("01", "dirty"), bed("02")))], alerts=0)
            first = read(await watcher.next())
            hub.accept([metrics("MED", (bed("01", "dirty"), bed("02", "blocked")))], alerts=0)
            second = read(await watcher.next())
        assert (first["seq"], second["seq"]) == (seq + 1, seq + 2)
        assert second.get("since", 0) <= seq
        assert {tile["id"]: tile["status"] for tile in second["units"][0]["tiles"]} == {"01": "dirty", "02": "blocked"}

    run(story)


def test_a_delta_does_not_repeat_what_is_long_past(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "OVERLAP_S", 0.05)

    async def story(hub: Hub) -> None:
        await loaded(hub)
        with hub.watch() as watcher:
            hub.accept([metrics("MED", (bed("01", "dirty"), bed("02")))], alerts=0)
            await watcher.next()
            await asyncio.sleep(0.1)
            hub.accept([metrics("MED", (bed("01", "dirty"), bed("02", "blocked")))], alerts=0)
            push = read(await watcher.next())
        assert push["since"] == push["seq"] - 1
        assert [tile["id"] for tile in push["units"][0]["tiles"]] == ["02"]

    run(story)


def test_a_new_unit_sends_everybody_a_snapshot() -> None:
    async def story(hub: Hub) -> None:
        await loaded(hub)
        with hub.watch() as watcher:
            hub.accept([metrics("XRAY", staffed=0)], alerts=0)
            push = read(await watcher.next())
        assert [unit["card"]["unit_id"] for unit in push["board"]["units"]][-1] == "XRAY"

    run(story)


def test_a_sign_of_life_comes_when_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "PULSE_S", 0.05)

    async def story(hub: Hub) -> None:
        seq = await loaded(hub)
        with hub.watch() as watcher:
            push = read(await watcher.next())
        assert (push["seq"], "board" in push, "delta" in push) == (seq, False, False)

    run(story)


def test_the_boards_time_goes_on_with_the_heartbeats_and_makes_a_bed_late_without_a_new_fact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "PULSE_S", 0.05)

    async def story(hub: Hub) -> None:
        hub.load([metrics("MED", (bed("01", "dirty", since=NOON - 44 * MINUTE), bed("02")))])
        while hub.board.event_time is None:
            await asyncio.sleep(0.005)
        with hub.watch() as watcher:
            hub.heartbeat(worker(board_time=NOON + 2 * MINUTE))
            push = read(await watcher.next())
            hub.heartbeat(worker(board_time=NOON))  # another worker's, a little older
            later = read(await watcher.next())
        assert push["event_time"] == NOON.timestamp() + 120
        assert push["units"][0]["tiles"][0]["late"] is True
        assert "units" not in later or later["units"] == push["units"]
        assert hub.event_time == NOON + 2 * MINUTE

    run(story)


def test_between_heartbeats_the_boards_time_goes_on_at_the_pace_and_without_them_it_stands() -> None:
    now = [100.0]
    hub = Hub(hospital(), "build-1", clock=lambda: now[0])
    hub.load([metrics("MED", as_of=NOON)])
    hub.heartbeat(worker(board_time=NOON, pace=60.0))
    now[0] += 0.5
    assert hub.event_time == NOON + MINUTE / 2
    now[0] += 600.0
    assert hub.event_time == NOON + 1.5 * MINUTE


def test_a_board_that_is_ahead_of_the_clock_says_by_how_much() -> None:
    hub = Hub(hospital(), "build-1", wall_clock=lambda: NOON)
    hub.load([metrics("MED", as_of=NOON)])
    assert hub.feed().ahead == ""
    hub.heartbeat(worker(board_time=NOON + 200 * MINUTE))
    assert hub.feed().ahead == "3 h ahead"
    assert read(hub.snapshot())["feed"]["ahead"] == "3 h ahead"


def test_while_a_worker_catches_up_no_change_of_24_hours_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "PULSE_S", 0.05)

    async def story(hub: Hub) -> None:
        await loaded(hub)
        assert "24 h" in hub.board.summary.figures[0].note
        hub.broker_answered()
        hub.heartbeat(worker(behind_s=7_200.0))
        await asyncio.sleep(0.3)
        assert "24 h" not in hub.board.summary.figures[0].note
        assert hub.feed().past

    run(story)


def test_messages_on_alerts_are_counted_so_that_lists_know_they_are_stale() -> None:
    async def story(hub: Hub) -> None:
        await loaded(hub)
        before = hub.alerts
        with hub.watch() as watcher:
            hub.accept([], alerts=3)
            assert read(await watcher.next())["alerts"] == before + 3

    run(story)


def test_a_snapshot_read_anew_makes_lists_of_alerts_stale_too() -> None:
    async def story(hub: Hub) -> None:
        await loaded(hub)
        before = hub.alerts
        hub.load([metrics("MED", as_of=NOON)])
        assert hub.alerts == before + 1

    run(story)


def test_a_watcher_that_has_gone_is_forgotten() -> None:
    async def story(hub: Hub) -> None:
        with hub.watch(), hub.watch():
            assert hub.watchers == 2
        assert hub.watchers == 0

    run(story)
