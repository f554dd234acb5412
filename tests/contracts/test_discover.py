"""A hospital file is drafted from the stays and bed reports of a feed."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import Engine

from schemas.events import AnyFact
from schemas.hospital import UnitType, parse_hospital
from streams.operate.discover import SeenUnit, guess_type, hospital_text, seen_units
from tests.contracts.test_processing import take
from tests.streams.builders import admit, at, bed, cancel_admission, discharge, transfer

FACTS: list[AnyFact] = [
    admit(0, "4W/10", e="E1", p="P1"),
    admit(10, "4W/2", e="E2", p="P2"),
    discharge(20, e="E1"),
    admit(20, "4W/10", e="E3", p="P3"),  # takes the place of E1: two at once, not three
    admit(30, "4W", e="E4", p="P4"),
    transfer(40, "ICU", e="E4", p="P4"),
    admit(50, "5E/1", e="E5", p="P5"),
    cancel_admission(60, e="E5", p="P5"),
    bed(70, "4W/11", "dirty"),
]


def test_units_and_beds_are_what_stays_and_reports_name(engine: Engine) -> None:
    take(engine, *FACTS)
    with engine.connect() as connection:
        found = {unit.unit_id: unit for unit in seen_units(connection)}
    ward, intensive = found["4W"], found["ICU"]
    assert ward.beds == ("2", "10", "11"), "in the order of their numbers"
    assert (ward.stays, ward.most, ward.most_at, ward.bed_status_reports) == (4, 3, at(30), 1)
    assert (ward.first_at, ward.last_at) == (at(0), at(30))
    assert (intensive.beds, intensive.stays, intensive.most) == ((), 1, 1)
    assert found.get("5E") is None or found["5E"].stays == 0, "a cancelled stay was nowhere"


def test_the_draft_is_a_valid_hospital_file_with_what_to_check(engine: Engine) -> None:
    take(engine, *FACTS)
    with engine.connect() as connection:
        text = hospital_text(seen_units(connection), "sqlite:///ward.db", at(70))
    hospital = parse_hospital(text.encode(), "draft")
    assert hospital.units["HG", "4W"].bed_ids == ("2", "10", "11")
    assert hospital.units["HG", "ICU"].bed_ids == ("01",)
    (facility,) = hospital.facilities
    assert facility.bed_status_feed
    assert f"at most 3 at once (first at {at(30):%Y-%m-%d %H:%M} UTC). Beds named: 3." in text
    assert "time_zone: UTC  # check: an IANA name such as Europe/Berlin" in text


def test_an_empty_database_has_shown_nothing(engine: Engine) -> None:
    with engine.connect() as connection:
        assert seen_units(connection) == []


def unit(name: str, **changes: object) -> SeenUnit:
    given: dict[str, object] = {"facility_id": "F", "unit_id": name, "beds": (), "stays": 4, "emergency_share": 0.0}
    given |= {"first_at": None, "last_at": None, "most": 0, "most_at": None, "bed_status_reports": 1}
    return SeenUnit(**{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ED", UnitType.EMERGENCY),
        ("Emergency Department Observation", UnitType.EMERGENCY),
        ("Medical Intensive Care Unit (MICU)", UnitType.INTENSIVE_CARE),
        ("NICU", UnitType.INTENSIVE_CARE),
        ("Neuro Stepdown", UnitType.STEP_DOWN),
        ("Labor & Delivery", UnitType.MATERNITY),
        ("Psychiatry", UnitType.PSYCHIATRIC),
        ("4W", UnitType.MEDICAL_SURGICAL),
        ("Discharge Lounge", UnitType.OTHER),
    ],
)
def test_the_type_is_guessed_from_the_name(name: str, kind: UnitType) -> None:
    assert guess_type(unit(name)) is kind


def test_a_name_that_says_nothing_is_emergency_where_most_patients_are() -> None:
    assert guess_type(unit("Front", emergency_share=0.9)) is UnitType.EMERGENCY


@pytest.mark.parametrize("name", ['say "when"', "no: yes", "# not a comment", "0123", "null", "Zürich", "a\\b"])
def test_any_name_survives_the_file(name: str) -> None:
    moment = datetime.fromisoformat("2026-03-02T08:00+00:00")
    seen = unit(name, beds=(name,), most=1, first_at=moment, last_at=moment, most_at=moment)
    hospital = parse_hospital(hospital_text([seen], "x", None).encode(), "draft")
    assert hospital.units["F", name].bed_ids == (name,)
