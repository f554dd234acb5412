"""Kinds of fact as the fold sees them: their order, what each cancel cancels, and which of them give a location."""

from __future__ import annotations

from schemas.events import (
    AdmissionCancelled,
    AdmissionPending,
    ArrivalCancelled,
    DepartureCancelled,
    DischargeCancelled,
    DischargePending,
    EncounterDeleted,
    EncounterMoved,
    EncounterPartReported,
    EncountersMerged,
    EncountersUnmerged,
    EncounterUpdated,
    LeaveEndCancelled,
    LeaveEnded,
    LeaveStartCancelled,
    LeaveStarted,
    ObservationReported,
    PatientAdmitted,
    PatientArrived,
    PatientClassChanged,
    PatientDeparted,
    PatientDischarged,
    PatientIdentifiersLinked,
    PatientPreadmitted,
    PatientRegistered,
    PatientsMerged,
    PatientsUnmerged,
    PatientTransferred,
    PatientUpdated,
    PendingAdmissionCancelled,
    PendingDischargeCancelled,
    PendingTransferCancelled,
    PreadmissionCancelled,
    TransferCancelled,
    TransferPending,
)

_IN_ORDER: tuple[type, ...] = (
    PatientsMerged,
    PatientsUnmerged,
    PatientIdentifiersLinked,
    PatientUpdated,
    EncountersMerged,
    EncountersUnmerged,
    EncounterMoved,
    EncounterPartReported,
    PatientPreadmitted,
    AdmissionPending,
    PatientRegistered,
    PatientAdmitted,
    EncounterUpdated,
    PatientClassChanged,
    PatientTransferred,
    PatientDeparted,
    PatientArrived,
    LeaveEnded,
    LeaveStarted,
    TransferPending,
    DischargePending,
    PatientDischarged,
    PreadmissionCancelled,
    PendingAdmissionCancelled,
    AdmissionCancelled,
    TransferCancelled,
    DepartureCancelled,
    ArrivalCancelled,
    LeaveEndCancelled,
    LeaveStartCancelled,
    PendingTransferCancelled,
    PendingDischargeCancelled,
    DischargeCancelled,
    EncounterDeleted,
    ObservationReported,
)

PRECEDENCE: dict[type, int] = {kind: position for position, kind in enumerate(_IN_ORDER)}
"""Order of facts that happened at one instant.

One exception: of a discharge and an admission at one instant the discharge comes first where the admission was recorded
later and the patient was here before: the patient left one class of stay and was admitted to another.
"""

CANCELS: dict[type, tuple[type, ...]] = {
    PreadmissionCancelled: (PatientPreadmitted,),
    PendingAdmissionCancelled: (AdmissionPending,),
    AdmissionCancelled: (PatientAdmitted, PatientRegistered),
    TransferCancelled: (PatientTransferred, EncounterUpdated),
    DepartureCancelled: (PatientDeparted,),
    ArrivalCancelled: (PatientArrived,),
    LeaveStartCancelled: (LeaveStarted,),
    LeaveEndCancelled: (LeaveEnded,),
    PendingTransferCancelled: (TransferPending,),
    PendingDischargeCancelled: (DischargePending,),
    DischargeCancelled: (PatientDischarged,),
    PatientsUnmerged: (PatientsMerged,),
    EncountersUnmerged: (EncountersMerged,),
}
"""The kinds of fact that each cancel cancels; of updates only those that moved the patient, and only the move."""

MERGES = frozenset({PatientsMerged, EncountersMerged})
UNMERGES = frozenset({PatientsUnmerged, EncountersUnmerged})
ENCOUNTER_MERGES = frozenset({EncountersMerged, EncountersUnmerged})
"""Merges of encounters and their cancels: identity, not course."""

OF_SEVERAL_ENCOUNTERS = ENCOUNTER_MERGES | {EncounterPartReported}
"""Kinds of fact that connect encounters: the fold of one encounter ignores them."""

NOT_OF_THE_COURSE = OF_SEVERAL_ENCOUNTERS | {ObservationReported}
"""Kinds of fact that do not say where the patient is and how the stay goes."""

ADMISSIONS = frozenset({PatientAdmitted, PatientRegistered})
MOVES = frozenset({PatientAdmitted, PatientRegistered, PatientTransferred})
"""Kinds of fact whose location always puts the patient there."""

MAY_REPEAT_LOCATION = frozenset(
    {EncounterUpdated, PatientClassChanged, PatientDeparted, PatientArrived, LeaveStarted, LeaveEnded}
)
"""Kinds of fact that may give a location, which mostly repeats the one before."""

WITH_LOCATION = MOVES | MAY_REPEAT_LOCATION

PLANS = frozenset({PatientPreadmitted, AdmissionPending, TransferPending, DischargePending})
PLAN_CANCELS = frozenset({PreadmissionCancelled, PendingAdmissionCancelled})
NEEDS_ADMISSION = frozenset(
    {PatientTransferred, *MAY_REPEAT_LOCATION, TransferPending, DischargePending, PatientDischarged},
)
"""Kinds of fact that can be true only after an admission."""


def facts_table() -> str:
    """Return the kinds of fact in their order as a Markdown table, for docs/reference/facts.md."""
    rows = ["| at one instant | fact | what it says | takes back |", "|---:|---|---|---|"]
    for kind, position in PRECEDENCE.items():
        says = (kind.__doc__ or "").partition("\n")[0]
        taken = ", ".join(f"`{each.__name__}`" for each in CANCELS.get(kind, ()))
        rows.append(f"| {position + 1} | `{kind.__name__}` | {says} | {taken} |")
    return "\n".join(rows) + "\n"
