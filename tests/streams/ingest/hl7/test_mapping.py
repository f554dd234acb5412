"""What a mapping file can say, and what it says that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.errors import UsageError
from schemas.events import AdmissionType, BedStatus, PatientClass
from streams.ingest.hl7.mapping import Hl7Mapping, load_mapping
from tests.streams.ingest.hl7.messages import fact, message, read


def mapping(folder: Path, text: str) -> Hl7Mapping:
    file = folder / "mapping.yaml"
    file.write_text(text)
    return load_mapping(file)


def test_a_mapping_is_read_from_yaml(tmp_path: Path) -> None:
    assert mapping(tmp_path, "time_zone: Europe/Berlin\nunits: {4W: west}\n").units == {"4W": "west"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("visit_number: [PV1]\n", "visit_number"),
        ("visit_number: [PV1-0]\n", "visit_number"),
        ("visit_number: [PV1-19.0]\n", "visit_number"),
        ("time_zone: Nowhere/City\n", "time_zone is not a known time zone"),
        ("time_zone: Europe\n", "time_zone is not a known time zone"),  # a folder of zones
        ("time_zone: ../etc\n", "time_zone is not a known time zone"),
        ("time_zone: ''\n", "time_zone is not a known time zone"),
        ("units: {4W: ''}\n", "units"),
    ],
)
def test_a_mapping_that_is_wrong_says_where(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mapping\.yaml: .*" + said):
        mapping(tmp_path, text)


def test_a_segment_of_the_hospitals_own_is_read_where_the_mapping_names_it() -> None:
    raw = message(visit="", more=["ZPV|V77|a^b"])
    assert fact(raw, Hl7Mapping(visit_number=("ZPV-1",))).subject == "V77"
    assert fact(raw, Hl7Mapping(visit_number=("PV1-19", "ZPV-2.2"))).subject == "b"
    assert read(raw).rejected is not None


def test_a_field_of_the_header_can_be_named() -> None:
    assert fact(message(visit=""), Hl7Mapping(visit_number=("MSH-8", "MSH-10"))).subject == "C1"


def test_codes_compare_without_regard_to_capitals() -> None:
    codes = Hl7Mapping(
        patient_classes={"s": PatientClass.OBSERVATION},
        admission_types={"x": AdmissionType.TRAUMA},
        bed_statuses={"clean": BedStatus.CLEANING},
    )
    for letters in ("s", "S"):
        found: Any = fact(message(f2=letters, f4=letters.replace("s", "x").replace("S", "X")), codes)
        assert found.data.patient_class is PatientClass.OBSERVATION
        assert found.data.admission_type is AdmissionType.TRAUMA
    bed: Any = fact(message("A20", more=["NPU|4W^12^01^HG|Clean"]), codes)
    assert bed.data.status is BedStatus.CLEANING
