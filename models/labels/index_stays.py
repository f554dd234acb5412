"""Index stays: which discharges count, and the reason why another does not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from models.labels.code_sets import CodeSets, is_icd10_procedure, plain, principal_diagnosis
from models.labels.episodes import by_person, episodes_of, last_leg
from models.labels.rules import DEFAULT, Definition
from schemas.dispositions import ACUTE_TRANSFER, AGAINST_ADVICE, DIED, disposition_code
from schemas.hospital import Care
from schemas.state import Encounter, EncounterStatus

ADULT_AGE_YEARS = 18
COVID_19 = "U071"


class Exclusion(StrEnum):
    """Reason why a stay is not an index stay, in the order in which the reasons are looked for."""

    CANCELLED = "cancelled"
    PLANNED = "planned"
    """The stay has not begun."""
    IN_PROGRESS = "in_progress"
    NOT_INPATIENT = "not_inpatient"
    NO_ADMISSION = "no_admission"
    TIMES_OUT_OF_ORDER = "times_out_of_order"
    DIED = "died"
    REHABILITATION_UNIT = "rehabilitation_unit"
    """The stay was in units for rehabilitation only, by the hospital file; the next two likewise."""
    PSYCHIATRIC_UNIT = "psychiatric_unit"
    LONG_TERM_UNIT = "long_term_unit"
    AGAINST_ADVICE = "against_advice"
    TRANSFERRED_TO_ACUTE = "transferred_to_acute"
    AGE_UNKNOWN = "age_unknown"
    UNDER_18 = "under_18"
    UNDER_AGE = "under_age"
    """Younger than the variant takes, such as 65."""
    CONTINUED = "continued"
    """The episode continues in another stay, whose discharge has the outcome."""
    CANCER_HOSPITAL = "cancer_hospital"
    """A cancer hospital exempt from the PPS, by the hospital file."""
    COVID_19 = "covid_19"
    """COVID-19 as the principal diagnosis, or as a secondary one that was present on admission."""
    CANCER_TREATMENT = "cancer_treatment"
    """Medical treatment of cancer: the principal diagnosis, without a procedure of the surgical cohort."""
    PSYCHIATRIC = "psychiatric"
    """By the principal diagnosis; so is the next one."""
    REHABILITATION = "rehabilitation"
    FOLLOW_UP = "follow_up"
    """The 30 days are not over."""


_NOT_ENDED = {
    EncounterStatus.CANCELLED: Exclusion.CANCELLED,
    EncounterStatus.PLANNED: Exclusion.PLANNED,
    EncounterStatus.IN_PROGRESS: Exclusion.IN_PROGRESS,
}
_BY_CARE = {
    Care.REHABILITATION: Exclusion.REHABILITATION_UNIT,
    Care.PSYCHIATRIC: Exclusion.PSYCHIATRIC_UNIT,
    Care.LONG_TERM: Exclusion.LONG_TERM_UNIT,
}
_BY_CATEGORY = {
    "medical treatment of cancer": Exclusion.CANCER_TREATMENT,
    "psychiatric": Exclusion.PSYCHIATRIC,
    "rehabilitation": Exclusion.REHABILITATION,
}
EXCLUSION_CATEGORIES = frozenset(_BY_CATEGORY)
"""What `CodeSets.excluded_diagnoses` may say of a CCS category."""


def index_exclusion(
    encounter: Encounter,
    history: Sequence[Encounter] = (),
    definition: Definition = DEFAULT,
    *,
    died_at: datetime | None = None,
) -> Exclusion | None:
    """Return the reason why an encounter is not an index stay.

    Parameters
    ----------
    encounter : Encounter
        The stay to classify.
    history : sequence of Encounter
        All encounters of the patient; without it `CONTINUED` is never returned.
    definition : Definition
        The variant, the hospital and the code sets.
    died_at : datetime or None
        When the patient died, as reported apart from the discharge; a death after the discharge excludes nothing.

    Returns
    -------
    Exclusion or None
        None for an index stay: acute inpatient, adult, discharged alive, not against advice, not to another acute
        hospital, and not for one of the excluded conditions. `FOLLOW_UP` is never returned.
    """
    return exclusion_by_itself(encounter, definition, died_at=died_at) or (
        Exclusion.CONTINUED if _continued(encounter, history, definition) else _by_condition(encounter, definition)
    )


def exclusion_by_itself(
    encounter: Encounter, definition: Definition = DEFAULT, *, died_at: datetime | None = None
) -> Exclusion | None:
    """Return the reason that the encounter itself has, apart from its condition and the patient's other encounters."""
    if encounter.status in _NOT_ENDED:
        return _NOT_ENDED[encounter.status]
    if not definition.counts(encounter):
        return Exclusion.NOT_INPATIENT
    if encounter.admitted_at is None:
        return Exclusion.NO_ADMISSION
    if encounter.discharged_at is None:
        return Exclusion.IN_PROGRESS
    since = encounter.inpatient_from or encounter.admitted_at
    if not encounter.admitted_at <= encounter.discharged_at >= since:
        return Exclusion.TIMES_OUT_OF_ORDER
    if _died(encounter, died_at):
        return Exclusion.DIED
    if definition.rules.crude:
        return None
    return _BY_CARE.get(definition.care(encounter)) or _by_leaving(encounter) or _by_age(encounter, definition)


def exclusion_by_condition(encounter: Encounter, definition: Definition = DEFAULT) -> Exclusion | None:
    """Return the reason that the diagnoses give."""
    return None if definition.rules.crude else _by_condition(encounter, definition)


def _died(encounter: Encounter, died_at: datetime | None) -> bool:
    if disposition_code(encounter.discharge_disposition) in DIED:
        return True
    return died_at is not None and encounter.discharged_at is not None and died_at <= encounter.discharged_at


def _by_leaving(encounter: Encounter) -> Exclusion | None:
    code = disposition_code(encounter.discharge_disposition)
    if code in AGAINST_ADVICE:
        return Exclusion.AGAINST_ADVICE
    return Exclusion.TRANSFERRED_TO_ACUTE if code in ACUTE_TRANSFER else None


def _by_age(encounter: Encounter, definition: Definition) -> Exclusion | None:
    least, age = definition.rules.min_age_years, encounter.age_years
    if least is None:
        return None
    if age is None:
        return Exclusion.AGE_UNKNOWN
    if age < min(least, ADULT_AGE_YEARS):
        return Exclusion.UNDER_18
    if age < least:
        return Exclusion.UNDER_AGE
    return None


def _continued(encounter: Encounter, history: Sequence[Encounter], definition: Definition) -> bool:
    if definition.rules.crude:
        return False
    for person in by_person(history):
        for episode in episodes_of(person, definition):
            if any(leg.encounter_id == encounter.encounter_id for leg in episode):
                return last_leg(episode).encounter_id != encounter.encounter_id
    return False


def _by_condition(encounter: Encounter, definition: Definition) -> Exclusion | None:
    if definition.rules.crude:
        return None
    if definition.in_cancer_hospital(encounter):
        return Exclusion.CANCER_HOSPITAL
    if any(
        plain(each.code) == COVID_19 and (each.principal or each.present_on_admission) for each in encounter.diagnoses
    ):
        return Exclusion.COVID_19
    if definition.codes is None:
        return None
    return _by_category(encounter, definition.codes)


def _by_category(encounter: Encounter, codes: CodeSets) -> Exclusion | None:
    principal = principal_diagnosis(encounter)
    category = None if principal is None else codes.ccs_of_diagnosis(principal)
    if category is None or category not in codes.excluded_diagnoses:
        return None
    reason = _BY_CATEGORY[codes.excluded_diagnoses[category].casefold()]
    if reason is Exclusion.CANCER_TREATMENT and _had_surgery(encounter, codes):
        return None
    return reason


def _had_surgery(encounter: Encounter, codes: CodeSets) -> bool:
    procedures = [each for each in encounter.procedures if is_icd10_procedure(each.system)]
    return any(
        codes.ccs_of_procedure(each) in codes.surgical_procedures or plain(each.code) in codes.surgical_procedure_codes
        for each in procedures
    )
