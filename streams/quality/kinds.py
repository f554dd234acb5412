"""Kinds of data-quality findings, and what each says."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from schemas.state import Problem

WORDS: dict[Problem, str] = {
    Problem.NO_ADMISSION: "a discharge, a move or an update without an admission; look for the missing A01",
    Problem.ADMITTED_TWICE: "admitted twice, at two times, without a discharge between; the first one counts",
    Problem.REGISTERED_TWICE: "registered twice, at two times; the first one counts",
    Problem.ADMITTED_AFTER_DISCHARGE: "admitted again under the number of a visit that had ended; give it a new number",
    Problem.DISCHARGED_BEFORE_ADMISSION: "discharged before it was admitted; correct the time of one of them",
    Problem.DISCHARGED_TWICE: "discharged twice, at two times; the first one counts until an A08 corrects it",
    Problem.MOVED_BEFORE_ADMISSION: "moved before it was admitted; correct the time of one of them",
    Problem.MOVED_AFTER_DISCHARGE: "moved after it was discharged; cancel the discharge if the patient is still here",
    Problem.TRANSFER_WITHOUT_LOCATION: "a transfer that says no place; send PV1-3",
    Problem.CANCEL_WITHOUT_TARGET: "a cancel of something that was not reported; look for the missing message",
    Problem.TWO_PATIENTS: "reported under two patients; ask whose visit it is: merge them only if they are one person",
    Problem.ID_COLLISION: (
        "two contents came under one id, or one version of a resource; both are kept, and count where neither is later"
    ),
    Problem.TIMES_OUT_OF_ORDER: "a correction would carry an admission or a discharge past a move; it does not count",
    Problem.RECORDED_BEFORE_IT_HAPPENED: (
        "begun, moved or ended at a time later than the record of it; the record's time counts: look at the sender's "
        "clock and time zone"
    ),
    Problem.PLANNED_AFTER_ADMISSION: "planned after it was admitted; the plan does not count",
    Problem.MERGED_TWICE: "merged into two patients, and neither was undone; the later merge counts",
    Problem.MERGED_IN_TWO_PLACES: "two visits in progress in two places were merged; ask where the patient is",
    Problem.RETURN_WITHOUT_LEAVE: "back from a leave that was not reported",
    Problem.LEAVE_WHILE_NOT_HERE: "on leave while not here; look for the missing A01, or a wrong A03",
    Problem.PENDING_WHILE_NOT_HERE: "a transfer or discharge is pending while nobody is here",
    Problem.REPORTED_AFTER_DELETION: "reported after the visit was deleted; it does not count",
    Problem.REPORTED_AFTER_CANCELLATION: "reported in a place after the admission was cancelled; nobody is put there",
}
"""What does not fit, and what to do about it."""


class Kind(StrEnum):
    """Why something is on the list."""

    FACTS_DO_NOT_FIT = "facts_do_not_fit"
    STALE_STAY = "stale_stay"
    STALE_PLAN = "stale_plan"
    SECOND_BED = "second_bed"
    BED_CLAIMED_TWICE = "bed_claimed_twice"
    UNKNOWN_UNIT = "unknown_unit"
    UNKNOWN_BED = "unknown_bed"
    ID_COLLISION = "id_collision"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to look at. `subject` is an encounter, a patient token, a unit or a bed; the place is where it is."""

    kind: Kind
    subject: str
    says: str
    since: datetime | None = None
    facility_id: str | None = None
    unit_id: str | None = None
    bed_id: str | None = None
