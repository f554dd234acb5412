"""The HOSPITAL score of potentially avoidable readmission, and its simplified form.

References
----------
Donzé et al. 2013, JAMA Intern Med 173:632; Donzé et al. 2016, JAMA Intern Med 176:496 (the bands, with 5.8, 11.9 and
22.8% of potentially avoidable readmissions). Aubert et al. 2017, Swiss Med Wkly 147:w14396 (simplified).
"""

from __future__ import annotations

from models.bedside.charlson import CANCER, METASTATIC_CANCER
from models.bedside.items import Amount, BedsideScore, Conditions, Item, Steps, below, stepped, yes_or_no

HAEMOGLOBIN_G_DL = 12.0
SODIUM_MMOL_L = 135.0
ADMISSIONS: Steps = ((6, 5), (2, 2), (0, 0))
"""Points by admissions in the 12 months before: 0 or 1, 2 to 5, over 5."""
LENGTH_OF_STAY: Steps = ((5, 2), (0, 0))
"""Points by completed days."""
INTERMEDIATE, HIGH = 5, 7
"""First points of the two upper bands."""


def hospital_score(
    *,
    haemoglobin_g_dl: float | None,
    oncology_service: bool | None,
    sodium_mmol_l: float | None,
    procedure: bool | None,
    urgent: bool | None,
    admissions_past_12_months: Amount | None,
    length_of_stay_days: Amount | None,
) -> BedsideScore:
    """Return the HOSPITAL score of a stay.

    Parameters
    ----------
    haemoglobin_g_dl : float or None
        The last before the discharge, in g/dL.
    oncology_service : bool or None
        Whether the patient is discharged from an oncology service.
    sodium_mmol_l : float or None
        The last before the discharge, in mmol/L.
    procedure : bool or None
        Whether any procedure was coded in the stay.
    urgent : bool or None
        Whether the admission was urgent or an emergency.
    admissions_past_12_months : Amount or None
        Inpatient stays in the 12 months before the admission.
    length_of_stay_days : Amount or None
        From the start of the stay to the discharge.

    Returns
    -------
    BedsideScore
        0 to 13 points.

    Examples
    --------
    >>> score = hospital_score(haemoglobin_g_dl=11.9, oncology_service=False, sodium_mmol_l=None, procedure=True,
    ...     urgent=True, admissions_past_12_months=Amount(1), length_of_stay_days=Amount(5))
    >>> score.low, score.high, score.missing
    (5, 6, ('sodium',))
    """
    return BedsideScore(
        "hospital",
        (
            _haemoglobin(haemoglobin_g_dl),
            yes_or_no("oncology_service", oncology_service, 2),
            _sodium(sodium_mmol_l),
            yes_or_no("procedure", procedure, 1),
            *_stay(urgent, admissions_past_12_months, length_of_stay_days),
        ),
    )


def simplified_hospital_score(
    *,
    haemoglobin_g_dl: float | None,
    conditions: Conditions | None,
    sodium_mmol_l: float | None,
    urgent: bool | None,
    admissions_past_12_months: Amount | None,
    length_of_stay_days: Amount | None,
) -> BedsideScore:
    """Return the simplified HOSPITAL score: a cancer diagnosis in place of the service, and no procedure item.

    Parameters
    ----------
    haemoglobin_g_dl, sodium_mmol_l, urgent, admissions_past_12_months, length_of_stay_days
        As for `hospital_score`.
    conditions : Conditions or None
        Charlson groups: cancer, metastatic or not, gives the points.

    Returns
    -------
    BedsideScore
        0 to 12 points.
    """
    return BedsideScore(
        "simplified_hospital",
        (
            _haemoglobin(haemoglobin_g_dl),
            yes_or_no("cancer", _has_cancer(conditions), 2),
            _sodium(sodium_mmol_l),
            *_stay(urgent, admissions_past_12_months, length_of_stay_days),
        ),
    )


def _has_cancer(conditions: Conditions | None) -> bool | None:
    if conditions is None:
        return None
    if conditions.groups & {CANCER, METASTATIC_CANCER}:
        return True
    return False if conditions.is_final else None


def _haemoglobin(g_dl: float | None) -> Item:
    return below("haemoglobin", g_dl, HAEMOGLOBIN_G_DL, "g/dL", 1)


def _sodium(mmol_l: float | None) -> Item:
    return below("sodium", mmol_l, SODIUM_MMOL_L, "mmol/L", 1)


def _stay(urgent: bool | None, admissions: Amount | None, days: Amount | None) -> tuple[Item, Item, Item]:
    return (
        yes_or_no("urgent", urgent, 1),
        stepped("admissions", admissions, ADMISSIONS, "admission"),
        stepped("length_of_stay_5_days", days, LENGTH_OF_STAY, "day"),
    )
