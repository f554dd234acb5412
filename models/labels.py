"""Labels: index stays, and their readmission within 30 days.

The outcome is all-cause, not unplanned: planned admissions need the procedure and CCS code lists of CMS, which come in
a later version, as do the exclusions by principal diagnosis (cancer treatment, rehabilitation, psychiatry).

References
----------
CMS, Hospital-Wide All-Cause Unplanned Readmission Measure (HWR). The all-adult variant: 18 years and over, not 65.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from models.features import began_at
from schemas.dispositions import ACUTE_TRANSFER, AGAINST_ADVICE, DIED, disposition_code
from schemas.state import Encounter, EncounterStatus

WINDOW = timedelta(days=30)
"""Exactly 30 times 24 hours. Claims have dates only, so CMS counts those; a feed has times, and no zone is needed."""

ADULT_AGE_YEARS = 18


class Exclusion(StrEnum):
    """Reason why a stay is not an index stay."""

    NOT_INPATIENT = "not_inpatient"
    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    CANCELLED = "cancelled"
    NO_ADMISSION = "no_admission"
    TIMES_OUT_OF_ORDER = "times_out_of_order"
    DIED = "died"
    AGAINST_ADVICE = "against_advice"
    TRANSFERRED_TO_ACUTE = "transferred_to_acute"
    CONTINUED = "continued"
    """The episode continues in a later stay, whose discharge has the outcome."""
    AGE_UNKNOWN = "age_unknown"
    UNDER_18 = "under_18"


_NOT_BEGUN = frozenset({EncounterStatus.CANCELLED, EncounterStatus.PLANNED})
_NOT_ENDED = {
    EncounterStatus.CANCELLED: Exclusion.CANCELLED,
    EncounterStatus.PLANNED: Exclusion.PLANNED,
    EncounterStatus.IN_PROGRESS: Exclusion.IN_PROGRESS,
}


def index_exclusion(encounter: Encounter, history: Sequence[Encounter] = (), *, zone: tzinfo = UTC) -> Exclusion | None:
    """Return the reason why an encounter is not an index stay.

    Parameters
    ----------
    encounter : Encounter
        The stay to classify.
    history : sequence of Encounter
        All encounters of the patient; without it `CONTINUED` is never returned.
    zone : tzinfo
        Of the hospital, to define "the same day".

    Returns
    -------
    Exclusion or None
        None for an index stay: inpatient, adult, discharged alive, not against advice, not to another acute hospital.
    """
    if encounter.status in _NOT_ENDED:
        return _NOT_ENDED[encounter.status]
    if encounter.inpatient_from is None:
        return Exclusion.NOT_INPATIENT
    if encounter.admitted_at is None:
        return Exclusion.NO_ADMISSION
    if encounter.discharged_at is None:
        return Exclusion.IN_PROGRESS
    if not encounter.admitted_at <= encounter.discharged_at >= encounter.inpatient_from:
        return Exclusion.TIMES_OUT_OF_ORDER
    return _by_leaving(encounter) or _by_age(encounter) or _by_episode(encounter, history, zone)


def _by_leaving(encounter: Encounter) -> Exclusion | None:
    code = disposition_code(encounter.discharge_disposition)
    if code in DIED:
        return Exclusion.DIED
    if code in AGAINST_ADVICE:
        return Exclusion.AGAINST_ADVICE
    return Exclusion.TRANSFERRED_TO_ACUTE if code in ACUTE_TRANSFER else None


def _by_age(encounter: Encounter) -> Exclusion | None:
    if encounter.age_years is None:
        return Exclusion.AGE_UNKNOWN
    return Exclusion.UNDER_18 if encounter.age_years < ADULT_AGE_YEARS else None


def _by_episode(encounter: Encounter, history: Sequence[Encounter], zone: tzinfo) -> Exclusion | None:
    following = _admissions_after(history, encounter)
    return Exclusion.CONTINUED if following and _continues(encounter, following[0], zone) else None


def readmitted_within_30_days(history: Sequence[Encounter], index: Encounter, *, zone: tzinfo = UTC) -> bool:
    """Return whether an index stay was followed by an inpatient admission, for any cause, within 30 days.

    Parameters
    ----------
    history : sequence of Encounter
        All encounters of the patient, in any order; the index stay may be among them.
    index : Encounter
        The index stay.
    zone : tzinfo
        Of the hospital, to define "the same day".

    Returns
    -------
    bool
        True when an encounter began after the discharge and became inpatient no later than 30 times 24 hours after it.
        An encounter that overlaps the stay does not count. If the stay continues elsewhere (acute admission in another
        facility on the same or the next day) or at the same place (same day, same category of principal diagnosis),
        the last stay of the episode has the outcome, and this one is False.

    Notes
    -----
    Observation stays, ED visits and deaths are not readmissions.
    """
    following = _admissions_after(history, index)
    if not following or index.discharged_at is None or _continues(index, following[0], zone):
        return False
    return _inpatient_from(following[0]) <= index.discharged_at + WINDOW


def _admissions_after(history: Sequence[Encounter], index: Encounter) -> list[Encounter]:
    """Return the inpatient encounters that began after the discharge, in the order in which they became inpatient."""
    left = index.discharged_at
    if left is None:
        return []
    found = []
    for other in history:
        if other.encounter_id == index.encounter_id or other.status in _NOT_BEGUN:
            continue
        began = began_at(other)
        if other.inpatient_from is not None and began is not None and began > left:
            found.append(other)
    return sorted(found, key=lambda other: (_inpatient_from(other), other.encounter_id))


def _inpatient_from(encounter: Encounter) -> datetime:
    assert encounter.inpatient_from is not None
    return encounter.inpatient_from


def _continues(index: Encounter, following: Encounter, zone: tzinfo) -> bool:
    """Return whether the following admission belongs to the episode of the index stay."""
    began = began_at(following)
    if index.discharged_at is None or began is None:
        return False
    days = (began.astimezone(zone).date() - index.discharged_at.astimezone(zone).date()).days
    left_from = index.unit_stays[-1].facility_id if index.unit_stays else None
    came_to = following.unit_stays[0].facility_id if following.unit_stays else None
    if left_from is not None and came_to is not None and left_from != came_to:
        return days <= 1
    categories = principal_categories(index)
    return days == 0 and not categories.isdisjoint(principal_categories(following))


def principal_categories(encounter: Encounter) -> frozenset[str]:
    """Return the first three characters of the principal diagnoses: the category in ICD-9 and ICD-10.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from schemas.state import KnownDiagnosis
    >>> code = KnownDiagnosis(code="I50.9", system="ICD10CM", known_at=datetime(2026, 1, 1, tzinfo=UTC), principal=True)
    >>> stay = Encounter(encounter_id="E1", patient_token="P1", status=EncounterStatus.DISCHARGED, diagnoses=(code,))
    >>> sorted(principal_categories(stay))
    ['I50']
    """
    return frozenset(each.code.replace(".", "")[:3].upper() for each in encounter.diagnoses if each.principal)
