"""Facts of a recorded stay, the same for all sources; and shifts of dates into one common window."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from schemas.events import (
    AdmissionType,
    AdtEvent,
    Details,
    Diagnosis,
    DischargeDetails,
    Location,
    PatientAdmitted,
    PatientClass,
    PatientDischarged,
    PatientRegistered,
    PatientTransferred,
    Procedure,
    Sex,
)

Dates = Literal["auto", "keep", "window"]
"""How the dates of a recording are moved; see `shifts`."""

WINDOW_START = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW_DAYS = 28.0
WEEK = timedelta(days=7)
OVERNIGHT = frozenset({PatientClass.INPATIENT, PatientClass.EMERGENCY, PatientClass.OBSERVATION})


class Place(NamedTuple):
    """A place of a patient from a time on, with the patient class."""

    arrived_at: datetime
    unit_id: str | None
    patient_class: PatientClass


class RecordedStay(NamedTuple):
    """One stay of a recording; `places` is not empty and in order of time."""

    number: str
    encounter_id: str
    facility_id: str
    places: Sequence[Place]
    discharged_at: datetime | None
    disposition: str | None = None
    admission_type: AdmissionType | None = None
    age_years: int | None = None
    sex: Sex = Sex.UNKNOWN
    diagnoses: tuple[Diagnosis, ...] = ()
    procedures: tuple[Procedure, ...] = ()


def stay_facts(stay: RecordedStay, *, source: str, token: str, shift: timedelta = timedelta()) -> Iterator[AdtEvent]:
    """Yield the facts of a stay in their order; diagnoses and procedures are known with the discharge."""
    first = stay.places[0]
    arrival = PatientAdmitted if first.patient_class in OVERNIGHT else PatientRegistered
    for position, place in enumerate(stay.places):
        at = place.arrived_at + shift
        begins = position == 0
        details = Details(
            patient_class=place.patient_class,
            location=Location(facility_id=stay.facility_id, unit_id=place.unit_id) if place.unit_id else None,
            admission_type=stay.admission_type if begins else None,
            age_years=stay.age_years if begins else None,
            sex=stay.sex if begins else None,
        )
        kind = arrival if begins else PatientTransferred
        yield kind(
            id=f"{stay.number}-{position:03d}", source=source, subject=stay.encounter_id, occurred_at=at,
            recorded_at=at, partition_key=token, data=details,
        )  # fmt: skip
    if stay.discharged_at is not None:
        at = stay.discharged_at + shift
        yield PatientDischarged(
            id=f"{stay.number}-{len(stay.places):03d}", source=source, subject=stay.encounter_id, occurred_at=at,
            recorded_at=at, partition_key=token,
            data=DischargeDetails(
                discharge_disposition=stay.disposition, diagnoses=stay.diagnoses, procedures=stay.procedures
            ),
        )  # fmt: skip


def last_seen(seen: Iterable[tuple[str, datetime]]) -> dict[str, datetime]:
    """Return each patient's last time, from patients and times in any order."""
    last: dict[str, datetime] = {}
    for patient_id, at in seen:
        last[patient_id] = max(at, last.get(patient_id, at))
    return last


def shifts(
    last_seen: Mapping[str, datetime],
    dates: Dates,
    now: datetime,
    window_start: datetime = WINDOW_START,
    window_days: float = WINDOW_DAYS,
) -> dict[str, timedelta]:
    """Return by how much each patient is moved: not at all, or by `whole_weeks` into one window.

    Parameters
    ----------
    last_seen : mapping of str to datetime
        Each patient's last time.
    dates : {"auto", "keep", "window"}
        "auto" keeps the dates unless one of them is in the future: such a recording has shifted each patient by a
        different amount, and no two of them were in the hospital together.
    now : datetime
        Aware; later dates are in the future.
    window_start, window_days
        As for `whole_weeks`.
    """
    if dates == "auto":
        dates = "window" if any(at > now for at in last_seen.values()) else "keep"
    if dates == "keep":
        return dict.fromkeys(last_seen, timedelta())
    return whole_weeks(last_seen, window_start, window_days)


def whole_weeks(last_seen: Mapping[str, datetime], window_start: datetime, window_days: float) -> dict[str, timedelta]:
    """Return by how much each patient is moved, so that all of them are last seen within one window.

    The end is what counts: stays of one patient lie years apart, and none of them may come to lie in the future.

    Parameters
    ----------
    last_seen : mapping of str to datetime
        Each patient's last time.
    window_start : datetime
        Aware.
    window_days : float
        Patient i of n, in the order of the ids, is last seen at the first moment not before `window_start` +
        i * `window_days` / n days that keeps weekday, time of day, and all intervals of the patient.
    """
    shifts = {}
    for number, patient_id in enumerate(sorted(last_seen)):
        earliest = window_start + timedelta(days=number * window_days / len(last_seen))
        shifts[patient_id] = -((last_seen[patient_id] - earliest) // WEEK) * WEEK
    return shifts
