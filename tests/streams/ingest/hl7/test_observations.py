"""Results of ORU^R01: codes, numbers, units, status, corrections and times."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from schemas.events import ObservationDetails, ObservationReported, ObservationStatus
from streams.fold.encounter import fold
from streams.ingest.hl7.frame import read_frame
from streams.ingest.hl7.mapping import Hl7Mapping
from tests.streams.builders import admit
from tests.streams.ingest.hl7.messages import KEY, read
from tests.streams.ingest.hl7.messages import message as adt

HB = "718-7^Hemoglobin^LN"
NA = "2951-2^Sodium^LN"


def obx(
    code: str = HB,
    value: str = "11.2",
    unit: str = "g/dL",
    *,
    status: str = "F",
    kind: str = "NM",
    sub: str = "",
    time: str = "",
) -> str:
    return f"OBX|1|{kind}|{code}|{sub}|{value}|{unit}|12-16|L|||{status}|||{time}"


def oru(
    *lines: str, obr: str = "OBR|1|P9|F9|58410-2^CBC^LN|||20260302080000", control_id: str = "L1", **more: Any
) -> bytes:
    raw = adt("R01", control_id=control_id, more=(*([obr] if obr else []), *lines), **more)
    return raw.replace(b"ADT^R01", b"ORU^R01").replace(b"EVN|R01|20260302101900||||20260302101500\r", b"")


def facts(raw: bytes, mapping: Hl7Mapping | None = None) -> list[ObservationReported]:
    reading = read(raw, mapping)
    assert reading.rejected is None, reading.rejected
    assert all(isinstance(fact, ObservationReported) for fact in reading.facts)
    return list(reading.facts)  # type: ignore[arg-type]


def data(raw: bytes, mapping: Hl7Mapping | None = None) -> ObservationDetails:
    [fact] = facts(raw, mapping)
    return fact.data


def test_a_result_is_a_fact_about_its_visit_at_the_time_of_the_specimen() -> None:
    [fact] = facts(oru(obx()))
    assert (fact.subject, fact.id, fact.source) == ("V1", "L1", "hl7:ADT/HARBOUR")
    assert fact.occurred_at.isoformat() == "2026-03-02T08:00:00+00:00"
    assert fact.recorded_at.isoformat() == "2026-03-02T10:20:00+00:00"
    assert fact.data == ObservationDetails(code="718-7", value=11.2, unit="g/dL", result="F9/718-7/")
    [admission] = read(adt()).facts
    assert fact.partition_key == admission.partition_key


def test_the_time_of_the_observation_comes_before_that_of_the_order() -> None:
    [fact] = facts(oru(obx(time="20260302093000")))
    assert fact.occurred_at.isoformat() == "2026-03-02T09:30:00+00:00"


@pytest.mark.parametrize("time", ["20270101000000", "20260302", "notatime"])
def test_a_time_to_come_or_without_an_hour_does_not_count(time: str) -> None:
    [fact] = facts(oru(obx(time=time), obr="OBR|1|P9|F9|CBC|||"))
    assert fact.occurred_at == fact.recorded_at


def test_results_of_several_orders_have_their_orders() -> None:
    raw = oru(obx(), obx(NA, "133", "mmol/L"), "OBR|2|P9|F10|BMP|||20260302090000", obx(NA, "131", "mmol/L"))
    assert [(fact.id, fact.data.result, fact.occurred_at.hour) for fact in facts(raw)] == [
        ("L1/1", "F9/718-7/", 8),
        ("L1/2", "F9/2951-2/", 8),
        ("L1/3", "F10/2951-2/", 9),
    ]


@pytest.mark.parametrize(
    ("code", "value", "unit", "expected"),
    [
        (HB, "11.2", "g/dL", 11.2),
        (HB, "11.2", "GM/DL", 11.2),
        (HB, "112", "g/L", 11.2),
        (HB, "6.95", "mmol/L", 11.1992),
        (NA, "133", "mEq/L", 133.0),
        (NA, "133", "MMOL/L", 133.0),
        ("2160-0^Creatinine^LN", "88.4", "umol/L", 1.0),
        ("2160-0^Creatinine^LN", "120", "µmol/L", 1.35747),
        ("2160-0^Creatinine^LN", "1.3", "mg/dL", 1.3),
    ],
)
def test_units_are_converted(code: str, value: str, unit: str, expected: float) -> None:
    assert data(oru(obx(code, value, unit))).value == expected


@pytest.mark.parametrize(
    ("value", "unit", "field"), [("11.2", "", "OBX-6"), ("11.2", "furlong", "OBX-6"), ("red", "g/dL", "OBX-5")]
)
def test_what_cannot_be_read_has_no_value_and_is_named(value: str, unit: str, field: str) -> None:
    good, bad = obx(NA, "140", "mmol/L"), obx(HB, value, unit)
    first, second = facts(oru(good, bad))
    assert (first.data.value, first.unreadable) == (140.0, UNSET)
    assert (second.data.value, second.unreadable) == (None, (field,))


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("<5", "ST", (5.0, "<")),
        (">=150", "NM", (150.0, ">=")),
        ("<^5", "SN", (5.0, "<")),
        ("^5.5", "SN", (5.5, None)),
        ("1^-^5", "SN", (None, None)),
        ("11,2", "ST", (None, None)),
        ("1e400", "NM", (None, None)),
        ('""', "NM", (None, None)),
        ("", "NM", (None, None)),
    ],
)
def test_numbers_are_read_with_their_comparison(value: str, kind: str, expected: tuple[Any, Any]) -> None:
    found = data(oru(obx(value=value, kind=kind)))
    assert (found.value, found.comparator) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("F", ObservationStatus.FINAL),
        ("", ObservationStatus.FINAL),
        ("P", ObservationStatus.PRELIMINARY),
        ("C", ObservationStatus.CORRECTED),
        ("X", ObservationStatus.CANCELLED),
        ("W", ObservationStatus.CANCELLED),
        ("D", ObservationStatus.CANCELLED),
    ],
)
def test_the_status_is_that_of_the_table(status: str, expected: ObservationStatus) -> None:
    found = data(oru(obx(status=status)))
    assert found.status is expected
    assert (found.value is None) is (expected is ObservationStatus.CANCELLED)


@pytest.mark.parametrize("status", ["I", "N", "O"])
def test_an_order_without_a_result_is_no_fact(status: str) -> None:
    assert facts(oru(obx(status=status))) == []


def test_a_correction_replaces_and_a_cancel_removes_what_came_before() -> None:
    first = facts(oru(obx(value="19.2")))
    corrected = facts(oru(obx(value="9.2", status="C"), control_id="L2", sent="20260302120000"))
    cancelled = facts(oru(obx(value="", status="X"), control_id="L3", sent="20260302130000"))
    stay = admit(0, e="V1", p=first[0].partition_key)

    def values(*sent: Any) -> list[float]:
        encounter = fold([stay, *sent])
        assert encounter is not None
        return [each.value for each in encounter.observations]

    assert values(*first) == [19.2]
    assert values(*corrected, *first) == [9.2]
    assert values(*cancelled, *corrected, *first) == []


LOCAL = Hl7Mapping(observations={"hgb": "718-7", "K": "2823-3"}, observation_units={"718-7": "g/L", "2823-3": "mmol/L"})


def test_local_codes_and_units_come_from_the_mapping() -> None:
    found = data(oru(obx("HGB^Hb^L", "112", "")), LOCAL)
    assert (found.code, found.value, found.unit) == ("718-7", 11.2, "g/dL")
    potassium = data(oru(obx("K^Kalium^L", "4.1", "")), LOCAL)
    assert (potassium.code, potassium.value, potassium.unit) == ("2823-3", 4.1, "mmol/L")


def test_the_alternate_identifier_may_have_the_loinc_code() -> None:
    assert data(oru(obx("HGB^Hb^L^718-7^Hemoglobin^LN"))).code == "718-7"


@pytest.mark.parametrize("code", ["718-7^Hemoglobin^L", "2823-3^Potassium^LN", "", "HGB^Hb^L"])
def test_a_code_that_is_not_read_is_passed_over_without_a_dead_letter(code: str) -> None:
    result = read_frame(oru(obx(code)), Hl7Mapping(), KEY)
    assert (result.records, result.accepted, result.rejected) == ([], 1, 0)


def test_without_a_visit_number_a_result_that_is_read_is_rejected() -> None:
    reading = read(oru(obx(), visit=""))
    assert reading.facts == ()
    assert "PV1-19" in (reading.rejected or "")
    assert facts(oru(obx("OTHER^x^L"), visit="")) == []


def test_results_of_an_adt_message_are_not_parsed() -> None:
    raw = adt("A08", more=[obx()] * 3_000)
    [fact] = read(raw).facts
    assert type(fact).__name__ == "EncounterUpdated"


def test_other_triggers_of_oru_are_rejected() -> None:
    assert "only R01" in (read(oru(obx()).replace(b"ORU^R01", b"ORU^R30")).rejected or "")


def test_a_message_in_another_encoding_is_read() -> None:
    raw = oru(obx()).decode().encode("utf-16")
    assert data(raw).value == 11.2


def test_an_adt_message_with_the_trigger_of_results_is_rejected() -> None:
    assert "R01 is not supported" in (read(adt("R01", more=[obx()])).rejected or "")


def test_a_message_of_two_patients_is_rejected() -> None:
    assert "PID" in (read(oru(obx(), "PID|2||18^^^HG^MR", obx())).rejected or "")


def test_the_same_message_gives_the_same_facts() -> None:
    assert facts(oru(obx())) == facts(oru(obx()))
