"""Features of a patient at one moment, without any information from later.

`features` first cuts every encounter back to its state at `as_of` (`known_by`), then counts. A missing value is None,
never 0. Corrections are the exception, because the fold keeps no trace of them: a cancelled transfer never existed,
and a corrected age, sex or admission type counts as if it had been reported from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from models.bedside.charlson import charlson_index, comorbidities
from models.features.catalogue import CONDITION_NAMES, CONDITIONS, FEATURES, Features
from models.features.snapshot import began_at, cut_to, known_by
from models.labels.episodes import Episode, episodes_of, takes_part
from models.labels.rules import DEFAULT, Definition
from schemas.dispositions import disposition_code
from schemas.events import AdmissionType, PatientClass, Sex
from schemas.state import Encounter, EncounterStatus, UnitStay
from schemas.two_people import are_two_people

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


def features(
    history: Sequence[Encounter], encounter: Encounter, as_of: datetime, definition: Definition = DEFAULT
) -> Features:
    """Return the features of one encounter at one moment.

    Parameters
    ----------
    history : sequence of Encounter
        All encounters of the patient, in any order; this one may be among them.
    encounter : Encounter
        The encounter to score.
    as_of : datetime
        Aware. Later information is not used.
    definition : Definition
        By which stays form episodes, as for the labels: a transfer is one admission, and its days count together.

    Returns
    -------
    Features
        A value for each of `FEATURES`, in that order; None where it is not known at that moment.

    Notes
    -----
    A moment before the encounter began (times in feeds can be wrong) gives missing values, not an error.
    """
    known = known_at(history, encounter, as_of, definition)
    return _patient_and_stay(known.seen, known.came, as_of) | _conditions(known) | _before(known) | _leaving(known.seen)


class Known(NamedTuple):
    """What is known of a patient at one moment: nothing that came later."""

    seen: Encounter
    """The encounter itself."""
    start: datetime | None
    """When it began."""
    came: datetime | None
    """When the patient came: to the first hospital, where a transfer followed."""
    earlier: list[Encounter]
    """The encounters that began before it."""
    others: list[Encounter]
    """Those of them that are not of the same episode."""
    episodes: list[Episode]
    """The episodes before the present one."""

    def diagnoses(self) -> set[tuple[str, str]]:
        """Return code and system of the diagnoses of this stay, and of those coded in the 12 months before it."""
        codes = {(each.code, each.system) for each in self.seen.diagnoses}
        if self.start is not None:
            since = self.start - LOOK_BACK
            for other in self.earlier:
                codes.update((each.code, each.system) for each in other.diagnoses if each.known_at >= since)
        return codes

    def admissions(self) -> int:
        """Return the number of admissions in the 12 months before; a transfer is one admission."""
        if self.came is None:
            return 0
        since = self.came - LOOK_BACK
        return sum((began := began_at(episode[0])) is not None and began >= since for episode in self.episodes)

    def ed_visits(self) -> int:
        """Return the number of ED visits in the 6 months before, without the one that led to this admission."""
        came = self.came
        if came is None:
            return 0
        return sum(
            (began := began_at(other)) is not None
            and began >= came - ED_LOOK_BACK
            and _was_ed_visit(other)
            and not _led_to_admission(other, began, came)
            for other in self.others
        )


def known_at(
    history: Sequence[Encounter], encounter: Encounter, as_of: datetime, definition: Definition = DEFAULT
) -> Known:
    """Return what is known of a patient at one moment; parameters as of `features`."""
    seen = cut_to(encounter, as_of)
    start = began_at(encounter)
    earlier = _earlier_encounters(history, encounter, start, as_of) if start is not None else []
    legs, episodes = _split(earlier, seen, definition)
    came = (began_at(legs[0]) if legs else None) or start
    others = [other for other in earlier if other not in legs] if legs else earlier
    return Known(seen, start, came, earlier, others, episodes)


def _split(
    earlier: Sequence[Encounter], seen: Encounter, definition: Definition
) -> tuple[Sequence[Encounter], list[Episode]]:
    """Return the earlier stays of this episode, in order, and the episodes before it; all as known at the moment."""
    stays = [other for other in earlier if takes_part(other, definition)]
    if not stays:
        return (), []
    episodes = episodes_of([*stays, seen], definition)
    own = next((episode for episode in episodes if any(leg is seen for leg in episode)), None)
    if own is None:
        return (), episodes
    return [leg for leg in own if leg is not seen], [episode for episode in episodes if episode is not own]


def _earlier_encounters(
    history: Sequence[Encounter], encounter: Encounter, start: datetime, as_of: datetime
) -> list[Encounter]:
    """Return the patient's encounters that began before this one, cut back to `as_of`."""
    found = []
    for other in history:
        if other.encounter_id == encounter.encounter_id or other.status is EncounterStatus.CANCELLED:
            continue
        began = began_at(other)
        if began is not None and began < start and began <= as_of and not are_two_people(other, encounter):
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


def _conditions(known: Known) -> Features:
    """Return the Charlson groups of this stay and of the 12 months before, and the count of this stay's diagnoses."""
    number = float(len({(each.code, each.system) for each in known.seen.diagnoses})) or None
    groups = comorbidities(known.diagnoses())
    if groups is None:
        return {"number_of_diagnoses": number, "charlson_index": None, **_UNKNOWN_CONDITIONS}
    found: Features = {"number_of_diagnoses": number, "charlson_index": float(charlson_index(groups)), **_NO_CONDITION}
    for group in groups:
        found[CONDITIONS[group]] = 1.0
    return found


def _before(known: Known) -> Features:
    """Count the admissions and ED visits before this episode."""
    came = known.came
    if came is None:
        return {"admissions_past_12_months": None, "ed_visits_past_6_months": None, "days_since_last_discharge": None}
    ends = [leg.discharged_at for episode in known.episodes for leg in episode if leg.discharged_at is not None]
    latest = max((end for end in ends if end <= came), default=None)
    return {
        "admissions_past_12_months": float(known.admissions()),
        "ed_visits_past_6_months": float(known.ed_visits()),
        "days_since_last_discharge": (came - latest).total_seconds() / DAY_S if latest else None,
    }


def _was_ed_visit(other: Encounter) -> bool:
    """Return whether an encounter was a visit to the ED, or a stay that began as one."""
    return other.patient_class is PatientClass.EMERGENCY or _from_ed(other)


def _led_to_admission(visit: Encounter, began: datetime, start: datetime) -> bool:
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
