"""Kinds of data-quality findings: title, urgency and text of each.

The agent that writes findings, the dashboard and the command line all use this one table.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec

from schemas.state import Problem


class Kind(StrEnum):
    """Kinds of finding, in the order in which people work them off: who is in which bed comes first."""

    BED_CLAIMED_TWICE = "bed_claimed_twice"
    SECOND_BED = "second_bed"
    TWO_PEOPLE = "two_people"
    STALE_STAY = "stale_stay"
    STALE_PLAN = "stale_plan"
    PART_WITHOUT_STAY = "part_without_stay"
    FACTS_DO_NOT_FIT = "facts_do_not_fit"
    ID_COLLISION = "id_collision"
    UNREADABLE_FIELD = "unreadable_field"
    UNKNOWN_FACILITY = "unknown_facility"
    UNKNOWN_UNIT = "unknown_unit"
    UNKNOWN_BED = "unknown_bed"


WORK_ORDER: dict[str, int] = {kind.value: position for position, kind in enumerate(Kind)}
"""Position of each kind in the list, 0 first."""


class KindText(NamedTuple):
    """What a person reads about one kind."""

    title: str
    text: str
    """Template for `text_of`: what is wrong, then what to do. Empty: see `PROBLEMS`."""
    urgent: bool = False
    """Whether the page marks it: a patient may be in another bed than the board shows."""


KINDS: dict[Kind, KindText] = {
    Kind.BED_CLAIMED_TWICE: KindText(
        "Bed claimed twice",
        "Claimed by {encounters}. Ask who is in this bed, and discharge the others.",
        urgent=True,
    ),
    Kind.SECOND_BED: KindText(
        "In two places",
        "The patient was in another place later, under another number, so this place is free. This encounter has not "
        "ended: discharge the patient from it, or merge the two numbers.",
        urgent=True,
    ),
    Kind.TWO_PEOPLE: KindText(
        "Two people under one number",
        "By age and sex not the patient of {encounters}, whose number it has: a newborn under the mother's number? "
        "Both are shown in their beds. Give the patient an own number, and move the encounter to it by an A45.",
    ),
    Kind.STALE_STAY: KindText(
        "Silent stays", "No message about this {patient_class} encounter since then. Ask whether the patient left."
    ),
    Kind.STALE_PLAN: KindText(
        "Overdue plans",
        "The place is still reserved, but the patient was expected then. Admit the patient or cancel the plan.",
    ),
    Kind.PART_WITHOUT_STAY: KindText(
        "Contacts without a stay",
        "Part of {whole}, from which no stay is known, so it does not count yet. Send the Encounter of the stay, which "
        "has no partOf, or correct partOf.",
    ),
    Kind.FACTS_DO_NOT_FIT: KindText("Facts do not fit", ""),  # the text is that of the problem
    Kind.ID_COLLISION: KindText(
        "Ids given twice",
        "{source} gave the id {event_id} to several facts about {subjects}; all are kept. "
        "Give each message its own id at the sender.",
    ),
    Kind.UNREADABLE_FIELD: KindText(
        "Fields that are not valid",
        "{source} has sent {field} with a value that is not valid and counts as not said; the message counts. Correct "
        "it at the sender.",
    ),
    Kind.UNKNOWN_FACILITY: KindText(
        "Unknown facilities",
        "The hospital file does not name this facility, so its units and their numbers of beds are estimates from the "
        "feed. Ask the administrator for a hospital file that names it.",
    ),
    Kind.UNKNOWN_UNIT: KindText(
        "Unknown units", "The hospital file does not name this unit. Add it there, or correct the sender."
    ),
    Kind.UNKNOWN_BED: KindText(
        "Unknown beds", "The hospital file does not name this bed. Add it there, or correct the sender."
    ),
}
"""Title and text of each kind."""

PROBLEMS: dict[Problem, str] = {
    Problem.NO_ADMISSION: "A discharge, a transfer or an update without an admission. Look for the missing A01.",
    Problem.ADMITTED_TWICE: (
        "Admitted twice, at two times, without a discharge in between; the first one counts. If its time is "
        "wrong, correct it by an A08."
    ),
    Problem.REGISTERED_TWICE: (
        "Registered twice, at two times; the first one counts. If its time is wrong, correct it by an A08."
    ),
    Problem.ADMITTED_AFTER_DISCHARGE: (
        "Admitted again under the number of an encounter that has ended. Give the new encounter a new number."
    ),
    Problem.DISCHARGED_BEFORE_ADMISSION: "Discharged before the admission. Correct the time of one of them.",
    Problem.DISCHARGED_TWICE: (
        "Discharged twice, at two times; the first one counts. If its time is wrong, correct it by an A08."
    ),
    Problem.MOVED_BEFORE_ADMISSION: "Transferred before the admission. Correct the time of one of them.",
    Problem.MOVED_AFTER_DISCHARGE: (
        "Transferred after the discharge. Cancel the discharge if the patient is still in the hospital."
    ),
    Problem.TRANSFER_WITHOUT_LOCATION: "A transfer without a location. Send PV1-3.",
    Problem.CANCEL_WITHOUT_TARGET: "A cancel of something that was not reported. Look for the missing message.",
    Problem.TWO_PATIENTS: (
        "Reported under two patients. Ask whose encounter it is, and merge the patients only if they are one person."
    ),
    Problem.NUMBER_OF_TWO_HOSPITALS: (
        "Two hospitals or senders gave this visit number to two patients, and it counts as one encounter. Set "
        "visit_number_scope in the HL7 mapping of each feed to authority, or to facility where PV1-19.4 is empty; if "
        "it is one stay of one person, merge the patients."
    ),
    Problem.TWO_PEOPLE: (
        "Admitted or registered twice under one number, with ages and sexes that cannot belong to one person; the "
        "later one counts. Give each of them an own patient number and visit number."
    ),
    Problem.ID_COLLISION: (
        "Two contents under one id, or under one version of a resource; both are kept, and both count unless one is "
        "later. Use a new id or version for each content at the sender."
    ),
    Problem.TIMES_OUT_OF_ORDER: (
        "A correction would move an admission or a discharge past a transfer; it does not count. Correct the times."
    ),
    Problem.RECORDED_BEFORE_IT_HAPPENED: (
        "Admitted, transferred or discharged later than it was recorded; the time of the record counts. Check the "
        "sender's clock and time zone."
    ),
    Problem.PLANNED_AFTER_ADMISSION: "Planned after the admission; the plan does not count. Cancel the plan.",
    Problem.MERGED_TWICE: (
        "Merged into two patients, and neither merge was undone; the later merge counts. Undo the wrong one."
    ),
    Problem.NUMBER_OF_MANY: (
        "A further number in PID-3 that several patients share, such as a placeholder; it does not connect them. "
        "Leave its type out of preferred_identifier_types in the HL7 mapping, or correct it at the sender."
    ),
    Problem.MERGED_IN_TWO_PLACES: "Two encounters in progress in two places were merged. Ask where the patient is.",
    Problem.RETURN_WITHOUT_LEAVE: "Back from a leave that was not reported. Look for the missing A21.",
    Problem.LEAVE_WHILE_NOT_HERE: (
        "On leave while not admitted. Look for the missing A01, or for an A03 that was sent in error."
    ),
    Problem.PENDING_WHILE_NOT_HERE: (
        "A transfer or discharge is pending, but the patient is not admitted. Cancel it, or look for the missing A01."
    ),
    Problem.REPORTED_AFTER_DELETION: (
        "Reported after the encounter was deleted; it does not count. If the deletion was an error, correct it at "
        "the sender."
    ),
    Problem.REPORTED_AFTER_CANCELLATION: (
        "Reported in a place after the admission was cancelled; the patient is not put there. If the cancel was an "
        "error, admit the patient again."
    ),
}
"""Text for each problem of an encounter's or a patient's facts."""


def text_of(kind: Kind, **details: str) -> str:
    """Return the text of a finding: what is wrong, then what to do.

    Parameters
    ----------
    kind : Kind
        The kind of finding.
    **details : str
        What the template of the kind names, such as `encounters`.

    Examples
    --------
    >>> text_of(Kind.UNKNOWN_BED)
    'The hospital file does not name this bed. Add it there, or correct the sender.'
    >>> text_of(Kind.BED_CLAIMED_TWICE, encounters="E4, E5")
    'Claimed by E4, E5. Ask who is in this bed, and discharge the others.'
    """
    return KINDS[kind].text.format(**details)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list. `subject` is an encounter, a patient token, a unit or a bed."""

    kind: Kind
    subject: str
    says: str
    """What is wrong, and what to do."""
    since: datetime | None = None
    facility_id: str | None = None
    unit_id: str | None = None
    bed_id: str | None = None
