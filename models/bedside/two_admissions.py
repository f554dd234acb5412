"""A rule in one line, as a baseline for every score and model: two or more admissions in the 12 months before."""

from __future__ import annotations

from models.bedside.items import Amount, BedsideScore, Steps, stepped

ADMISSIONS: Steps = ((2, 1), (0, 0))


def two_admissions(admissions_past_12_months: Amount | None) -> BedsideScore:
    """Return the rule's answer as 1 (yes) or 0 (no).

    Parameters
    ----------
    admissions_past_12_months : Amount or None
        Inpatient stays in the 12 months before the admission.

    Examples
    --------
    >>> two_admissions(Amount(2)).low, two_admissions(Amount(1)).low, two_admissions(None).high
    (1, 0, 1)
    """
    return BedsideScore("two_admissions", (stepped("admissions", admissions_past_12_months, ADMISSIONS, "admission"),))
