"""The people around the hospital, and their true risk of return, which is hidden in real life.

`readmission_probability` is the truth of the simulation. It looks only at what an ADT feed shows (age, diagnoses,
length of stay, earlier visits, how the patient left), so a model can reach it, and no model can do better.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import NamedTuple

from schemas.dispositions import (
    EXPIRED,
    HOME_HEALTH,
    HOSPICE_FACILITY,
    HOSPICE_HOME,
    LEFT_AGAINST_ADVICE,
    NURSING_FACILITY,
)
from schemas.events import Diagnosis, Sex
from simulators.draws import Chooser, Draws

DAY_S = 86_400
YEAR_S = 365 * DAY_S
SIX_MONTHS_S = 182 * DAY_S


class Condition(NamedTuple):
    """A chronic condition: its ICD-10-CM code, how common it is by age, and its weight in the risk of return.

    `share_at_70` in [0, 1]; the share halves with each 15 years below and grows to at most 1.3 times above.
    """

    name: str
    code: str
    share_at_70: float
    log_odds: float


CONDITIONS = (
    Condition("heart failure", "I509", 0.16, 0.62),
    Condition("old myocardial infarction", "I252", 0.11, 0.15),
    Condition("peripheral vascular disease", "I739", 0.09, 0.15),
    Condition("cerebrovascular disease", "I69398", 0.08, 0.15),
    Condition("dementia", "F0390", 0.07, 0.20),
    Condition("chronic obstructive pulmonary disease", "J449", 0.16, 0.42),
    Condition("rheumatoid arthritis", "M069", 0.03, 0.10),
    Condition("mild liver disease", "K760", 0.05, 0.20),
    Condition("cirrhosis with portal hypertension", "K766", 0.015, 0.70),
    Condition("diabetes", "E119", 0.20, 0.15),
    Condition("diabetic kidney disease", "E1122", 0.08, 0.35),
    Condition("chronic kidney disease", "N1830", 0.14, 0.35),
    Condition("hemiplegia", "G8190", 0.02, 0.25),
    Condition("cancer", "C679", 0.09, 0.40),
    Condition("metastatic cancer", "C7951", 0.03, 0.85),
    Condition("HIV disease", "B20", 0.004, 0.25),
    Condition("hypertension", "I10", 0.55, 0.0),
    Condition("hyperlipidaemia", "E785", 0.45, 0.0),
    Condition("depression", "F32A", 0.12, 0.15),
)
"""Codes of the Charlson groups of Quan 2005, and three without a Charlson weight. Weights in the order of published
models (van Walraven 2010, Donze 2013); a simulation's choice, not a clinical finding."""

INTERCEPT = -3.5
AGE_LOG_ODDS_PER_DECADE = 0.12
EMERGENCY_LOG_ODDS = 0.50
LENGTH_OF_STAY_LOG_ODDS = 0.25
"""For each doubling of (1 + days)."""
ADMISSION_LOG_ODDS = 0.15
MAX_ADMISSIONS = 4
ED_VISIT_LOG_ODDS = 0.08
MAX_ED_VISITS = 4
DISPOSITION_LOG_ODDS = {
    NURSING_FACILITY: 0.30,
    HOME_HEALTH: 0.20,
    LEFT_AGAINST_ADVICE: 0.75,
    HOSPICE_HOME: -2.0,
    HOSPICE_FACILITY: -2.5,
}

OLDEST_YEARS = 110.0
MEAN_YEARS_BEYOND_85 = 4.5
AGES = (
    (1.0, 18.0, 0.08),
    (18.0, 45.0, 0.42),
    (45.0, 65.0, 0.30),
    (65.0, 85.0, 0.17),
    (85.0, OLDEST_YEARS, 0.03),
)
"""Age bands of the population around the hospital: from, to (years), and share.

Who falls ill is drawn by age too, so these shares are not those of the patients. They are set so that the ages of adult
inpatients at discharge are those of the United States in 2007: 32% from 18 to 44, 28% from 45 to 64, 32% from 65 to 84,
and 9% of 85 and over (26, 23, 26 and 7 of the 82% who were adults).

References
----------
AHRQ, HCUP Facts and Figures: Statistics on Hospital-Based Care in the United States, 2007, Exhibit 1.5.
"""


@dataclass(slots=True, eq=False)
class Person:
    """A person who lives around the hospital. Times are whole seconds since the start of the simulation."""

    token: str
    age_at_start_years: float
    sex: Sex
    conditions: tuple[Condition, ...]
    frailty: float
    """Relative rate of falling ill, 1 on average; shows only through what happens."""
    slot: int
    busy: bool = False
    """In the hospital, or on the way to it."""
    rests_until_s: int = 0
    """No new illness before: what comes within 30 days of a discharge is decided by the risk alone."""
    admitted_at_s: list[int] | None = None
    ed_visits_at_s: list[int] | None = None

    def age_years(self, now_s: int) -> int:
        """Return the age in whole years."""
        return int(self.age_at_start_years + now_s / (365.25 * DAY_S))

    @property
    def chronic_diagnoses(self) -> tuple[Diagnosis, ...]:
        """The chronic conditions as a feed reports them."""
        return tuple(_CHRONIC[condition.code] for condition in self.conditions)

    def remember_admission(self, at_s: int) -> None:
        """Note an inpatient admission."""
        self.admitted_at_s = self.admitted_at_s or []
        insort(self.admitted_at_s, at_s)

    def remember_ed_visit(self, at_s: int) -> None:
        """Note an ED visit that ended without an admission."""
        self.ed_visits_at_s = self.ed_visits_at_s or []
        insort(self.ed_visits_at_s, at_s)

    def admissions_past_year(self, before_s: int) -> int:
        """Return the inpatient admissions in the 365 days before."""
        return _count(self.admitted_at_s, before_s - YEAR_S, before_s)

    def ed_visits_past_six_months(self, before_s: int) -> int:
        """Return the ED visits without an admission in the 182 days before."""
        return _count(self.ed_visits_at_s, before_s - SIX_MONTHS_S, before_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """Predictors of a return, at the end of an inpatient stay.

    `length_of_stay_days` is 0 or more, from the encounter's admission (in the ED, if it began there) to the discharge;
    the two counts are those before the admission; `discharge_disposition` is the UB-04 code.
    """

    age_years: int
    length_of_stay_days: float
    emergency: bool
    admissions_past_year: int
    ed_visits_past_six_months: int
    discharge_disposition: str


def readmission_probability(person: Person, stay: Stay) -> float:
    """Return the probability of an unplanned return as an inpatient within 30 days.

    Parameters
    ----------
    person : Person
        Only the chronic conditions are read.
    stay : Stay
        The stay that ends.

    Returns
    -------
    float
        In [0, 1); 0 after a death.

    Notes
    -----
    Logistic: the log odds are the intercept plus the sum of

    * 0.12 for each ten years of age over 60 (negative below),
    * each condition's `log_odds`,
    * 0.25 for each doubling of 1 + days of stay,
    * 0.50 for an emergency admission,
    * 0.15 for each admission of the past year, at most four,
    * 0.08 for each ED visit of the past six months, at most four,
    * the discharge: nursing facility 0.30, home health 0.20, against advice 0.75, hospice -2.0 or -2.5.

    References
    ----------
    The predictors are those of LACE (van Walraven 2010) and HOSPITAL (Donze 2013).
    """
    if stay.discharge_disposition == EXPIRED:
        return 0.0
    log_odds = (
        INTERCEPT
        + AGE_LOG_ODDS_PER_DECADE * (stay.age_years - 60) / 10.0
        + sum(condition.log_odds for condition in person.conditions)
        + LENGTH_OF_STAY_LOG_ODDS * math.log2(1.0 + stay.length_of_stay_days)
        + EMERGENCY_LOG_ODDS * stay.emergency
        + ADMISSION_LOG_ODDS * min(stay.admissions_past_year, MAX_ADMISSIONS)
        + ED_VISIT_LOG_ODDS * min(stay.ed_visits_past_six_months, MAX_ED_VISITS)
        + DISPOSITION_LOG_ODDS.get(stay.discharge_disposition, 0.0)
    )
    return 1.0 / (1.0 + math.exp(-log_odds))


def person(seed: str, facility_id: str, number: int, slot: int, now_s: int, draws: Draws) -> Person:
    """Make one person. The token depends on seed, facility and number alone; the rest on the draws.

    Parameters
    ----------
    seed, facility_id, number : str, str, int
        Who this is.
    slot : int
        The place in the population; a new person takes the place of one who died.
    now_s : int
        When the person comes to live here: the age counts from the start of the simulation.
    draws : Draws
        Randomness.
    """
    token = hashlib.blake2b(f"{seed}/{facility_id}/{number}".encode(), digest_size=16).hexdigest()
    age = _age(draws)
    return Person(
        token=token,
        age_at_start_years=age - now_s / (365.25 * DAY_S),
        sex=Sex.FEMALE if draws.chance(0.52) else Sex.MALE,
        conditions=tuple(c for c in CONDITIONS if draws.uniform() < _share(c, age)),
        frailty=draws.lognormal(1.0, 0.5),
        slot=slot,
    )


def _age(draws: Draws) -> float:
    """Draw an age: a band of `AGES`, then evenly within the band, and beyond 85 with a tail that thins out."""
    first, last, _ = _AGES.choose(draws)
    if last < OLDEST_YEARS:
        return draws.between(first, last)
    years = OLDEST_YEARS
    while first + years >= OLDEST_YEARS:
        years = MEAN_YEARS_BEYOND_85 * draws.exponential()
    return first + years


def _share(condition: Condition, age: float) -> float:
    if age < 18.0:
        return 0.0
    return condition.share_at_70 * min(1.3, math.pow(2.0, (age - 70.0) / 15.0))


def _count(times: list[int] | None, from_s: int, before_s: int) -> int:
    return bisect_left(times, before_s) - bisect_left(times, from_s) if times else 0


_AGES = Chooser(AGES, [share for _, _, share in AGES])
_CHRONIC = {c.code: Diagnosis(code=c.code, present_on_admission=True) for c in CONDITIONS}
