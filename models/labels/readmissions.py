"""The outcome of an index stay: a readmission within 30 days.

The outcome is all-cause, not unplanned: planned admissions need the procedure and CCS code lists of CMS, which come in
a later version, as do the exclusions by principal diagnosis (cancer treatment, rehabilitation, psychiatry).

References
----------
CMS, Hospital-Wide All-Cause Unplanned Readmission Measure (HWR). The all-adult variant: 18 years and over, not 65.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta, tzinfo

from models.labels.episodes import admissions_after, continues, inpatient_from
from schemas.state import Encounter

WINDOW = timedelta(days=30)
"""Exactly 30 times 24 hours. Claims have dates only, so CMS counts those; a feed has times, and no zone is needed."""


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
    following = admissions_after(history, index)
    if not following or index.discharged_at is None or continues(index, following[0], zone):
        return False
    return inpatient_from(following[0]) <= index.discharged_at + WINDOW
