"""Pending admissions without a visit number, and their cancels under any number of the patient or the encounter.

An admission may be announced before there is a visit number, and under a number of the patient that is merged into
another one later. Its cancel then comes under the other number, or with a visit number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from schemas.events import AdmissionPending, PatientPreadmitted, PendingAdmissionCancelled, PreadmissionCancelled
from schemas.state import Encounter, Patient, PendingAdmission, PlanKind, PlanWithdrawn
from streams.fold.effects import FactOrEffect

KINDS: dict[type, PlanKind] = {
    PatientPreadmitted: PlanKind.PREADMISSION,
    AdmissionPending: PlanKind.ADMISSION,
    PreadmissionCancelled: PlanKind.PREADMISSION,
    PendingAdmissionCancelled: PlanKind.ADMISSION,
}
"""By kind of fact: of a plan, and of its cancel."""


def withdrawals(facts: Iterable[FactOrEffect]) -> tuple[PlanWithdrawn, ...]:
    """Return what the cancels of plans among these facts withdraw."""
    found = [
        PlanWithdrawn(kind=KINDS[type(fact)], recorded_at=fact.recorded_at, fact_id=fact.data.cancels)
        for fact in facts
        if isinstance(fact, PreadmissionCancelled | PendingAdmissionCancelled)
    ]
    return tuple(dict.fromkeys(found))


def takes_back(cancel: PlanWithdrawn, plan: PendingAdmission) -> bool:
    """Return whether a cancel withdraws a plan of the same patient."""
    if cancel.kind is not plan.kind or plan.recorded_at is None:
        return False
    return cancel.fact_id == plan.fact_id if cancel.fact_id else cancel.recorded_at >= plan.recorded_at


def without_withdrawn(patients: Sequence[Patient], encounters: Iterable[Encounter]) -> list[Patient]:
    """Return the tokens of one person, without the plans that were withdrawn under another number."""
    states: list[Encounter | Patient] = [*patients, *encounters]
    cancels = [cancel for state in states for cancel in state.withdrawn]
    return [
        msgspec.structs.replace(
            patient,
            pending=tuple(plan for plan in patient.pending if not any(takes_back(cancel, plan) for cancel in cancels)),
        )
        for patient in patients
    ]
