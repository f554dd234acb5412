"""The fold of the facts about a patient token.

A token's own facts show whether it was merged into another one and whether that was undone; `streams.fold.merges`
follows the merges. Encounters keep the token under which they were reported, so undoing a merge restores exactly the
state before.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from schemas.events import (
    AdmissionPending,
    AdtEvent,
    PatientIdentifiersLinked,
    PatientPreadmitted,
    PatientsMerged,
    PatientUpdated,
    PersonFact,
    Sex,
)
from schemas.state import Patient, PendingAdmission, Problem
from schemas.two_people import ages_differ, sexes_differ
from streams.fold.applied_corrections import apply_corrections
from streams.fold.corrections import find_corrections
from streams.fold.effective_facts import EffectiveFacts, distinct_in_order, up_to
from streams.fold.encounter_builder import in_utc, reservation
from streams.fold.merges import merge_order
from streams.fold.pending_admissions import KINDS, withdrawals
from streams.fold.resource_versions import latest_versions

MAX_LINKS = 3
"""Chosen numbers beside which a further number may be listed; one that is listed with more is no person's own."""


def fold_patient(facts: Iterable[AdtEvent | PersonFact], *, as_of: datetime | None = None) -> Patient | None:
    """Compute the state of a patient token from its facts, whatever their order and however often each is given.

    Parameters
    ----------
    facts : iterable of AdtEvent or PersonFact
        All facts of one subject `patient:token`.
    as_of : datetime or None
        Ignore what happened later.

    Returns
    -------
    Patient or None
        None when there is no fact.
    """
    effective = distinct_in_order(facts)
    effective = latest_versions(effective)
    effective = apply_corrections(effective, find_corrections(effective))
    return build_patient(up_to(effective, as_of))


def build_patient(effective: EffectiveFacts) -> Patient | None:
    """Apply the facts one after another; None without a fact."""
    if not effective.reported:
        return None
    last_merge: PatientsMerged | None = None
    merges: set[str] = set()
    links: set[str] = set()
    sex: Sex | None = None
    age: tuple[int, datetime] | None = None
    died_at: datetime | None = None
    pending: list[PendingAdmission] = []
    problems = set(effective.problems)
    for fact in effective.facts:
        if isinstance(fact, PatientsMerged):
            last_merge = fact
            merges.add(fact.data.into)
        elif isinstance(fact, PatientIdentifiersLinked):
            links.add(fact.data.into)
        elif isinstance(fact, PatientUpdated):
            if _is_somebody_else(fact, age, sex):
                problems.add(Problem.TWO_PEOPLE)
            if fact.data.age_years is not None:
                age = (fact.data.age_years, fact.occurred_at)
            sex = sex if fact.data.sex is None else fact.data.sex
            if fact.data.died_at is not None:
                died_at = fact.data.died_at.astimezone(UTC)
            elif fact.data.is_alive:
                died_at = None
        elif isinstance(fact, PatientPreadmitted | AdmissionPending):
            pending.append(_pending(fact))
    if len(merges) > 1:
        problems.add(Problem.MERGED_TWICE)
    if len(links) > MAX_LINKS:
        problems.add(Problem.NUMBER_OF_MANY)
        links.clear()
    return Patient(
        patient_token=effective.reported[-1].partition_key,
        merged_into=last_merge.data.into if last_merge else None,
        merge_order=merge_order(last_merge) if last_merge else None,
        merges=tuple(sorted(merges)),
        links=tuple(sorted(links)),
        sex=sex,
        age_years=age[0] if age else None,
        died_at=died_at,
        pending=tuple(pending),
        withdrawn=withdrawals(effective.facts),
        problems=tuple(sorted(problems)),
    )


def _is_somebody_else(fact: PatientUpdated, age: tuple[int, datetime] | None, sex: Sex | None) -> bool:
    """Return whether neither age nor sex can be those of the person known so far."""
    if fact.data.age_years is None or age is None or not sexes_differ(fact.data.sex, sex):
        return False
    return ages_differ(fact.data.age_years, fact.occurred_at, *age)


def _pending(fact: PatientPreadmitted | AdmissionPending) -> PendingAdmission:
    expected_at = in_utc(fact.data.expected_at)
    return PendingAdmission(
        fact_id=fact.id,
        kind=KINDS[type(fact)],
        since=fact.occurred_at,
        recorded_at=fact.recorded_at,
        expected_at=expected_at,
        place=reservation(fact.data.location, fact.occurred_at, expected_at),
    )
