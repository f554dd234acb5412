"""The fold of the facts about a patient token.

Pure. A token's own facts say whether it was merged into another and whether that was undone; `streams.fold.merges`
follows the merges. Undoing a merge gives back exactly what was before, as encounters keep the token they were reported
under.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from schemas.events import (
    AdmissionPending,
    AnyFact,
    PatientPreadmitted,
    PatientsMerged,
    PatientUpdated,
)
from schemas.state import Patient, PendingAdmission, Problem
from streams.fold.effective_facts import effective_facts
from streams.fold.encounter_builder import reservation
from streams.fold.merges import merge_order
from streams.fold.pending_admissions import KINDS, withdrawals


def fold_patient(facts: Iterable[AnyFact], *, as_of: datetime | None = None) -> Patient | None:
    """Return what the facts whose subject is one patient amount to, whatever their order.

    Parameters
    ----------
    facts : iterable of AnyFact
        All facts of one subject `patient:token`.
    as_of : datetime or None
        Leave out what happened later.

    Returns
    -------
    Patient or None
        None when there is no fact.
    """
    given = list(facts)
    if not given:
        return None
    effective = effective_facts(given, as_of)
    known: dict[str, Any] = {}
    pending: list[PendingAdmission] = []
    merges: set[str] = set()
    for fact in effective.facts:
        if isinstance(fact, PatientsMerged):
            known |= {"merged_into": fact.data.into, "merge_order": merge_order(fact)}
            merges.add(fact.data.into)
        elif isinstance(fact, PatientUpdated):
            known |= _said(fact)
        elif isinstance(fact, PatientPreadmitted | AdmissionPending):
            pending.append(_pending(fact))
    return Patient(
        patient_token=effective.latest.partition_key,
        pending=tuple(pending),
        withdrawn=withdrawals(effective.facts),
        merges=tuple(sorted(merges)),
        problems=tuple(sorted({*effective.problems, Problem.MERGED_TWICE} if len(merges) > 1 else effective.problems)),
        **known,
    )


def _said(fact: PatientUpdated) -> dict[str, Any]:
    said = {"sex": fact.data.sex, "age_years": fact.data.age_years, "died_at": fact.data.died_at}
    if fact.data.died_at is not None:
        said["died_at"] = fact.data.died_at.astimezone(UTC)
    return {name: value for name, value in said.items() if value is not None}


def _pending(fact: PatientPreadmitted | AdmissionPending) -> PendingAdmission:
    expected_at = fact.data.expected_at.astimezone(UTC) if fact.data.expected_at else None
    place = reservation(fact.data.location, fact.occurred_at, expected_at)
    return PendingAdmission(
        fact_id=fact.id,
        kind=KINDS[type(fact)],
        since=fact.occurred_at,
        recorded_at=fact.recorded_at,
        expected_at=expected_at,
        place=place,
    )
