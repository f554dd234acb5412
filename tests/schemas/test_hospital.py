"""The hospital file, and what is wrong with it, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import HospitalFileError
from schemas.hospital import load_hospital, parse_hospital

UNIT = "{unit_id: A, name: A, type: other, licensed_beds: 3}"


def facility(units: str, name: str = "F") -> str:
    return f"{{facility_id: {name}, name: N, units: [{units}]}}"


def test_the_built_in_hospital_has_200_beds_in_eight_wards_and_an_emergency_department() -> None:
    hospital = load_hospital()
    assert len(hospital.units) == 9
    assert sum(unit.staffed for key, unit in hospital.units.items() if key != ("HG", "ED")) == 200


def test_beds_are_numbered_or_named() -> None:
    named = "{unit_id: B, name: B, type: other, beds: [W1, W2], staffed_beds: 1}"
    hospital = parse_hospital(f"facilities: [{facility(UNIT + ', ' + named)}]".encode(), "x.yaml")
    assert hospital.units["F", "A"].bed_ids == ("01", "02", "03")
    assert (hospital.units["F", "B"].bed_ids, hospital.units["F", "B"].staffed) == (("W1", "W2"), 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("facilities: []", "no facility is defined"),
        ("facilities: 3", "Expected `array`"),
        (f"facilities: [{facility(UNIT + ', ' + UNIT)}]", "unit F/A is defined twice"),
        (f"facilities: [{facility(UNIT)}, {facility(UNIT)}]", "facility F is defined twice"),
        (f"facilities: [{facility('{unit_id: A, name: A, type: ward}')}]", "type"),
        (
            f"facilities: [{facility('{unit_id: A, name: A, type: other, beds: [1a, 1a]}')}]",
            "has two beds of the same name",
        ),
        (
            f"facilities: [{facility('{unit_id: A, name: A, type: other, licensed_beds: 2, staffed_beds: 3}')}]",
            "3 staffed beds but only 2 beds",
        ),
        (
            f"facilities: [{facility('{unit_id: A, name: A, type: other, licensed_beds: 3, beds: [1a, 1b]}')}]",
            "unit F/A names 2 beds but has licensed_beds 3. Correct one of them, or leave licensed_beds out",
        ),
        (f"facilities: [{facility('{unit_id: A, name: A, type: other, colour: red}')}]", "colour"),
        *(
            (
                f"facilities: [{{facility_id: F, name: N, time_zone: {zone}, units: [{UNIT}]}}]",
                "x.yaml: facility F: time_zone '.*' is not a known time zone. Write an IANA name such as",
            )
            for zone in ("Nowhere/City", "Europe", "../etc", "''")
        ),
    ],
)
def test_a_wrong_file_says_where_and_why(text: str, message: str) -> None:
    with pytest.raises(HospitalFileError, match=message) as error:
        parse_hospital(text.encode(), "x.yaml")
    assert str(error.value).startswith("x.yaml")


def test_a_file_that_is_not_there_names_the_setting() -> None:
    with pytest.raises(HospitalFileError, match="WARDWATCH_HOSPITAL_FILE"):
        load_hospital(Path("nowhere.yaml"))


def test_names_are_one_name_however_their_accents_are_written() -> None:
    units = "{unit_id: Entre\u0301e, name: E, type: other, beds: [lit-e\u0301]}"
    hospital = parse_hospital(f"facilities: [{facility(units)}]".encode(), "x.yaml")
    assert hospital.units["F", "Entr\u00e9e"].bed_ids == ("lit-\u00e9",)
    twice = "{unit_id: A, name: E, type: other, beds: [e\u0301, \u00e9]}"
    with pytest.raises(HospitalFileError, match="two beds of the same name"):
        parse_hospital(f"facilities: [{facility(twice)}]".encode(), "x.yaml")
