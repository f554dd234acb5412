"""What people who run ADT feeds report: from HL7 messages to the beds on the board.

Each case is a few messages with the fields that matter, and who is where afterwards, whatever the order of arrival.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from msgspec import UNSET

from schemas.events import AnyFact, PatientClass
from schemas.outgoing import outgoing
from schemas.state import Encounter, Problem
from simulators.testing import Replay
from streams.ingest.hl7.mapping import Hl7Mapping
from streams.quality.kinds import Kind
from tests.streams.ingest.hl7.messages import read


class Hospital(NamedTuple):
    """The state after some messages."""

    replay: Replay

    def beds(self) -> dict[str, str]:
        """Return the encounter in each occupied bed, by unit/bed."""
        boards = [self.replay.board(unit, facility) for facility, unit in self.replay.units()]
        return {
            f"{board.unit_id}/{bed.bed_id}": bed.encounter_id
            for board in boards
            for bed in board.beds
            if bed.encounter_id
        }

    def census(self) -> dict[str, int]:
        """Return the census of each unit that is not empty."""
        boards = [self.replay.board(unit, facility) for facility, unit in self.replay.units()]
        return {board.unit_id: board.census for board in boards if board.census}

    def encounter(self, encounter_id: str) -> Encounter:
        """Return one encounter."""
        return self.replay.encounter(encounter_id)


def adt(
    trigger: str,
    at: str,
    place: str = "",
    *,
    visit: str = "V1",
    patient: str = "P1^^^RIVER^MR",
    number: str = "",
    patient_class: str = "I",
    evn2: str | None = None,
    evn6: str = "",
    more: Sequence[str] = (),
    **pv1: str,
) -> bytes:
    """Return one message; `at` is MSH-7 and, where `evn2` is not given, EVN-2."""
    fields = [""] * 52
    fields[0], fields[2], fields[3], fields[19] = "PV1", patient_class, place, visit
    for name, value in pv1.items():
        fields[int(name[1:])] = value
    return "\r".join(
        [
            f"MSH|^~\\&|ADT|RIVER|WW|WW|{at}||ADT^{trigger}|{number or trigger + at + visit}|P|2.5.1",
            f"EVN|{trigger}|{at if evn2 is None else evn2}||||{evn6}",
            f"PID|1||{patient}||DOE^JANE||19500101|F",
            "|".join(fields).rstrip("|"),
            *more,
        ]
    ).encode()


def facts_of(messages: Sequence[bytes], mapping: Hl7Mapping | None = None) -> list[AnyFact]:
    readings = [read(message, mapping) for message in messages]
    assert [reading.rejected for reading in readings] == [None] * len(readings)
    return [fact for reading in readings for fact in reading.facts]


def hospitals(messages: Sequence[bytes], mapping: Hl7Mapping | None = None) -> Iterator[Hospital]:
    """Yield the state after each order of arrival; of many messages after some orders."""
    facts = facts_of(messages, mapping)
    for order in itertools.islice(itertools.permutations(facts), 0, None, 1 if len(facts) < 5 else 37):
        with Replay([outgoing(fact) for fact in order]) as replay:
            yield Hospital(replay.advance())


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def zbe(movement: str, at: str, action: str, *, historic: str = "N", trigger: str = "") -> str:
    return f"ZBE|{movement}^ADT|{at}||{action}|{historic}|{trigger}"


ED_NEVER_CLOSED = [
    adt("A04", "20260302080000", "ED^^01", visit="E1", patient_class="E"),
    adt("A01", "20260302120000", "4W^1^A", visit="I1"),
]


@pytest.mark.parametrize(
    ("messages", "beds"),
    [
        ([*ED_NEVER_CLOSED, adt("A03", "20260303120000", "4W^1^A", visit="I1")], {}),
        (ED_NEVER_CLOSED, {"4W/1-A": "I1"}),
        ([*ED_NEVER_CLOSED, adt("A11", "20260302123000", "4W^1^A", visit="I1")], {"ED/01": "E1"}),
        (
            [
                adt("A04", "20260302080000", "ED^^01", visit="E1", patient_class="E"),
                adt("A02", "20260302090000", "ED^^02", visit="E1", patient_class="E"),
                adt("A01", "20260302120000", "4W^1^A", visit="A1", f44="20260302080000"),  # PV1-44 of the ED
            ],
            {"4W/1-A": "A1"},
        ),
        (
            [
                adt("A01", "20260302080000", "4W^1^A"),
                adt("A01", "20260302090000", "4W^1^A", visit="V2"),
                adt("A03", "20260303100000", "4W^1^A", visit="V2"),
            ],
            {},
        ),
        (
            [
                *ED_NEVER_CLOSED,
                adt("A50", "20260302130000", "4W^1^A", visit="I2", more=["MRG|P1^^^RIVER^MR||||I1"]),
                adt("A03", "20260303120000", "4W^1^A", visit="I2"),
            ],
            {},
        ),
    ],
    ids=["ended", "going on", "never began", "dated back to the ED", "same bed", "renumbered"],
)
def test_a_place_that_was_given_up_is_not_taken_back_when_the_later_stay_ends(
    messages: list[bytes], beds: dict[str, str]
) -> None:
    for hospital in hospitals(messages):
        assert hospital.beds() == beds


FROM_ED = adt("A04", "20260302080000", "ED^^01", visit="E1", patient_class="E")
RENUMBERED = adt("A06", "20260302120000", "4W^1^A", visit="I1", more=["MRG|P1^^^RIVER^MR||||E1"])


@pytest.mark.parametrize(
    ("further", "beds"),
    [
        ([adt("A03", "20260302115900", "ED^^01", visit="E1", patient_class="E")], {"4W/1-A": "I1"}),
        ([adt("A03", "20260302120500", "ED^^01", visit="E1", patient_class="E")], {"4W/1-A": "I1"}),
        ([adt("A08", "20260302123000", "ED^^01", visit="E1", patient_class="E")], {"4W/1-A": "I1"}),
        ([adt("A03", "20260303120000", "4W^1^A", visit="E1")], {}),  # a system that has not learnt the new number
        ([adt("A08", "20260302123000", "4W^2^A", visit="E1")], {"4W/2-A": "I1"}),
        (
            [
                adt("A03", "20260302115900", "ED^^01", visit="E1", patient_class="E"),
                adt("A03", "20260303120000", "4W^1^A", visit="I1"),
            ],
            {},
        ),
    ],
    ids=["ended before", "ended after", "updated after", "late number", "moved by it", "both ended"],
)
def test_the_end_of_the_former_visit_is_not_the_end_of_the_stay_that_goes_on(
    further: list[bytes], beds: dict[str, str]
) -> None:
    for hospital in hospitals([FROM_ED, RENUMBERED, *further]):
        assert hospital.beds() == beds
        assert hospital.encounter("I1").problems == ()


def test_several_former_numbers_of_a_visit_are_refused_with_the_field() -> None:
    reading = read(adt("A06", "20260302120000", "4W^1^A", visit="I1", more=["MRG|P1^^^RIVER^MR||||E1~O1"]))
    assert reading.rejected is not None
    assert reading.rejected.startswith("MRG-5: several former numbers")


BERLIN = Hl7Mapping(time_zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("message", "mapping", "occurred_at"),
    [
        (adt("A01", "20261025021000+0100", "4W^1^A", evn2="20261025025000"), BERLIN, utc(2026, 10, 25, 0, 50)),
        (adt("A01", "20261025023000+0100", "4W^1^A", evn2="20261025021000"), BERLIN, utc(2026, 10, 25, 1, 10)),
        (adt("A01", "20260302120000+9999", "4W^1^A", evn2="20260302120000"), None, utc(2026, 3, 2, 12)),
        (
            adt("A01", "20260302120000", "4W^1^A^&1.2.3&ISO"),
            Hl7Mapping(facility_time_zones={"1.2.3": "America/Denver"}),
            utc(2026, 3, 2, 19),
        ),
        (
            adt("A01", "20260302120000", "4W^1^A").replace(b"|RIVER|WW", b"||WW"),
            Hl7Mapping(default_facility="WEST", facility_time_zones={"WEST": "America/Denver"}),
            utc(2026, 3, 2, 19),
        ),
        (
            adt("A01", "20260302120000", "4W^1^A^E\u0301T"),
            Hl7Mapping(facility_time_zones={"\u00c9T": "America/Denver"}),
            utc(2026, 3, 2, 19),
        ),
    ],
    ids=["before the change", "after it", "no offset", "OID", "default facility", "NFD"],
)
def test_the_zone_of_a_time_is_that_of_the_facility_and_never_after_the_sending(
    message: bytes, mapping: Hl7Mapping | None, occurred_at: datetime
) -> None:
    (fact,) = facts_of([message], mapping)
    assert fact.occurred_at == occurred_at


def test_a_person_is_in_one_place_also_without_a_bed() -> None:
    for hospital in hospitals(
        [
            adt("A04", "20260302080000", "ED", visit="E1", patient_class="E"),
            adt("A01", "20260302120000", "4W^1^A", visit="I1"),
        ]
    ):
        assert hospital.census() == {"4W": 1}


def test_a_visit_without_a_bed_that_began_days_ago_is_given_up_too() -> None:
    for hospital in hospitals(
        [
            adt("A04", "20260301080000", "ED", visit="E1", patient_class="E"),
            adt("A01", "20260305120000", "4W^1^A", visit="I1"),
            adt("A01", "20260306120000", "4W^2^A", visit="I2", patient="P2^^^RIVER^MR"),
        ]
    ):
        assert hospital.census() == {"4W": 2}


def test_a_day_visit_does_not_end_an_overnight_stay() -> None:
    for hospital in hospitals(
        [
            adt("A01", "20260302080000", "4W^1^A", visit="I1"),
            adt("A04", "20260302120000", "DIAL^^3", visit="R1", patient_class="R"),
        ]
    ):
        assert hospital.beds() == {"4W/1-A": "I1"}


ED = adt("A04", "20260302080000", "ED^^01", patient_class="E", f44="20260302080000")


@pytest.mark.parametrize(
    ("messages", "admitted_at", "inpatient_from", "places"),
    [
        (
            [ED, adt("A01", "20260302120000", "4W^12^A", f44="20260302080000")],
            utc(2026, 3, 2, 8),
            utc(2026, 3, 2, 12),
            [("ED", "01", utc(2026, 3, 2, 8)), ("4W", "12-A", utc(2026, 3, 2, 12))],
        ),
        (
            [
                ED,
                adt("A02", "20260302100000", "ED^^02", patient_class="E", f44="20260302080000"),
                adt("A01", "20260302121500", "4W^12^A", evn6="20260302120000", f44="20260302080000"),
                adt("A08", "20260302130000", "4W^12^A", f44="20260302080000"),
            ],
            utc(2026, 3, 2, 8),
            utc(2026, 3, 2, 12),
            [
                ("ED", "01", utc(2026, 3, 2, 8)),
                ("ED", "02", utc(2026, 3, 2, 10)),
                ("4W", "12-A", utc(2026, 3, 2, 12)),
            ],
        ),
        (
            [
                adt("A01", "20260302080000", "4W^10^A", f44="20260302080000"),
                adt("A02", "20260302100000", "4W^11^A", f44="20260302080000"),
                adt("A01", "20260302230000", "4W^14^A", f44="20260302080000"),
            ],
            utc(2026, 3, 2, 8),
            utc(2026, 3, 2, 8),
            [
                ("4W", "10-A", utc(2026, 3, 2, 8)),
                ("4W", "11-A", utc(2026, 3, 2, 10)),
                ("4W", "14-A", utc(2026, 3, 2, 23)),
            ],
        ),
        (
            [
                adt("A01", "20260302094000", "4W^10^A", f44="20260302080000"),  # entered late
                adt("A02", "20260302090000", "4W^11^A"),
            ],
            utc(2026, 3, 2, 8),
            utc(2026, 3, 2, 8),
            [("4W", "10-A", utc(2026, 3, 2, 8)), ("4W", "11-A", utc(2026, 3, 2, 9))],
        ),
        (
            [
                adt("A04", "20260302080000", "ED^^WR", patient_class="E", f44="20260302080000"),
                adt("A06", "20260302120000", "4W^12^A", f44="20260302080000"),
                adt("A08", "20260302121000", "4W^12^A", f44="20260302120000"),
            ],
            utc(2026, 3, 2, 8),
            utc(2026, 3, 2, 12),
            [("ED", "WR", utc(2026, 3, 2, 8)), ("4W", "12-A", utc(2026, 3, 2, 12))],
        ),
        (
            [
                ED,
                adt("A01", "20260302120000", "4W^12^A", f44="20260302080000"),
                adt("A08", "20260302130000", "4W^12^A", f44="20260302075000"),  # the visit began earlier
            ],
            utc(2026, 3, 2, 7, 50),
            utc(2026, 3, 2, 12),
            [("ED", "01", utc(2026, 3, 2, 7, 50)), ("4W", "12-A", utc(2026, 3, 2, 12))],
        ),
    ],
    ids=["ED then ward", "ED moves then ward", "sent again", "entered late", "class change", "beginning corrected"],
)
def test_an_admission_holds_from_its_event_and_pv1_44_is_when_the_visit_began(
    messages: list[bytes],
    admitted_at: datetime,
    inpatient_from: datetime,
    places: list[tuple[str, str, datetime]],
) -> None:
    for hospital in hospitals(messages):
        stay = hospital.encounter("V1")
        assert (stay.admitted_at, stay.inpatient_from, stay.problems) == (admitted_at, inpatient_from, ())
        assert [(each.unit_id, each.bed_id, each.arrived_at) for each in stay.unit_stays] == places
        assert stay.patient_class is PatientClass.INPATIENT


CHANGED = adt("A06", "20260302120030", "4W^12^A", f44="20260302080000")


@pytest.mark.parametrize(
    "messages",
    [
        [ED, CHANGED, adt("A08", "20260302121000", "4W^12^A", f44="202603021200")],
        [ED, CHANGED, adt("A08", "20260302121000", "4W^12^A", f44="20260302120000")],
        [
            ED,
            adt("A06", "20260302121500", "4W^12^A", evn6="20260302120000", f44="20260302080000"),
            adt("A08", "20260302130000", "4W^12^A", f44="20260302121500"),
        ],
        [
            ED,
            adt("A08", "20260302120000", "4W^12^A", f44="20260302120000"),
            adt("A08", "20260302130000", "4W^12^A", f44="20260302120000"),
        ],
    ],
    ids=["minutes", "seconds filled up", "time of the entry", "class changed by an update"],
)
def test_a_pv1_44_with_the_time_of_a_class_change_corrects_nothing(messages: list[bytes]) -> None:
    for hospital in hospitals(messages):
        stay = hospital.encounter("V1")
        assert stay.problems == ()
        assert stay.admitted_at == utc(2026, 3, 2, 8)
        assert stay.inpatient_from is not None
        assert stay.inpatient_from.replace(second=0) == utc(2026, 3, 2, 12)


def test_an_admission_after_the_discharge_with_the_first_pv1_44_brings_the_patient_back() -> None:
    for hospital in hospitals(
        [
            adt("A01", "20260302080000", "4W^10^A", f44="20260302080000"),
            adt("A03", "20260302140000", "4W^10^A"),
            adt("A01", "20260302160000", "4W^11^A", f44="20260302080000"),
        ]
    ):
        assert hospital.beds() == {"4W/11-A": "V1"}
        assert hospital.encounter("V1").problems == (Problem.ADMITTED_AFTER_DISCHARGE,)


FIRST = adt("A01", "20260302080000", "4W^1^A", number="8")


@pytest.mark.parametrize(
    ("messages", "beds"),
    [
        (
            [
                FIRST,
                adt("A02", "20260302093010", "4W^2^A", evn2="202603020930", number="9"),
                adt("A02", "20260302093050", "4W^3^A", evn2="202603020930", number="10"),
            ],
            {"4W/3-A": "V1"},
        ),
        (
            [
                FIRST,
                adt("A02", "20260302093010", "4W^2^A", number="99"),
                adt("A02", "20260302093010", "4W^3^A", number="100"),
            ],
            {"4W/3-A": "V1"},
        ),
        (
            [
                FIRST,
                adt("A02", "20260302093010", "4W^2^A", number="MSG99"),
                adt("A08", "20260302093010", "4W^3^A", number="MSG100"),
            ],
            {"4W/3-A": "V1"},
        ),
        (
            [
                FIRST,
                adt("A11", "20260302083010", evn2="202603020830", number="9"),
                adt("A01", "20260302083050", "4W^2^A", evn2="202603020830", number="10"),
            ],
            {"4W/2-A": "V1"},
        ),
        (
            [
                FIRST,
                adt("A11", "20260302083010", number="9"),
                adt("A01", "20260302083010", "4W^2^A", number="10"),
            ],
            {"4W/2-A": "V1"},
        ),
        (
            [
                FIRST,
                adt("A02", "20260302093010", "4W^2^A", number="98"),
                adt("A12", "20260302093010", "4W^1^A", number="99"),
                adt("A02", "20260302093010", "4W^3^A", number="100"),
            ],
            {"4W/3-A": "V1"},
        ),
        (
            [
                FIRST,
                adt("A03", "20260302093010", "4W^1^A", number="98"),
                adt("A13", "20260302093010", "4W^1^A", number="99"),
            ],
            {"4W/1-A": "V1"},
        ),
        (
            [
                FIRST,
                adt("A03", "20260302093010", "4W^1^A", number="98"),
                adt("A13", "20260302093010", "4W^1^A", number="99"),
                adt("A03", "20260302093010", "4W^1^A", number="100"),
            ],
            {},
        ),
    ],
    ids=["minutes", "seconds", "text and number", "cancel", "cancel in a second", "move back", "A13", "A03 again"],
)
def test_messages_of_one_minute_or_second_count_in_the_order_of_sending(
    messages: list[bytes], beds: dict[str, str]
) -> None:
    for hospital in hospitals(messages):
        assert hospital.beds() == beds


@pytest.mark.parametrize(
    ("messages", "beds"),
    [
        (
            [
                FIRST,
                adt("A02", "20260302093010.120", "4W^2^A", evn2="20260302093010", number="b"),
                adt("A02", "20260302093010.480", "4W^3^A", evn2="20260302093010", number="a"),
            ],
            {"4W/3-A": "V1"},
        ),
        (
            [
                adt("A01", "20260302080001", "4W^1^A", evn2="202603020800", number="9"),
                adt("A11", "20260302080030", "4W^1^A", evn2="202603020800", number="10"),
                adt("A01", "20260302080040", "4W^2^A", evn2="202603020800", number="11"),
                adt("A11", "20260302080050", "4W^2^A", evn2="202603020800", number="12"),
            ],
            {},
        ),
    ],
    ids=["parts of a second", "cancelled twice in a minute"],
)
def test_parts_of_a_second_and_a_second_cancel_count_too(messages: list[bytes], beds: dict[str, str]) -> None:
    for hospital in hospitals(messages):
        assert hospital.beds() == beds


def test_msh_13_orders_messages_of_one_second_before_the_control_id() -> None:
    later = adt("A02", "20260302093010", "4W^2^A", number="1").replace(b"|1|P|2.5.1", b"|1|P|2.5.1|7002")
    earlier = adt("A02", "20260302093010", "4W^3^A", number="2").replace(b"|2|P|2.5.1", b"|2|P|2.5.1|7001")
    for hospital in hospitals([FIRST, later, earlier]):
        assert hospital.beds() == {"4W/2-A": "V1"}


def test_a_control_id_with_digits_in_its_midst_is_not_a_number() -> None:
    (fact,) = facts_of([adt("A01", "20260302080000", "4W^1^A", number="Q7T2")])
    assert fact.sequence is UNSET


ADMITTED = adt("A01", "20260302080000", "4W^1^A", more=[zbe("M1", "20260302080000", "INSERT")])
MOVED = adt("A02", "20260302100000", "4W^3^A", more=[zbe("M2", "20260302100000", "INSERT")])
MOVED_ON = adt("A02", "20260302120000", "4W^5^A", more=[zbe("M3", "20260302120000", "INSERT")])


@pytest.mark.parametrize(
    ("messages", "beds", "problems"),
    [
        (
            [
                ADMITTED,
                MOVED,
                adt("Z99", "20260302103000", "4W^4^A", more=[zbe("M2", "20260302100000", "UPDATE", trigger="A02")]),
            ],
            {"4W/4-A": "V1"},
            (),
        ),
        (
            [
                ADMITTED,
                MOVED,
                adt("A08", "20260302101500", "4W^3^A"),  # repeats the place that is corrected afterwards
                adt("Z99", "20260302103000", "4W^4^A", more=[zbe("M2", "20260302100000", "UPDATE", trigger="A02")]),
            ],
            {"4W/4-A": "V1"},
            (),
        ),
        (
            [
                ADMITTED,
                MOVED,
                MOVED_ON,
                adt(
                    "A12",
                    "20260302130000",
                    "4W^5^A",
                    more=[zbe("M2", "20260302100000", "CANCEL", historic="Y", trigger="A02")],
                ),
            ],
            {"4W/5-A": "V1"},
            (),
        ),
        (
            [
                ADMITTED,
                MOVED,
                adt("A12", "20260302130000", "4W^1^A", more=[zbe("M2", "20260302100000", "CANCEL", trigger="A02")]),
            ],
            {"4W/1-A": "V1"},
            (),
        ),
        (
            [
                ADMITTED,
                MOVED,
                MOVED_ON,
                adt("A12", "20260302130000", more=[zbe("M9", "20260302110000", "CANCEL", trigger="A02")]),
            ],
            {"4W/5-A": "V1"},
            (Problem.CANCEL_WITHOUT_TARGET,),
        ),
        (
            [
                ADMITTED,
                adt(
                    "Z99",
                    "20260302103000",
                    "4W^2^A",
                    more=[zbe("M1", "20260302073000", "UPDATE", trigger="A01")],
                ),
            ],
            {"4W/2-A": "V1"},
            (),
        ),
        (
            [
                ADMITTED,
                adt("A02", "20260302150000", "4W^8^A", more=[zbe("M4", "20260302090000", "INSERT", historic="Y")]),
                MOVED,
            ],
            {"4W/3-A": "V1"},
            (),
        ),
    ],
    ids=["update", "update after a repetition", "historic cancel", "cancel", "unknown", "admission", "historic insert"],
)
def test_a_movement_is_updated_and_cancelled_by_its_id(
    messages: list[bytes], beds: dict[str, str], problems: tuple[Problem, ...]
) -> None:
    for hospital in hospitals(messages):
        assert hospital.beds() == beds
        assert hospital.encounter("V1").problems == problems


def test_an_update_of_a_movement_without_its_trigger_is_refused_with_the_field() -> None:
    reading = read(adt("Z99", "20260302103000", "4W^4^A", more=[zbe("M2", "20260302100000", "UPDATE")]))
    assert reading.rejected is not None
    assert reading.rejected.startswith("ZBE-6: empty")


def pre_admission(visit: str, place: str) -> bytes:
    return adt("A05", "20260301080000", visit=visit, patient_class="P", f42=place)


@pytest.mark.parametrize(
    ("admitted_to", "patient", "reserved"),
    [
        ("4W^9^B", "P1^^^RIVER^MR", {}),  # another bed of the unit
        ("5E^1^A", "P1^^^RIVER^MR", {"1-A": "PLAN"}),
        ("4W^9^B", "P2^^^RIVER^MR", {"1-A": "PLAN"}),
    ],
    ids=["that unit", "another unit", "another patient"],
)
def test_a_plan_under_a_number_that_never_came_ends_with_the_admission_to_that_unit(
    admitted_to: str, patient: str, reserved: dict[str, str]
) -> None:
    for hospital in hospitals(
        [
            pre_admission("PLAN", "4W^1^A"),
            adt("A01", "20260302080000", admitted_to, visit="V2", patient=patient),
            adt("A01", "20260302090000", "4W^7^C", visit="V3", patient="P3^^^RIVER^MR"),
        ]
    ):
        beds = hospital.replay.board("4W", "RIVER").beds
        assert {bed.bed_id: bed.reserved_for for bed in beds if bed.reserved_for} == reserved


def test_a_field_that_is_not_valid_is_named_in_the_data_quality_list() -> None:
    admitted = adt("A01", "20260302080000", "4W^1^A", more=["PV2|||||||||TBD"])
    for hospital in hospitals([admitted, adt("A03", "20260303080000", f45="UNKNOWN")]):
        said = [finding.says for finding in hospital.replay.findings() if finding.kind is Kind.UNREADABLE_FIELD]
        assert said == [
            f"hl7:ADT/RIVER has sent {field} with a value that is not valid and counts as not said; the message "
            "counts. Correct it at the sender."
            for field in ("PV1-45", "PV2-9")
        ]


def test_a_stay_that_was_given_up_is_named_in_the_data_quality_list() -> None:
    for hospital in hospitals([*ED_NEVER_CLOSED, adt("A03", "20260303120000", "4W^1^A", visit="I1")]):
        found = [finding.subject for finding in hospital.replay.findings() if finding.kind is Kind.SECOND_BED]
        assert found == ["E1"]
