"""The moments of a stay at which the readmission risk is scored, and their words for people.

Training rows, issued scores and the worklist all use this one enum.
"""

from __future__ import annotations

from enum import StrEnum


class Moment(StrEnum):
    """Why a score was issued, or at which point of the stay a training row was taken."""

    ADMISSION = "admission"
    """Start of the inpatient stay."""

    MIDNIGHT = "midnight"
    """A midnight (UTC) within the stay."""

    DISCHARGE = "discharge"
    """End of the stay."""

    IDENTITY = "identity"
    """A merge of patients, or its undoing, gave the patient another history. Never a training row."""


MOMENT_WORDS: dict[Moment, str] = {
    Moment.ADMISSION: "Admission",
    Moment.MIDNIGHT: "Midnight",
    Moment.DISCHARGE: "Discharge",
    Moment.IDENTITY: "Merge",
}
"""How a person reads each moment."""
