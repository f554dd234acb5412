"""Where a patient lies, and which bed is meant: unit, room and bed of an HL7 v2 place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from schemas import events
from schemas.events import Location
from simulators.testing import Replay
from streams.ingest.hl7.mapping import BedNames, Hl7Mapping, load_mapping
from tests.streams.ingest.hl7.messages import fact, message, read

BED_ONLY = Hl7Mapping(bed_names=BedNames.BED)


def said(place: str, mapping: Hl7Mapping | None = None) -> Location | None:
    found: Any = fact(message(place=place), mapping)
    location: Location | None = found.data.location
    return location


def bed(place: str, mapping: Hl7Mapping | None = None) -> str | None:
    location = said(place, mapping)
    assert location is not None
    return location.bed_id


def replayed(*messages: bytes) -> Replay:
    facts = [each for raw in messages for each in read(raw).facts]
    return Replay(facts).advance()


def beds_of(board: Replay) -> Sequence[tuple[str, str, str | None]]:
    return [(each.bed_id, each.status, each.encounter_id) for each in board.board("9A", "HG").beds]


def lying(number: int, place: str) -> bytes:
    return message("A01", visit=f"V{number}", patient=f"{number}^^^HG^MR", control_id=f"C{number}", place=place)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("4W^101^A^HG", "101-A"),
        ("4W^101^101-A^HG", "101-A"),
        ("4W^10^101-A^HG", "10-101-A"),
        ("4W^101^101A^HG", "101-101A"),
        ("4W^^A^HG", "A"),
        ('4W^""^A^HG', "A"),
        ("4W^101^^HG", None),
        ("4W^^^HG", None),
    ],
)
def test_a_bed_is_named_by_its_room_and_its_own_name(place: str, name: str | None) -> None:
    assert bed(place) == name


@pytest.mark.parametrize(
    ("place", "name"), [("4W^101^A^HG", "A"), ("4W^101^101-A^HG", "101-A"), ("4W^^A^HG", "A"), ("4W^101^^HG", None)]
)
def test_a_hospital_whose_bed_names_are_unique_within_a_unit_leaves_the_room_out(place: str, name: str | None) -> None:
    assert bed(place, BED_ONLY) == name


def test_the_room_is_kept_as_it_is() -> None:
    expected = Location(facility_id="HG", unit_id="4W", room="101", bed_id="101-A")
    assert said("4W^101^A^HG") == said("4W^101^101-A^HG") == expected
    assert said("4W^101^A^HG", BED_ONLY) == Location(facility_id="HG", unit_id="4W", room="101", bed_id="A")


def test_a_mapping_file_says_what_names_a_bed(tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_text("bed_names: bed\n")
    assert load_mapping(tmp_path / "mapping.yaml").bed_names is BedNames.BED
    assert Hl7Mapping().bed_names is BedNames.ROOM_AND_BED


def test_the_longest_name_of_room_and_bed_is_taken_and_a_longer_one_refused() -> None:
    assert bed(f"4W^{'1' * 100}^{'A' * 99}^HG") == f"{'1' * 100}-{'A' * 99}"
    reading = read(message(place=f"4W^{'1' * 100}^{'A' * 100}^HG"))
    assert reading.facts == ()
    assert reading.rejected == ("PV1-3.2 and 3.3: longer than 200 characters. Shorten it at the sender.")
    assert bed(f"4W^{'1' * 100}^{'A' * 100}^HG", BED_ONLY) == "A" * 100


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (message("A09", f11="XR^7^B^HG"), "7-B"),
        (message("A15", f42="ICU^7^B^HG"), "7-B"),
        (message("A15", more=["PV2|ICU^7^B^HG"]), "7-B"),
        (message("A20", more=["NPU|ICU^7^B^HG|H"]), "7-B"),
    ],
)
def test_every_place_of_a_message_names_beds_alike(raw: bytes, name: str) -> None:
    found: Any = fact(raw)
    place = getattr(found.data, "temporary_location", None) or found.data.location
    assert place.bed_id == name


def test_beds_of_one_name_in_three_rooms_are_three_beds() -> None:
    board = replayed(lying(1, "9A^101^A^HG"), lying(2, "9A^102^A^HG"), lying(3, "9A^103^A^HG"))
    assert board.conflicts() == {}
    assert beds_of(board) == [
        ("101-A", "occupied", "V1"),
        ("102-A", "occupied", "V2"),
        ("103-A", "occupied", "V3"),
    ]


def test_a_transfer_to_the_bed_of_that_name_in_the_next_room_is_a_move() -> None:
    later = {"occurred": "20260302120000", "recorded": "20260302120000", "sent": "20260302120000"}
    board = replayed(message("A01", place="9A^101^A^HG"), message("A02", place="9A^102^A^HG", control_id="C2", **later))
    here = board.encounter("V1").location
    assert here is not None
    assert (here.bed_id, here.room, here.arrived_at.hour) == ("102-A", "102", 12)
    assert beds_of(board)[-1] == ("102-A", "occupied", "V1")


def test_a_word_on_a_bed_is_about_the_bed_of_that_room() -> None:
    found: Any = fact(message("A20", more=["NPU|9A^102^A^HG|H"]))
    assert (found.subject, found.data.location.bed_id) == ("bed:HG/9A/102-A", "102-A")
    board = replayed(lying(1, "9A^101^A^HG"), message("A20", control_id="C2", more=["NPU|9A^102^A^HG|H"]))
    assert beds_of(board) == [("101-A", "occupied", "V1"), ("102-A", "dirty", None)]


def test_a_word_on_a_bed_names_it_as_before_where_the_room_is_left_out() -> None:
    found: Any = fact(message("A20", more=["NPU|4W^12^01^HG|H"]), BED_ONLY)
    assert isinstance(found, events.BedStatusChanged)
    assert found.subject == "bed:HG/4W/01"


@pytest.mark.parametrize(
    ("place", "room", "bed_id"), [("^101^A^HG", "101", "101-A"), ("^101^^HG", "101", None), ("^^A^HG", None, "A")]
)
def test_a_room_or_bed_without_a_unit_is_in_an_unknown_one(place: str, room: str | None, bed_id: str | None) -> None:
    expected = Location(facility_id="HG", unit_id="unknown", room=room, bed_id=bed_id)
    assert said(place) == expected


def test_the_mapping_says_where_a_bed_without_a_unit_is() -> None:
    found = said("^101^A^HG", Hl7Mapping(default_unit="4 WEST", units={"4 WEST": "4W"}))
    assert found == Location(facility_id="HG", unit_id="4W", room="101", bed_id="101-A")
    told: Any = fact(message("A20", more=["NPU|^101^A^HG|H"]), Hl7Mapping(default_unit="4W"))
    assert told.subject == "bed:HG/4W/101-A"


@pytest.mark.parametrize("place", ["", "^^^HG", '""^""^""^HG', "^^^&1.2.9&ISO"])
def test_a_facility_alone_is_no_place(place: str) -> None:
    assert said(place) is None


def test_a_patient_without_a_unit_is_shown_in_the_unknown_one() -> None:
    board = replayed(message(place="^101^A^HG"))
    assert [(each.bed_id, each.encounter_id) for each in board.board("unknown").beds] == [("101-A", "V1")]
    assert board.census("unknown") == 1


def test_a_word_on_a_bed_that_is_not_named_says_which_field_must() -> None:
    assert (
        read(message("A20", more=["NPU|4W^101^^HG|H"])).rejected
        == "NPU-1.3: empty, so the bed is unknown. Fill it at the sender."
    )


DECOMPOSED, COMPOSED = "Entre\u0301e", "Entr\u00e9e"


def test_a_name_is_one_name_however_its_accents_are_written(tmp_path: Path) -> None:
    file = tmp_path / "mapping.yaml"
    file.write_text(f"units: {{{DECOMPOSED}: {DECOMPOSED}}}\nfacilities: {{{COMPOSED}: H}}\n", encoding="utf-8")
    for mapping in (Hl7Mapping(), load_mapping(file)):
        one, other = (said("^".join((name, name, name, "HG")), mapping) for name in (DECOMPOSED, COMPOSED))
        assert (
            one == other == Location(facility_id="HG", unit_id=COMPOSED, room=COMPOSED, bed_id=f"{COMPOSED}-{COMPOSED}")
        )
    assert said(f"4W^^1^{DECOMPOSED}", load_mapping(file)) == Location(facility_id="H", unit_id="4W", bed_id="1")
