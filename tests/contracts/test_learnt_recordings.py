"""Recordings need no hospital file: the beds seen equal what pandas, or another query, counts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine

from schemas.hospital import load_hospital
from schemas.settings import load_settings
from simulators.replay import facts
from streams.capacity.store import WINDOW, CapacityStore
from streams.operate.discover import seen_units
from streams.quality.findings import findings
from streams.quality.kinds import Kind
from tests.contracts.test_learnt_beds import board, hints
from tests.contracts.test_processing import take
from tests.end_to_end.test_mimic_iv import DEMO, expected_stays

SYNTHEA = Path(__file__).parents[2].parent / "shared" / "data" / "synthea"
HARBOUR_GENERAL = load_hospital()


def most_at_once(stays: pd.DataFrame) -> dict[str, int]:
    """Patients per unit at the arrival of each: those who came no later and left later."""
    found = {}
    for unit, rows in stays.groupby("location_name"):
        here = [((rows["arrived"] <= at) & (rows["left"] > at)).sum() for at in rows["arrived"]]
        found[str(unit)] = int(max(here))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not DEMO.is_dir(), reason="the MIMIC-IV demo is not at ../shared/data/mimic_iv_demo")
def test_the_mimic_iv_demo_shows_as_many_beds_as_pandas_counts_patients(engine: Engine, tmp_path: Path) -> None:
    store = CapacityStore(HARBOUR_GENERAL)
    recorded = list(facts("mimic-iv", DEMO, load_settings(data_dir=tmp_path)))
    for start in range(0, len(recorded), 200):
        batch = recorded[start : start + 200]
        take(engine, *batch)
        store.note(hints(engine))
        shown = board(engine, batch[-1].occurred_at, store, HARBOUR_GENERAL)
        assert all(unit.learnt and unit.census <= unit.staffed_beds for unit in shown.values())
    at = recorded[len(recorded) // 2].occurred_at
    found = board(engine, at, hospital=HARBOUR_GENERAL)
    assert {unit: metrics.staffed_beds for unit, metrics in found.items()} == most_at_once(expected_stays())
    with engine.connect() as connection:
        found_about = findings(connection, HARBOUR_GENERAL, recorded[-1].occurred_at)
    assert [(each.kind, each.subject) for each in found_about] == [("unknown_facility", "MIMIC")]


@pytest.mark.slow
@pytest.mark.skipif(not SYNTHEA.is_dir(), reason="the Synthea tables are not at ../shared/data/synthea")
def test_the_synthea_sample_shows_a_usable_board(engine: Engine, tmp_path: Path) -> None:
    recorded = list(facts("synthea", SYNTHEA, load_settings(data_dir=tmp_path)))[-2_000:]
    store = CapacityStore(HARBOUR_GENERAL)
    for start in range(0, len(recorded), 200):
        batch = recorded[start : start + 200]
        take(engine, *batch)
        store.note(hints(engine))
        board(engine, batch[-1].occurred_at, store, HARBOUR_GENERAL)
    found = board(engine, recorded[-1].occurred_at + WINDOW, store, HARBOUR_GENERAL)
    with engine.connect() as connection:
        counted = {unit.unit_id: max(unit.most, len(unit.beds)) for unit in seen_units(connection)}
        kinds = [each.kind for each in findings(connection, HARBOUR_GENERAL, recorded[-1].occurred_at)]
    assert len(counted) > 1
    assert {unit: metrics.staffed_beds for unit, metrics in found.items()} == counted
    assert all(metrics.occupancy is not None for metrics in found.values())
    assert Kind.UNKNOWN_FACILITY in kinds
    assert Kind.UNKNOWN_UNIT not in kinds
