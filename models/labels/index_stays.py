"""Index stays: which discharges count, and the reason why another does not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from models.labels.episodes import admissions_after, continues
from schemas.dispositions import ACUTE_TRANSFER, AGAINST_ADVICE, DIED, disposition_code
from schemas.state import Encounter, EncounterStatus

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


_NOT_ENDED = {
    EncounterStatus.CANCELLED: Exclusion.CANCELLED,
    EncounterStatus.PLANNED: Exclusion.PLANNED,
    EncounterStatus.IN_PROGRESS: Exclusion.IN_PROGRESS,
}


def index_exclusion(
    encounter: Encounter, history: Sequence[Encounter] = (), *, zone: tzinfo = UTC, died_at: datetime | None = None
) -> Exclusion | None:
    """Return the reason why an encounter is not an index stay.

    Parameters
    ----------
    encounter : Encounter
        The stay to classify.
    history : sequence of Encounter
        All encounters of the patient; without it `CONTINUED` is never returned.
    zone : tzinfo
        Of the hospital, to define "the same day".
    died_at : datetime or None
        When the patient died, as reported apart from the discharge; a death after the discharge excludes nothing.

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
    if died_at is not None and died_at <= encounter.discharged_at:
        return Exclusion.DIED
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
    following = admissions_after(history, encounter)
    return Exclusion.CONTINUED if following and continues(encounter, following[0], zone) else None
