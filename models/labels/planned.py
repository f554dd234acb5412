"""Whether a return was planned: the CMS Planned Readmission Algorithm, version 4.0, and the code at the discharge.

Three answers: planned, unplanned, and not known. Without the codes that a rule needs, the answer is not known, and the
outcome is called "all-cause", never "unplanned".

References
----------
CMS, Hospital-Wide All-Cause Unplanned Readmission Measure, Planned Readmission Algorithm 4.0: (1) a transplant is
always planned, and so is (2) maintenance chemotherapy or rehabilitation as the principal diagnosis; (3) a potentially
planned procedure without an acute principal diagnosis is planned; (4) all else is unplanned. UB-04 patient discharge
status 81 to 95: a planned acute readmission is to follow.
"""

from __future__ import annotations

from enum import StrEnum

from models.labels.code_sets import is_icd10_procedure, plain, principal_diagnosis
from models.labels.rules import DEFAULT, Definition
from schemas.dispositions import READMISSION_PLANNED, disposition_code
from schemas.state import Encounter


class Plan(StrEnum):
    """Whether a return was planned, with the rule that says so."""

    ANNOUNCED = "planned_at_discharge"
    """Planned: the discharge before it had a code from 81 to 95."""
    ALWAYS_PLANNED_PROCEDURE = "planned_procedure_always"
    ALWAYS_PLANNED_DIAGNOSIS = "planned_diagnosis_always"
    PLANNED_PROCEDURE = "planned_procedure"
    """Planned: a potentially planned procedure, and the principal diagnosis is not acute."""

    ACUTE_DIAGNOSIS = "unplanned_acute_diagnosis"
    """Unplanned: a potentially planned procedure, but the principal diagnosis is acute."""
    NO_PLANNED_PROCEDURE = "unplanned_no_planned_procedure"

    NO_CODE_SETS = "not_known_no_code_sets"
    NO_PROCEDURES = "not_known_no_procedures"
    """The feed has not reported procedures of the stay."""
    NO_PRINCIPAL_DIAGNOSIS = "not_known_no_principal_diagnosis"
    CODE_NOT_MAPPED = "not_known_code_not_mapped"
    """The CCS maps lack a code that decides."""

    @property
    def planned(self) -> bool | None:
        """True for planned, False for unplanned, None for not known."""
        return None if self in _NOT_KNOWN else self not in _UNPLANNED


_UNPLANNED = frozenset({Plan.ACUTE_DIAGNOSIS, Plan.NO_PLANNED_PROCEDURE})
_NOT_KNOWN = frozenset(
    {Plan.NO_CODE_SETS, Plan.NO_PROCEDURES, Plan.NO_PRINCIPAL_DIAGNOSIS, Plan.CODE_NOT_MAPPED},
)


def plan_of_return(index: Encounter, back: Encounter, definition: Definition = DEFAULT) -> Plan:
    """Return whether a return was planned.

    Parameters
    ----------
    index : Encounter
        The stay before it. Its discharge may have announced the return.
    back : Encounter
        The return.
    definition : Definition
        With the code sets, and the facilities whose feed reports procedures.
    """
    if disposition_code(index.discharge_disposition) in READMISSION_PLANNED:
        return Plan.ANNOUNCED
    return plan_of_stay(back, definition)


def plan_of_stay(stay: Encounter, definition: Definition = DEFAULT) -> Plan:
    """Return whether an admission was planned, by its own codes."""
    codes = definition.codes
    if codes is None:
        return Plan.NO_CODE_SETS
    procedures = [each for each in stay.procedures if is_icd10_procedure(each.system)]
    categories = {each.code: codes.ccs_of_procedure(each) for each in procedures}
    if not codes.always_planned_procedures.isdisjoint(categories.values()):
        return Plan.ALWAYS_PLANNED_PROCEDURE
    principal = principal_diagnosis(stay)
    condition = None if principal is None else codes.ccs_of_diagnosis(principal)
    if condition in codes.always_planned_diagnoses:
        return Plan.ALWAYS_PLANNED_DIAGNOSIS
    if not procedures and not definition.reports_procedures(stay):
        return Plan.NO_PROCEDURES
    if principal is None:
        return Plan.NO_PRINCIPAL_DIAGNOSIS
    acute = condition in codes.acute_diagnoses or plain(principal.code) in codes.acute_diagnosis_codes
    may_be_planned = any(
        category in codes.potentially_planned_procedures or plain(code) in codes.potentially_planned_procedure_codes
        for code, category in categories.items()
    )
    if acute:
        unknown = None in categories.values()  # it may be a transplant of a later edition
        if unknown:
            return Plan.CODE_NOT_MAPPED
        return Plan.ACUTE_DIAGNOSIS if may_be_planned else Plan.NO_PLANNED_PROCEDURE
    if condition is None:
        return Plan.CODE_NOT_MAPPED
    if may_be_planned:
        return Plan.PLANNED_PROCEDURE
    return Plan.CODE_NOT_MAPPED if None in categories.values() else Plan.NO_PLANNED_PROCEDURE
