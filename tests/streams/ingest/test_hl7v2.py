"""What an HL7 v2 message says, and what is done with messages that say nothing we can use."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import events
from schemas.events import decode_fact, encode_fact, patient_subject
from schemas.pseudonyms import patient_token
from streams.ingest.hl7_mapping import Hl7Mapping
from streams.ingest.hl7v2 import NotHl7
from tests.streams.ingest.messages import KEY, fact, message, read

TOKEN = patient_token(KEY, "HG", "17")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def test_an_admission_says_who_where_and_when_and_never_a_name() -> None:
    found: Any = fact(message("A01", f4="E", f10="MED", more=["DG1|1||I50.9^Heart failure^I10|||A|||||||||1"]))
    assert isinstance(found, events.PatientAdmitted)
    assert (found.id, found.source) == ("C1", "hl7:ADT/HARBOUR")
    assert (found.subject, found.partition_key) == ("V1", TOKEN)
    assert (found.occurred_at, found.recorded_at) == (utc(2026, 3, 2, 10, 15), utc(2026, 3, 2, 10, 19))
    assert found.data.location == events.Location(facility_id="HG", unit_id="4W", room="12", bed_id="01")
    assert (found.data.age_years, found.data.sex) == (76, events.Sex.FEMALE)
    assert found.data.admission_type is events.AdmissionType.EMERGENCY
    assert found.data.diagnoses == (events.Diagnosis(code="I50.9", principal=True),)
    body = encode_fact(found)
    assert b"DOE" not in body
    assert b"1950" not in body
    assert decode_fact(body) == found


@pytest.mark.parametrize(
    ("trigger", "kind"),
    [
        ("A02", events.PatientTransferred),
        ("A03", events.PatientDischarged),
        ("A04", events.PatientRegistered),
        ("A05", events.PatientPreadmitted),
        ("A06", events.PatientClassChanged),
        ("A07", events.PatientClassChanged),
        ("A08", events.EncounterUpdated),
        ("A09", events.PatientDeparted),
        ("A10", events.PatientArrived),
        ("A11", events.AdmissionCancelled),
        ("A12", events.TransferCancelled),
        ("A13", events.DischargeCancelled),
        ("A14", events.AdmissionPending),
        ("A15", events.TransferPending),
        ("A16", events.DischargePending),
        ("A21", events.LeaveStarted),
        ("A22", events.LeaveEnded),
        ("A23", events.EncounterDeleted),
        ("A25", events.PendingDischargeCancelled),
        ("A26", events.PendingTransferCancelled),
        ("A27", events.PendingAdmissionCancelled),
        ("A28", events.PatientUpdated),
        ("A31", events.PatientUpdated),
        ("A32", events.ArrivalCancelled),
        ("A33", events.DepartureCancelled),
        ("A38", events.PreadmissionCancelled),
        ("A52", events.LeaveStartCancelled),
        ("A53", events.LeaveEndCancelled),
    ],
)
def test_each_trigger_is_its_fact(trigger: str, kind: type[Any]) -> None:
    assert type(fact(message(trigger))) is kind


def test_a_swap_is_two_transfers_at_one_instant() -> None:
    other = ["PID|2||18^^^HG^MR", "PV1|2|I|5E^1^02^HG||||||||||||||||V2"]
    one, two = read(message("A17", more=other)).facts
    assert (one.id, two.id, one.subject, two.subject) == ("C1/1", "C1/2", "V1", "V2")
    assert one.occurred_at == two.occurred_at
    assert isinstance(two, events.PatientTransferred)
    assert two.data.location is not None
    assert two.data.location.unit_id == "5E"


def test_a_merge_names_who_is_merged_away_and_who_stays() -> None:
    found: Any = fact(message("A40", more=["MRG|16^^^HG^MR"]))
    away = patient_token(KEY, "HG", "16")
    assert (found.subject, found.partition_key, found.data.into) == (patient_subject(away), away, TOKEN)


def test_a_bed_status_is_about_the_bed() -> None:
    lines = ["MSH|^~\\&|ADT|HARBOUR|||20260302102000||ADT^A20|C1|P|2.5", "EVN|A20|20260302101900", "NPU|4W^12^01^HG|H"]
    found: Any = fact("\r".join(lines).encode())
    assert (found.subject, found.data.status) == ("bed:HG/4W/01", events.BedStatus.DIRTY)


@pytest.mark.parametrize(("trigger", "kind"), [("A05", events.PatientPreadmitted), ("A14", events.AdmissionPending)])
def test_a_plan_without_a_visit_number_waits_on_the_patient(trigger: str, kind: type[Any]) -> None:
    found: Any = fact(message(trigger, visit="", f42="ICU^^03^HG"))
    assert type(found) is kind
    assert found.subject == patient_subject(TOKEN)
    assert found.data.location.unit_id == "ICU"


def test_an_update_without_a_visit_is_about_the_person() -> None:
    assert isinstance(fact(message("A08", visit="")), events.PatientUpdated)


def test_the_visit_number_stands_where_the_mapping_says() -> None:
    raw = message(visit="", f50="ALT").replace(b"|19500101|F", b"|19500101|F||||||||||ACC")
    assert fact(raw).subject == "ACC"
    assert fact(raw, Hl7Mapping(visit_number=("PV1-50", "PID-18"))).subject == "ALT"
    assert fact(message(f5="PRE"), Hl7Mapping(visit_number=("PV1-5",))).subject == "PRE"


def test_a_time_without_a_zone_is_the_feeds() -> None:
    berlin = Hl7Mapping(time_zone="Europe/Berlin")
    assert fact(message(occurred="20260702101500"), berlin).occurred_at == utc(2026, 7, 2, 8, 15)
    assert fact(message(occurred="20261025023000"), berlin).occurred_at == utc(2026, 10, 25, 0, 30)  # the first 2:30
    assert fact(message(occurred="20260702101500-0500"), berlin).occurred_at == utc(2026, 7, 2, 15, 15)


def test_without_evn_6_an_expected_admission_in_the_future_is_no_admission_time() -> None:
    assert fact(message(occurred="", f44="20260302090000")).occurred_at == utc(2026, 3, 2, 9, 0)
    assert fact(message(occurred="", f44="20260309090000")).occurred_at == utc(2026, 3, 2, 10, 19)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (message(visit=""), "No visit number: PV1-19, PID-18, PV1-50 are empty"),
        (message(patient=""), "PID-3 is empty"),
        (message(occurred="yesterday"), "EVN-6 is no time"),
        (message(occurred="20260231000000"), "EVN-6 names a day"),
        (message("A40"), "No MRG segment"),
        (message("A40", more=["MRG|17^^^HG^MR"]), "the same patient"),
        (message("A17"), "A17 needs two PID"),
        (message("A29"), "MSH-9 says A29"),
        (message().replace(b"ADT^A01", b"ORU^R01"), "no ADT message"),
        (message(visit="9" * 201), "PV1-19 is longer than 200"),
        (message(visit="patient:x"), "set another visit_number"),
        (b"MSH|^^^^|A", "one character twice"),
        (b"MSH", "do not declare the separators"),
    ],
)
def test_what_cannot_be_used_says_segment_field_and_reason_and_nothing_else(raw: bytes, said: str) -> None:
    reading = read(raw)
    assert reading.facts == ()
    assert reading.rejected is not None
    assert said in reading.rejected
    assert "DOE" not in reading.rejected


@pytest.mark.parametrize("raw", [b"", b"hello", b"\x00\x01", b"PID|1", b"GET / HTTP/1.1\r\n\r\n"])
def test_what_is_no_hl7_is_refused_as_such(raw: bytes) -> None:
    with pytest.raises(NotHl7):
        read(raw)


def test_other_separators_and_escapes() -> None:
    raw = message(place="A\\T\\E^^01^HG").decode().translate(str.maketrans("|^~&", "#*%$"))
    found: Any = fact(raw.encode())
    assert found.data.location.unit_id == "A$E"


def test_an_escape_that_asks_for_a_billion_line_breaks_gets_none() -> None:
    found: Any = fact(message(f10="A\\.sp999999999\\B\\.br\\C"))
    assert found.data.service == "A B C"


def test_nothing_of_a_message_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    read(message(f10="SECRET\\\\X\\Zq\\"))
    assert caplog.text == ""


def test_line_ends_framing_and_marks_do_not_matter() -> None:
    raw = message()
    for variant in (
        raw.replace(b"\r", b"\n"),
        raw.replace(b"\r", b"\r\n\r\n"),
        b"\x0b" + raw + b"\x1c\r",
        b"\xef\xbb\xbf" + raw,
        raw + b"\rZPI|whatever|our^own&segment\rOBX|1|TX|||" + b"x" * 100_000,
    ):
        assert fact(variant) == fact(raw)


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("UNICODE UTF-8", "utf-8"),
        ("8859/1", "latin-1"),
        ("ASCII", "utf-8"),
        ("", "utf-8"),
        ("", "latin-1"),
        ("GB 18030-2000", "gb18030"),
    ],
)
def test_letters_come_as_the_header_says_or_as_the_bytes_are(declared: str, encoding: str) -> None:
    raw = message(place="Säugling^^01^HG").decode().replace("|P|2.5", "|P|2.5" + "|" * 6 + declared)
    found: Any = fact(raw.encode(encoding))
    assert found.data.location.unit_id == "Säugling"


def test_the_number_of_the_preferred_type_identifies_the_patient() -> None:
    assert fact(message(patient="99^^^SSA^SS~17^^^HG^MR")).partition_key == TOKEN
    assert fact(message(patient="17^^^HG~99^^^SSA^SS")).partition_key == TOKEN


def test_the_mapping_names_units_facilities_and_codes() -> None:
    mapping = Hl7Mapping(
        units={"4W": "4-west"},
        facilities={"HG": "harbour"},
        patient_classes={"X": events.PatientClass.OBSERVATION},
        discharge_dispositions={"HOME": "01"},
        source="adt-feed",
    )
    found: Any = fact(message("A03", f2="X", f36="HOME"), mapping)
    assert (found.source, found.data.discharge_disposition) == ("adt-feed", "01")
    assert found.data.patient_class is events.PatientClass.OBSERVATION
    moved: Any = fact(message("A02"), mapping)
    assert (moved.data.location.facility_id, moved.data.location.unit_id) == ("harbour", "4-west")


WHOLE = message("A01", f44="20260302", more=["MRG|16^^^HG^MR", "DG1|1||I50^^I10", "NPU|4W^^01|H", "PV2||x"])
pieces = st.one_of(
    st.binary(min_size=1, max_size=6),
    st.sampled_from([b"|", b"^", b"~", b"\\", b"&", b"\r", b"\x00", b"\\X0D\\", b'""']),
)


@settings(max_examples=1_500, deadline=None)
@given(cuts=st.lists(st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 12), pieces), min_size=1, max_size=6))
def test_no_mangled_message_does_more_than_be_refused(cuts: list[tuple[int, int, bytes]]) -> None:
    raw = WHOLE
    for start, removed, put in cuts:
        raw = raw[:start] + put + raw[start + removed :]
    try:
        reading = read(raw)
    except NotHl7:
        return
    assert (reading.rejected is None) == bool(reading.facts)
    for found in reading.facts:
        assert decode_fact(encode_fact(found)) == found
