"""What kinds of fact there are to the fold: their order, what cancels take back, and who says where a patient is."""

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
    EncountersMerged,
    EncountersUnmerged,
    EncounterUpdated,
    LeaveEndCancelled,
    LeaveEnded,
    LeaveStartCancelled,
    LeaveStarted,
    PatientAdmitted,
    PatientArrived,
    PatientClassChanged,
    PatientDeparted,
    PatientDischarged,
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
    PatientUpdated,
    EncountersMerged,
    EncountersUnmerged,
    EncounterMoved,
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
)

PRECEDENCE: dict[type, int] = {kind: position for position, kind in enumerate(_IN_ORDER)}
"""Which fact counts first when several happened at one instant.

One exception: of a discharge and an admission at one instant the discharge goes first where the admission was recorded
later and the patient was here before; that is somebody who left one class of stay and was admitted to another.
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
"""What each cancel takes back; of updates those that moved the patient, and of them only the move."""

MERGES = frozenset({PatientsMerged, EncountersMerged})
UNMERGES = frozenset({PatientsUnmerged, EncountersUnmerged})
ENCOUNTER_MERGES = frozenset({EncountersMerged, EncountersUnmerged})
"""What says which encounter is which, and nothing of what happened in it."""

ADMISSIONS = frozenset({PatientAdmitted, PatientRegistered})
MOVES = frozenset({PatientAdmitted, PatientRegistered, PatientTransferred})
"""What says where the patient is, always."""

MAY_REPEAT_LOCATION = frozenset(
    {EncounterUpdated, PatientClassChanged, PatientDeparted, PatientArrived, LeaveStarted, LeaveEnded}
)
"""What may say where the patient is, and mostly repeats what was said last."""

WITH_LOCATION = MOVES | MAY_REPEAT_LOCATION

PLANS = frozenset({PatientPreadmitted, AdmissionPending, TransferPending, DischargePending})
PLAN_CANCELS = frozenset({PreadmissionCancelled, PendingAdmissionCancelled})
NEEDS_ADMISSION = frozenset(
    {PatientTransferred, *MAY_REPEAT_LOCATION, TransferPending, DischargePending, PatientDischarged},
)
"""What can be true only of somebody who has been admitted."""


def facts_table() -> str:
    """Return the kinds of fact in their order as a table in Markdown, for docs/reference/facts.md."""
    rows = ["| at one instant | fact | what it says | takes back |", "|---:|---|---|---|"]
    for kind, position in PRECEDENCE.items():
        says = (kind.__doc__ or "").partition("\n")[0]
        taken = ", ".join(f"`{each.__name__}`" for each in CANCELS.get(kind, ()))
        rows.append(f"| {position + 1} | `{kind.__name__}` | {says} | {taken} |")
    return "\n".join(rows) + "\n"
