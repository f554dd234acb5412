"""Alert rules: when an alert is raised or closed, and who may change its status. Pure.

An encounter has at most one alert. It is raised when the risk enters the high band, raised again only if the band
changed in between, and closed when a follow-up is no longer possible.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from schemas.dispositions import ACUTE_HOSPITAL, AGAINST_ADVICE, DIED, HOSPICE, disposition_code
from schemas.state import Encounter, EncounterStatus


class AlertStatus(StrEnum):
    """Status of an alert."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


OPEN_STATUSES = (AlertStatus.NEW, AlertStatus.ACKNOWLEDGED)

STATUS_WORDS: dict[AlertStatus, str] = {
    AlertStatus.NEW: "New",
    AlertStatus.ACKNOWLEDGED: "Acknowledged",
    AlertStatus.CLOSED: "Closed",
}
"""Display name of each status."""


class Actor(StrEnum):
    """Who changes an alert."""

    SCORING = "scoring"
    """The agents: a new score, or a change of the encounter."""

    PERSON = "person"
    """A care coordinator at the worklist."""


TRANSITIONS: frozenset[tuple[AlertStatus | None, AlertStatus, Actor]] = frozenset(
    {
        (None, AlertStatus.NEW, Actor.SCORING),  # raised
        (AlertStatus.NEW, AlertStatus.ACKNOWLEDGED, Actor.PERSON),
        (AlertStatus.NEW, AlertStatus.CLOSED, Actor.SCORING),
        (AlertStatus.ACKNOWLEDGED, AlertStatus.CLOSED, Actor.SCORING),
        (AlertStatus.ACKNOWLEDGED, AlertStatus.NEW, Actor.SCORING),  # raised again
        (AlertStatus.CLOSED, AlertStatus.NEW, Actor.SCORING),  # raised again
    }
)
"""Every permitted change of status: from (None: no alert yet), to, and by whom."""


def statuses_before(after: AlertStatus, *, by: Actor) -> tuple[AlertStatus, ...]:
    """Return the statuses from which this actor may change an alert to `after`.

    Examples
    --------
    >>> statuses_before(AlertStatus.ACKNOWLEDGED, by=Actor.PERSON)
    (<AlertStatus.NEW: 'new'>,)
    """
    return tuple(status for status in AlertStatus if (status, after, by) in TRANSITIONS)


HIGH = "high"

NOT_FOLLOWED_UP = DIED | HOSPICE | AGAINST_ADVICE | {ACUTE_HOSPITAL}
"""UB-04 discharge dispositions after which no alert stays open."""


class AlertState(NamedTuple):
    """Status of an encounter's alert, and the risk band for which it was raised."""

    status: AlertStatus
    band: str


class LatestScore(NamedTuple):
    """The encounter's latest score."""

    band: str
    as_of: datetime


class IssuedScore(NamedTuple):
    """The part of an issued score that alerts need, independent of the model that issued it."""

    encounter: Encounter
    band: str
    readmission_risk: float
    """Probability in [0, 1] of a readmission within 30 days."""
    reasons: bytes
    """JSON, as stored."""
    moment: str
    as_of: datetime
    has_died: bool = False
    """Whether the person is reported dead, in this stay or after it."""


def decide(
    encounter: Encounter, latest: LatestScore, standing: AlertState | None, *, has_died: bool = False
) -> AlertStatus | None:
    """Return the status that the encounter's alert should have, or None if it needs no alert.

    Parameters
    ----------
    encounter : Encounter
        Current state.
    latest : LatestScore
        Score with the latest `as_of`, which need not be the one computed last.
    standing : AlertState or None
        Current alert; None if there is none yet.
    has_died : bool
        Whether the person is reported dead.
    """
    wanted = latest.band == HIGH and not has_died and can_be_followed_up(encounter)
    if standing is None:
        return AlertStatus.NEW if wanted else None
    if not wanted:
        return AlertStatus.CLOSED
    if standing.status is AlertStatus.CLOSED or standing.band != HIGH:
        return AlertStatus.NEW
    return standing.status


def can_be_followed_up(encounter: Encounter) -> bool:
    """Return whether a follow-up can prevent this patient's readmission: a current inpatient, or one who left alive."""
    here_or_left = encounter.status in (EncounterStatus.IN_PROGRESS, EncounterStatus.DISCHARGED)
    if encounter.inpatient_from is None or not here_or_left:
        return False
    return disposition_code(encounter.discharge_disposition) not in NOT_FOLLOWED_UP
