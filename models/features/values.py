"""Features of a patient at one moment, without any information from later.

`features` first cuts every encounter back to its state at `as_of` (`known_by`), then counts. A missing value is None,
never 0. Corrections are the exception, because the fold keeps no trace of them: a cancelled transfer never existed,
and a corrected age, sex or admission type counts as if it had been reported from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from models.bedside.charlson import charlson_index, comorbidities
from models.features.catalogue import CONDITION_NAMES, CONDITIONS, FEATURES, Features
from models.features.snapshot import began_at, cut_to, known_by
from schemas.dispositions import disposition_code
from schemas.events import AdmissionType, PatientClass, Sex
from schemas.state import Encounter, EncounterStatus, UnitStay

__all__ = ["FEATURES", "Features", "began_at", "features", "known_by"]

DAY_S = 86_400.0
HOUR_S = 3_600.0
LOOK_BACK = timedelta(days=365)
"""For earlier admissions (HOSPITAL score) and for conditions coded in earlier stays (CMS HWR: 12 months)."""
ED_LOOK_BACK = timedelta(days=182)
"""LACE: six months."""
LED_TO_ADMISSION = timedelta(hours=1)
"""An ED visit that ended less than this before the admission is the one that led to it, and does not count."""
LEFT_OPEN = timedelta(hours=48)
"""An ED visit begun longer ago than this and never closed is another visit: feeds sometimes miss the discharge."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NO_CONDITION: dict[str, float] = dict.fromkeys(CONDITION_NAMES, 0.0)
_UNKNOWN_CONDITIONS: dict[str, None] = dict.fromkeys(CONDITION_NAMES)


def features(history: Sequence[Encounter], encounter: Encounter, as_of: datetime) -> Features:
    """Return the features of one encounter at one moment.

    Parameters
    ----------
    history : sequence of Encounter
        All encounters of the patient, in any order; this one may be among them.
    encounter : Encounter
        The encounter to score.
    as_of : datetime
        Aware. Later information is not used.

    Returns
    -------
    Features
        A value for each of `FEATURES`, in that order; None where it is not known at that moment.

    Notes
    -----
    A moment before the encounter began (times in feeds can be wrong) gives missing values, not an error.
    """
    seen = cut_to(encounter, as_of)
    start = began_at(encounter)
    earlier = earlier_encounters(history, encounter, start, as_of) if start is not None else []
    return (
        _patient_and_stay(seen, start, as_of)
        | _conditions(seen, earlier, start)
        | _before(earlier, start)
        | _leaving(seen)
    )


def earlier_encounters(
    history: Sequence[Encounter], encounter: Encounter, start: datetime, as_of: datetime
) -> list[Encounter]:
    """Return the patient's encounters that began before this one, cut back to `as_of`."""
    found = []
    for other in history:
        if other.encounter_id == encounter.encounter_id or other.status is EncounterStatus.CANCELLED:
            continue
        began = began_at(other)
        if began is not None and began < start and began <= as_of:
            found.append(cut_to(other, as_of))
    return found


def _patient_and_stay(seen: Encounter, start: datetime | None, as_of: datetime) -> Features:
    until = as_of if seen.discharged_at is None else seen.discharged_at
    length_s = (until - start).total_seconds() if start is not None else -1.0
    sex = seen.sex
    return {
        "age_years": None if seen.age_years is None else float(seen.age_years),
        "sex": None if sex is None or sex is Sex.UNKNOWN else sex.value,
        "admission_type": None if seen.admission_type is None else seen.admission_type.value,
        # The service reported by the ED is its own, not that of the later ward.
        "service": seen.service if seen.inpatient_from is not None else None,
        "length_of_stay_days": length_s / DAY_S if length_s >= 0 else None,
        "unit_transfers": _transfers(seen.unit_stays),
        "ed_hours": _ed_hours(seen, as_of),
        "ed_boarding_hours": _boarding_hours(seen, as_of),
    }


def _transfers(stays: Sequence[UnitStay]) -> float | None:
    """Return how often the unit changed; a move to another bed of the unit does not count."""
    if not stays:
        return None
    return float(
        sum(here.unit_id != there.unit_id or here.facility_id != there.facility_id for here, there in pairwise(stays))
    )


def _from_ed(seen: Encounter) -> bool:
    """Return whether an inpatient stay began in the ED: an emergency that was not inpatient from the start."""
    return (
        seen.inpatient_from is not None
        and seen.admitted_at is not None
        and seen.inpatient_from > seen.admitted_at
        and seen.admission_type is AdmissionType.EMERGENCY
    )


def _ed_hours(seen: Encounter, as_of: datetime) -> float | None:
    if not _from_ed(seen) or not seen.unit_stays or seen.admitted_at is None:
        return None
    return max(((seen.unit_stays[0].left_at or as_of) - seen.admitted_at).total_seconds(), 0.0) / HOUR_S


def _boarding_hours(seen: Encounter, as_of: datetime) -> float | None:
    """Return the hours in the ED as an inpatient: from the admission order (the class became inpatient) on."""
    if not _from_ed(seen) or not seen.unit_stays or seen.inpatient_from is None:
        return None
    return max(((seen.unit_stays[0].left_at or as_of) - seen.inpatient_from).total_seconds(), 0.0) / HOUR_S


def _conditions(seen: Encounter, earlier: Sequence[Encounter], start: datetime | None) -> Features:
    """Return the Charlson groups of this stay and of the 12 months before, and the count of this stay's diagnoses."""
    codes = {(each.code, each.system) for each in seen.diagnoses}
    number = float(len(codes)) or None
    if start is not None:
        since = start - LOOK_BACK
        for other in earlier:
            codes.update((each.code, each.system) for each in other.diagnoses if each.known_at >= since)
    groups = comorbidities(codes)
    if groups is None:
        return {"number_of_diagnoses": number, "charlson_index": None, **_UNKNOWN_CONDITIONS}
    found: Features = {"number_of_diagnoses": number, "charlson_index": float(charlson_index(groups)), **_NO_CONDITION}
    for group in groups:
        found[CONDITIONS[group]] = 1.0
    return found


def _before(earlier: Sequence[Encounter], start: datetime | None) -> Features:
    """Count the admissions and ED visits before this encounter."""
    admissions = visits = 0
    latest: datetime | None = None
    for other in earlier:
        assert start is not None  # else there is nothing earlier
        began = began_at(other)
        assert began is not None
        if other.inpatient_from is not None:
            admissions += began >= start - LOOK_BACK
            ended = other.discharged_at
            if ended is not None and ended <= start and (latest is None or ended > latest):
                latest = ended
        visits += began >= start - ED_LOOK_BACK and was_ed_visit(other) and not led_to_admission(other, began, start)
    return {
        "admissions_past_12_months": float(admissions) if start is not None else None,
        "ed_visits_past_6_months": float(visits) if start is not None else None,
        "days_since_last_discharge": (start - latest).total_seconds() / DAY_S if start and latest else None,
    }


def was_ed_visit(other: Encounter) -> bool:
    """Return whether an encounter was a visit to the ED, or a stay that began as one."""
    return other.patient_class is PatientClass.EMERGENCY or _from_ed(other)


def led_to_admission(visit: Encounter, began: datetime, start: datetime) -> bool:
    """Return whether this visit, numbered on its own, is the one that led to the admission."""
    if visit.discharged_at is None or visit.discharged_at > start:
        return start - began <= LEFT_OPEN
    return start - visit.discharged_at < LED_TO_ADMISSION


def _leaving(seen: Encounter) -> Features:
    """Return the features that are known only after the discharge."""
    left = seen.discharged_at
    return {
        "discharge_disposition": disposition_code(seen.discharge_disposition) if left is not None else None,
        "discharge_weekday": WEEKDAYS[left.weekday()] if left is not None else None,
    }
