"""UB-04 patient discharge status (form locator 17): the codes, their groups, and their names in plain words.

PV1-36 carries these codes in feeds of the United States (HL7 table 0112 is filled by each site; readers of other
feeds map their own codes to these). `Encounter.discharge_disposition` holds them as reported; `disposition_code`
gives the two digits that the groups below contain.

References
----------
National Uniform Billing Committee, Official UB-04 Data Specifications Manual, form locator 17. CMS, Medicare Claims
Processing Manual, chapter 25, section 75.2. Codes 81 to 95 repeat 01 to 06, 21, 43, 61 to 66 and 70 for a discharge
with a planned acute inpatient readmission (since October 2013).
"""

from __future__ import annotations

HOME = "01"
ACUTE_HOSPITAL = "02"
NURSING_FACILITY = "03"
HOME_HEALTH = "06"
LEFT_AGAINST_ADVICE = "07"
EXPIRED = "20"
HOSPICE_HOME = "50"
HOSPICE_FACILITY = "51"

DIED = frozenset({EXPIRED, "40", "41", "42"})
"""Died in the hospital (20), or under hospice care at home, in a facility, or at an unknown place."""
HOSPICE = frozenset({HOSPICE_HOME, HOSPICE_FACILITY})
AGAINST_ADVICE = frozenset({LEFT_AGAINST_ADVICE})
ACUTE_TRANSFER = frozenset({ACUTE_HOSPITAL, "05", "43", "66", "82", "85", "88", "94"})
"""To a short-term general hospital, a cancer centre or children's hospital, a federal hospital, or a critical access
hospital; 82, 85, 88 and 94 are the same with a planned readmission."""
READMISSION_PLANNED = frozenset(str(code) for code in range(81, 96))
"""Discharged to any of those places with a planned acute inpatient readmission."""

WORDS: dict[str, str] = {
    HOME: "home",
    ACUTE_HOSPITAL: "another acute hospital",
    NURSING_FACILITY: "skilled nursing facility",
    "04": "intermediate care",
    "05": "cancer centre or children's hospital",
    HOME_HEALTH: "home with home health care",
    LEFT_AGAINST_ADVICE: "left against advice",
    EXPIRED: "died",
    "21": "court or law enforcement",
    "30": "still a patient",
    "43": "federal hospital",
    HOSPICE_HOME: "hospice at home",
    HOSPICE_FACILITY: "hospice facility",
    "61": "swing bed",
    "62": "rehabilitation facility",
    "63": "long-term care hospital",
    "64": "nursing facility",
    "65": "psychiatric hospital",
    "66": "critical access hospital",
    "70": "another institution",
}
"""Names for people; a code without a name is shown as the code."""


def disposition_code(reported: str | None) -> str | None:
    """Return a UB-04 patient discharge status in its two digits; feeds also write `1` for `01`.

    Parameters
    ----------
    reported : str or None
        PV1-36 as received.

    Returns
    -------
    str or None
        None for None; what is not one digit is returned without its outer spaces.

    Examples
    --------
    >>> disposition_code("1"), disposition_code("20"), disposition_code(None)
    ('01', '20', None)
    """
    if reported is None:
        return None
    code = reported.strip()
    return f"0{code}" if len(code) == 1 and code.isdigit() else code
