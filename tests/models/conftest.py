"""A simulated hospital and models, trained once for all tests of this folder."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import numpy as np
import pytest

from models.features.catalogue import Features
from models.features.values import features
from models.labels.index_stays import index_exclusion
from models.labels.readmissions import readmitted_within_30_days
from models.labels.rules import DEFAULT
from models.readmission.batch import BatchModel
from models.readmission.train import train
from schemas.events import AdtEvent, Sex
from schemas.hospital import load_hospital
from schemas.state import Encounter
from simulators.hospital import DischargeTruth, simulate
from streams.fold.encounter import fold
from tests.models.builders import stay

TRAINED_AT = datetime(2026, 6, 1, tzinfo=UTC)
Histories = list[list[Encounter]]


class Simulated(NamedTuple):
    """Histories, and the true risk of each inpatient who left alive."""

    histories: Histories
    truths: dict[str, DischargeTruth]


@pytest.fixture(scope="session")
def simulated() -> Simulated:
    truths: dict[str, DischargeTruth] = {}
    facts: dict[str, list[AdtEvent]] = {}
    start = datetime(2026, 1, 1, tzinfo=UTC)
    stream = simulate(load_hospital(), seed=7, start=start, days=100, on_discharge=lambda t: _keep(truths, t))
    for fact in stream:
        if isinstance(fact, AdtEvent):
            facts.setdefault(fact.encounter_id, []).append(fact)
    histories: dict[str, list[Encounter]] = {}
    for about in facts.values():
        encounter = fold(about)
        assert encounter is not None
        histories.setdefault(encounter.patient_token, []).append(encounter)
    return Simulated(list(histories.values()), truths)


def _keep(truths: dict[str, DischargeTruth], truth: DischargeTruth) -> None:
    truths[truth.encounter_id] = truth


@pytest.fixture(scope="session")
def trained(simulated: Simulated) -> BatchModel:
    return train(simulated.histories, alert_share=0.1, seed=1, trained_at=TRAINED_AT)


@pytest.fixture(scope="session")
def boosted() -> BatchModel:
    """Trained on data where old men and young women return: an additive model cannot learn that."""
    return train(crossed_histories(900), alert_share=0.2, seed=1, trained_at=TRAINED_AT, followed_until=None)


def crossed_histories(patients: int) -> Histories:
    random = np.random.default_rng(3)
    histories = []
    for number in range(patients):
        old, male = random.random(2) < 0.5
        comes_back = random.random() < (0.5 if old == male else 0.05)
        sex = Sex.MALE if male else Sex.FEMALE
        first = stay(f"A{number}", 0, 4, age_years=80 if old else 30, sex=sex)
        last = stay(f"B{number}", 20 if comes_back else 100, None)
        histories.append([first, msgspec.structs.replace(last, discharge_disposition=None)])
    return histories


@pytest.fixture(scope="session")
def discharges(simulated: Simulated, trained: BatchModel) -> list[tuple[Features, bool, float]]:
    """Of each index stay with its 30 days over, in order: features at discharge, outcome, true risk."""
    found = []
    for history in simulated.histories:
        for each in history:
            left = each.discharged_at
            ends = DEFAULT.window_ends(each)
            if index_exclusion(each, history) is None and left and ends and ends <= trained.report.followed_until:
                row = features(history, each, left)
                truth = simulated.truths[each.encounter_id].readmission_probability
                found.append((left, row, readmitted_within_30_days(history, each), truth))
    found.sort(key=lambda item: item[0])
    return [(row, outcome, truth) for _, row, outcome, truth in found]


@pytest.fixture(scope="session")
def rows(discharges: list[tuple[Features, bool, float]]) -> list[Features]:
    return [row for row, _, _ in discharges]
