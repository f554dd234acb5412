"""What is doubtful about a stay, so that a rate can be judged by the data behind it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from models.features.snapshot import began_at
from models.labels.code_sets import principal_diagnosis
from models.labels.episodes import takes_part
from models.labels.index_stays import Exclusion
from models.labels.rules import Definition
from models.labels.verdicts import Verdict
from schemas.state import Encounter, EncounterStatus

LONG_STAY = timedelta(days=365)


class Flag(StrEnum):
    """A doubt about the data of a stay that has ended."""

    NO_DISPOSITION = "no_disposition"
    """It may have been a death or a transfer."""
    NO_PLACE = "no_place"
    NO_PRINCIPAL_DIAGNOSIS = "no_principal_diagnosis"
    SEVERAL_PRINCIPAL_DIAGNOSES = "several_principal_diagnoses"
    """The one reported last counts."""
    DIAGNOSIS_NOT_MAPPED = "diagnosis_not_mapped"
    """The principal diagnosis has no CCS category: another coding system, or a code of a later edition."""
    CONTRADICTORY = "contradictory"
    """See the problems of the encounter on the data-quality page."""
    OVERLAPS = "overlaps"
    """It began before the end of another stay of the episode."""
    OPEN_STAY_BEFORE = "open_stay_before"
    """An earlier stay of the patient has no discharge: it may be missing."""
    AFTER_DEATH = "after_death"
    """It began after the death of the patient."""
    LONG_STAY = "long_stay"
    """More than a year."""


def flags(verdict: Verdict, history: Sequence[Encounter], definition: Definition) -> tuple[Flag, ...]:
    """Return the doubts about a stay that counts, in the order of `Flag`; none for a stay that has not ended.

    Parameters
    ----------
    verdict : Verdict
        Of the stay.
    history : sequence of Encounter
        All encounters of the patient.
    definition : Definition
        By which the verdict was given.
    """
    stay = verdict.stay
    began, left = began_at(stay), stay.discharged_at
    if left is None or began is None or not takes_part(stay, definition):
        return ()
    number = sum(each.principal for each in stay.diagnoses)
    found = {
        Flag.NO_DISPOSITION: stay.discharge_disposition is None,
        Flag.NO_PLACE: not stay.unit_stays,
        Flag.NO_PRINCIPAL_DIAGNOSIS: number == 0,
        Flag.SEVERAL_PRINCIPAL_DIAGNOSES: number > 1,
        Flag.DIAGNOSIS_NOT_MAPPED: _is_not_mapped(stay, definition),
        Flag.CONTRADICTORY: stay.provisional or verdict.exclusion is Exclusion.TIMES_OUT_OF_ORDER,
        Flag.OVERLAPS: any(_overlaps(other, stay, definition) for other in history),
        Flag.OPEN_STAY_BEFORE: any(_is_open_before(other, stay, definition) for other in history),
        Flag.AFTER_DEATH: verdict.died_at is not None and began > verdict.died_at,
        Flag.LONG_STAY: left - began > LONG_STAY,
    }
    return tuple(flag for flag in Flag if found[flag])


def _is_not_mapped(stay: Encounter, definition: Definition) -> bool:
    principal = principal_diagnosis(stay)
    if principal is None or definition.codes is None:
        return False
    return definition.codes.ccs_of_diagnosis(principal) is None


def _overlaps(other: Encounter, stay: Encounter, definition: Definition) -> bool:
    if other.encounter_id == stay.encounter_id or not takes_part(other, definition):
        return False
    began, left, since = began_at(other), other.discharged_at, began_at(stay)
    if began is None or since is None or left is None or stay.discharged_at is None:
        return False
    return began < stay.discharged_at and since < left


def _is_open_before(other: Encounter, stay: Encounter, definition: Definition) -> bool:
    if other.status is not EncounterStatus.IN_PROGRESS or not takes_part(other, definition):
        return False
    began, since = began_at(other), began_at(stay)
    return began is not None and since is not None and began < since
