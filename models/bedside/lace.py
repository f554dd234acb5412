"""The LACE index: length of stay, acuity of the admission, comorbidity, visits to the emergency department.

References
----------
van Walraven et al. 2010, CMAJ 182:551 (PMC2845681): 0 to 19 points, from 10 on a high risk. The weights of the
comorbidities follow PMC5726103. Public copies that give 6 points for 14 days and more, or as many points as days for 4
to 6 days, are wrong.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.bedside import charlson
from models.bedside.charlson import charlson_index
from models.bedside.items import Amount, BedsideScore, Conditions, Item, Steps, points_of, stepped, yes_or_no

LENGTH_OF_STAY: Steps = ((14, 7), (7, 5), (4, 4), (3, 3), (2, 2), (1, 1), (0, 0))
"""Points by completed days."""
EMERGENT = 3
COMORBIDITY: Steps = ((4, 5), (3, 3), (2, 2), (1, 1), (0, 0))
"""Points by the sum of the weights."""
ED_VISITS: Steps = ((4, 4), (3, 3), (2, 2), (1, 1), (0, 0))
HIGH = 10

WEIGHTS: dict[str, int] = dict.fromkeys(charlson.GROUPS, 0) | {
    charlson.MYOCARDIAL_INFARCTION: 1,
    charlson.CEREBROVASCULAR: 1,
    charlson.PERIPHERAL_VASCULAR: 1,
    charlson.DIABETES: 1,
    charlson.HEART_FAILURE: 2,
    charlson.CHRONIC_PULMONARY: 2,
    charlson.CANCER: 2,
    charlson.MILD_LIVER: 2,
    charlson.COMPLICATED_DIABETES: 2,
    charlson.DEMENTIA: 3,
    charlson.RHEUMATIC: 3,
    charlson.SEVERE_LIVER: 4,
    charlson.AIDS: 4,
    charlson.METASTATIC_CANCER: 6,
}
"""PMC5726103. Peptic ulcer, hemiplegia and kidney disease weigh 0 in it."""


def lace(
    *,
    length_of_stay_days: Amount | None,
    emergent: bool | None,
    conditions: Conditions | None,
    ed_visits_past_6_months: Amount | None,
    weights: Mapping[str, int] = WEIGHTS,
) -> BedsideScore:
    """Return the LACE index of a stay.

    Parameters
    ----------
    length_of_stay_days : Amount or None
        From the start of the stay to the discharge; completed days count.
    emergent : bool or None
        Whether the patient was admitted as an emergency.
    conditions : Conditions or None
        Charlson groups, the hierarchy applied.
    ed_visits_past_6_months : Amount or None
        Without the visit that led to the admission.
    weights : mapping
        `WEIGHTS`, or `charlson.WEIGHTS_1987`.

    Returns
    -------
    BedsideScore
        0 to 19 points.

    Examples
    --------
    >>> score = lace(length_of_stay_days=Amount(4.5), emergent=True, ed_visits_past_6_months=None,
    ...              conditions=Conditions(frozenset({"heart_failure", "renal"})))
    >>> score.low, score.high, score.missing
    (9, 13, ('ed_visits',))
    """
    return BedsideScore(
        "lace",
        (
            stepped("length_of_stay", length_of_stay_days, LENGTH_OF_STAY, "day"),
            yes_or_no("emergent", emergent, EMERGENT),
            _comorbidity(conditions, weights),
            stepped("ed_visits", ed_visits_past_6_months, ED_VISITS, "visit"),
        ),
    )


def _comorbidity(conditions: Conditions | None, weights: Mapping[str, int]) -> Item:
    most = COMORBIDITY[0][1]
    if conditions is None:
        return Item("comorbidity", None, 0, most)
    low = points_of(charlson_index(conditions.groups, weights), COMORBIDITY)
    names = [charlson.LABELS[group] for group in charlson.GROUPS if group in conditions.groups and weights[group]]
    found = ", ".join(names) or "none that counts"
    return Item(
        "comorbidity",
        found if conditions.is_final else f"{found} (so far)",
        low,
        low if conditions.is_final else most,
    )
