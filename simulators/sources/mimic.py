"""Rules that both layouts of MIMIC share: which admissions are observation, and the patient class of each place."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.events import PatientClass

OBSERVATION_TYPES = frozenset({"EU OBSERVATION", "DIRECT OBSERVATION", "AMBULATORY OBSERVATION"})
"""Admission types that stay observation; an "OBSERVATION ADMIT" was admitted in the end and is an inpatient."""


def patient_classes(admission_type: str, in_ed: Iterable[bool]) -> list[PatientClass]:
    """Return the patient class at each place of a stay.

    Parameters
    ----------
    admission_type : str
        As MIMIC writes it, in capitals; empty if unknown.
    in_ed : iterable of bool
        For each place, in order of time: whether it is the emergency department.

    Returns
    -------
    list of PatientClass
        Emergency up to the first place outside the emergency department, then inpatient or observation. A patient
        who returns to the emergency department keeps the class.

    Examples
    --------
    >>> [each.value for each in patient_classes("EW EMER.", [True, False, True])]
    ['emergency', 'inpatient', 'inpatient']
    """
    later = PatientClass.OBSERVATION if admission_type in OBSERVATION_TYPES else PatientClass.INPATIENT
    classes, left_ed = [], False
    for here in in_ed:
        left_ed = left_ed or not here
        classes.append(later if left_ed else PatientClass.EMERGENCY)
    return classes
