"""When it happened and when the feed said so: zones, days without an hour, times to come, clocks that are wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from streams.ingest.hl7.mapping import Hl7Mapping
from tests.streams.ingest.hl7.messages import fact, message, read

BERLIN = Hl7Mapping(time_zone="Europe/Berlin")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("written", "is_utc"),
    [
        ("20250702101500920350", utc(2025, 7, 2, 8, 15, 0, 920350)),
        ("2025-07-02 10:15", utc(2025, 7, 2, 8, 15)),
        ("2025-07-02T10:15:00.5+01:00", utc(2025, 7, 2, 9, 15, 0, 500000)),
        ("20250702T101500", utc(2025, 7, 2, 8, 15)),
        ("20250702101500.", utc(2025, 7, 2, 8, 15)),
        ("20250702101500+01:00", utc(2025, 7, 2, 9, 15)),
        ("20250702101500+01", utc(2025, 7, 2, 9, 15)),
        ("20250701240000", utc(2025, 7, 1, 22, 0)),  # the end of that day
        ("20250701235960", utc(2025, 7, 1, 22, 0)),
        ("20250702101500", utc(2025, 7, 2, 8, 15)),
        ("20251026023000", utc(2025, 10, 26, 0, 30)),  # the first 2:30 of that night
        ("20250702101500-0500", utc(2025, 7, 2, 15, 15)),
        ("2025070210", utc(2025, 7, 2, 8, 0)),
    ],
)
def test_a_time_without_a_zone_is_the_feeds(written: str, is_utc: datetime) -> None:
    assert fact(message(occurred=written), BERLIN).occurred_at == is_utc


@pytest.mark.parametrize("trigger", ["A01", "A04", "A06", "A07"])
def test_pv1_44_is_when_the_visit_began_and_an_expected_admission_in_the_future_is_not(trigger: str) -> None:
    begun: Any = fact(message(trigger, occurred="", f44="20260302090000"))
    expected: Any = fact(message(trigger, occurred="", f44="20260309090000"))
    assert (begun.occurred_at, begun.data.begun_at) == (utc(2026, 3, 2, 10, 19), utc(2026, 3, 2, 9, 0))
    assert (expected.occurred_at, expected.data.begun_at) == (utc(2026, 3, 2, 10, 19), None)


@pytest.mark.parametrize(("trigger", "field"), [("A01", "f44"), ("A04", "f44"), ("A03", "f45")])
def test_a_day_without_an_hour_is_no_time_of_an_admission_or_a_discharge(trigger: str, field: str) -> None:
    raw = message(trigger, occurred="", recorded="20240305143000", sent="20240305143100", **{field: "20240305"})
    assert fact(raw).occurred_at == utc(2024, 3, 5, 14, 30)


def test_an_evn_6_without_an_hour_gives_way_to_the_record_of_that_day() -> None:
    assert fact(message(occurred="20260302")).occurred_at == utc(2026, 3, 2, 10, 19)
    assert fact(message(occurred="20260301")).occurred_at == utc(2026, 3, 1)


def test_an_update_corrects_only_what_is_known_to_the_hour() -> None:
    days: Any = fact(message("A08", f44="20260301", f45="20260302"))
    hours: Any = fact(message("A08", f44="2026030109", f45="202603020830"))
    assert (days.data.admitted_at, days.data.discharged_at) == (None, None)
    assert (hours.data.admitted_at, hours.data.discharged_at) == (utc(2026, 3, 1, 9), utc(2026, 3, 2, 8, 30))


def test_an_update_with_a_time_to_come_corrects_nothing() -> None:
    found: Any = fact(message("A08", f44="20260302180000", f45="20260305200000"))
    assert (found.data.admitted_at, found.data.discharged_at) == (None, None)


@pytest.mark.parametrize(
    ("recorded", "sent", "is_utc"),
    [
        ("20260302121900", "20260302102000", utc(2026, 3, 2, 10, 20)),  # the clock of the ward is two hours ahead
        ("20990302101900", "20260302102000", utc(2026, 3, 2, 10, 20)),
        ("20260302101900", "20260309120000", utc(2026, 3, 2, 10, 19)),  # history that is sent late
        ("20260302101900", "", utc(2026, 3, 2, 10, 19)),
        ("20260302101900", "2026-03-02 10:20", utc(2026, 3, 2, 10, 19)),
        ("", "20260302102000", utc(2026, 3, 2, 10, 20)),
        ("20260302", "20260302102000", utc(2026, 3, 2, 10, 20)),  # a day says less than a time on it
        ("20260302101900", "20260302", utc(2026, 3, 2, 10, 19)),
    ],
)
def test_nothing_is_recorded_later_than_it_was_sent(recorded: str, sent: str, is_utc: datetime) -> None:
    found = fact(message(occurred="", recorded=recorded, sent=sent))
    assert (found.recorded_at, found.occurred_at) == (is_utc, is_utc)


def test_what_is_later_than_its_record_has_not_happened() -> None:
    assert fact(message(occurred="20260302121500")).occurred_at == utc(2026, 3, 2, 10, 19)
    assert fact(message(occurred="20990302101500")).occurred_at == utc(2026, 3, 2, 10, 19)


@pytest.mark.parametrize(
    ("birth", "occurred", "zone", "age"),
    [
        ("20240302003000", "20240302004500", "Europe/Berlin", 0),  # 23:45 of the day before, in UTC
        ("20240302", "20240302004500", "Asia/Tokyo", 0),
        ("19500303", "20240302200000", "America/New_York", 73),  # in UTC it is the birthday already
        ("20240303", "20240302120000", "UTC", 0),  # a clock that is behind
        ("20240304", "20240302120000", "UTC", None),
        ("20180811000000", "20260302101500", "UTC", 7),
    ],
)
def test_the_age_is_counted_in_days_of_the_feeds_zone(birth: str, occurred: str, zone: str, age: int | None) -> None:
    found: Any = fact(message(birth=birth, occurred=occurred), Hl7Mapping(time_zone=zone))
    assert found.data.age_years == age


@pytest.mark.parametrize(
    "wrong",
    [
        "yesterday", "TBD", "00000000", "00000000000000", "0", "2026", "202603", "202603021", "20260231",
        "20260302250000", "20260302106100", "20260302240001", "UNKNOWN", "2026-0302", "20260302+25", "٢٠٢٦٠٣٠٢",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("trigger", "field"),
    [("A01", "PV2-9"), ("A01", "EVN-6"), ("A01", "PV1-44"), ("A03", "PV1-45"), ("A08", "PV1-44"), ("A01", "EVN-2")],
)
def test_a_time_that_is_not_valid_counts_as_not_said_and_is_named(trigger: str, field: str, wrong: str) -> None:
    fields: dict[str, dict[str, Any]] = {
        "PV2-9": {"more": ["PV2|||||||||" + wrong]},
        "EVN-6": {"occurred": wrong},
        "EVN-2": {"recorded": wrong},
        "PV1-44": {"f44": wrong},
        "PV1-45": {"f45": wrong},
    }
    found = fact(message(trigger, **{"occurred": "", **fields[field]}))
    assert found.unreadable == (field,)
    assert found.occurred_at == utc(2026, 3, 2, 10, 20 if field == "EVN-2" else 19)


def test_a_message_without_any_valid_time_is_refused() -> None:
    reading = read(message(recorded="x", sent="y", occurred="z"))
    assert reading.rejected is not None
    assert reading.rejected.startswith("EVN-2, MSH-7 and EVN-6: all empty or not valid.")


@pytest.mark.parametrize(
    ("zone", "sent", "written", "is_utc"),
    [
        (None, "20260302120005+0100", "20260302113000", utc(2026, 3, 2, 10, 30)),
        (None, "20260302203005-0500", "20260302200000", utc(2026, 3, 3, 1)),
        (None, "20260302203005", "20260302200000", utc(2026, 3, 2, 20)),
        ("Europe/Berlin", "20260302203005-0500", "20260302200000", utc(2026, 3, 2, 19)),  # the mapping comes first
        ("Europe/Berlin", "20251026023500+0100", "20251026023000", utc(2025, 10, 26, 1, 30)),
        ("Europe/Berlin", "20251026023500+0200", "20251026023000", utc(2025, 10, 26, 0, 30)),
        ("Europe/Berlin", "20251026023500", "20251026023000", utc(2025, 10, 26, 0, 30)),
        ("Europe/Berlin", "20251101120000+0100", "20251026023000", utc(2025, 10, 26, 0, 30)),  # sent days later
        ("Europe/Berlin", "20260329033500+0200", "20260329023000", utc(2026, 3, 29, 1, 30)),  # an hour that is left out
    ],
)
def test_a_time_without_an_offset_has_the_mappings_zone_else_that_of_msh_7(
    zone: str | None, sent: str, written: str, is_utc: datetime
) -> None:
    found = fact(message(occurred=written, recorded="", sent=sent), Hl7Mapping(time_zone=zone))
    assert found.occurred_at == is_utc


@pytest.mark.parametrize(
    ("place", "is_utc"),
    [
        ("4W^1^A^NORTH", utc(2026, 3, 2, 16, 15)),
        ("4W^1^A^SOUTH", utc(2026, 3, 2, 15, 15)),
        ("", utc(2026, 3, 2, 18, 15)),  # MSH-4
        ("4W^1^A^EAST", utc(2026, 3, 2, 18, 15)),
    ],
)
def test_the_zone_may_be_that_of_the_facility(place: str, is_utc: datetime) -> None:
    zones = {"NORTH": "America/Chicago", "S": "America/New_York", "HARBOUR": "America/Los_Angeles"}
    mapping = Hl7Mapping(time_zone="UTC", facility_time_zones=zones, facilities={"SOUTH": "S"})
    assert fact(message("A03", place=place, recorded="20260302111900", sent=""), mapping).occurred_at == is_utc


@pytest.mark.parametrize(
    ("f45", "is_utc"),
    [
        ("20260302000000", utc(2026, 3, 2, 10, 19)),
        ("202603020000", utc(2026, 3, 2, 10, 19)),
        ("20260301000000", utc(2026, 3, 1)),  # midnight of the day before
        ("20260302000100", utc(2026, 3, 2, 0, 1)),
    ],
)
def test_a_discharge_at_midnight_of_the_day_of_its_record_is_a_day_without_a_time(f45: str, is_utc: datetime) -> None:
    assert fact(message("A03", occurred="", f45=f45)).occurred_at == is_utc
