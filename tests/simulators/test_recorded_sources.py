"""MIMIC-III, MIMIC-IV as PhysioNet ships it, and Synthea: whatever tables are there, stays come out of them."""

from __future__ import annotations

import gzip
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from schemas.errors import SourceError, UsageError
from schemas.events import AdtEvent, PatientAdmitted, PatientClass, PatientDischarged, Sex
from schemas.settings import load_settings
from schemas.state import Encounter, EncounterStatus
from simulators.replay import facts
from streams.fold.encounter import fold

SYNTHEA = Path(__file__).parents[2].parent / "shared" / "data" / "synthea"

ADMISSIONS_III = """\
ROW_ID,SUBJECT_ID,HADM_ID,ADMITTIME,DISCHTIME,DEATHTIME,ADMISSION_TYPE,DISCHARGE_LOCATION,HOSPITAL_EXPIRE_FLAG
1,10,100,2150-03-01 08:00:00,2150-03-09 12:00:00,,EMERGENCY,HOME,0
2,10,101,2150-03-20 08:00:00,2150-03-25 12:00:00,,ELECTIVE,SNF,0
3,11,102,2171-07-02 23:30:00,2171-07-03 01:00:00,2171-07-03 01:00:00,URGENT,DEAD/EXPIRED,1
"""
TRANSFERS_III = """\
"ROW_ID","SUBJECT_ID","HADM_ID","EVENTTYPE","CURR_CAREUNIT","CURR_WARDID","INTIME","OUTTIME"
1,10,100,admit,,33,2150-03-01 08:05:00,2150-03-02 08:00:00
2,10,100,transfer,MICU,50,2150-03-02 08:00:00,2150-03-09 11:00:00
3,10,100,discharge,,,2150-03-09 11:00:00,
"""
PATIENTS_III = """\
"ROW_ID","SUBJECT_ID","GENDER","DOB","DOD","EXPIRE_FLAG"
1,10,"F",2080-06-01 00:00:00,,0
2,11,"M",1871-06-01 00:00:00,2171-07-03 00:00:00,1
"""
DIAGNOSES_III = """\
"ROW_ID","SUBJECT_ID","HADM_ID","SEQ_NUM","ICD9_CODE"
1,10,100,1,"4280"
2,10,100,2,"25000"
"""
ADMISSIONS_IV = """\
subject_id,hadm_id,admittime,dischtime,deathtime,admission_type,discharge_location,edregtime,edouttime,hospital_expire_flag
20,300,2180-05-06 22:23:00,2180-05-07 17:15:00,,EW EMER.,HOME HEALTH CARE,2180-05-06 19:17:00,2180-05-06 23:30:00,0
"""
TRANSFERS_IV = """\
subject_id,hadm_id,transfer_id,eventtype,careunit,intime,outtime
20,300,1,ED,Emergency Department,2180-05-06 19:17:00,2180-05-06 23:30:00
20,300,2,admit,Medicine,2180-05-06 23:30:00,2180-05-07 17:21:27
20,300,3,discharge,,2180-05-07 17:21:27,
20,,4,ED,Emergency Department,2180-06-01 10:00:00,2180-06-01 15:00:00
"""
PATIENTS_IV = "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n20,F,52,2178,2014 - 2016,\n"
DIAGNOSES_IV = "subject_id,hadm_id,seq_num,icd_code,icd_version\n20,300,1,I509,10\n"

TABLES_III = {
    "ADMISSIONS": ADMISSIONS_III,
    "TRANSFERS": TRANSFERS_III,
    "PATIENTS": PATIENTS_III,
    "DIAGNOSES_ICD": DIAGNOSES_III,
}
TABLES_IV = {
    "admissions": ADMISSIONS_IV,
    "transfers": TRANSFERS_IV,
    "patients": PATIENTS_IV,
    "diagnoses_icd": DIAGNOSES_IV,
}


def stays(source: str, folder: Path, data: Path, dates: str = "auto") -> dict[str, Encounter]:
    about: dict[str, list[AdtEvent]] = {}
    for fact in facts(source, folder, load_settings(data_dir=data), dates=dates):
        assert isinstance(fact, AdtEvent)
        about.setdefault(fact.subject, []).append(fact)
    found = {subject: fold(each) for subject, each in about.items()}
    return {subject: encounter for subject, encounter in found.items() if encounter is not None}


def write(folder: Path, tables: dict[str, str], *, zipped: bool = False) -> Path:
    folder.mkdir(parents=True)
    for name, text in tables.items():
        if zipped:
            (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (folder / f"{name}.csv").write_text(text)
    return folder


def hours(encounter: Encounter) -> list[tuple[str, float, float]]:
    """Unit, and hours from the admission to the arrival and to the departure."""
    begin = encounter.admitted_at
    assert begin is not None
    found = []
    for stay in encounter.unit_stays:
        assert stay.left_at is not None
        times = [(at - begin).total_seconds() / 3600 for at in (stay.arrived_at, stay.left_at)]
        found.append((stay.unit_id, times[0], times[1]))
    return found


@pytest.mark.parametrize("zipped", [False, True])
def test_mimic_iii_gives_stays_places_diagnoses_and_outcomes(tmp_path: Path, zipped: bool) -> None:
    found = stays("mimic-iii", write(tmp_path / "tables", TABLES_III, zipped=zipped), tmp_path)
    assert sorted(found) == ["MIMIC3-100", "MIMIC3-101", "MIMIC3-102"]
    first = found["MIMIC3-100"]
    assert (first.age_years, first.sex, first.discharge_disposition) == (69, Sex.FEMALE, "01")
    assert [round(b - a, 3) for _, a, b in hours(first)] == [23.917, 171.0]
    assert [unit for unit, _, _ in hours(first)] == ["33", "MICU 50"]
    heart_failure = first.diagnoses[0]
    assert (heart_failure.code, heart_failure.system, heart_failure.principal) == ("4280", "ICD9CM", True)
    assert found["MIMIC3-102"].discharge_disposition == "20"
    assert found["MIMIC3-102"].age_years == 90
    assert all(encounter.problems == () for encounter in found.values())


def test_all_intervals_of_a_patient_are_kept_and_all_patients_end_in_one_window(tmp_path: Path) -> None:
    found = stays("mimic-iii", write(tmp_path / "tables", TABLES_III), tmp_path)
    one, two, other = (found[f"MIMIC3-{number}"] for number in (100, 101, 102))
    assert one.discharged_at
    assert two.admitted_at
    assert two.admitted_at - one.discharged_at == timedelta(days=10, hours=21)
    assert two.discharged_at
    assert other.discharged_at
    assert abs(other.discharged_at - two.discharged_at) < timedelta(days=28)


def shifted_admissions(*years: int) -> str:
    """Stays of one patient each, of which the last is five years long."""
    lines = ["subject_id,hadm_id,admittime,dischtime"]
    for number, year in enumerate(years):
        left = year if number < len(years) - 1 else year + 5
        lines.append(f"{number},{number},{year}-03-02 08:00:00,{left}-03-04 10:00:00")
    return "\n".join(lines) + "\n"


def as_clif(admissions: str) -> dict[str, str]:
    """The same stays in CLIF's tables."""
    rows = [line.split(",") for line in admissions.splitlines()[1:]]
    return {
        "clif_patient": "patient_id,sex_category\n" + "".join(f"{row[0]},Female\n" for row in rows),
        "clif_hospitalization": "patient_id,hospitalization_id,age_at_admission,admission_type_name,"
        "admission_type_category,discharge_name,discharge_category\n"
        + "".join(f"{row[0]},{row[1]},70,ELECTIVE,elective,,Missing\n" for row in rows),
        "clif_adt": "patient_id,hospitalization_id,in_dttm,out_dttm,location_name,location_category\n"
        + "".join(
            f"{row[0]},{row[1]},{row[2]}+00:00,{row[3]}+00:00,Medicine,ward\n{row[0]},{row[1]},{row[3]}+00:00,,,\n"
            for row in rows
        ),
        "clif_hospital_diagnosis": "hospitalization_id,diagnosis_code,diagnosis_code_format,diagnosis_primary,"
        "poa_present\n",
    }


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("years", [(2180,), (2180, 2180), (2180, 2180, 2183), (2019, 2180), (2101, 2199)], ids=str)
@pytest.mark.parametrize("layout", ["mimic-iii", "mimic-iv", "clif"])
def test_nothing_of_however_few_shifted_stays_lies_in_the_future(
    tmp_path: Path, layout: str, years: tuple[int, ...], zipped: bool
) -> None:
    admissions = shifted_admissions(*years)
    tables = as_clif(admissions) if layout == "clif" else {"ADMISSIONS": admissions}
    source = "mimic-iv" if layout == "clif" else layout
    folder = write(tmp_path / "tables", tables, zipped=zipped)
    found = stays(source, folder, tmp_path)
    assert len(found) == len(years)
    for encounter in found.values():
        assert encounter.discharged_at is not None
        assert datetime(2026, 1, 1, tzinfo=UTC) <= encounter.discharged_at < datetime(2026, 2, 5, tzinfo=UTC)
    kept = stays(source, folder, tmp_path, dates="keep")
    assert max(encounter.admitted_at.year for encounter in kept.values() if encounter.admitted_at) == max(years)


@pytest.mark.parametrize("layout", ["mimic-iii", "mimic-iv", "clif"])
def test_dates_that_may_be_the_true_ones_are_kept_unless_asked_otherwise(tmp_path: Path, layout: str) -> None:
    admissions = shifted_admissions(2008, 2019)
    tables = as_clif(admissions) if layout == "clif" else {"ADMISSIONS": admissions}
    source = "mimic-iv" if layout == "clif" else layout
    folder = write(tmp_path / "tables", tables)
    kept = stays(source, folder, tmp_path)
    assert sorted(encounter.admitted_at for encounter in kept.values() if encounter.admitted_at) == [
        datetime(2008, 3, 2, 8, tzinfo=UTC),
        datetime(2019, 3, 2, 8, tzinfo=UTC),
    ]
    moved = stays(source, folder, tmp_path, dates="window")
    assert {encounter.discharged_at.year for encounter in moved.values() if encounter.discharged_at} == {2026}
    with pytest.raises(UsageError, match="--dates"):
        stays(source, folder, tmp_path, dates="yesterday")


@pytest.mark.parametrize(
    "only", [["ADMISSIONS"], ["TRANSFERS"], ["ADMISSIONS", "TRANSFERS"], ["TRANSFERS", "PATIENTS"]]
)
def test_any_subset_that_suffices_will_do(tmp_path: Path, only: list[str]) -> None:
    tables = {name: TABLES_III[name] for name in only}
    found = stays("mimic-iii", write(tmp_path / "tables", tables), tmp_path)
    assert {encounter.status for encounter in found.values()} == {EncounterStatus.DISCHARGED}
    assert len(found) == (3 if "ADMISSIONS" in only else 1)


def test_both_layouts_of_mimic_iv_give_the_same_facts_of_a_stay(tmp_path: Path) -> None:
    clif = {
        "clif_patient": "patient_id,sex_category\n1,Female\n",
        "clif_hospitalization": "patient_id,hospitalization_id,age_at_admission,admission_type_name,"
        "admission_type_category,discharge_name,discharge_category\n1,7,70,EU OBSERVATION,ed,HOME,Home\n",
        "clif_adt": "patient_id,hospitalization_id,in_dttm,out_dttm,location_name,location_category\n"
        "1,7,2015-03-02 08:00:00+00:00,2015-03-02 20:00:00+00:00,Emergency Department,ed\n"
        "1,7,2015-03-02 20:00:00+00:00,2015-03-03 09:00:00+00:00,Medicine,ward\n"
        "1,7,2015-03-03 09:00:00+00:00,2015-03-03 11:00:00+00:00,Emergency Department,ed\n"
        "1,7,2015-03-03 11:00:00+00:00,,,\n",
        "clif_hospital_diagnosis": "hospitalization_id,diagnosis_code,diagnosis_code_format,diagnosis_primary,"
        "poa_present\n7,I509,ICD10CM,1,\n",
    }
    physionet = {
        "admissions": "subject_id,hadm_id,admittime,dischtime,admission_type,discharge_location,hospital_expire_flag\n"
        "1,7,2015-03-02 08:10:00,2015-03-03 10:00:00,EU OBSERVATION,HOME,0\n",
        "transfers": "subject_id,hadm_id,transfer_id,eventtype,careunit,intime,outtime\n"
        "1,7,1,ED,Emergency Department,2015-03-02 08:00:00,2015-03-02 20:00:00\n"
        "1,7,2,admit,Medicine,2015-03-02 20:00:00,2015-03-03 09:00:00\n"
        "1,7,3,ED,Emergency Department,2015-03-03 09:00:00,2015-03-03 11:00:00\n"
        "1,7,4,discharge,,2015-03-03 11:00:00,\n",
        "patients": "subject_id,gender,anchor_age,anchor_year\n1,F,70,2015\n",
        "diagnoses_icd": "subject_id,hadm_id,seq_num,icd_code,icd_version\n1,7,1,I509,10\n",
    }
    settings = load_settings(data_dir=tmp_path)
    read = [
        [msgspec.structs.replace(fact, partition_key="") for fact in facts("mimic-iv", folder, settings)]
        for folder in (write(tmp_path / "clif", clif), write(tmp_path / "physionet", physionet))
    ]
    # CLIF says how an observation patient came in; PhysioNet's type of the admission does not.
    arrival = read[0][0]
    assert isinstance(arrival, PatientAdmitted)
    without_type = msgspec.structs.replace(arrival.data, admission_type=None)
    assert [msgspec.structs.replace(arrival, data=without_type), *read[0][1:]] == read[1]
    assert len(read[1]) == 4


def test_mimic_iv_of_physionet_begins_in_the_ed_and_counts_ed_visits_alone(tmp_path: Path) -> None:
    write(tmp_path / "mimic" / "hosp", TABLES_IV)
    found = stays("mimic-iv", tmp_path / "mimic", tmp_path)
    assert sorted(found) == ["MIMIC-300", "MIMIC-ED4"]
    stay, visit = found["MIMIC-300"], found["MIMIC-ED4"]
    assert [unit for unit, _, _ in hours(stay)] == ["Emergency Department", "Medicine"]
    assert stay.inpatient_from
    assert stay.admitted_at
    assert stay.inpatient_from - stay.admitted_at == timedelta(hours=4, minutes=13)
    assert (stay.age_years, stay.discharge_disposition, stay.diagnoses[0].system) == (54, "06", "ICD10CM")
    assert (visit.patient_class, visit.status) == (PatientClass.EMERGENCY, EncounterStatus.DISCHARGED)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({}, "neither ADMISSIONS nor TRANSFERS has rows"),
        ({"ADMISSIONS": "SUBJECT_ID,HADM_ID\n1,2\n"}, "column ADMITTIME is missing"),
        ({"ADMISSIONS": ADMISSIONS_III.replace("2150-03-01 08:00:00", "first of May")}, r"ADMISSIONS\.csv:2: a time"),
    ],
)
def test_what_cannot_be_read_names_file_and_line(tmp_path: Path, tables: dict[str, str], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        stays("mimic-iii", write(tmp_path / "tables", tables), tmp_path)


def test_synthea_gives_an_encounter_for_each_row(tmp_path: Path) -> None:
    tables = {
        "encounters": "Id,START,STOP,PATIENT,ENCOUNTERCLASS\n"
        "e1,2020-01-01T10:00:00Z,2020-01-03T10:00:00Z,p1,inpatient\n"
        "e2,2020-02-01T10:00:00Z,2020-02-01T10:15:00Z,p1,wellness\n",
        "patients": "Id,BIRTHDATE,GENDER\np1,1950-06-01,F\n",
        "conditions": "START,STOP,PATIENT,ENCOUNTER,CODE\n2020-01-01,,p1,e1,44054006\n",
    }
    found = stays("synthea", write(tmp_path / "tables", tables), tmp_path)
    assert (found["e1"].patient_class, found["e1"].age_years, found["e1"].sex) == (
        PatientClass.INPATIENT,
        69,
        Sex.FEMALE,
    )
    assert found["e1"].diagnoses[0].code == "44054006"
    assert (found["e2"].patient_class, found["e2"].unit_stays) == (PatientClass.OUTPATIENT, ())


@pytest.mark.skipif(not SYNTHEA.is_dir(), reason="the Synthea tables are not at ../shared/data/synthea")
def test_the_synthea_sample_equals_what_pandas_counts(tmp_path: Path) -> None:
    frame = pd.read_csv(SYNTHEA / "encounters.csv.gz", dtype=str)
    read = list(facts("synthea", SYNTHEA, load_settings(data_dir=tmp_path)))
    assert len({fact.subject for fact in read}) == frame["Id"].nunique()
    assert len({fact.partition_key for fact in read}) == frame["PATIENT"].nunique()
    discharged = Counter(isinstance(fact, PatientDischarged) for fact in read)[True]
    assert discharged == frame["STOP"].notna().sum()
