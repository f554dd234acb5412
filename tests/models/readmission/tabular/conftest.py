"""A model trained once on a generated table, for all tests of this folder."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from models.readmission.tabular.model import TableModel
from models.readmission.tabular.train import train_on_table
from models.sources.stay_table import StayTable
from models.sources.uci import read_uci
from tests.models.sources.uci_like import uci_like, write

TRAINED_AT = datetime(2026, 6, 1, tzinfo=UTC)
STAYS = 900
"""Patients of the generated table."""


@pytest.fixture(scope="session")
def stays(tmp_path_factory: pytest.TempPathFactory) -> StayTable:
    return read_uci(write(uci_like(STAYS, seed=11), tmp_path_factory.mktemp("stays") / "stays.csv"))


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory) -> StayTable:
    """Stays of other patients of the same generator."""
    return read_uci(write(uci_like(900, seed=12), tmp_path_factory.mktemp("others") / "others.csv"))


@pytest.fixture(scope="session")
def fits_done() -> list[int]:
    """What the training of `trained` said of its progress."""
    return []


@pytest.fixture(scope="session")
def trained(stays: StayTable, fits_done: list[int]) -> TableModel:
    return train_on_table(stays, alert_share=0.1, seed=1, trained_at=TRAINED_AT, draws=20, progress=fits_done.append)
