"""The fold of an encounter: its state is a function of the set of its facts.

`fold` does no IO and does not depend on the order of arrival, so duplicates, late facts and replays change nothing. The
worker, the rebuild, the as-of query and the tests all call this one function.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TypeVar

from schemas.events import AdmissionPending, EncounterMoved, PatientPreadmitted
from schemas.state import Encounter, Problem
from streams.fold.applied_corrections import apply_corrections
from streams.fold.corrections import find_corrections
from streams.fold.effective_facts import EffectiveFacts, distinct_in_order, up_to
from streams.fold.effects import FactOrEffect
from streams.fold.encounter_builder import EncounterBuilder
from streams.fold.fact_kinds import ADMISSIONS, NOT_OF_THE_COURSE
from streams.fold.locations_of_cancels import locations_of_cancels
from streams.fold.observations import with_observations
from streams.fold.owner import Owner, whose
from streams.fold.pending_admissions import withdrawals
from streams.fold.resource_versions import latest_versions
from streams.fold.transitions import TRANSITIONS

_BEGINS_OR_PLANS = frozenset({*ADMISSIONS, PatientPreadmitted, AdmissionPending})

_F = TypeVar("_F", bound=FactOrEffect)


def fold(facts: Iterable[FactOrEffect], *, as_of: datetime | None = None) -> Encounter | None:
    """Compute the state of an encounter from its facts, whatever their order and however often each is given.

    Parameters
    ----------
    facts : iterable of AdtEvent
        All facts of one encounter. Merges and parts are ignored: `streams.fold.parts` and
        `streams.fold.merged_encounters` apply them, and pass effects in place of some facts.
    as_of : datetime or None
        Ignore what happened later. Cancels and corrections that were recorded later count all the same.

    Returns
    -------
    Encounter or None
        None when there is no fact, or none had happened by then. Facts that do not fit are named in `problems`; no fact
        is dropped silently.

    Notes
    -----
    Observations change nothing but `observations`: alone they are not an encounter.
    An update whose location differs from the one before is a transfer. A patient who is admitted again under the same
    number after a discharge is here again. A deletion voids what was reported before it.

    Examples
    --------
    >>> fold([]) is None
    True
    """
    given = facts if type(facts) is list else list(facts)
    course = [fact for fact in given if type(fact) not in NOT_OF_THE_COURSE]
    effective = distinct_in_order(course)
    effective = latest_versions(effective)
    effective = locations_of_cancels(effective)
    effective = apply_corrections(effective, find_corrections(effective))
    effective = up_to(effective, as_of)
    encounter = build_encounter(effective, whose(effective))
    return encounter if len(course) == len(given) else with_observations(encounter, given, as_of)


def build_encounter(effective: EffectiveFacts, owner: Owner | None) -> Encounter | None:
    """Apply the facts one after another; None where no fact had happened by then."""
    if owner is None or _had_not_happened(effective):
        return None
    builder = EncounterBuilder(effective.reported[-1].subject, owner.patient_token)
    builder.problems.update(effective.problems)
    builder.note_other_tokens(owner.other_tokens, of_two_hospitals=owner.of_two_hospitals)
    if effective.unmatched_cancels:
        builder.withdrawn = withdrawals(_happened(effective.unmatched_cancels, effective.as_of))
    builder.has_cancelled_start = not _BEGINS_OR_PLANS.isdisjoint(effective.cancelled)
    for fact in effective.facts:
        TRANSITIONS[type(fact)](builder, fact)
    if effective.facts and all(type(fact) is EncounterMoved for fact in effective.facts):
        builder.cancelled = True  # a move alone does not bring the patient here
        builder.problem(Problem.NO_ADMISSION)
    return builder.encounter()


def _had_not_happened(effective: EffectiveFacts) -> bool:
    """Return whether no fact that counts had happened by then, and no cancel or cancelled fact either."""
    if effective.as_of is None or effective.facts:
        return False
    found = effective.cancelled or effective.unmatched_cancels
    return not (found and any(True for _ in _happened(effective.reported, effective.as_of)))


def _happened(facts: Iterable[_F], as_of: datetime | None) -> Iterator[_F]:
    return (fact for fact in facts if as_of is None or fact.occurred_at <= as_of)
