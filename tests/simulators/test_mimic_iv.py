from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from schemas.errors import SourceError
from schemas.events import AnyFact, EncounterFact, PatientAdmitted, PatientDischarged, PatientTransferred
from schemas.pseudonyms import patient_token
from simulators.sources import mimic_iv

DEMO = Path(__file__).parents[2].parent / "shared" / "data" / "mimic_iv_demo"
KEY = b"k" * 32
NOW = datetime(2026, 11, 1, tzinfo=UTC)

needs_demo = pytest.mark.skipif(not DEMO.is_dir(), reason="the MIMIC-IV demo is not at ../shared/data/mimic_iv_demo")

PATIENT = "patient_id,sex_category\n1,Female\n2,Male\n"
HOSPITALIZATION = (
    "patient_id,hospitalization_id,age_at_admission,admission_type_name,admission_type_category,discharge_name,"
    "discharge_category\n"
    "1,11,70,EW EMER.,ed,HOME HEALTH CARE,Home\n"
    "1,12,70,ELECTIVE,elective,,Missing\n"
    "2,21,45,EU OBSERVATION,ed,DIED,Expired\n"
)
ADT = (
    "patient_id,hospitalization_id,in_dttm,out_dttm,location_name,location_category\n"
    "1,11,2150-03-04 10:00:00+00:00,,,\n"  # a Wednesday
    "1,11,2150-03-02 20:00:00+00:00,2150-03-04 10:00:00+00:00,Medicine,ward\n"
    "1,11,2150-03-02 08:00:00+00:00,2150-03-02 20:00:00+00:00,Emergency Department,ed\n"
    "1,12,2150-03-20 08:00:00+00:00,2150-03-21 08:00:00+00:00,Vascular,ward\n"
    "1,12,2150-03-21 08:00:00+00:00,,,\n"
    "2,21,2111-06-04 23:30:00+00:00,2111-06-05 07:00:00+00:00,Emergency Department,ed\n"
    "2,21,2111-06-05 07:00:00+00:00,2111-06-05 19:00:00+00:00,Emergency Department Observation,ed\n"
    "2,21,2111-06-05 19:00:00+00:00,,,\n"
)
DIAGNOSIS = (
    "hospitalization_id,diagnosis_code,diagnosis_code_format,diagnosis_primary,poa_present\n"
    "11,I5023,ICD10CM,1,\n11,4280,ICD9CM,0,1\n"
)


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    for name, text in (
        ("clif_patient", PATIENT),
        ("clif_hospitalization", HOSPITALIZATION),
        ("clif_adt", ADT),
        ("clif_hospital_diagnosis", DIAGNOSIS),
    ):
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def read(folder: Path, **options: Any) -> list[AnyFact]:
    return list(mimic_iv.read(folder, pseudonym_key=KEY, now=NOW, **options))


def of(facts: list[AnyFact], encounter_id: str) -> list[EncounterFact]:
    return [fact for fact in facts if isinstance(fact, EncounterFact) and fact.encounter_id == encounter_id]


def test_a_patient_moves_by_whole_weeks_into_the_window(tables: Path) -> None:
    facts = read(tables, window_start=datetime(2026, 1, 1, tzinfo=UTC), window_days=20)
    # Saturday 2150-03-21 08:00, the last of patient 0 of 2, becomes the first Saturday 08:00 from Thursday 2026-01-01
    # on: the 3rd. The stay before began 19 days earlier, on a Monday.
    assert [fact.occurred_at for fact in of(facts, "MIMIC-11")] == [
        datetime(2025, 12, 15, 8, tzinfo=UTC),
        datetime(2025, 12, 15, 20, tzinfo=UTC),
        datetime(2025, 12, 17, 10, tzinfo=UTC),
    ]
    assert of(facts, "MIMIC-12")[-1].occurred_at == datetime(2026, 1, 3, 8, tzinfo=UTC)
    # Friday 2111-06-05 19:00, of patient 1 of 2: the first Friday 19:00 from 2026-01-11 on is the 16th.
    assert of(facts, "MIMIC-21")[0].occurred_at == datetime(2026, 1, 15, 23, 30, tzinfo=UTC)
    assert of(facts, "MIMIC-21")[-1].occurred_at == datetime(2026, 1, 16, 19, tzinfo=UTC)
    assert [fact.occurred_at for fact in facts] == sorted(fact.occurred_at for fact in facts)


def test_class_place_disposition_and_diagnoses_are_translated(tables: Path) -> None:
    facts = read(tables)
    admitted, moved, left = of(facts, "MIMIC-11")
    assert isinstance(admitted, PatientAdmitted)
    assert isinstance(moved, PatientTransferred)
    assert isinstance(left, PatientDischarged)
    assert (admitted.data.patient_class, admitted.data.age_years, admitted.data.sex) == ("emergency", 70, "female")
    assert admitted.data.admission_type == "emergency"
    assert moved.data.patient_class == "inpatient"
    assert moved.data.location is not None
    assert (moved.data.location.facility_id, moved.data.location.unit_id) == ("MIMIC", "Medicine")
    assert left.data.discharge_disposition == "06"
    assert [(d.system, d.code, d.principal, d.present_on_admission) for d in left.data.diagnoses] == [
        ("ICD10CM", "I5023", True, None),
        ("ICD9CM", "4280", False, True),
    ]
    assert admitted.patient_token == patient_token(KEY, "mimic-iv", "1")
    observed = of(facts, "MIMIC-21")
    assert isinstance(observed[1], PatientTransferred)
    assert observed[1].data.patient_class == "observation"


def test_an_unknown_disposition_stays_unknown(tables: Path) -> None:
    left = of(read(tables), "MIMIC-12")[-1]
    assert isinstance(left, PatientDischarged)
    assert left.data.discharge_disposition is None


@pytest.mark.parametrize(
    ("table", "text", "message"),
    [
        ("clif_adt", None, r"neither clif_adt\.csv nor clif_adt\.csv\.gz"),
        ("clif_patient", "patient_id\n1\n", "column sex_category is missing"),
        ("clif_adt", ADT.replace("2150-03-02 08:00:00+00:00", "soon"), "hospitalization 11: a time is missing or not"),
        ("clif_adt", ADT.replace("2150-03-02 08:00:00+00:00", "2150-03-02 08:00:00"), "no offset from UTC"),
        ("clif_adt", ADT.replace("1,12,2150-03-21 08:00:00+00:00,,,\n", ""), "hospitalization 12: clif_adt must have"),
        ("clif_patient", "patient_id,sex_category\n1,Female\n", "hospitalization 21 is missing in clif_patient"),
        ("clif_patient", "patient_id,sex_category\n1\n", r"clif_patient\.csv:2: the row is too short"),
    ],
)
def test_what_is_missing_is_named(tables: Path, table: str, text: str | None, message: str) -> None:
    path = tables / f"{table}.csv"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(SourceError, match=message):
        read(tables)


@needs_demo
def test_the_demo_has_its_patients_stays_and_intervals() -> None:
    facts = [fact for fact in read(DEMO) if isinstance(fact, EncounterFact)]
    assert len({fact.patient_token for fact in facts}) == 100
    kinds = Counter(type(fact) for fact in facts)
    assert kinds == {PatientAdmitted: 275, PatientTransferred: 586, PatientDischarged: 275}

    adt = pd.read_csv(DEMO / "clif_adt.csv.gz", dtype=str)
    adt["at"] = pd.to_datetime(adt["in_dttm"])
    tokens = {patient: patient_token(KEY, "mimic-iv", patient) for patient in adt["patient_id"].unique()}
    times: dict[str, list[datetime]] = defaultdict(list)
    for fact in facts:
        times[fact.patient_token].append(fact.occurred_at)
    for patient, rows in adt.groupby("patient_id"):
        real = sorted(rows["at"])
        ours = times[tokens[str(patient)]]
        shift = ours[0] - real[0].to_pydatetime()
        assert shift % timedelta(days=7) == timedelta()
        assert [at - shift for at in ours] == [at.to_pydatetime() for at in real]


@needs_demo
def test_the_demo_ends_in_its_window_and_spreads_over_it() -> None:
    last: dict[str, datetime] = {}
    for fact in read(DEMO):
        last[fact.partition_key] = fact.occurred_at
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert min(last.values()) >= start
    assert max(last.values()) < start + timedelta(days=28 + 7)
    assert len({at.date() for at in last.values()}) > 20
