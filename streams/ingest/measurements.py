"""Codes, numbers and units of observations, as senders write them: the same for HL7 v2 and FHIR. Pure.

References
----------
Molar masses: haemoglobin monomer 16,114 g/mol (1 mmol/L is 1.6114 g/dL), creatinine 113.12 g/mol (1 mg/dL is
88.4 umol/L). Sodium has one charge: mEq/L and mmol/L are the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

LOINC = frozenset({"LN", "LOINC", "HTTP://LOINC.ORG", "URN:OID:2.16.840.1.113883.6.1"})
"""Names of LOINC: HL7 table 0396, FHIR; in capitals."""

HAEMOGLOBIN, SODIUM, CREATININE = "718-7", "2951-2", "2160-0"

Comparator = Literal["<", "<=", ">=", ">"]
_COMPARATORS: dict[str, Comparator] = {"<": "<", "<=": "<=", ">=": ">=", ">": ">"}
_NUMBER = re.compile(
    r"\s*(<=|>=|<|>)?\s*([+-]?(?:[0-9]{1,12}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(?:[eE][+-]?[0-9]{1,2})?)\s*"
)


class Unit(NamedTuple):
    """The unit in which facts carry a code, and the factors of the units that senders use."""

    name: str
    factors: Mapping[str, float]
    """By the unit in small letters, as `plain_unit` writes it."""


_MICRO = "umol/l"
UNITS: dict[str, Unit] = {
    HAEMOGLOBIN: Unit("g/dL", {"g/dl": 1.0, "gm/dl": 1.0, "g%": 1.0, "g/l": 0.1, "mmol/l": 1.6114}),
    SODIUM: Unit("mmol/L", {"mmol/l": 1.0, "meq/l": 1.0}),
    CREATININE: Unit("mg/dL", {"mg/dl": 1.0, "mg%": 1.0, _MICRO: 1 / 88.4, "mmol/l": 1000 / 88.4}),
}
"""Codes that are read without any setting."""

SIGNIFICANT_DIGITS = 6
"""Of a converted value: 112 g/L is 11.2 g/dL, not 11.200000000000001."""


class Measurement(NamedTuple):
    """A number with its unit."""

    value: float
    unit: str | None
    comparator: Comparator | None = None


def read_number(text: str) -> tuple[float, Comparator | None] | None:
    """Return a number and how the real value compares with it; None where the text is not a number.

    Examples
    --------
    >>> read_number("11.2"), read_number("<5"), read_number("haemolysed"), read_number("1,200")
    ((11.2, None), (5.0, '<'), None, None)
    """
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    value = float(found[2])
    return (value, _COMPARATORS.get(found[1] or "")) if math.isfinite(value) else None


def plain_unit(unit: str) -> str:
    """Return a unit in small letters, without spaces, brackets and annotations, with u for micro.

    Examples
    --------
    >>> plain_unit("G/DL"), plain_unit("µmol/L"), plain_unit("mEq/L {serum}")
    ('g/dl', 'umol/l', 'meq/l')
    """
    text = re.sub(r"\{[^}]*\}|[\s\[\]()]", "", unit).replace("\u00b5", "u").replace("\u03bc", "u")
    return text.lower().replace("mcmol", "umol").replace("litre", "l").replace("liter", "l")


def in_unit_of_facts(code: str, measured: Measurement) -> Measurement | None:
    """Return a measurement in the unit in which facts carry its code; None where its unit cannot be converted.

    A code without a unit of its own is kept as sent.

    Examples
    --------
    >>> in_unit_of_facts("718-7", Measurement(112.0, "g/L"))
    Measurement(value=11.2, unit='g/dL', comparator=None)
    >>> in_unit_of_facts("718-7", Measurement(112.0, None)) is None
    True
    """
    known = UNITS.get(code)
    if known is None:
        return measured
    factor = known.factors.get(plain_unit(measured.unit)) if measured.unit else None
    if factor is None:
        return None
    value = measured.value if factor == 1.0 else float(f"{measured.value * factor:.{SIGNIFICANT_DIGITS}g}")
    return Measurement(value, known.name, measured.comparator)


class Codes(NamedTuple):
    """Which codes of a feed are read."""

    of_sender: Mapping[str, str]
    """The sender's code in capitals to LOINC; a LOINC code to itself."""
    units: Mapping[str, str]
    """LOINC to the unit of results that are sent without one."""

    def loinc(self, code: str, system: str) -> str | None:
        """Return the LOINC code of a coding, or None where it is not read."""
        found = self.of_sender.get(code.upper())
        if found is not None:
            return found
        return code if system.upper() in LOINC and code in UNITS else None


def codes_of(observations: Mapping[str, str], units: Mapping[str, str]) -> Codes:
    """Return the codes of a mapping's settings."""
    return Codes({code.upper(): loinc for code, loinc in observations.items()}, units)
