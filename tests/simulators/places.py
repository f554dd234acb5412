"""Who was where, worked out from facts without the code under test and without the fold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from schemas.events import (
    AdmissionCancelled,
    AnyFact,
    BedStatusChanged,
    DischargeCancelled,
    EncounterFact,
    PatientAdmitted,
    PatientClass,
    PatientDischarged,
    PatientTransferred,
    TransferCancelled,
)


class Stay(NamedTuple):
    token: str
    encounter_id: str
    unit_id: str
    bed_id: str | None
    arrived_at: datetime
    left_at: datetime | None


def without_cancelled(facts: Iterable[AnyFact]) -> list[AnyFact]:
    """Drop the cancels and what they take back."""
    facts = list(facts)
    cancels = [f for f in facts if isinstance(f, AdmissionCancelled | TransferCancelled | DischargeCancelled)]
    taken_back = {cancel.data.cancels for cancel in cancels}
    return [f for f in facts if f not in cancels and f.id not in taken_back]


def stays(facts: Iterable[AnyFact]) -> list[Stay]:
    """Return each stay of a patient in one place, in order of arrival."""
    moves: dict[str, list[EncounterFact]] = defaultdict(list)
    for fact in without_cancelled(facts):
        if isinstance(fact, PatientAdmitted | PatientTransferred | PatientDischarged):
            moves[fact.subject].append(fact)
    found = []
    for encounter_id, its in moves.items():
        its.sort(key=lambda fact: fact.occurred_at)
        for here, onward in zip(its, [*its[1:], None], strict=True):
            if isinstance(here, PatientDischarged) or not isinstance(here, PatientAdmitted | PatientTransferred):
                continue
            place = here.data.location
            assert place is not None
            found.append(
                Stay(
                    here.partition_key,
                    encounter_id,
                    place.unit_id,
                    place.bed_id,
                    here.occurred_at,
                    onward.occurred_at if onward else None,
                )
            )
    return sorted(found, key=lambda stay: stay.arrived_at)


def inpatient_encounters(facts: Iterable[AnyFact]) -> set[str]:
    """Return the encounters that were inpatient stays at some time."""
    return {
        fact.subject
        for fact in without_cancelled(facts)
        if isinstance(fact, PatientAdmitted | PatientTransferred) and fact.data.patient_class is PatientClass.INPATIENT
    }


def bed_reports(facts: Iterable[AnyFact]) -> dict[tuple[str, str], list[BedStatusChanged]]:
    """Return the status reports of each bed, in order."""
    reports: dict[tuple[str, str], list[BedStatusChanged]] = defaultdict(list)
    for fact in facts:
        if isinstance(fact, BedStatusChanged):
            reports[fact.data.location.unit_id, fact.data.location.bed_id or ""].append(fact)
    for of_bed in reports.values():
        of_bed.sort(key=lambda fact: fact.occurred_at)
    return reports
