"""When a patient comes on the coordinator's list: pure decisions.

At most one alert an encounter. It is raised when the risk enters the high band, raised again only when the band has
changed in between, and closed where following up makes no sense.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from models.features import disposition_code
from schemas.state import Encounter, EncounterStatus


class AlertStatus(StrEnum):
    """Where an alert stands."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


OPEN_STATUSES = (AlertStatus.NEW, AlertStatus.ACKNOWLEDGED)
HIGH = "high"

NOT_FOLLOWED_UP = {
    "02": "transferred to another acute hospital",
    "07": "left against advice",
    "20": "died",
    "40": "died",
    "41": "died",
    "42": "died",
    "50": "hospice",
    "51": "hospice",
}
"""UB-04 discharge dispositions after which no alert stays open."""


class AlertState(NamedTuple):
    """What the alert of an encounter says now."""

    status: AlertStatus
    band: str


class LatestScore(NamedTuple):
    """The encounter's latest score."""

    band: str
    as_of: datetime


class IssuedScore(NamedTuple):
    """A score as the alerts need it, whoever issued it."""

    encounter: Encounter
    band: str
    readmission_risk: float
    """Probability in [0, 1] of a readmission within 30 days."""
    reasons: bytes
    """As JSON, as they are stored."""
    moment: str
    as_of: datetime


def decide(encounter: Encounter, latest: LatestScore, standing: AlertState | None) -> AlertStatus | None:
    """Return the status that the encounter's alert should have, or None where it needs none.

    Parameters
    ----------
    encounter : Encounter
        Its present state.
    latest : Latest
        The score with the latest `as_of`, whichever was computed last.
    standing : Standing or None
        The alert as it stands.
    """
    wanted = latest.band == HIGH and can_be_followed_up(encounter)
    if standing is None:
        return AlertStatus.NEW if wanted else None
    if not wanted:
        return AlertStatus.CLOSED
    if standing.status is AlertStatus.CLOSED or standing.band != HIGH:
        return AlertStatus.NEW
    return standing.status


def can_be_followed_up(encounter: Encounter) -> bool:
    """Say whether somebody can see to this patient's readmission: an inpatient who is here, or who left and lives."""
    here_or_left = encounter.status in (EncounterStatus.IN_PROGRESS, EncounterStatus.DISCHARGED)
    if encounter.inpatient_from is None or not here_or_left:
        return False
    return disposition_code(encounter.discharge_disposition) not in NOT_FOLLOWED_UP
