"""ICD-9-CM codes in coarser groups: the category (three characters) and the section of the tabular list.

References
----------
ICD-9-CM, volume 1 (tabular list), National Center for Health Statistics. Some sections are split where one category
matters for readmission by itself (diabetes 250, heart failure 428), and neighbours with few stays are joined.
"""

from __future__ import annotations

from bisect import bisect_right

UNKNOWN = "unknown"
EXTERNAL = "external cause"

SECTIONS: tuple[tuple[int, str], ...] = (
    (1, "infection"),
    (140, "cancer of an organ"),
    (200, "cancer of blood or lymph"),
    (210, "benign tumour"),
    (240, "thyroid"),
    (249, "diabetes"),
    (251, "other gland"),
    (260, "nutrition"),
    (276, "fluid and electrolytes"),
    (277, "metabolism"),
    (280, "anaemia"),
    (286, "other blood"),
    (290, "psychosis"),
    (300, "neurosis"),
    (303, "substance use"),
    (306, "other mental"),
    (320, "nervous system"),
    (360, "eye or ear"),
    (390, "rheumatic heart"),
    (401, "hypertension"),
    (410, "myocardial infarction"),
    (411, "other ischaemic heart"),
    (415, "lung circulation"),
    (420, "other heart"),
    (427, "arrhythmia"),
    (428, "heart failure"),
    (429, "other heart"),
    (430, "stroke"),
    (440, "arteries"),
    (451, "veins"),
    (460, "upper airways"),
    (480, "pneumonia"),
    (490, "chronic lung"),
    (500, "other lung"),
    (520, "mouth"),
    (530, "oesophagus and stomach"),
    (540, "appendix"),
    (550, "hernia"),
    (555, "bowel"),
    (570, "liver"),
    (574, "bile and pancreas"),
    (578, "gastrointestinal bleeding"),
    (580, "nephritis"),
    (584, "acute kidney failure"),
    (585, "chronic kidney disease"),
    (590, "urinary tract"),
    (600, "genital organs"),
    (630, "pregnancy"),
    (680, "skin infection"),
    (690, "other skin"),
    (710, "joints"),
    (720, "back"),
    (725, "other musculoskeletal"),
    (740, "congenital"),
    (760, "perinatal"),
    (780, "general symptoms"),
    (781, "symptoms of nerves, skin or head"),
    (786, "symptoms of chest"),
    (787, "symptoms of abdomen"),
    (788, "symptoms of urine"),
    (790, "abnormal findings"),
    (800, "fracture"),
    (820, "hip fracture"),
    (821, "fracture"),
    (830, "injury"),
    (960, "poisoning"),
    (996, "device complication"),
    (997, "procedure complication"),
)
_STARTS = [start for start, _ in SECTIONS]


def category(code: str) -> str:
    """Return the first three characters (four of an external cause): the category of a code.

    Examples
    --------
    >>> category("250.01"), category("V58.1"), category("E885.9"), category("8")
    ('250', 'V58', 'E885', '008')
    """
    head = code.upper().split(".", maxsplit=1)[0]
    return head.zfill(3) if head.isdigit() else head


def section(code: str) -> str:
    """Return the section of a code; `unknown` if it is not a code of ICD-9-CM.

    Examples
    --------
    >>> section("428.0"), section("V58.1"), section("E885.9"), section("?")
    ('heart failure', 'V58', 'external cause', 'unknown')
    """
    head = category(code)
    if head[:1] == "E" and head[1:].isdigit():
        return EXTERNAL
    if head[:1] == "V" and head[1:].isdigit():
        return head
    if not head.isdigit() or not 1 <= int(head) <= 999:
        return UNKNOWN
    return SECTIONS[bisect_right(_STARTS, int(head)) - 1][1]
