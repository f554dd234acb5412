"""Faults on purpose: seeded, counted, and without a trace in the state that comes out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from schemas.errors import FactRejected, UsageError
from schemas.events import AdtEvent, AnyFact, PersonFact, decode_fact, digest, encode_fact
from schemas.hospital import load_hospital
from schemas.outgoing import Outgoing
from schemas.state import Encounter, Problem
from simulators.faults import PROFILES, FaultProfile, FaultReport, profile, summary, with_faults
from simulators.hospital import simulate
from streams.fold.encounter import fold
from streams.fold.merges import resolve_merges
from streams.fold.patient import fold_patient

START = datetime(2026, 1, 1, tzinfo=UTC)
BROKEN = {Problem.ID_COLLISION, Problem.TWO_PATIENTS, Problem.NUMBER_OF_TWO_HOSPITALS}


@pytest.fixture(scope="module")
def facts() -> list[AnyFact]:
    return list(simulate(load_hospital(), seed=3, start=START, days=12))


def delivered(facts: Iterable[AnyFact], rates: FaultProfile, seed: int = 1) -> tuple[list[Outgoing], FaultReport]:
    report = FaultReport()
    return list(with_faults(facts, rates, seed, report)), report


def readable(records: Iterable[Outgoing]) -> tuple[list[AnyFact], list[bytes]]:
    good, bad = [], []
    for record in records:
        try:
            good.append(decode_fact(record.value))
        except FactRejected:
            bad.append(record.value)
    return good, bad


def state(facts: Iterable[AnyFact]) -> dict[str, Any]:
    """State that the facts lead to, patients by person, without flags about the order of reports."""
    about: dict[str, list[Any]] = {}
    for fact in facts:
        about.setdefault(fact.subject, []).append(fact)
    patients = [fold_patient(each) for subject, each in about.items() if subject.startswith("patient:")]
    people = resolve_merges(
        {p.patient_token: (p.merged_into, p.merge_order) for p in patients if p and p.merged_into and p.merge_order}
    )
    found: dict[str, Any] = {}
    for subject, each in about.items():
        if isinstance(each[0], AdtEvent):
            encounter = fold(each)
            assert isinstance(encounter, Encounter)
            found[subject] = {
                "person": people.get(encounter.patient_token, encounter.patient_token),
                "status": encounter.status,
                "times": (encounter.admitted_at, encounter.inpatient_from, encounter.discharged_at),
                "disposition": encounter.discharge_disposition,
                "stays": encounter.unit_stays,
                "diagnoses": encounter.diagnoses,
                "services": encounter.services,
                "problems": set(encounter.problems) - BROKEN,
            }
        elif not isinstance(each[0], PersonFact):
            found[subject] = max(each, key=lambda fact: (fact.occurred_at, fact.recorded_at, fact.source, fact.id))
    return found


def test_without_faults_every_fact_passes_byte_for_byte_in_its_order(facts: list[AnyFact]) -> None:
    records, report = delivered(facts, PROFILES["none"])
    assert [record.value for record in records] == [encode_fact(fact) for fact in facts]
    assert [record.recorded_at for record in records] == [fact.recorded_at for fact in facts]
    assert (report.facts, report.records, summary(report)) == (len(facts), len(facts), "Faults (seed 1): none.")


@pytest.mark.parametrize("name", ["mild", "hostile"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_state_comes_out_as_if_nothing_had_happened(facts: list[AnyFact], name: str, seed: int) -> None:
    records, report = delivered(facts, PROFILES[name], seed)
    good, bad = readable(records)
    assert len(bad) == report.garbage
    assert sorted(map(digest, bad)) == sorted(report.garbage_digests)
    assert state(good) == state(facts)


@pytest.mark.parametrize(
    "kind",
    ["duplicate", "delay", "reorder", "late_discharge", "reissue", "wrong_time", "merge", "collision", "garbage"],
)
def test_each_kind_alone_is_injected_counted_and_harmless(facts: list[AnyFact], kind: str) -> None:
    rates = FaultProfile(**{kind: 0.3})
    records, report = delivered(facts[:4_000], rates)
    assert getattr(report, kind) > 50
    assert report.records == len(records)
    assert state(readable(records)[0]) == state(facts[:4_000])
    assert kind.replace("_", " ") in summary(report)


def test_a_lost_discharge_leaves_its_encounter_open_and_is_named(facts: list[AnyFact]) -> None:
    records, report = delivered(facts, FaultProfile(lost_discharge=0.5))
    assert len(report.lost_discharges) == report.lost_discharge > 50
    clean, lossy = state(facts), state(readable(records)[0])
    different = {subject for subject in clean if clean[subject] != lossy[subject]}
    assert different
    assert different <= set(report.lost_discharges)


def test_the_same_seed_gives_the_same_mess_and_another_another(facts: list[AnyFact]) -> None:
    one, two, other = (delivered(facts[:3_000], PROFILES["hostile"], seed)[0] for seed in (5, 5, 6))
    assert one == two != other


def test_records_are_sent_in_the_order_of_their_times_and_out_of_that_of_the_facts(facts: list[AnyFact]) -> None:
    records, _ = delivered(facts, PROFILES["hostile"])
    times = [record.recorded_at for record in records if record.recorded_at]
    assert times == sorted(times)
    recorded = [fact.recorded_at for fact in readable(records)[0]]
    assert sum(a > b for a, b in pairwise(recorded)) > 1_000


def test_what_is_no_fact_already_passes_as_it_is() -> None:
    record = Outgoing(b"k", b"MSH|", headers=(("wardwatch-rejected", b"why"),))
    assert list(with_faults([record], PROFILES["hostile"], 1, FaultReport())) == [record]


def test_an_unknown_profile_is_said() -> None:
    with pytest.raises(UsageError, match="none, mild, hostile"):
        profile("evil")
