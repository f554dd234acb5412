"""All bedside scores of one encounter at one moment, from the encounters of the patient.

Before the discharge the days in the hospital and the coded diagnoses are those so far, so that these items are "at
least". A look-back that begins before the feed was observed is "at least" too. An item that nothing has been reported
about is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from models.bedside import charlson
from models.bedside.charlson import WEIGHTS_1987, WEIGHTS_2011, charlson_score
from models.bedside.elixhauser import MORTALITY_WEIGHTS, READMISSION_WEIGHTS, elixhauser, elixhauser_score
from models.bedside.hospital_score import (
    HAEMOGLOBIN_G_DL,
    SODIUM_MMOL_L,
    hospital_score,
    simplified_hospital_score,
)
from models.bedside.items import Amount, BedsideScore, Conditions
from models.bedside.lace import lace
from models.bedside.two_admissions import two_admissions
from models.features.values import DAY_S, ED_LOOK_BACK, LOOK_BACK, Known, known_at
from models.labels.rules import DEFAULT, Definition
from schemas.events import AdmissionType
from schemas.state import Encounter

HAEMOGLOBIN, SODIUM = "718-7", "2951-2"
"""LOINC codes; facts carry them in g/dL and mmol/L."""

EMERGENT = frozenset({AdmissionType.EMERGENCY, AdmissionType.URGENT, AdmissionType.TRAUMA})
"""PV1-4 that count as an emergency (LACE) and as urgent (HOSPITAL)."""
_ONCOLOGY_WORDS = ("onc", "hemonc", "haemonc", "cancer")
"""Beginnings of the words of a service (PV1-10) that is an oncology service."""


class Inputs(NamedTuple):
    """What the scores are computed from; None is not known."""

    length_of_stay_days: Amount | None
    emergent: bool | None
    conditions: Conditions | None
    """Charlson groups of this stay and of the 12 months before."""
    comorbidities: Conditions | None
    """AHRQ's Elixhauser comorbidities of this stay, without the principal diagnosis."""
    admissions_past_12_months: Amount | None
    ed_visits_past_6_months: Amount | None
    oncology_service: bool | None
    procedure: bool | None
    haemoglobin_g_dl: float | None
    sodium_mmol_l: float | None


def inputs_of(
    history: Sequence[Encounter],
    encounter: Encounter,
    as_of: datetime,
    observed_since: datetime | None,
    definition: Definition = DEFAULT,
) -> Inputs:
    """Return the inputs of all bedside scores.

    Parameters
    ----------
    history : sequence of Encounter
        All encounters of the patient, in any order; this one may be among them.
    encounter : Encounter
        The encounter to score.
    as_of : datetime
        Aware. Later information is not used.
    observed_since : datetime or None
        Since when the feed has reported all that happens; None if that is not known.
    definition : Definition
        By which stays form episodes, as for the features: a transfer is one admission, and its days count together.
    """
    known = known_at(history, encounter, as_of, definition)
    seen, came = known.seen, known.came
    has_left = seen.discharged_at is not None
    covered, ed_covered = (_covers(observed_since, came, look_back) for look_back in (LOOK_BACK, ED_LOOK_BACK))
    return Inputs(
        length_of_stay_days=_length_of_stay(came, seen.discharged_at, as_of),
        emergent=None if seen.admission_type is None else seen.admission_type in EMERGENT,
        conditions=_conditions(known, is_final=has_left and covered),
        comorbidities=_comorbidities(seen, is_final=has_left),
        admissions_past_12_months=_amount(known.admissions(), covered=covered),
        ed_visits_past_6_months=_amount(known.ed_visits(), covered=ed_covered),
        oncology_service=None if seen.service is None else is_oncology(seen.service),
        procedure=True if seen.procedures else None,
        haemoglobin_g_dl=_last(seen, HAEMOGLOBIN, HAEMOGLOBIN_G_DL),
        sodium_mmol_l=_last(seen, SODIUM, SODIUM_MMOL_L),
    )


def bedside_scores(
    history: Sequence[Encounter],
    encounter: Encounter,
    as_of: datetime,
    observed_since: datetime | None,
    definition: Definition = DEFAULT,
) -> tuple[BedsideScore, ...]:
    """Return all bedside scores, in the order of `models.bedside.catalogue.SCORES`; parameters as of `inputs_of`."""
    known = inputs_of(history, encounter, as_of, observed_since, definition)
    return (
        lace(
            length_of_stay_days=known.length_of_stay_days,
            emergent=known.emergent,
            conditions=known.conditions,
            ed_visits_past_6_months=known.ed_visits_past_6_months,
        ),
        hospital_score(
            haemoglobin_g_dl=known.haemoglobin_g_dl,
            oncology_service=known.oncology_service,
            sodium_mmol_l=known.sodium_mmol_l,
            procedure=known.procedure,
            urgent=known.emergent,
            admissions_past_12_months=known.admissions_past_12_months,
            length_of_stay_days=known.length_of_stay_days,
        ),
        simplified_hospital_score(
            haemoglobin_g_dl=known.haemoglobin_g_dl,
            conditions=known.conditions,
            sodium_mmol_l=known.sodium_mmol_l,
            urgent=known.emergent,
            admissions_past_12_months=known.admissions_past_12_months,
            length_of_stay_days=known.length_of_stay_days,
        ),
        two_admissions(known.admissions_past_12_months),
        charlson_score("charlson_1987", known.conditions, WEIGHTS_1987),
        charlson_score("charlson_2011", known.conditions, WEIGHTS_2011),
        elixhauser_score("elixhauser_readmission", known.comorbidities, READMISSION_WEIGHTS),
        elixhauser_score("elixhauser_mortality", known.comorbidities, MORTALITY_WEIGHTS),
    )


def is_oncology(service: str) -> bool:
    """Return whether a service is an oncology service, by its name.

    Examples
    --------
    >>> is_oncology("Medical Oncology"), is_oncology("HEMONC"), is_oncology("cardiology")
    (True, True, False)
    """
    words = "".join(char if char.isalpha() else " " for char in service.casefold()).split()
    return any(word.startswith(_ONCOLOGY_WORDS) or word.endswith("oncology") for word in words)


def _length_of_stay(came: datetime | None, left: datetime | None, as_of: datetime) -> Amount | None:
    if came is None:
        return None
    days = ((left or as_of) - came).total_seconds() / DAY_S
    return Amount(days, is_final=left is not None) if days >= 0 else None


def _conditions(known: Known, *, is_final: bool) -> Conditions | None:
    groups = charlson.comorbidities(known.diagnoses())
    return None if groups is None else Conditions(groups, is_final)


def _comorbidities(seen: Encounter, *, is_final: bool) -> Conditions | None:
    if not any(charlson.is_icd10_diagnosis(each.system) for each in seen.diagnoses):
        return None
    # A code may have been reported as principal and again as another one: the principal one decides.
    principal = {(each.code, each.system) for each in seen.diagnoses if each.principal}
    codes = ((each.code, each.system) for each in seen.diagnoses if (each.code, each.system) not in principal)
    return Conditions(elixhauser(codes) or frozenset(), is_final)


def _covers(observed_since: datetime | None, came: datetime | None, look_back: timedelta) -> bool:
    return observed_since is not None and came is not None and observed_since <= came - look_back


def _amount(found: int, *, covered: bool) -> Amount | None:
    """Return a count within a look-back; None if nothing is known and the feed does not cover it."""
    return Amount(float(found), is_final=covered) if found or covered else None


def _last(seen: Encounter, code: str, limit: float) -> float | None:
    """Return the last value before the discharge; None where none was reported, or "<140" leaves it open."""
    left = seen.discharged_at
    values = [each for each in seen.observations if each.code == code and (left is None or each.observed_at <= left)]
    if not values:
        return None
    last = values[-1]
    is_open = (last.comparator in ("<", "<=") and last.value > limit) or (
        last.comparator in (">", ">=") and last.value < limit
    )
    return None if is_open else last.value
