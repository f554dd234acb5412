"""Who is who and which visit is which, as hospitals really number them: from messages to the state."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
import pytest

from models.labels.index_stays import Exclusion, index_exclusion
from models.labels.readmissions import readmitted_within_30_days
from schemas import events
from schemas.events import AnyFact
from schemas.pseudonyms import patient_token
from schemas.state import EncounterStatus, Problem
from simulators.testing import Replay
from streams.fold.merges import resolve_persons
from streams.fold.patient import fold_patient
from streams.ingest.hl7.mapping import Hl7Mapping, VisitNumberScope
from streams.quality.findings import findings
from streams.store import histories
from streams.store.people import persons
from tests.streams.ingest.hl7.messages import KEY, message, read

BY_FACILITY = Hl7Mapping(visit_number_scope=VisitNumberScope.FACILITY)
BY_NUMBER = Hl7Mapping(visit_number_scope=VisitNumberScope.NONE)


def hl7(trigger: str, at: str, *, sender: str = "HARBOUR", id: str | None = None, **fields: object) -> bytes:
    """A message about an event at a minute such as 02T0815 (of March 2026)."""
    time = f"202603{at.replace('T', '')}00"
    raw = message(trigger, occurred=time, recorded=time, sent=time, control_id=id or f"{trigger}-{at}", **fields)  # type: ignore[arg-type]
    return raw.replace(b"|HARBOUR|", f"|{sender}|".encode(), 1)


def facts_of(messages: Iterable[bytes], mapping: Hl7Mapping | None = None) -> list[AnyFact]:
    readings = [read(raw, mapping) for raw in messages]
    assert [reading.rejected for reading in readings if reading.rejected] == []
    return [fact for reading in readings for fact in reading.facts]


@contextmanager
def hospital(messages: Sequence[bytes], mapping: Hl7Mapping | None = None) -> Iterator[Replay]:
    with Replay(facts_of(messages, mapping)) as replay:
        yield replay.advance()


def subjects(raw: bytes, mapping: Hl7Mapping | None = None) -> list[str]:
    return [fact.subject for fact in facts_of([raw], mapping)]


def token(number: str, authority: str = "HG") -> str:
    return patient_token(KEY, authority, number)


# Visit numbers of two hospitals


def two_hospitals(visit: str = "7001^^^{}", authority: bool = True) -> list[bytes]:
    def one(trigger: str, at: str, hospital: str, patient: str, place: str, **more: str) -> bytes:
        number = visit.format(hospital) if authority else "7001"
        return hl7(
            trigger, at, sender=hospital, patient=f"{patient}^^^{hospital}^MR", place=place, visit=number, **more
        )

    return [
        one("A01", "02T0800", "EAST", "51", "4W^12^A^EAST"),
        one("A01", "02T0900", "WEST", "62", "3S^2^B^WEST"),
        one("A03", "02T1500", "WEST", "62", "3S^2^B^WEST", f36="01"),
    ]


@pytest.mark.parametrize("visit", ["7001^^^{}", "7001^^^&1.2.3.{}&ISO", "7001^^^{}&1.2.3&ISO"])
def test_one_number_of_two_authorities_is_two_visits(visit: str) -> None:
    with hospital(two_hospitals(visit)) as replay:
        assert [each.status for each in replay.encounters()] == [
            EncounterStatus.IN_PROGRESS,
            EncounterStatus.DISCHARGED,
        ]
        assert replay.bed("4W", "12-A", "EAST").status == "occupied"
        assert replay.census("3S", "WEST") == 0


def test_the_id_of_a_visit_holds_its_authority_and_a_number_without_one_stands_alone() -> None:
    assert subjects(message(visit="7001^^^EAST")) == ["7001^^^EAST"]
    assert subjects(message(visit="7001^^^&1.2.3&ISO")) == ["7001^^^1.2.3"]
    assert subjects(message(visit="7001")) == ["7001"]
    assert subjects(message(visit="7001^^^EAST"), BY_NUMBER) == ["7001"]
    part = Hl7Mapping(visit_number=("PV1-19.1",))
    assert subjects(message(visit="7001^^^EAST"), part) == ["7001"]


def test_hospitals_that_name_no_authority_are_told_apart_by_their_facility() -> None:
    mapping = Hl7Mapping(visit_number_scope=VisitNumberScope.FACILITY, facilities={"EAST": "E"})
    assert [fact.subject for fact in facts_of(two_hospitals(authority=False), mapping)] == [
        "7001^^^E",
        "7001^^^WEST",
        "7001^^^WEST",
    ]
    assert subjects(hl7("A01", "02T0800", sender="EAST", place="4W^12^A", visit="7001"), mapping) == ["7001^^^E"]
    with hospital(two_hospitals(authority=False), mapping) as replay:
        assert replay.bed("4W", "12-A", "E").status == "occupied"


@pytest.mark.parametrize("mapping", [None, BY_NUMBER])
def test_a_number_that_two_hospitals_share_by_mistake_is_named_with_the_setting(mapping: Hl7Mapping | None) -> None:
    with hospital(two_hospitals(authority=False), mapping) as replay:
        assert replay.encounter("7001").problems == (Problem.ADMITTED_TWICE, Problem.NUMBER_OF_TWO_HOSPITALS)


def test_two_patients_of_one_sender_and_facility_are_two_patients_not_two_hospitals() -> None:
    messages = [hl7("A01", "02T0800"), hl7("A08", "02T0900", patient="18^^^HG^MR")]
    with hospital(messages) as replay:
        assert replay.encounter("V1").problems == (Problem.TWO_PATIENTS,)


@pytest.mark.parametrize(
    ("segment", "number", "mapping", "former"),
    [
        ("MRG|||||7000^^^EAST", "7001^^^EAST", None, "7000^^^EAST"),
        ("MRG|||||7000^^^WEST", "7001^^^EAST", None, "7000^^^WEST"),
        ("MRG|||||7000", "7001^^^EAST", None, "7000^^^EAST"),
        ("MRG|||||7000", "7001", None, "7000"),
        ("MRG|||||7000^^^WEST", "7001^^^EAST", BY_NUMBER, "7000"),
        ("MRG|||||7000", "7001", BY_FACILITY, "7000^^^HG"),
        ("MRG|||7000^^^WEST", "", Hl7Mapping(visit_number=("PID-18",)), "7000^^^WEST"),
        ("MRG||||||7000", "", Hl7Mapping(visit_number=("PV1-50",)), "7000^^^ALT"),
    ],
)
def test_a_former_number_has_its_own_authority_or_that_of_the_number_that_remains(
    segment: str, number: str, mapping: Hl7Mapping | None, former: str
) -> None:
    raw = message("A50", visit=number, more=[segment], f50="9^^^ALT").replace(
        b"|19500101|F", b"|19500101|F" + b"|" * 10 + b"8^^^ACC"
    )
    assert subjects(raw, mapping)[0] == former


# A06 and A07 with a new number


def ed_then(trigger: str = "A06", more: str = "MRG|17^^^HG^MR||||E1", visit: str = "I1") -> list[bytes]:
    return [
        hl7("A04", "02T0800", visit="E1", place="ED^^01^HG", f2="E"),
        hl7(trigger, "02T1200", visit=visit, place="4W^1^A^HG", more=[more]),
    ]


@pytest.mark.parametrize("more", ["MRG|17^^^HG^MR||||E1", "MRG|||||E1", "MRG|17^^^HG^MR||E1"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_an_a06_with_a_new_number_goes_on_with_the_stay(more: str, order: tuple[int, ...]) -> None:
    messages = [*ed_then(more=more), hl7("A03", "03T1200", visit="I1", place="4W^1^A^HG", f36="01")]
    facts = [fact for position in order for fact in facts_of([messages[position]])]
    with Replay(facts) as replay:
        replay.advance()
        assert replay.census("ED") == replay.census("4W") == 0
        stay = replay.encounter("I1")
        assert [place.unit_id for place in stay.unit_stays] == ["ED", "4W"]
        assert (stay.status, stay.problems, replay.encounter("E1").same_as) == (EncounterStatus.DISCHARGED, (), "I1")


def test_an_a06_under_the_same_number_merges_nothing() -> None:
    found = facts_of(ed_then(more="MRG|17^^^HG^MR||||E1", visit="E1"))
    assert [type(fact) for fact in found] == [events.PatientRegistered, events.PatientClassChanged]
    assert found[1].id == "A06-02T1200"


def test_an_account_in_mrg_3_is_not_the_former_visit_where_accounts_have_their_own_numbers() -> None:
    raw = ed_then(more="MRG|17^^^HG^MR||E1")[1].replace(b"|19500101|F", b"|19500101|F" + b"|" * 10 + b"ACC7")
    assert subjects(raw) == ["I1"]
    assert subjects(raw.replace(b"ACC7", b"I1")) == ["E1", "I1"]
    by_account = Hl7Mapping(visit_number=("PID-18",))
    assert subjects(raw, by_account) == ["E1", "ACC7"]


def test_an_a07_goes_back_to_the_old_number() -> None:
    back = hl7("A07", "02T1500", visit="E1", place="ED^^01^HG", more=["MRG|17^^^HG^MR||||I1"])
    with hospital([*ed_then(), back]) as replay:
        stay = replay.encounter("E1")
        assert (stay.patient_class, stay.location and stay.location.bed_id) == ("inpatient", "01")
        assert (replay.census("ED"), replay.census("4W")) == (1, 0)
        assert replay.encounter("I1").same_as == "E1"


def test_an_a06_may_give_the_stay_to_another_number_of_the_patient_too() -> None:
    with hospital(ed_then(more="MRG|99^^^HG^MR||||E1")) as replay:
        assert replay.encounter("I1").patient_token == token("17")
    messages = [hl7("A04", "02T0800", visit="E1", place="ED^^01^HG", patient="99^^^HG^MR"), ed_then()[1]]
    moved = [messages[0], messages[1].replace(b"MRG|17", b"MRG|99")]
    with hospital(moved) as replay:
        assert (replay.encounter("I1").patient_token, replay.encounter("I1").problems) == (token("17"), ())


# Several numbers of a patient


@pytest.mark.parametrize(
    ("merged", "away"),
    [
        ("2^^^HG^MR~3^^^HG^MR", ["2", "3"]),
        ("2^^^HG^MR~3^^^HG^PI~3^^^HG^MR", ["2", "3"]),
        ("2~3", ["2", "3"]),
        ("2^^^HG^MR~3", ["2", "3"]),
        ("078-05^^^US^SS~2^^^HG^MR~A7^^^HG^AN", ["2"]),
        ("2^^^HG^MR~17^^^HG^MR", ["2"]),
        ("7^^^HG^XX", ["7"]),
    ],
)
def test_a_merge_concerns_every_patient_number_of_mrg_1(merged: str, away: list[str]) -> None:
    found = facts_of([message("A40", more=[f"MRG|{merged}"])])
    assert {fact.subject: fact.data.into for fact in found if isinstance(fact, events.PatientsMerged)} == {
        f"patient:{token(number)}": token("17") for number in away
    }
    assert len({fact.id for fact in found}) == len(found)


def test_three_patients_merged_by_one_a40_are_one() -> None:
    messages = [
        hl7("A01", f"02T080{number}", patient=f"{number}^^^HG^MR", visit=f"V{number}", place=f"4W^{number}^A^HG")
        for number in (1, 2, 3)
    ]
    messages.append(hl7("A40", "02T1000", patient="1^^^HG^MR", more=["MRG|2^^^HG^MR~3^^^HG^MR"]))
    with hospital(messages) as replay:
        assert replay.census("4W") == 1


@pytest.mark.parametrize("order", list(itertools.permutations(["111^^^EAST^MR", "222^^^WEST^MR", "9^^^US^SS"])))
def test_the_order_of_pid_3_does_not_change_the_patient(order: tuple[str, ...]) -> None:
    raw = message(patient="~".join(order))
    assert facts_of([raw])[0].partition_key == token("111", "EAST")
    west = Hl7Mapping(preferred_authorities=("WEST", "EAST"))
    assert facts_of([raw], west)[0].partition_key == token("222", "WEST")
    by_type = Hl7Mapping(preferred_identifier_types=("SS", "MR"))
    assert facts_of([raw], by_type)[0].partition_key == token("9", "US")


@pytest.mark.parametrize(
    ("patient", "number", "authority"),
    [
        ("17^^^HG^XX", "17", "HG"),
        ("^^^HG^MR~17^^^HG^XX", "17", "HG"),
        ("9^^^HG^XX~17^^^HG", "17", "HG"),
        ("9^^^HG^XX~17^^^HG^YY", "9", "HG"),
        ("17^^^HG^PI~9^^^HG^MR", "9", "HG"),
        ("17^^^HG^mr~09^^^HG^MR", "09", "HG"),
    ],
)
def test_a_number_is_chosen_by_type_then_authority_then_number(patient: str, number: str, authority: str) -> None:
    assert facts_of([message(patient=patient)])[0].partition_key == token(number, authority)


# Deaths


def with_death(raw: bytes, time: str, dead: str) -> bytes:
    return raw.replace(b"|19500101|F", b"|19500101|F" + b"|" * 21 + f"{time}|{dead}".encode())


def left(death: str, dead: str, disposition: str, **more: str) -> list[AnyFact]:
    """An A03 of the 5th at 09:00, with PID-29, PID-30 and PV1-36."""
    return facts_of([with_death(hl7("A03", "05T0900", f36=disposition, **more), death, dead)])


def disposition(facts: Sequence[AnyFact]) -> object:
    return getattr(facts[0].data, "discharge_disposition", None)


def died(facts: Sequence[AnyFact]) -> str | None:
    """The time that the facts about the person give for the death."""
    times = [fact.data.died_at for fact in facts if isinstance(fact, events.PatientUpdated)]
    return times[-1].strftime("%dT%H%M") if times and times[-1] else None


@pytest.mark.parametrize(
    ("death", "dead", "stated", "expected", "at"),
    [
        ("20260305080000", "Y", "EXP", "20", "05T0800"),
        ("20260305080000", "Y", "", "20", "05T0800"),
        ("20260305080000", "Y", "01", "20", "05T0800"),
        ("20260305080000", "Y", "41", "41", "05T0800"),
        ("", "Y", "01", "20", "05T0900"),
        ("", "y", "", "20", "05T0900"),
        ("20260305080000", "", "01", "20", "05T0800"),
        ("20260305", "Y", "01", "20", "05T0000"),
        ("20260305080000", "N", "EXP", "20", "05T0800"),
        ("20260305080000", "N", "01", "01", "05T0800"),
        ("202603", "Y", "EXP", "20", "05T0900"),
        ("202603", "", "", "20", "05T0900"),
        ("00000000", "Y", "EXP", "20", "05T0900"),
        ("UNKNOWN", "Y", "01", "20", "05T0900"),
        ("20260405080000", "Y", "01", "20", "05T0900"),
        ("00000000", "N", "01", "01", None),
        ("00000000", "", "EXP", "EXP", None),
        ("UNKNOWN", "", "01", "01", None),
        ("", "N", "01", "01", None),
        ("", "", "", None, None),
    ],
)
def test_a_discharge_says_that_the_patient_died(
    death: str, dead: str, stated: str, expected: str | None, at: str | None
) -> None:
    found = left(death, dead, stated)
    assert (disposition(found), died(found)) == (expected, at)


def test_a_death_after_the_discharge_does_not_turn_it_into_a_death_in_hospital() -> None:
    raw = with_death(hl7("A03", "25T0900", f36="01", f45="20260305090000"), "20260320080000", "Y")
    raw = raw.replace(b"||||20260325090000", b"")  # without EVN-6 the discharge was at PV1-45
    found = facts_of([raw])
    assert (found[0].occurred_at.day, disposition(found), died(found)) == (5, "01", "20T0800")


@pytest.mark.parametrize(
    ("death", "left_at", "stated", "expected"),
    [
        ("20260320080000", "20260305090000", "01", "01"),
        ("20260305080000", "20260305090000", "01", "20"),
        ("20260305080000", "", "01", "01"),
        ("202603", "20260305090000", "01", "01"),
        ("", "20260305090000", "", None),
    ],
)
def test_an_update_after_the_discharge_says_where_the_patient_died_only_by_both_times(
    death: str, left_at: str, stated: str, expected: str | None
) -> None:
    found = facts_of([with_death(hl7("A08", "25T0900", f36=stated, f45=left_at), death, "Y")])
    assert disposition(found) == expected
    assert died(found) is not None


STAY_42 = [hl7("A01", "02T0800"), with_death(hl7("A03", "05T0900", f36="EXP"), "20260305080000", "Y")]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_patient_who_died_under_a_local_code_is_no_index_stay(order: tuple[int, ...]) -> None:
    with hospital([STAY_42[position] for position in order]) as replay:
        stay = replay.encounter("V1")
        assert stay.discharge_disposition == "20"
        assert index_exclusion(stay) is Exclusion.DIED


def test_a_death_reported_in_error_is_taken_back_by_pid_30() -> None:
    dead = facts_of([with_death(hl7("A31", "10T0900"), "20260309080000", "Y")])
    alive = facts_of([with_death(hl7("A31", "11T0900"), "", "N")])
    assert (died(dead), died(alive)) == ("09T0800", None)
    for facts in ([*dead, *alive], [*alive, *dead]):
        patient = fold_patient(facts)  # type: ignore[arg-type]
        assert patient is not None
        assert patient.died_at is None


# Several identifiers of one person

BOTH, EAST, WEST = "111^^^EAST^MR~222^^^WEST^MR", "111^^^EAST^MR", "222^^^WEST^MR"


def stay(visit: str, patient: str, at: str, until: str | None = None) -> list[bytes]:
    found = [hl7("A01", at, visit=visit, patient=patient, place=f"4W^{visit}^A^HG", id=f"in-{visit}")]
    return found + ([hl7("A03", until, visit=visit, patient=patient, f36="01", id=f"out-{visit}")] if until else [])


def person(replay: Replay, number: str, authority: str) -> list[str]:
    """The encounters of the person who has this number."""
    with replay._engine.connect() as connection:
        wanted = token(number, authority)
        return sorted(each.encounter_id for each in histories.of_persons(connection, {wanted})[wanted])


@pytest.mark.parametrize("trigger", ["A01", "A04", "A05", "A06", "A07", "A28", "A31", "A40"])
def test_the_further_numbers_of_pid_3_are_the_same_person(trigger: str) -> None:
    found = facts_of([hl7(trigger, "02T0800", patient=f"9^^^US^SS~{WEST}~{EAST}", more=["MRG|5^^^EAST^MR"])])
    links = [fact for fact in found if isinstance(fact, events.PatientIdentifiersLinked)]
    assert [(fact.subject, fact.data.into) for fact in links] == [
        (f"patient:{token('222', 'WEST')}", token("111", "EAST"))
    ]
    assert len({fact.id for fact in found}) == len(found)
    assert {fact.partition_key for fact in found if fact not in links} <= {token("111", "EAST"), token("5", "EAST")}


@pytest.mark.parametrize("patient", [EAST, "111^^^EAST^MR~9^^^US^SS", "111^^^EAST^MR~111^^^EAST^PI"])
def test_one_number_links_nothing(patient: str) -> None:
    found = facts_of([hl7("A01", "02T0800", patient=patient)])
    assert [type(fact) for fact in found] == [events.PatientAdmitted]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_a_later_stay_under_a_further_number_belongs_to_the_same_person(order: tuple[int, ...]) -> None:
    messages = [*stay("V1", BOTH, "02T0800", "03T0800"), *stay("V2", WEST, "10T0800", "11T0800")]
    with hospital([messages[position] for position in order]) as replay:
        assert person(replay, "111", "EAST") == person(replay, "222", "WEST") == ["V1", "V2"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("merged", [EAST, WEST])
def test_a_merge_by_any_number_has_effect(order: tuple[int, ...], merged: str) -> None:
    messages = [
        *stay("V1", BOTH, "02T0800"),
        *stay("V3", "333^^^EAST^MR", "02T0900"),
        hl7("A40", "02T1000", patient="333^^^EAST^MR", more=[f"MRG|{merged}"]),
    ]
    with hospital([messages[position] for position in order]) as replay:
        assert person(replay, "111", "EAST") == person(replay, "222", "WEST") == ["V1", "V3"]
        assert replay.census("4W") == 1
        with replay._engine.connect() as connection:
            assert set(persons(connection, {token("222", "WEST")}).values()) == {token("333", "EAST")}


def test_two_chosen_numbers_with_one_further_number_are_one_person() -> None:
    one = stay("V1", "111^^^EAST^MR~77^^^GROUP^MR", "02T0800", "03T0800")
    other = stay("V2", "222^^^CITY^MR~77^^^GROUP^MR", "10T0800", "11T0800")
    with hospital([*one, *other]) as replay:
        assert person(replay, "111", "EAST") == ["V1", "V2"]


def test_a_placeholder_that_many_patients_share_connects_none_of_them() -> None:
    messages = [
        raw
        for number in range(5)
        for raw in stay(f"V{number}", f"{number}^^^EAST^MR~0^^^WEST^MR", f"02T080{number}", "03T0800")
    ]
    with hospital(messages) as replay:
        assert person(replay, "1", "EAST") == ["V1"]
    links = [fact for fact in facts_of(messages) if isinstance(fact, events.PatientIdentifiersLinked)]
    patient = fold_patient(links)
    assert patient is not None
    assert (patient.links, patient.problems) == ((), (Problem.NUMBER_OF_MANY,))


@pytest.mark.parametrize(
    ("merges", "links", "expected"),
    [
        ({}, {}, {}),
        ({}, {"b": ("a",)}, {"b": "a"}),
        ({}, {"b": ("a", "c")}, {"b": "a", "c": "a"}),
        ({"b": "c"}, {"b": ("a",)}, {"a": "c", "b": "c"}),
        ({"a": "c"}, {"b": ("a",)}, {"a": "c", "b": "c"}),
        ({"a": "c", "b": "d"}, {"b": ("a",)}, {"a": "c", "b": "c", "d": "c"}),
        ({"a": "b"}, {"b": ("a",)}, {"a": "b"}),
        ({"a": "b", "b": "a"}, {"c": ("a",)}, {"b": "a", "c": "a"}),
        ({}, {f"n{number:02}": ("a",) for number in range(21)}, {}),
        ({"n00": "a"}, {f"n{number:02}": ("a",) for number in range(21)}, {"n00": "a"}),
    ],
)
def test_links_and_merges_make_persons(
    merges: dict[str, str], links: dict[str, tuple[str, ...]], expected: dict[str, str]
) -> None:
    in_order = {token: (into, (number,)) for number, (token, into) in enumerate(merges.items())}
    assert resolve_persons(in_order, links) == expected


# A newborn under the mother's number


def of(raw: bytes, birth: str, sex: str) -> bytes:
    return raw.replace(b"|19500101|F", f"|{birth}|{sex}".encode())


MOTHER = of(hl7("A01", "02T0800", visit="M1", place="OB^1^A^HG", id="m"), "19960704", "F")
GIRL = of(hl7("A01", "02T2300", visit="B1", place="OB^1^A^HG", f4="N", id="b"), "20260302", "F")


def elsewhere(raw: bytes, place: bytes = b"NURS^2^C^HG") -> bytes:
    return raw.replace(b"OB^1^A^HG", place)


def listed(replay: Replay) -> list[tuple[str, str]]:
    with replay._engine.connect() as connection:
        found = findings(connection, replay.hospital, replay.now)
    return [(each.kind.value, each.subject) for each in found if not each.kind.value.startswith("unknown")]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("patient", [b"17^^^HG^MR", b"18^^^HG^MR"])
def test_a_newborn_in_the_mothers_bed_is_a_couplet(order: tuple[int, ...], patient: bytes) -> None:
    messages = [MOTHER, GIRL.replace(b"17^^^HG^MR", patient)]
    with hospital([messages[position] for position in order]) as replay:
        bed = replay.bed("OB", "1-A")
        assert (bed.encounter_id, bed.conflicts, replay.census("OB")) == ("M1", (), 2)
        assert listed(replay) == ([("two_people", "B1")] if b"17^" in patient else [])


def test_twins_and_their_mother_share_a_bed_and_two_mothers_do_not() -> None:
    boy = of(GIRL.replace(b"|B1", b"|B2").replace(b"|b|", b"|c|"), "x", "x").replace(b"20260302|F", b"20260302|M")
    with hospital([MOTHER, GIRL, boy]) as replay:
        assert replay.conflicts() == {}
        assert replay.census("OB") == 3
    other = hl7("A01", "02T0900", visit="M2", place="OB^1^A^HG", patient="19^^^HG^MR", id="o")
    with hospital([MOTHER, GIRL, other]) as replay:
        assert replay.conflicts() == {"OB/1-A": ("M1", "M2")}
        assert ("bed_claimed_twice", "HG/OB/1-A") in listed(replay)


@pytest.mark.parametrize(
    "baby",
    [
        elsewhere(GIRL),
        elsewhere(GIRL).replace(b"|F\r", b"|M\r"),
        elsewhere(GIRL).replace(b"ADT^A01", b"ADT^A04"),
        elsewhere(of(hl7("A01", "02T2300", visit="B1", place="OB^1^A^HG", id="b"), "20100101", "M")),
    ],
)
def test_a_child_under_the_mothers_number_keeps_a_bed_of_its_own_and_is_named(baby: bytes) -> None:
    with hospital([MOTHER, baby]) as replay:
        assert (replay.bed("OB", "1-A").encounter_id, replay.bed("NURS", "2-C").encounter_id) == ("M1", "B1")
        assert listed(replay) == [("two_people", "B1")]


def test_a_newborn_is_told_from_a_mother_who_has_gone_and_is_not_her_readmission() -> None:
    home = of(hl7("A03", "04T0900", visit="M1", f36="01", id="h"), "19960704", "F")
    again = elsewhere(of(hl7("A01", "07T0900", visit="B2", place="OB^1^A^HG", id="j"), "20260302", "F"))
    with hospital([MOTHER, home, again]) as replay:
        assert listed(replay) == [("two_people", "B2")]
        stays = replay.encounters()
        assert not readmitted_within_30_days(stays, replay.encounter("M1"))
        assert readmitted_within_30_days([*stays, msgspec.structs.replace(stays[0], age_years=30)], stays[1])


def test_a_corrected_birth_date_is_not_another_person() -> None:
    again = of(hl7("A01", "03T0800", visit="M2", place="4W^1^A^HG", id="n"), "19660704", "F")
    with hospital([MOTHER, again]) as replay:
        assert (replay.census("OB"), replay.census("4W")) == (0, 1)
        assert listed(replay) == [("second_bed", "M1")]


def test_two_people_admitted_under_one_visit_number_are_named() -> None:
    baby = GIRL.replace(b"|B1", b"|M1")
    for messages in ([MOTHER, baby], [baby, MOTHER]):
        with hospital(messages) as replay:
            assert Problem.TWO_PEOPLE in replay.encounter("M1").problems
    updated = of(hl7("A08", "02T0900", visit="M1", place="OB^1^A^HG", id="u"), "19660704", "F")
    with hospital([MOTHER, updated]) as replay:
        assert replay.encounter("M1").problems == ()


@pytest.mark.parametrize(
    ("birth", "sex", "problems"),
    [("20260302", "M", (Problem.TWO_PEOPLE,)), ("19660704", "F", ()), ("19960904", "M", ())],
)
def test_an_a28_with_another_birth_date_and_sex_is_somebody_else(
    birth: str, sex: str, problems: tuple[Problem, ...]
) -> None:
    known = of(hl7("A28", "01T0800", id="p"), "19960704", "F")
    facts = facts_of([known, of(hl7("A28", "02T0900", id="q"), birth, sex)])
    for each in (facts, facts[::-1]):
        patient = fold_patient(each)  # type: ignore[arg-type]
        assert patient is not None
        assert patient.problems == problems
