"""The Charlson comorbidity groups of a patient, from ICD-10 codes, and the weighted index.

References
----------
Charlson et al. 1987, J Chronic Dis 40:373 (the groups, `WEIGHTS_1987`). Quan et al. 2005, Med Care 43:1130 (`PREFIXES`,
ICD-10). Quan et al. 2011, Am J Epidemiol 173:676 (`WEIGHTS_2011`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from models.bedside.items import BedsideScore, Conditions, Item

MYOCARDIAL_INFARCTION = "myocardial_infarction"
HEART_FAILURE = "heart_failure"
PERIPHERAL_VASCULAR = "peripheral_vascular"
CEREBROVASCULAR = "cerebrovascular"
DEMENTIA = "dementia"
CHRONIC_PULMONARY = "chronic_pulmonary"
RHEUMATIC = "rheumatic"
PEPTIC_ULCER = "peptic_ulcer"
MILD_LIVER = "mild_liver"
DIABETES = "diabetes"
COMPLICATED_DIABETES = "complicated_diabetes"
HEMIPLEGIA = "hemiplegia"
RENAL = "renal"
CANCER = "cancer"
SEVERE_LIVER = "severe_liver"
METASTATIC_CANCER = "metastatic_cancer"
AIDS = "aids"

PREFIXES: dict[str, str] = {
    MYOCARDIAL_INFARCTION: "I21 I22 I252",
    HEART_FAILURE: "I099 I110 I130 I132 I255 I420 I425 I426 I427 I428 I429 I43 I50 P290",
    PERIPHERAL_VASCULAR: "I70 I71 I731 I738 I739 I771 I790 I792 K551 K558 K559 Z958 Z959",
    CEREBROVASCULAR: "G45 G46 H340 I60 I61 I62 I63 I64 I65 I66 I67 I68 I69",
    DEMENTIA: "F00 F01 F02 F03 F051 G30 G311",
    CHRONIC_PULMONARY: ("I278 I279 J40 J41 J42 J43 J44 J45 J46 J47 J60 J61 J62 J63 J64 J65 J66 J67 J684 J701 J703"),
    RHEUMATIC: "M05 M06 M315 M32 M33 M34 M351 M353 M360",
    PEPTIC_ULCER: "K25 K26 K27 K28",
    MILD_LIVER: ("B18 K700 K701 K702 K703 K709 K713 K714 K715 K717 K73 K74 K760 K762 K763 K764 K768 K769 Z944"),
    DIABETES: (
        "E100 E101 E106 E108 E109 E110 E111 E116 E118 E119 E120 E121 E126 E128 E129 "
        "E130 E131 E136 E138 E139 E140 E141 E146 E148 E149"
    ),
    COMPLICATED_DIABETES: (
        "E102 E103 E104 E105 E107 E112 E113 E114 E115 E117 E122 E123 E124 E125 E127 "
        "E132 E133 E134 E135 E137 E142 E143 E144 E145 E147"
    ),
    HEMIPLEGIA: "G041 G114 G801 G802 G81 G82 G830 G831 G832 G833 G834 G839",
    RENAL: (
        "I120 I131 N032 N033 N034 N035 N036 N037 N052 N053 N054 N055 N056 N057 N18 N19 N250 Z490 Z491 Z492 Z940 Z992"
    ),
    CANCER: (
        "C00 C01 C02 C03 C04 C05 C06 C07 C08 C09 C10 C11 C12 C13 C14 C15 C16 C17 C18 C19 C20 C21 C22 C23 C24 C25 C26 "
        "C30 C31 C32 C33 C34 C37 C38 C39 C40 C41 C43 C45 C46 C47 C48 C49 C50 C51 C52 C53 C54 C55 C56 C57 C58 "
        "C60 C61 C62 C63 C64 C65 C66 C67 C68 C69 C70 C71 C72 C73 C74 C75 C76 C81 C82 C83 C84 C85 C88 "
        "C90 C91 C92 C93 C94 C95 C96 C97"
    ),
    SEVERE_LIVER: "I850 I859 I864 I982 K704 K711 K721 K729 K765 K766 K767",
    METASTATIC_CANCER: "C77 C78 C79 C80",
    AIDS: "B20 B21 B22 B24",
}
"""Quan 2005, Table 1: prefixes of three or four characters, without the dot."""

GROUPS = tuple(PREFIXES)

LABELS: dict[str, str] = {
    MYOCARDIAL_INFARCTION: "Myocardial infarction",
    HEART_FAILURE: "Heart failure",
    PERIPHERAL_VASCULAR: "Peripheral vascular disease",
    CEREBROVASCULAR: "Cerebrovascular disease",
    DEMENTIA: "Dementia",
    CHRONIC_PULMONARY: "Chronic pulmonary disease",
    RHEUMATIC: "Rheumatic disease",
    PEPTIC_ULCER: "Peptic ulcer",
    MILD_LIVER: "Mild liver disease",
    DIABETES: "Diabetes",
    COMPLICATED_DIABETES: "Diabetes with complications",
    HEMIPLEGIA: "Hemiplegia or paraplegia",
    RENAL: "Kidney disease",
    CANCER: "Cancer",
    SEVERE_LIVER: "Severe liver disease",
    METASTATIC_CANCER: "Metastatic cancer",
    AIDS: "HIV disease",
}
"""Name of each group for people."""

WORSE: dict[str, str] = {
    MILD_LIVER: SEVERE_LIVER,
    DIABETES: COMPLICATED_DIABETES,
    CANCER: METASTATIC_CANCER,
}
"""The hierarchy: a group does not count if the worse one is present."""

WEIGHTS_1987: dict[str, int] = dict.fromkeys(GROUPS, 1) | {
    COMPLICATED_DIABETES: 2,
    HEMIPLEGIA: 2,
    RENAL: 2,
    CANCER: 2,
    SEVERE_LIVER: 3,
    METASTATIC_CANCER: 6,
    AIDS: 6,
}

WEIGHTS_2011: dict[str, int] = dict.fromkeys(GROUPS, 0) | {
    HEART_FAILURE: 2,
    DEMENTIA: 2,
    CHRONIC_PULMONARY: 1,
    RHEUMATIC: 1,
    MILD_LIVER: 2,
    COMPLICATED_DIABETES: 1,
    HEMIPLEGIA: 2,
    RENAL: 1,
    CANCER: 2,
    SEVERE_LIVER: 4,
    METASTATIC_CANCER: 6,
    AIDS: 2,
}
"""AIDS weighs 2 here, where Quan 2011 prints 4 (which makes 24 the highest sum); see docs/decisions/0009."""

_BY_PREFIX: dict[str, str] = {prefix: group for group, prefixes in PREFIXES.items() for prefix in prefixes.split()}


@lru_cache(maxsize=256)
def is_icd10_diagnosis(system: str) -> bool:
    """Return whether the coding system is ICD-10 or a national version of its diagnoses.

    Examples
    --------
    >>> is_icd10_diagnosis("ICD-10-CM"), is_icd10_diagnosis("ICD9CM"), is_icd10_diagnosis("ICD10PCS")
    (True, False, False)
    """
    name = system.upper().replace("-", "")
    return name.startswith(("ICD10", "I10")) and "PCS" not in name


@lru_cache(maxsize=65_536)
def _group_of(code: str) -> str | None:
    plain = code.upper().replace(".", "").strip()
    return _BY_PREFIX.get(plain[:4]) or _BY_PREFIX.get(plain[:3])


def group_of(code: str, system: str = "ICD10CM") -> str | None:
    """Return the Charlson group of one diagnosis code.

    Parameters
    ----------
    code : str
        With or without its dot.
    system : str
        Coding system, as in DG1-3.

    Returns
    -------
    str or None
        One of `GROUPS`; None when the code belongs to none, or the system is not ICD-10.

    Examples
    --------
    >>> group_of("I50.9")
    'heart_failure'
    """
    return _group_of(code) if is_icd10_diagnosis(system) else None


def comorbidities(codes: Iterable[tuple[str, str]]) -> frozenset[str] | None:
    """Return the Charlson groups of the codes, with the hierarchy applied.

    Parameters
    ----------
    codes : iterable of (code, system)
        All diagnoses known of a patient.

    Returns
    -------
    frozenset of str or None
        Some of `GROUPS`. None (unknown) if none of the codes is an ICD-10 code.

    Examples
    --------
    >>> sorted(comorbidities([("E11.9", "ICD10CM"), ("E11.22", "ICD10CM")]))
    ['complicated_diabetes']
    >>> comorbidities([("4280", "ICD9CM")]) is None
    True
    """
    read = [_group_of(code) for code, system in codes if is_icd10_diagnosis(system)]
    if not read:
        return None
    found = {group for group in read if group is not None}
    return frozenset(group for group in found if WORSE.get(group) not in found)


def charlson_index(groups: Iterable[str], weights: Mapping[str, int] = WEIGHTS_2011) -> int:
    """Return the sum of the weights of the groups present.

    Parameters
    ----------
    groups : iterable of str
        As `comorbidities` returns them, the hierarchy applied.
    weights : mapping
        `WEIGHTS_2011` (0 to 22 points) or `WEIGHTS_1987` (0 to 29).

    Returns
    -------
    int
        0 or more.

    Examples
    --------
    >>> charlson_index(["heart_failure", "renal"]), charlson_index(["heart_failure", "renal"], WEIGHTS_1987)
    (3, 3)
    """
    return sum(weights[group] for group in groups)


OTHER_CONDITIONS = "other_conditions"
"""Item of conditions that the patient can have without being known to."""


def charlson_score(name: str, conditions: Conditions | None, weights: Mapping[str, int]) -> BedsideScore:
    """Return the Charlson index with one item for each group that is present.

    Parameters
    ----------
    name : str
        `charlson_1987` or `charlson_2011`.
    conditions : Conditions or None
        Charlson groups, the hierarchy applied.
    weights : mapping
        `WEIGHTS_1987` or `WEIGHTS_2011`.

    Returns
    -------
    BedsideScore
        0 to 29 points (1987), 0 to 22 (2011). Groups that are not present have no item.

    Examples
    --------
    >>> score = charlson_score("charlson_2011", Conditions(frozenset({"heart_failure", "renal"})), WEIGHTS_2011)
    >>> [(item.key, item.low) for item in score.items]
    [('heart_failure', 2), ('renal', 1)]
    """
    if conditions is None:
        return BedsideScore(name, (Item(OTHER_CONDITIONS, None, 0, _most(weights)),))
    found = [Item(group, "yes", weights[group], weights[group]) for group in GROUPS if group in conditions.groups]
    if not conditions.is_final:
        found.append(Item(OTHER_CONDITIONS, None, 0, _most(weights) - sum(item.low for item in found)))
    return BedsideScore(name, tuple(found))


def _most(weights: Mapping[str, int]) -> int:
    """Return the highest index: all groups present, the hierarchy applied."""
    return sum(weight for group, weight in weights.items() if group not in WORSE)
