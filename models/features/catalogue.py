"""The catalogue of features: name, meaning, unit, and label for people."""

from __future__ import annotations

from typing import Literal, NamedTuple

from models.bedside import charlson
from schemas import dispositions

Features = dict[str, float | str | None]
"""A value for each name of `FEATURES`; None is missing."""

Kind = Literal["numeric", "flag", "categorical"]


class Feature(NamedTuple):
    """One feature.

    If `curved`, models get log(1 + value), because the first units matter most. If not `modelled`, the feature is shown
    but not given to models.
    """

    name: str
    kind: Kind
    unit: str
    label: str
    meaning: str
    curved: bool = False
    modelled: bool = True


CONDITIONS: dict[str, str] = {group: f"condition_{group}" for group in charlson.GROUPS}
"""Feature name of each Charlson group."""

CONDITION_NAMES = tuple(CONDITIONS.values())

_STAY = (
    Feature("age_years", "numeric", "years", "Age", "Age in whole years, as last reported"),
    Feature("sex", "categorical", "", "Sex", "PID-8; unknown counts as missing"),
    Feature("admission_type", "categorical", "", "Admission type", "PV1-4"),
    Feature("service", "categorical", "", "Service", "PV1-10 as last reported, once an inpatient"),
    Feature(
        "length_of_stay_days", "numeric", "days", "Length of stay", "From the start of the episode until now", True
    ),
    Feature("unit_transfers", "numeric", "transfers", "Unit transfers", "Changes of unit so far", True),
    Feature("ed_hours", "numeric", "hours", "Time in the ED", "Of a stay that began there", True),
    Feature("ed_boarding_hours", "numeric", "hours", "ED boarding", "From the admission order to leaving the ED", True),
    Feature("number_of_diagnoses", "numeric", "diagnoses", "Diagnoses", "Different codes reported in this stay", True),
    Feature(
        "charlson_index",
        "numeric",
        "points",
        "Charlson index",
        # As a sum of the groups it adds no information to a model, and takes part of the weight of each group.
        "Weights of Quan 2011; this stay and 12 months before",
        modelled=False,
    ),
)
_CONDITIONS = tuple(
    Feature(CONDITIONS[group], "flag", "", charlson.LABELS[group], "Charlson group; this stay and 12 months before")
    for group in charlson.GROUPS
)
_BEFORE_AND_AFTER = (
    Feature(
        "admissions_past_12_months",
        "numeric",
        "admissions",
        "Admissions in the past year",
        "Inpatient episodes begun in the 365 days before this one; a transfer is no admission of its own",
        True,
    ),
    Feature(
        "ed_visits_past_6_months",
        "numeric",
        "visits",
        "ED visits in six months",
        "ED visits begun in the 182 days before, without the one that led here",
        True,
    ),
    Feature(
        "days_since_last_discharge",
        "numeric",
        "days",
        "Days since the last discharge",
        "From the last inpatient discharge to the start of this episode",
        True,
    ),
    Feature("discharge_disposition", "categorical", "", "Discharged to", "PV1-36, UB-04 code; once discharged"),
    Feature("discharge_weekday", "categorical", "", "Day of discharge", "Day of the week in UTC; once discharged"),
)

FEATURES: tuple[Feature, ...] = (*_STAY, *_CONDITIONS, *_BEFORE_AND_AFTER)
"""All features, in the order in which `features` gives them."""

BY_NAME: dict[str, Feature] = {feature.name: feature for feature in FEATURES}
NUMERIC: tuple[Feature, ...] = tuple(each for each in FEATURES if each.modelled and each.kind != "categorical")
"""Numbers and flags that models get: the columns of a matrix."""
CATEGORICAL: tuple[Feature, ...] = tuple(each for each in FEATURES if each.modelled and each.kind == "categorical")


def in_words(feature: Feature, value: float | str) -> str:
    """Return a value as text for people.

    Examples
    --------
    >>> in_words(BY_NAME["age_years"], 78.0), in_words(BY_NAME["length_of_stay_days"], 3.26)
    ('78 years', '3.3 days')
    >>> in_words(BY_NAME["discharge_disposition"], "03")
    'skilled nursing facility'
    """
    if isinstance(value, str):
        return (
            dispositions.WORDS.get(value, value) if feature.name == "discharge_disposition" else value.replace("_", " ")
        )
    if feature.kind == "flag":
        return "yes" if value else "no"
    number = f"{value:.1f}".removesuffix(".0")
    unit = feature.unit.removesuffix("s") if number == "1" and feature.unit != "diagnoses" else feature.unit
    return f"{number} {'diagnosis' if number == '1' and unit == 'diagnoses' else unit}"
