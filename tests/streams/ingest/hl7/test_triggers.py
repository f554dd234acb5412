"""What an HL7 v2 message says, and what is done with messages that say nothing we can use."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import events
from schemas.errors import NotHl7
from schemas.events import decode_fact, encode_fact, patient_subject
from schemas.pseudonyms import patient_token
from streams.ingest.hl7.mapping import Hl7Mapping
from tests.streams.ingest.hl7.messages import KEY, fact, message, read

TOKEN = patient_token(KEY, "HG", "17")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def test_an_admission_says_who_where_and_when_and_never_a_name() -> None:
    found: Any = fact(message("A01", f4="E", f10="MED", more=["DG1|1||I50.9^Heart failure^I10|||A|||||||||1"]))
    assert isinstance(found, events.PatientAdmitted)
    assert (found.id, found.source) == ("C1", "hl7:ADT/HARBOUR")
    assert (found.subject, found.partition_key) == ("V1", TOKEN)
    assert (found.occurred_at, found.recorded_at) == (utc(2026, 3, 2, 10, 15), utc(2026, 3, 2, 10, 19))
    assert found.data.location == events.Location(facility_id="HG", unit_id="4W", room="12", bed_id="12-01")
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


def beds(*npu: str) -> bytes:
    lines = ["MSH|^~\\&|ADT|HARBOUR|||20260302102000||ADT^A20|C1|P|2.5", "EVN|A20|20260302101900", *npu]
    return "\r".join(lines).encode()


def test_a_bed_status_is_about_the_bed() -> None:
    found: Any = fact(beds("NPU|4W^12^01^HG|H"))
    assert (found.subject, found.data.status) == ("bed:HG/4W/12-01", events.BedStatus.DIRTY)


def test_each_bed_of_a_message_is_a_fact() -> None:
    found: Any = read(beds("NPU|4W^12^01^HG|H", "NPU|4W^12^02^HG|U")).facts
    assert [(each.id, each.subject, each.data.status) for each in found] == [
        ("C1/1", "bed:HG/4W/12-01", events.BedStatus.DIRTY),
        ("C1/2", "bed:HG/4W/12-02", events.BedStatus.AVAILABLE),
    ]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("NPU|4W^12^02^HG|", "NPU-2: empty, so the status of the bed is unknown."),
        ('NPU|4W^12^02^HG|""', "NPU-2: empty, so the status of the bed is unknown."),
        ("NPU|4W^12^02^HG", "NPU-2: empty, so the status of the bed is unknown."),
        ("NPU|4W^12^02^HG|Q", "NPU-2: an unknown code. Add it to bed_statuses in the HL7 mapping."),
        ("NPU|4W^12^^HG|H", "NPU-1.3: empty, so the bed is unknown."),
        (f"NPU|4W^{'x' * 201}^02^HG|H", "NPU-1.2: longer than 200 characters."),
    ],
)
def test_a_bed_that_cannot_be_read_does_not_lose_the_others(broken: str, reason: str) -> None:
    alone = read(beds(broken))
    assert (alone.facts, len(alone.problems)) == ((), 1)
    assert (alone.rejected or "").startswith(reason)
    among = read(beds("NPU|4W^12^01^HG|H", broken, "NPU|4W^12^03^HG|U"))
    assert [(each.id, each.subject) for each in among.facts] == [
        ("C1/1", "bed:HG/4W/12-01"),
        ("C1/3", "bed:HG/4W/12-03"),
    ]
    assert (among.rejected or "").startswith(f"NPU segment 2 of 3, {reason}")


def test_an_a20_without_a_bed_is_refused() -> None:
    assert read(beds()).rejected == "NPU: missing. Send an NPU segment for each bed."


@pytest.mark.parametrize("trigger", ["A12", "A13", "A32", "A33"])
def test_a_cancel_that_brings_a_patient_back_says_where_to(trigger: str) -> None:
    found: Any = fact(message(trigger))
    assert found.data == events.CancelDetails(
        location=events.Location(facility_id="HG", unit_id="4W", room="12", bed_id="12-01")
    )
    nowhere: Any = fact(message(trigger, place=""))
    assert nowhere.data.location is None


@pytest.mark.parametrize("trigger", ["A11", "A25", "A26", "A27", "A38", "A52", "A53"])
def test_other_cancels_say_no_place(trigger: str) -> None:
    found: Any = fact(message(trigger))
    assert found.data == events.CancelDetails()


def test_a_facility_known_by_its_oid_only_is_told_from_another() -> None:
    one: Any = fact(message(place="4W^12^01^&1.2.9&ISO"))
    two: Any = fact(message(place="4W^12^01^&1.2.8&ISO"))
    assert (one.data.location.facility_id, two.data.location.facility_id) == ("1.2.9", "1.2.8")


@pytest.mark.parametrize("trigger", ["A24", "A29", "A43"])
def test_a_trigger_that_is_not_read_yet_says_what_to_do(trigger: str) -> None:
    reason = read(message(trigger, more=["MRG|18^^^HG^MR"])).rejected
    assert reason is not None
    assert f"MSH-9.2: {trigger} is not supported: it" in reason
    assert any(remedy in reason for remedy in ("Send an A40", "Delete the visits with A23"))


@pytest.mark.parametrize(("trigger", "kind"), [("A05", events.PatientPreadmitted), ("A14", events.AdmissionPending)])
def test_a_plan_without_a_visit_number_waits_on_the_patient(trigger: str, kind: type[Any]) -> None:
    found: Any = fact(message(trigger, visit="", f42="ICU^^03^HG"))
    assert type(found) is kind
    assert found.subject == patient_subject(TOKEN)
    assert found.data.location.unit_id == "ICU"


@pytest.mark.parametrize(
    ("pid", "disposition", "said"),
    [
        ("|F" + "|" * 22 + "Y", "", "20"),
        ("|F" + "|" * 21 + "20260305095000", "", "20"),
        ("|F" + "|" * 22 + "Y", "41", "41"),
        ("|F" + "|" * 22 + "N", "", None),
    ],
)
def test_a_discharge_of_a_patient_who_died_says_so(pid: str, disposition: str, said: str | None) -> None:
    raw = message("A03", f36=disposition).replace(b"|F\r", pid.encode() + b"\r")
    data: Any = read(raw).facts[0].data
    assert data.discharge_disposition == said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("PID|2||18^^^HG^MR", "PID: 2 segments. Send one message for each patient."),
        ("PV1||I|5E", "PV1: 2 segments. Send one message for each visit."),
    ],
)
def test_of_two_patients_or_visits_none_is_lost_in_silence(more: str, said: str) -> None:
    reading = read(message("A01", more=[more]))
    assert (reading.facts, reading.rejected) == ((), said)


def test_an_update_without_a_visit_is_about_the_person() -> None:
    assert isinstance(fact(message("A08", visit="")), events.PatientUpdated)


def test_the_visit_number_stands_where_the_mapping_says() -> None:
    raw = message(visit="", f50="ALT").replace(b"|19500101|F", b"|19500101|F||||||||||ACC")
    assert fact(raw).subject == "ACC"
    assert fact(raw, Hl7Mapping(visit_number=("PV1-50", "PID-18"))).subject == "ALT"
    assert fact(message(f5="PRE"), Hl7Mapping(visit_number=("PV1-5",))).subject == "PRE"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (message(visit=""), "PV1-19, PID-18, PV1-50: no visit number. Fill one"),
        (message(patient=""), "PID-3: empty, so the patient is unknown"),
        (message(recorded="", sent="", occurred="yesterday"), "EVN-2, MSH-7 and EVN-6: all empty or not valid"),
        (message(recorded="", sent="", occurred=""), "EVN-2, MSH-7 and EVN-6: all empty. Fill one"),
        (message("A19"), "MSH-9.2: A19 is not supported: it is not about a stay"),
        (message().replace(b"ADT^A01", b"SIU^S12"), "MSH-9.1: neither ADT nor ORU"),
        (message(visit="9" * 201), "PV1-19: longer than 200"),
        (message(visit="patient:x"), "PV1-19: the visit number has a reserved prefix"),
        (message() + b"\r" + message("A03"), "MSH: a second MSH segment"),
        (message() + b"\rMSH#^~\\&#ADT", "MSH: a second MSH segment"),
        (message()[:60] + b"\x0b" + message("A03"), "MSH: a second MSH segment"),
        (message() + b"\x0b", "The message was cut off"),
        (b"MSH|^^^^|A", "MSH-2: declares one character twice"),
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
@example(cuts=[(WHOLE.index(b"4W^12"), 2, b"\\u0000")])
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


odd = st.text(st.sampled_from("\\\\u0E^&~ \x00\x1f\x7f") | st.characters(codec="utf-8"), min_size=1, max_size=30)


@settings(max_examples=1_000, deadline=None)
@given(text=odd)
@example(text="\\u0000")
@example(text="\\\\u0000")
@example(text="\\X00\\")
def test_what_is_acknowledged_is_never_refused_later(text: str) -> None:
    raw = message("A01", place=f"{text}^12^{text}^HG", visit=text, control_id=text, f10=text, more=[f"DG1|1||{text}"])
    reading = read(raw)
    assert (reading.rejected is None) == bool(reading.facts)
    for found in reading.facts:
        assert decode_fact(encode_fact(found)) == found


def test_the_six_characters_of_an_escaped_u0000_are_a_text() -> None:
    found: Any = fact(message("A01", place="4W^12^\\u0000^HG"))
    assert found.data.location.bed_id == "12-\\u0000"
    assert decode_fact(encode_fact(found)) == found


def test_the_character_u0000_is_refused_with_its_field() -> None:
    assert "U+0000" in str(read(message("A01", place="4W^12^0\x001^HG")).rejected)
