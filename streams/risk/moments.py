"""Scoring moments of an encounter, and batch scoring. Pure, except for the models passed in.

Scoring moments are the start of the inpatient stay, each midnight in it, the discharge, and a merge or unmerge, which
changes the patient's history. Features are computed as of the moment, whenever the computation runs, so a late or
duplicate message does not change an issued score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from models.bedside.inputs import bedside_scores
from models.bedside.items import BedsideScore
from models.features.catalogue import Features
from models.features.values import features
from models.labels.readmissions import WINDOW as FOLLOW_UP
from models.labels.rules import DEFAULT, Definition
from models.moments import Moment
from models.readmission.scorer import RiskScore, Scorer
from schemas.dispositions import DIED, disposition_code
from schemas.state import Encounter, EncounterStatus

DAY = timedelta(days=1)


class Due(NamedTuple):
    """A score that is due: encounter, moment, and the event time for which features are computed."""

    encounter: Encounter
    moment: Moment
    as_of: datetime

    @property
    def key(self) -> tuple[str, str, datetime]:
        """The score's key in SQL."""
        return (self.encounter.encounter_id, self.moment.value, self.as_of)


class Scored(NamedTuple):
    """An issued score, with the features from which it was computed, and the bedside scores of that moment."""

    due: Due
    features: Features
    risk: RiskScore
    bedside: tuple[BedsideScore, ...]


def due_moments(encounter: Encounter) -> list[Due]:
    """Return the admission and discharge moments that an inpatient encounter has reached."""
    if encounter.inpatient_from is None or encounter.status in (EncounterStatus.CANCELLED, EncounterStatus.PLANNED):
        return []
    due = [Due(encounter, Moment.ADMISSION, encounter.inpatient_from)]
    if encounter.discharged_at is not None and disposition_code(encounter.discharge_disposition) not in DIED:
        due.append(Due(encounter, Moment.DISCHARGE, encounter.discharged_at))
    return due


def due_after_merge(encounter: Encounter, as_of: datetime) -> list[Due]:
    """Return the score due after a merge: for current inpatients, and within the follow-up after discharge."""
    left = encounter.discharged_at
    if encounter.status is EncounterStatus.CANCELLED or encounter.inpatient_from is None:
        return []
    if as_of <= encounter.inpatient_from or (left is not None and as_of > left + FOLLOW_UP):
        return []
    return [Due(encounter, Moment.IDENTITY, as_of)]


def midnights(after: datetime, until: datetime) -> list[datetime]:
    """Return the midnights (UTC) later than `after` and not later than `until`.

    Examples
    --------
    >>> from datetime import UTC
    >>> midnights(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, 1, tzinfo=UTC))[-1].day
    3
    """
    first = after.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + DAY
    return [first + number * DAY for number in range(max((until - first) // DAY + 1, 0))]


def due_at_midnight(encounters: Iterable[Encounter], midnight: datetime) -> list[Due]:
    """Return the scores due for the inpatients at that midnight."""
    return [
        Due(encounter, Moment.MIDNIGHT, midnight)
        for encounter in encounters
        if encounter.inpatient_from is not None
        and encounter.status is not EncounterStatus.CANCELLED
        and encounter.inpatient_from < midnight
        and (encounter.discharged_at is None or encounter.discharged_at > midnight)
    ]


def score_all(
    due: Sequence[Due],
    histories: Mapping[str, Sequence[Encounter]],
    scorer: Scorer,
    observed_since: datetime | None,
    definition: Definition = DEFAULT,
) -> list[Scored]:
    """Score many moments in one call of each model.

    Parameters
    ----------
    due : sequence of Due
        Scores to compute.
    histories : mapping
        All encounters of each patient, by patient token.
    scorer : Scorer
        The batch and the online model.
    observed_since : datetime or None
        Since when the feed reports all that happens; None if that is not known.
    definition : Definition
        By which stays form episodes.
    """
    if not due:
        return []
    known = [histories.get(item.encounter.patient_token, ()) for item in due]
    rows = [features(history, item.encounter, item.as_of, definition) for history, item in zip(known, due, strict=True)]
    bedside = [
        bedside_scores(history, item.encounter, item.as_of, observed_since, definition)
        for history, item in zip(known, due, strict=True)
    ]
    return [Scored(*each) for each in zip(due, rows, scorer.score(rows), bedside, strict=True)]
