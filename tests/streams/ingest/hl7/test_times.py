"""When it happened and when the feed said so: zones, days without an hour, times to come, clocks that are wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from streams.ingest.hl7.mapping import Hl7Mapping
from tests.streams.ingest.hl7.messages import fact, message

BERLIN = Hl7Mapping(time_zone="Europe/Berlin")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("written", "is_utc"),
    [
        ("20250702101500", utc(2025, 7, 2, 8, 15)),
        ("20251026023000", utc(2025, 10, 26, 0, 30)),  # the first 2:30 of that night
        ("20250702101500-0500", utc(2025, 7, 2, 15, 15)),
        ("2025070210", utc(2025, 7, 2, 8, 0)),
    ],
)
def test_a_time_without_a_zone_is_the_feeds(written: str, is_utc: datetime) -> None:
    assert fact(message(occurred=written), BERLIN).occurred_at == is_utc


def test_without_evn_6_an_expected_admission_in_the_future_is_no_admission_time() -> None:
    assert fact(message(occurred="", f44="20260302090000")).occurred_at == utc(2026, 3, 2, 9, 0)
    assert fact(message(occurred="", f44="20260309090000")).occurred_at == utc(2026, 3, 2, 10, 19)


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
