"""The bedside scores: names, ranges, bands and the names of their items, and a score in words."""

from __future__ import annotations

from typing import NamedTuple

from models.bedside import charlson, elixhauser, hospital_score, lace
from models.bedside.items import BedsideScore, Item


class Band(NamedTuple):
    """A class of risk: from how many points on, and its name."""

    least: int
    name: str


class ScoreKind(NamedTuple):
    """What does not depend on the patient."""

    label: str
    most: int
    """The highest total."""
    bands: tuple[Band, ...]
    """In ascending order; empty if none is published."""
    item_labels: dict[str, str]
    outcome: str
    """What the points stand for."""


_LENGTH = "Length of stay"
_ADMISSIONS = "Admissions in the 12 months before"
_HOSPITAL_ITEMS: dict[str, str] = {
    "haemoglobin": "Haemoglobin (below 12 g/dL)",
    "oncology_service": "Discharge from oncology",
    "cancer": "Cancer",
    "sodium": "Sodium (below 135 mmol/L)",
    "procedure": "Procedure in the stay",
    "urgent": "Urgent admission",
    "admissions": _ADMISSIONS,
    "length_of_stay_5_days": "Stay of 5 days or more",
}
_OTHERS = {charlson.OTHER_CONDITIONS: "Other conditions"}
_READMISSION = "readmission within 30 days"

SCORES: dict[str, ScoreKind] = {
    "lace": ScoreKind(
        "LACE",
        19,
        (Band(0, "not high"), Band(lace.HIGH, "high")),
        {
            "length_of_stay": _LENGTH,
            "emergent": "Emergency admission",
            "comorbidity": "Comorbidity",
            "ed_visits": "ED visits in the 6 months before",
        },
        "death or unplanned readmission within 30 days",
    ),
    "hospital": ScoreKind(
        "HOSPITAL",
        13,
        (Band(0, "low"), Band(hospital_score.INTERMEDIATE, "intermediate"), Band(hospital_score.HIGH, "high")),
        _HOSPITAL_ITEMS,
        "potentially avoidable readmission within 30 days",
    ),
    "simplified_hospital": ScoreKind(
        "Simplified HOSPITAL", 12, (), _HOSPITAL_ITEMS, "potentially avoidable readmission within 30 days"
    ),
    "two_admissions": ScoreKind(
        "Two or more admissions in 12 months",
        1,
        (Band(0, "no"), Band(1, "yes")),
        {"admissions": _ADMISSIONS},
        _READMISSION,
    ),
    "charlson_1987": ScoreKind("Charlson (1987)", 29, (), charlson.LABELS | _OTHERS, "death within a year"),
    "charlson_2011": ScoreKind("Charlson (Quan 2011)", 22, (), charlson.LABELS | _OTHERS, "death within a year"),
    "elixhauser_readmission": ScoreKind("Elixhauser (readmission)", 208, (), elixhauser.LABELS | _OTHERS, _READMISSION),
    "elixhauser_mortality": ScoreKind(
        "Elixhauser (mortality)", 92, (), elixhauser.LABELS | _OTHERS, "death in the hospital"
    ),
}
"""In the order in which they are shown."""


def item_label(score: BedsideScore, item: Item) -> str:
    """Return an item's name for people."""
    return SCORES[score.name].item_labels.get(item.key, item.key)


def band(score: BedsideScore) -> str | None:
    """Return the class of risk; "low to high" while missing items decide; None if no classes are published."""
    bands = SCORES[score.name].bands
    if not bands:
        return None
    lowest, highest = (
        next(each.name for each in reversed(bands) if points >= each.least) for points in (score.low, score.high)
    )
    return lowest if lowest == highest else f"{lowest} or {highest}" if _adjacent(score) else f"{lowest} to {highest}"


def _adjacent(score: BedsideScore) -> bool:
    """Return whether only two classes are possible."""
    return sum(score.low < each.least <= score.high for each in SCORES[score.name].bands) == 1


def total_in_words(score: BedsideScore) -> str:
    """Return the total as people read it: a number, or the range in which it lies.

    Examples
    --------
    >>> total_in_words(BedsideScore("lace", (Item("emergent", "yes", 3, 3), Item("ed_visits", None, 0, 4))))
    '3 to 7 of 19'
    """
    kind = SCORES[score.name]
    if score.low == score.high:
        return f"{score.low} of {kind.most}"
    if score.high >= kind.most:
        return f"at least {score.low} of {kind.most}"
    return f"{score.low} to {score.high} of {kind.most}"


def headline(score: BedsideScore) -> str:
    """Return a score in a few words.

    Examples
    --------
    >>> headline(BedsideScore("lace", (Item("length_of_stay", "8 days", 5, 5), Item("comorbidity", "Cancer", 5, 5))))
    'LACE 10 of 19, high'
    >>> headline(BedsideScore("two_admissions", (Item("admissions", "3 admissions", 1, 1),)))
    'Two or more admissions in 12 months: yes'
    """
    kind, found = SCORES[score.name], band(score)
    if kind.most == 1:
        return f"{kind.label}: {found if score.low == score.high else 'not known'}"
    return f"{kind.label} {total_in_words(score)}{f', {found}' if found else ''}"


def missing_in_words(score: BedsideScore) -> str:
    """Return what is missing, in words; empty if nothing is.

    Examples
    --------
    >>> missing_in_words(BedsideScore("hospital", (Item("haemoglobin", None, 0, 1), Item("sodium", None, 0, 1))))
    'Not known: haemoglobin, sodium'
    """
    labels = [item_label(score, item).partition(" (")[0] for item in score.items if item.is_missing]
    return f"Not known: {', '.join(map(_in_a_sentence, labels))}" if labels else ""


def _in_a_sentence(label: str) -> str:
    return label if label[:2].isupper() else label[0].lower() + label[1:]


def points_in_words(item: Item) -> str:
    """Return an item's points: a number, or a range.

    Examples
    --------
    >>> points_in_words(Item("emergent", "yes", 3, 3)), points_in_words(Item("ed_visits", None, 0, 4))
    ('3', '0 to 4')
    """
    return f"{item.low}" if item.low == item.high else f"{item.low} to {item.high}"
