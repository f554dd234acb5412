from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest

from schemas.errors import UsageError
from schemas.events import (
    AdmissionCancelled,
    AnyFact,
    BedStatus,
    BedStatusChanged,
    DischargeCancelled,
    EncounterUpdated,
    PatientAdmitted,
    PatientClass,
    PatientDischarged,
    TransferCancelled,
    decode_fact,
    encode_fact,
)
from schemas.hospital import Hospital, load_hospital, parse_hospital
from schemas.state import EncounterStatus
from simulators.hospital import QUIET, simulate
from streams.fold.encounter import fold
from tests.simulators.conftest import DAYS, START
from tests.simulators.places import Stay, bed_reports, inpatient_encounters, stays, without_cancelled


@pytest.fixture(scope="session")
def all_stays(facts: list[AnyFact]) -> list[Stay]:
    return stays(facts)


def test_the_same_seed_gives_the_same_bytes(hospital: Hospital) -> None:
    runs = [[encode_fact(fact) for fact in simulate(hospital, seed=3, start=START, days=5)] for _ in range(2)]
    assert runs[0] == runs[1]
    assert len(runs[0]) > 300


def test_another_seed_gives_other_facts(hospital: Hospital) -> None:
    one, two = ([encode_fact(f) for f in simulate(hospital, seed=seed, start=START, days=1)] for seed in (1, 2))
    assert not set(one) & set(two)


def test_a_longer_run_begins_as_a_shorter_one(hospital: Hospital) -> None:
    short = list(simulate(hospital, seed=3, start=START, days=2.3))
    assert list(islice(simulate(hospital, seed=3, start=START), len(short))) == short


def test_facts_come_in_the_order_of_their_recording(facts: list[AnyFact]) -> None:
    keys = [(fact.recorded_at, fact.id) for fact in facts]
    assert keys == sorted(keys)


def test_a_fact_is_recorded_within_five_minutes(facts: list[AnyFact]) -> None:
    late_s = [(fact.recorded_at - fact.occurred_at).total_seconds() for fact in facts]
    assert min(late_s) >= 2
    assert max(late_s) <= 300


def test_ids_are_unique_and_the_envelope_is_as_agreed(facts: list[AnyFact]) -> None:
    assert len({fact.id for fact in facts}) == len(facts)
    assert {fact.source for fact in facts} == {"simulator/SM/7-T85S00"}
    for fact in facts[:2_000]:
        assert decode_fact(encode_fact(fact)) == fact
        if isinstance(fact, BedStatusChanged):
            place = fact.data.location
            assert fact.subject == fact.partition_key == f"bed:SM/{place.unit_id}/{place.bed_id}"
        else:
            assert fact.subject.startswith("SM-")
            assert len(bytes.fromhex(fact.partition_key)) == 16


def test_nobody_shares_a_bed(all_stays: list[Stay]) -> None:
    beds: dict[tuple[str, str], list[Stay]] = defaultdict(list)
    for stay in all_stays:
        if stay.bed_id is not None:
            beds[stay.unit_id, stay.bed_id].append(stay)
    assert len(beds) == 10 + 22 + 18 + 8 + 8  # every staffed bed, and no other
    for of_bed in beds.values():
        for first, second in pairwise(of_bed):
            assert first.left_at is not None
            assert first.left_at < second.arrived_at


def test_nobody_is_in_two_places(all_stays: list[Stay]) -> None:
    patients: dict[str, list[Stay]] = defaultdict(list)
    for stay in all_stays:
        patients[stay.token].append(stay)
    for of_patient in patients.values():
        for first, second in pairwise(of_patient):
            assert first.left_at is not None
            assert first.left_at <= second.arrived_at


def test_a_bed_is_cleaned_before_the_next_patient(facts: list[AnyFact], all_stays: list[Stay]) -> None:
    reports = bed_reports(facts)
    beds: dict[tuple[str, str], list[Stay]] = defaultdict(list)
    for stay in all_stays:
        if stay.bed_id is not None:
            beds[stay.unit_id, stay.bed_id].append(stay)
    for bed, of_bed in beds.items():
        for first, second in pairwise(of_bed):
            assert first.left_at is not None
            between = [
                report.data.status for report in reports[bed] if first.left_at < report.occurred_at <= second.arrived_at
            ]
            assert between[:2] == [BedStatus.CLEANING, BedStatus.AVAILABLE]
            assert between[-1] is BedStatus.AVAILABLE


def test_housekeeping_speaks_of_empty_beds_only(facts: list[AnyFact], all_stays: list[Stay]) -> None:
    reports = bed_reports(facts)
    assert any(report.data.status is BedStatus.BLOCKED for of_bed in reports.values() for report in of_bed)
    for stay in all_stays:
        end = stay.left_at or START + timedelta(days=DAYS)
        for report in reports[stay.unit_id, stay.bed_id or ""]:
            assert not stay.arrived_at < report.occurred_at < end
    for of_bed in reports.values():
        for first, second in pairwise(of_bed):
            if first.data.status is BedStatus.BLOCKED:
                assert first.data.reason
                assert second.data.status is BedStatus.AVAILABLE


def test_wards_are_as_full_as_wards_are(all_stays: list[Stay]) -> None:
    began, ended = START + timedelta(days=10), START + timedelta(days=DAYS)
    bed_days: Counter[str] = Counter()
    for stay in all_stays:
        here = min(stay.left_at or ended, ended) - max(stay.arrived_at, began)
        bed_days[stay.unit_id] += max(0, int(here.total_seconds()))
    full_s = (DAYS - 10) * 86_400
    assert 0.85 <= (bed_days["MED"] + bed_days["SUR"]) / (40 * full_s) <= 0.92
    assert 0.65 <= bed_days["ICU"] / (8 * full_s) <= 0.85


def test_a_quarter_of_the_emergency_patients_is_admitted(facts: list[AnyFact]) -> None:
    ed = {
        fact.subject
        for fact in without_cancelled(facts)
        if isinstance(fact, PatientAdmitted) and fact.data.patient_class is PatientClass.EMERGENCY
    }
    assert 0.22 <= len(ed & inpatient_encounters(facts)) / len(ed) <= 0.28


def test_the_emergency_department_overflows_without_a_bed_number(all_stays: list[Stay]) -> None:
    without_bed = [stay for stay in all_stays if stay.bed_id is None]
    assert without_bed
    assert {stay.unit_id for stay in without_bed} == {"ED"}


def test_discharges_cluster_in_the_afternoon_of_the_place(facts: list[AnyFact]) -> None:
    inpatients = inpatient_encounters(facts)
    hours = Counter(
        (fact.occurred_at + timedelta(hours=1)).hour  # Berlin in winter
        for fact in facts
        if isinstance(fact, PatientDischarged) and fact.subject in inpatients and fact.occurred_at.month in (1, 2)
    )
    assert sum(hours[hour] for hour in range(11, 19)) / hours.total() > 0.85
    assert sum(hours[hour] for hour in range(6)) / hours.total() < 0.05


def test_an_inpatient_leaves_with_a_disposition_and_a_principal_diagnosis(facts: list[AnyFact]) -> None:
    inpatients = inpatient_encounters(facts)
    for fact in facts:
        if isinstance(fact, PatientDischarged) and fact.subject in inpatients:
            assert fact.data.discharge_disposition in {"01", "02", "03", "06", "07", "20", "50", "51"}
            assert sum(diagnosis.principal for diagnosis in fact.data.diagnoses) == 1
            assert {diagnosis.system for diagnosis in fact.data.diagnoses} == {"ICD10CM"}


def test_the_expected_discharge_is_said_before_and_is_near(facts: list[AnyFact]) -> None:
    expected: dict[str, datetime] = {}
    errors_h = []
    for fact in without_cancelled(facts):
        if isinstance(fact, EncounterUpdated) and fact.data.expected_discharge_at is not None:
            expected[fact.subject] = fact.data.expected_discharge_at
        elif isinstance(fact, PatientDischarged) and fact.subject in expected:
            errors_h.append(abs((fact.occurred_at - expected[fact.subject]).total_seconds()) / 3600)
    assert len(errors_h) > 1_000
    assert sum(error < 6 for error in errors_h) / len(errors_h) > 0.97


def test_every_encounter_folds_without_a_problem(facts: list[AnyFact]) -> None:
    encounters: dict[str, list[AnyFact]] = defaultdict(list)
    for fact in facts:
        if not isinstance(fact, BedStatusChanged):
            encounters[fact.subject].append(fact)
    folded = [fold(of_one) for of_one in encounters.values()]  # type: ignore[arg-type]
    assert [encounter.problems for encounter in folded if encounter and encounter.problems] == []
    cancelled = {fact.subject for fact in facts if isinstance(fact, AdmissionCancelled)}
    assert cancelled == {e.encounter_id for e in folded if e and e.status is EncounterStatus.CANCELLED}


def test_every_kind_of_cancel_happens_and_can_be_turned_off(hospital: Hospital, facts: list[AnyFact]) -> None:
    kinds = {AdmissionCancelled, TransferCancelled, DischargeCancelled}
    assert kinds <= {type(fact) for fact in facts}
    quiet = simulate(hospital, seed=7, start=START, days=30, profile=QUIET)
    assert not kinds & {type(fact) for fact in quiet}


def test_a_patient_whose_discharge_was_cancelled_leaves_later(facts: list[AnyFact]) -> None:
    by_id = {fact.id: fact for fact in facts}
    cancels = [fact for fact in facts if isinstance(fact, DischargeCancelled)]
    left = {fact.subject: fact for fact in without_cancelled(facts) if isinstance(fact, PatientDischarged)}
    for cancel in cancels:
        first, second = by_id[cancel.data.cancels or ""], left.get(cancel.subject)
        assert isinstance(first, PatientDischarged)
        assert first.occurred_at < cancel.occurred_at
        assert second is None or second.occurred_at > cancel.occurred_at


def test_a_hospital_without_an_emergency_department_admits_directly() -> None:
    ward = parse_hospital(
        b"facilities: [{facility_id: W, name: W, bed_status_feed: false, units: "
        b"[{unit_id: A, name: A, type: medical_surgical, licensed_beds: 20}]}]",
        "ward.yaml",
    )
    facts = list(simulate(ward, seed=1, start=START, days=60))
    assert not any(isinstance(fact, BedStatusChanged) for fact in facts)
    assert {fact.data.patient_class for fact in facts if isinstance(fact, PatientAdmitted)} == {PatientClass.INPATIENT}
    beds: dict[str | None, list[Stay]] = defaultdict(list)
    for stay in stays(facts):
        beds[stay.bed_id].append(stay)
    for of_bed in beds.values():
        for first, second in pairwise(of_bed):
            assert first.left_at is not None
            # Without a bed status feed, a bed counts as free again after the facility's 45 minutes.
            assert second.arrived_at - first.left_at >= timedelta(minutes=45)


def test_two_facilities_share_one_stream() -> None:
    unit = "units: [{unit_id: A, name: A, type: medical_surgical, licensed_beds: 10}]"
    two = parse_hospital(
        f"facilities: [{{facility_id: N, name: N, {unit}}}, {{facility_id: S, name: S, {unit}}}]".encode(), "two.yaml"
    )
    facts = list(simulate(two, seed=1, start=START, days=20))
    assert {fact.source for fact in facts} == {f"simulator/{name}/1-T85S00" for name in "NS"}
    assert [f.recorded_at for f in facts] == sorted(f.recorded_at for f in facts)


def test_the_built_in_hospital_uses_every_bed() -> None:
    facts = simulate(load_hospital(), seed=1, start=START, days=30)
    used = {(stay.unit_id, stay.bed_id) for stay in stays(facts) if stay.bed_id}
    assert len(used) == 230


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed of a simulation must be 0 or more. Got -1"),
        ({"start": datetime(2026, 1, 1)}, "must have a time zone"),  # noqa: DTZ001
        ({"days": 0}, "must be more than 0. Got 0"),
    ],
)
def test_wrong_arguments_are_refused_at_once(hospital: Hospital, arguments: dict[str, object], message: str) -> None:
    usual: dict[str, object] = {"seed": 1, "start": datetime(2026, 1, 1, tzinfo=UTC)}
    with pytest.raises(UsageError, match=message):
        simulate(hospital, **{**usual, **arguments})  # type: ignore[arg-type]


def test_two_runs_of_one_seed_share_no_number_and_no_patient() -> None:
    hospital = parse_hospital(
        b"facilities: [{facility_id: N, name: N, units: "
        b"[{unit_id: A, name: A, type: medical_surgical, licensed_beds: 10}]}]",
        "one.yaml",
    )
    first, second = (list(simulate(hospital, seed=1, start=START + timedelta(hours=h), days=5)) for h in (0, 37))
    for of in ("subject", "partition_key"):
        shared = {getattr(f, of) for f in first} & {getattr(f, of) for f in second}
        assert all(name.startswith("bed:") for name in shared)
    assert not {(f.source, f.id) for f in first} & {(f.source, f.id) for f in second}
