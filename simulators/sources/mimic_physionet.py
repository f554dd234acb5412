"""MIMIC-III and MIMIC-IV as PhysioNet ships them: admissions, transfers, patients and diagnoses as CSV.

Required: admissions or transfers. Patients and diagnoses are optional.

* Begin, places and end of a stay come from the transfers. Admissions, whose times are those of the orders, are used
  for stays without transfers.
* MIMIC shifts the dates of each patient by a different amount; `stays.shifts` moves them into one window.
* Diagnoses are known with the discharge: MIMIC codes them for the bill. Ages over 89 are hidden and given as 90.
* A visit to the emergency department that led to no admission is an encounter of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from schemas.dispositions import EXPIRED
from schemas.errors import SourceError
from schemas.events import AdmissionType, AnyFact, Diagnosis, Sex
from schemas.pseudonyms import patient_token
from simulators.sources.csv_tables import find_table, read_columns, rows, time_of
from simulators.sources.mimic import patient_classes
from simulators.sources.stays import Dates, Place, RecordedStay, last_seen, shifts, stay_facts

OLDEST = 90

ADMISSION_TYPES = {
    "EMERGENCY": AdmissionType.EMERGENCY,
    "EW EMER.": AdmissionType.EMERGENCY,
    "DIRECT EMER.": AdmissionType.EMERGENCY,
    "OBSERVATION ADMIT": AdmissionType.EMERGENCY,
    "URGENT": AdmissionType.URGENT,
    "ELECTIVE": AdmissionType.ELECTIVE,
    "SURGICAL SAME DAY ADMISSION": AdmissionType.ELECTIVE,
    "NEWBORN": AdmissionType.NEWBORN,
}

DISPOSITIONS = {
    "HOME": "01",
    "ASSISTED LIVING": "01",
    "ACUTE HOSPITAL": "02",
    "SHORT TERM HOSPITAL": "02",
    "SNF": "03",
    "SKILLED NURSING FACILITY": "03",
    "ICF": "04",
    "DISC-TRAN CANCER/CHLDRN H": "05",
    "HOME HEALTH CARE": "06",
    "LEFT AGAINST MEDICAL ADVI": "07",
    "AGAINST ADVICE": "07",
    "HOME WITH HOME IV PROVIDR": "08",
    "DEAD/EXPIRED": "20",
    "DIED": "20",
    "DISC-TRAN TO FEDERAL HC": "43",
    "HOSPICE-HOME": "50",
    "HOSPICE": "51",
    "HOSPICE-MEDICAL FACILITY": "51",
    "REHAB": "62",
    "REHAB/DISTINCT PART HOSP": "62",
    "LONG TERM CARE HOSPITAL": "63",
    "CHRONIC/LONG TERM ACUTE CARE": "63",
    "SNF-MEDICAID ONLY CERTIF": "64",
    "DISCH-TRAN TO PSYCH HOSP": "65",
    "PSYCH FACILITY": "65",
    "OTHER FACILITY": "70",
}
"""UB-04 patient status by DISCHARGE_LOCATION; other values are unknown."""
SEXES = {"F": Sex.FEMALE, "M": Sex.MALE}


class Edition(NamedTuple):
    """Differences between MIMIC-III and MIMIC-IV."""

    name: str
    prefix: str

    @property
    def source(self) -> str:
        """Source of every fact."""
        return f"replay/{self.name}"


MIMIC_III = Edition("mimic-iii", "MIMIC3")
MIMIC_IV = Edition("mimic-iv", "MIMIC")


class _Admission(NamedTuple):
    subject_id: str
    admitted_at: datetime | None
    discharged_at: datetime | None
    kind: str
    left_for: str
    died: bool


class _Stay(NamedTuple):
    subject_id: str
    hadm_id: str
    transfer_id: str
    places: list[Place]
    left_at: datetime | None


def read(
    folder: Path, edition: Edition, *, pseudonym_key: bytes, now: datetime, dates: Dates = "auto"
) -> Iterator[AnyFact]:
    """Yield the facts of all stays, in the order in which they happened.

    Parameters
    ----------
    folder : Path
        With the tables as .csv or .csv.gz, in any case, or with a subfolder `hosp` of them.
    edition : Edition
        `MIMIC_III` or `MIMIC_IV`.
    pseudonym_key : bytes
        32 secret bytes for the patient tokens.
    now : datetime
        Aware; dates after it are shifted ones.
    dates : {"auto", "keep", "window"}
        How the dates are moved; see `shifts`.

    Raises
    ------
    SourceError
        When neither admissions nor transfers are found, or a value is not valid; names file and line.
    """
    admissions = _admissions(folder)
    stays = _transfers(folder, admissions)
    if not admissions and not stays:
        raise SourceError(f"{folder}: neither ADMISSIONS nor TRANSFERS has rows. Give the folder of the tables.")
    for hadm_id, admission in admissions.items():
        if hadm_id not in stays and admission.admitted_at is not None:
            place = Place(admission.admitted_at, None, patient_classes(admission.kind, [False])[0])
            stays[hadm_id] = _Stay(admission.subject_id, hadm_id, "", [place], admission.discharged_at)
    people, diagnoses = _Patients(folder), _diagnoses(folder)
    recorded = {
        key: _recorded(stay, admissions.get(stay.hadm_id), edition, people, diagnoses[stay.hadm_id])
        for key, stay in stays.items()
    }
    last = last_seen((stays[key].subject_id, at) for key, each in recorded.items() for at in _times(each))
    moved = shifts(last, dates, now)
    facts: list[Any] = []
    for key, each in recorded.items():
        token = patient_token(pseudonym_key, edition.name, stays[key].subject_id)
        facts += stay_facts(each, source=edition.source, token=token, shift=moved[stays[key].subject_id])
    facts.sort(key=lambda fact: (fact.occurred_at, fact.id))
    yield from facts


def _recorded(
    stay: _Stay, admission: _Admission | None, edition: Edition, people: _Patients, diagnoses: list[Diagnosis]
) -> RecordedStay:
    number = stay.hadm_id or f"ED{stay.transfer_id}"
    left_for = None
    if admission is not None:
        left_for = EXPIRED if admission.died else DISPOSITIONS.get(admission.left_for)
    return RecordedStay(
        number=number,
        encounter_id=f"{edition.prefix}-{number}",
        facility_id=edition.prefix,
        places=stay.places,
        discharged_at=stay.left_at or (admission.discharged_at if admission else None),
        disposition=left_for,
        admission_type=ADMISSION_TYPES.get(admission.kind) if admission else None,
        age_years=people.age(stay.subject_id, stay.places[0].arrived_at),
        sex=people.sex(stay.subject_id),
        diagnoses=tuple(diagnoses),
    )


def _times(stay: RecordedStay) -> list[datetime]:
    times = [place.arrived_at for place in stay.places]
    return times if stay.discharged_at is None else [*times, stay.discharged_at]


def _admissions(folder: Path) -> dict[str, _Admission]:
    path = find_table(folder, "admissions")
    if path is None:
        return {}
    needed = ("subject_id", "hadm_id", "admittime", "dischtime")
    optional = ("admission_type", "discharge_location", "hospital_expire_flag")
    return {
        row.hadm_id: _Admission(
            row.subject_id,
            time_of(row.admittime, path, row),
            time_of(row.dischtime, path, row),
            row.admission_type.strip().upper(),
            row.discharge_location.strip().upper(),
            row.hospital_expire_flag.strip() == "1",
        )
        for row in rows(read_columns(path, needed, optional))
    }


def _transfers(folder: Path, admissions: dict[str, _Admission]) -> dict[str, _Stay]:
    """Return the stays in the transfers, by hadm_id, or by transfer for an ED visit without an admission."""
    path = find_table(folder, "transfers")
    if path is None:
        return {}
    needed = ("subject_id", "hadm_id", "eventtype", "intime", "outtime")
    frame = read_columns(path, needed, ("transfer_id", "careunit", "curr_careunit", "curr_wardid"))
    grouped: dict[str, list[Any]] = defaultdict(list)
    for row in rows(frame):
        grouped[row.hadm_id or f"alone-{row.transfer_id or row.Index}"].append(row)
    stays = {}
    for key, of_one in grouped.items():
        stay = _stay(of_one, admissions[key].kind if key in admissions else "", path)
        if stay is not None:
            stays[key] = stay
    return stays


def _stay(of_one: list[Any], kind: str, path: Path) -> _Stay | None:
    timed = [(time_of(row.intime, path, row), row) for row in of_one]
    known = sorted(((at, row) for at, row in timed if at is not None), key=lambda item: item[0])
    placed = [(at, row) for at, row in known if row.eventtype.strip().lower() != "discharge"]
    if not placed:
        return None
    left = [at for at, row in known if row.eventtype.strip().lower() == "discharge"]
    first = placed[0][1]
    classes = patient_classes(kind, [_in_ed(row) for _, row in placed])
    places = [Place(at, _unit(row), patient_class) for (at, row), patient_class in zip(placed, classes, strict=True)]
    last_out = time_of(placed[-1][1].outtime, path, placed[-1][1])
    return _Stay(first.subject_id, first.hadm_id, first.transfer_id, places, left[-1] if left else last_out)


def _in_ed(row: Any) -> bool:
    return "ed" in (row.eventtype.strip().lower(), row.careunit.strip().lower().replace("emergency department", "ed"))


def _unit(row: Any) -> str | None:
    ward = f"{row.curr_careunit.strip()} {row.curr_wardid.strip().removesuffix('.0')}".strip()
    return row.careunit.strip() or ward or None


def _diagnoses(folder: Path) -> dict[str, list[Diagnosis]]:
    found: dict[str, list[Diagnosis]] = defaultdict(list)
    path = find_table(folder, "diagnoses_icd")
    if path is None:
        return found
    for row in rows(read_columns(path, ("hadm_id", "seq_num"), ("icd9_code", "icd_code", "icd_version"))):
        code = row.icd_code.strip() or row.icd9_code.strip()
        if code:
            system = "ICD10CM" if row.icd_version.strip() == "10" else "ICD9CM"
            found[row.hadm_id].append(Diagnosis(code=code, system=system, principal=row.seq_num.strip() == "1"))
    return found


class _Patients:
    """Sex and age from the table of patients, if known."""

    def __init__(self, folder: Path) -> None:
        self._rows: dict[str, Any] = {}
        self._path = find_table(folder, "patients")
        if self._path is not None:
            frame = read_columns(self._path, ("subject_id",), ("gender", "dob", "anchor_age", "anchor_year"))
            self._rows = {row.subject_id: row for row in rows(frame)}

    def sex(self, subject_id: str) -> Sex:
        """Return the sex."""
        row = self._rows.get(subject_id)
        return SEXES.get(row.gender.strip().upper()[:1], Sex.UNKNOWN) if row else Sex.UNKNOWN

    def age(self, subject_id: str, at: datetime) -> int | None:
        """Return the age in whole years."""
        row = self._rows.get(subject_id)
        if row is None or self._path is None:
            return None
        born = time_of(row.dob, self._path, row)
        if born is not None:
            years = at.year - born.year - ((at.month, at.day) < (born.month, born.day))
        elif row.anchor_age.isdecimal() and row.anchor_year.isdecimal():
            years = int(row.anchor_age) + at.year - int(row.anchor_year)
        else:
            return None
        return min(years, OLDEST) if years >= 0 else None
