"""Episodes of care: admissions of a patient in order, and whether one continues the stay before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from models.features.snapshot import began_at
from schemas.state import Encounter, EncounterStatus
from schemas.two_people import are_two_people

_NOT_BEGUN = frozenset({EncounterStatus.CANCELLED, EncounterStatus.PLANNED})


def admissions_after(history: Sequence[Encounter], index: Encounter) -> list[Encounter]:
    """Return the inpatient encounters that began after the discharge, in the order in which they became inpatient.

    A newborn's under the mother's number are not hers.
    """
    left = index.discharged_at
    if left is None:
        return []
    found = []
    for other in history:
        if other.encounter_id == index.encounter_id or other.status in _NOT_BEGUN or are_two_people(index, other):
            continue
        began = began_at(other)
        if other.inpatient_from is not None and began is not None and began > left:
            found.append(other)
    return sorted(found, key=lambda other: (inpatient_from(other), other.encounter_id))


def inpatient_from(encounter: Encounter) -> datetime:
    """Return when an inpatient encounter became inpatient."""
    assert encounter.inpatient_from is not None
    return encounter.inpatient_from


def continues(index: Encounter, following: Encounter, zone: tzinfo) -> bool:
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
