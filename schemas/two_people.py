"""Two people under one patient number: told apart by ages and sexes that cannot belong to one person.

A newborn is often registered under the mother's number, until it has one of its own. Facts carry ages, not birth dates
(decision 5), so the year of birth is known within a year.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum

from schemas.events import AdmissionType, Sex
from schemas.state import Encounter

MIN_MOTHER_AGE_YEARS = 12
"""No patient who is younger is taken for the mother of a newborn."""

MAX_DIFFERENCE = timedelta(days=2 * 366)
"""Longest time between the births that two ages of one person may suggest: each is rounded down to a year."""

_YEAR = timedelta(days=365.25)
_KNOWN = frozenset({Sex.FEMALE, Sex.MALE})


class Generation(Enum):
    """What a patient can be in a bed that a mother shares with her newborn."""

    NEWBORN = "newborn"
    MOTHER = "mother"
    """Twelve years old or more, or of unknown age, and not male."""
    OTHER = "other"


def generation(encounter: Encounter) -> Generation:
    """Return what the patient can be in a bed that a mother shares with her newborn.

    Examples
    --------
    >>> from schemas.state import EncounterStatus
    >>> generation(Encounter(encounter_id="E", patient_token="P", status=EncounterStatus.IN_PROGRESS, age_years=0))
    <Generation.NEWBORN: 'newborn'>
    """
    age = encounter.age_years
    if age == 0 or (age is None and encounter.admission_type is AdmissionType.NEWBORN):
        return Generation.NEWBORN
    may_be_mother = encounter.sex is not Sex.MALE and (age is None or age >= MIN_MOTHER_AGE_YEARS)
    return Generation.MOTHER if may_be_mother else Generation.OTHER


def are_couplet(generations: Iterable[Generation]) -> bool:
    """Return whether the patients in one bed are a mother and her newborn, or newborns: not a conflict.

    Examples
    --------
    >>> are_couplet([Generation.NEWBORN, Generation.MOTHER]), are_couplet([Generation.MOTHER, Generation.MOTHER])
    (True, False)
    """
    found = list(generations)
    return found.count(Generation.MOTHER) == 1 and found.count(Generation.NEWBORN) == len(found) - 1 > 0


def ages_differ(age_years: int, at: datetime, other_age_years: int, other_at: datetime) -> bool:
    """Return whether two ages at two times cannot belong to one person."""
    return abs((at - age_years * _YEAR) - (other_at - other_age_years * _YEAR)) > MAX_DIFFERENCE


def sexes_differ(one: Sex | None, other: Sex | None) -> bool:
    """Return whether one sex is female and the other one male."""
    return one in _KNOWN and other in _KNOWN and one is not other


def are_two_people(one: Encounter, other: Encounter) -> bool:
    """Return whether two encounters of one patient number belong to two people.

    Their ages cannot belong to one person, and either their sexes differ, or one is a newborn and the other one could
    be the mother. Two newborns of different sex are two people, too. An age alone may be a birth date that was
    corrected.
    """
    at, other_at = one.admitted_at, other.admitted_at
    if one.age_years is None or other.age_years is None or at is None or other_at is None:
        return False
    generations = {generation(one), generation(other)}
    if not ages_differ(one.age_years, at, other.age_years, other_at):
        return generations == {Generation.NEWBORN} and sexes_differ(one.sex, other.sex)
    return generations == {Generation.NEWBORN, Generation.MOTHER} or sexes_differ(one.sex, other.sex)


def people(encounters: Sequence[Encounter]) -> dict[str, int]:
    """Return, for each encounter of one patient number, which person it belongs to: mostly 0 for all."""
    groups: list[list[Encounter]] = []
    found: dict[str, int] = {}
    for each in sorted(encounters, key=lambda each: (-(each.age_years or 0), each.encounter_id)):
        number = next((n for n, group in enumerate(groups) if not any(are_two_people(each, it) for it in group)), None)
        if number is None:
            number = len(groups)
            groups.append([])
        groups[number].append(each)
        found[each.encounter_id] = number
    return found
