"""The label of an index stay: a readmission within 30 days.

References
----------
CMS, Hospital-Wide All-Cause Unplanned Readmission Measure (HWR). By default for all adults, not from 65 on; see
`models.labels.rules`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from models.labels.rules import DEFAULT, WINDOW_DAYS, Definition
from models.labels.verdicts import verdicts
from schemas.state import Encounter

WINDOW = timedelta(days=WINDOW_DAYS)
"""Length of the window, where no zone is at hand. By date it ends up to a day later: see `Definition.window_ends`."""


def readmitted_within_30_days(
    history: Sequence[Encounter],
    index: Encounter,
    definition: Definition = DEFAULT,
    *,
    died_at: datetime | None = None,
) -> bool:
    """Return whether a stay was followed by a readmission within 30 days.

    Parameters
    ----------
    history : sequence of Encounter
        All encounters of the patient, in any order; the index stay may be among them.
    index : Encounter
        The index stay.
    definition : Definition
        The variant, the hospital and the code sets.
    died_at : datetime or None
        When the patient died, as reported apart from a discharge.

    Returns
    -------
    bool
        True when the first return, in acute inpatient care, came within 30 days and is not known to be planned. False
        for a stay that is not an index stay: if it continues in another one, that one has the outcome.

    Notes
    -----
    Observation stays and ED visits are not returns, nor are deaths, unless the variant says so.
    """
    if not any(stay.encounter_id == index.encounter_id for stay in history):
        history = [*history, index]
    judged = verdicts(history, definition, died_at=died_at)
    return any(each.is_readmitted for each in judged if each.stay.encounter_id == index.encounter_id)
