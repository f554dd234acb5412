"""Encounter.partOf: contacts of departments and beds are parts of the one stay, however they name it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any

import pytest

from schemas.events import AnyFact, EncounterPartReported
from schemas.state import EncounterStatus
from simulators.testing import Replay
from streams.ingest.fhir.mapping import FhirOptions
from streams.ingest.fhir.resource_reader import read_parts
from tests.streams.ingest.fhir.resources import (
    HOUSE,
    KEY,
    NUMBERS,
    PATIENT,
    RECEIVED,
    bundle,
    concept,
    encounter,
    lies,
    place,
    read,
)

Json = dict[str, Any]

BEDS = [*HOUSE, place("w4-12-2", "bd", "02", "w4-12"), place("icu-1", "bd", "I1", "icu")]


def numbered(value: str) -> list[Json]:
    return [{"type": concept("VN", NUMBERS), "system": "urn:hg:case", "value": value}]


WHOLE = encounter(identifier=numbered("F1"), period={"start": "2026-03-01T10:00:00+01:00"})


def contact(logical_id: str, of: Any, *places: Json, **fields: Any) -> Json:
    """A contact within a stay; `of` is the id of its whole, or a Reference."""
    reference = {"reference": f"Encounter/{of}"} if isinstance(of, str) else of
    given: Json = {"identifier": None, "period": {"start": "2026-03-01T10:00:00+01:00"}, **fields}
    return encounter(id=logical_id, partOf=reference, location=list(places), **given)


DEPARTMENT = contact("e2", "e1", lies("w4", "2026-03-01T10:00:00Z", status="active"))
BED = contact("e3", "e2", lies("w4-12-1", "2026-03-01T10:00:00Z", status="active"))


def sent_in_every_order(*resources: Json) -> Iterator[Replay]:
    """Each resource in a Bundle of its own, in every order, each in a batch of its own."""
    for order in permutations(resources):
        yield replayed([bundle(PATIENT, *BEDS, one) for one in order])


def replayed(bundles: Sequence[Json]) -> Replay:
    facts: list[AnyFact] = []
    for one in bundles:
        reading = read(one)
        assert reading.problems == ()
        facts += reading.facts
    return Replay(facts).advance()


@pytest.fixture(autouse=True)
def _one_fact_in_each_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.testing.replay.AT_ONCE", 1)


def shown(replay: Replay) -> dict[str, list[str]]:
    """The places of each encounter, by its number."""
    return {
        each.encounter_id: [
            f"{stay.unit_id}/{stay.bed_id}" if stay.bed_id else stay.unit_id for stay in each.unit_stays
        ]
        for each in replay.encounters()
    }


def in_bed(replay: Replay, unit_id: str, bed_id: str) -> str | None:
    found: str | None = replay.bed(unit_id, bed_id, "HG").encounter_id
    return found


def test_three_levels_are_one_stay_in_the_bed_in_every_order() -> None:
    for replay in sent_in_every_order(WHOLE, DEPARTMENT, BED):
        assert shown(replay) == {"F1": ["4W/01"]}
        assert (replay.census("4W", "HG"), in_bed(replay, "4W", "01")) == (1, "F1")
        assert replay.encounter("F1").problems == ()


def test_three_levels_in_one_bundle_are_one_stay() -> None:
    replay = replayed([bundle(PATIENT, *BEDS, BED, DEPARTMENT, WHOLE)])
    assert shown(replay) == {"F1": ["4W/01"]}


def test_a_finished_department_and_the_next_one_are_moves_whatever_their_visit_number() -> None:
    over = {"start": "2026-03-01T10:00:00+01:00", "end": "2026-03-02T08:00:00+01:00"}
    for number in (numbered("F1"), numbered("F7"), None):
        first = contact(
            "e2",
            "e1",
            lies("w4", "2026-03-01T10:00:00Z", status="completed"),
            status="finished",
            period=over,
            identifier=number,
        )
        then = contact(
            "e4",
            "e1",
            lies("w4-12-1", "2026-03-02T07:00:00Z", status="active"),
            period={"start": "2026-03-02T08:00:00+01:00"},
            identifier=number,
        )
        for replay in sent_in_every_order(WHOLE, first, then):
            assert shown(replay) == {"F1": ["4W", "4W/01"]}
            stay = replay.encounter("F1")
            assert (stay.status, stay.discharged_at, stay.problems) == (EncounterStatus.IN_PROGRESS, None, ())
            assert in_bed(replay, "4W", "01") == "F1"


def test_a_place_without_a_time_has_that_of_its_contact() -> None:
    bed = contact("e3", "e1", lies("w4-12-1"), period={"start": "2026-03-01T12:00:00Z"})
    moved = contact("e4", "e1", lies("icu-1"), period={"start": "2026-03-01T15:00:00Z"})
    for replay in sent_in_every_order(WHOLE, bed, moved):
        assert shown(replay) == {"F1": ["4W/01", "ICU/I1"]}
        assert [stay.arrived_at.hour for stay in replay.encounter("F1").unit_stays] == [12, 15]


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Encounter/e1"},
        {"reference": "Encounter/e1/_history/2"},
        {"reference": "https://fhir.example/r4/Encounter/e1"},
        {"type": "Encounter", "identifier": {"system": "urn:hg:case", "value": "F1"}},
        {"identifier": numbered("F1")[0]},
        {"reference": "Encounter?identifier=urn:hg:case|F1"},
    ],
    ids=lambda reference: next(iter(reference.values())) if "reference" in reference else "identifier",
)
def test_the_stay_is_named_by_reference_address_or_number_in_one_bundle_or_in_several(reference: Json) -> None:
    bed = contact("e3", reference, lies("w4-12-1", "2026-03-01T10:00:00Z"))
    for replay in (*sent_in_every_order(WHOLE, bed), replayed([bundle(PATIENT, *BEDS, bed, WHOLE)])):
        assert shown(replay) == {"F1": ["4W/01"]}


def test_in_a_transaction_resources_are_named_by_urn() -> None:
    def entries(*resources: Json) -> Json:
        urn = "urn:uuid:0000000{}-0000-4000-8000-000000000000"
        entry = [{"fullUrl": urn.format(number), "resource": one} for number, one in enumerate(resources, 1)]
        return {"resourceType": "Bundle", "type": "transaction", "entry": [*bundle(PATIENT, *BEDS)["entry"], *entry]}

    whole = {**WHOLE, "id": None}
    department = contact("", {"reference": "urn:uuid:00000001-0000-4000-8000-000000000000"}, lies("w4"))
    bed = contact("", {"reference": "urn:uuid:00000002-0000-4000-8000-000000000000"}, lies("w4-12-1"))
    replay = replayed([entries(whole, department, bed)])
    assert shown(replay) == {"F1": ["4W/01"]}


def test_a_contained_stay_is_named_by_its_number() -> None:
    inside = {"resourceType": "Encounter", "id": "whole", "identifier": numbered("F1")}
    bed = contact("e3", {"reference": "#whole"}, lies("w4-12-1"), contained=[inside])
    for replay in sent_in_every_order(WHOLE, bed):
        assert shown(replay) == {"F1": ["4W/01"]}


def test_r5_contacts_are_read_alike() -> None:
    bed = contact("e3", "e1", lies("w4-12-1"), period=None, actualPeriod={"start": "2026-03-01T12:00:00Z"})
    bed["class"] = [concept("IMP")]
    over = {
        **bed,
        "status": "completed",
        "actualPeriod": {"start": "2026-03-01T12:00:00Z", "end": "2026-03-01T18:00:00Z"},
        "meta": {"versionId": "3", "lastUpdated": "2026-03-02T13:00:00Z"},
    }
    for replay in sent_in_every_order(WHOLE, bed, over):
        assert shown(replay) == {"F1": ["4W/01"]}
        assert replay.encounter("F1").status is EncounterStatus.IN_PROGRESS


def test_a_cancelled_contact_and_a_deleted_one_take_away_what_they_said() -> None:
    later = {"versionId": "3", "lastUpdated": "2026-03-02T13:00:00Z"}
    for status in ("cancelled", "entered-in-error"):
        gone = contact("e3", "e1", status=status, meta=later, identifier=numbered("F1"))
        without_whole = {key: value for key, value in gone.items() if key != "partOf"}
        for void in (gone, without_whole):
            for replay in sent_in_every_order(WHOLE, contact("e3", "e1", lies("w4-12-1")), void):
                assert shown(replay) == {"F1": []}
                assert replay.encounter("F1").status is EncounterStatus.IN_PROGRESS
    bed = contact("e3", "e1", lies("w4-12-1"), identifier=numbered("F1"))
    history = bundle(PATIENT, *BEDS, WHOLE, bed, kind="history")
    history["entry"].append(
        {
            "request": {"method": "DELETE", "url": "Encounter/e3"},
            "response": {"status": "204", "lastModified": "2026-03-02T14:00:00Z"},
        }
    )
    assert shown(replayed([history])) == {"F1": []}


def test_the_places_of_a_contact_change_with_its_versions() -> None:
    first = contact("e3", "e1", lies("w4-12-1", "2026-03-01T10:00:00Z", status="active"))
    second = contact(
        "e3",
        "e1",
        {
            **lies("w4-12-1", status="completed"),
            "period": {"start": "2026-03-01T10:00:00Z", "end": "2026-03-01T12:00Z"},
        },
        lies("w4-12-2", "2026-03-01T12:00:00Z", status="active"),
        meta={"versionId": "3", "lastUpdated": "2026-03-02T13:00:00Z"},
    )
    for replay in sent_in_every_order(WHOLE, first, second):
        assert shown(replay) == {"F1": ["4W/01", "4W/02"]}


def test_an_outpatient_contact_within_an_inpatient_stay_leaves_its_class() -> None:
    visit = contact("e3", "e1", lies("icu"), **{"class": concept("AMB")})
    for replay in sent_in_every_order(WHOLE, visit):
        stay = replay.encounter("F1")
        assert (stay.patient_class.value, stay.inpatient_from) == ("inpatient", stay.admitted_at)


def test_a_contact_without_a_subject_has_that_of_its_whole_in_the_bundle() -> None:
    bed = contact("e3", "e1", lies("w4-12-1"), subject=None)
    replay = replayed([bundle(PATIENT, *BEDS, WHOLE, bed)])
    assert shown(replay) == {"F1": ["4W/01"]}
    assert replay.encounter("F1").problems == ()


def problem(*resources: Json) -> tuple[str, str]:
    (found,) = read(bundle(PATIENT, *BEDS, *resources)).problems
    return found


@pytest.mark.parametrize(
    ("reference", "where", "reason"),
    [
        ({"reference": "Encounter/e3"}, "partOf", "a circle"),
        ({"display": "the stay"}, "partOf", "names no Encounter"),
        ({"reference": "EpisodeOfCare/1"}, "partOf.reference", "not an Encounter"),
        ({"reference": "Encounter?status=planned"}, "partOf.reference", "an unsupported search"),
        ({"identifier": {"value": "bed:x"}}, "partOf", "names no Encounter"),
        ({"reference": "#whole"}, "partOf", "names no Encounter"),
        ("e1", "partOf", "not a Reference"),
        ([{"reference": "Encounter/e1"}], "partOf", "not a Reference"),
    ],
)
def test_a_part_of_nothing_is_refused_with_the_remedy(reference: Any, where: str, reason: str) -> None:
    bed = {**contact("e3", "e1", lies("w4-12-1")), "partOf": reference}
    found = problem(bed)
    assert found[0].endswith(f".resource.{where}")
    assert reason in found[1]


def test_contacts_in_a_circle_are_refused_by_name_and_all_else_counts() -> None:
    ring = [contact("e2", "e3", lies("w4")), contact("e3", "e2", lies("w4-12-1"))]
    given = bundle(PATIENT, *BEDS, WHOLE, *ring)
    good, *bad = read_parts(json.dumps(given).encode(), FhirOptions(), KEY, RECEIVED)
    assert [fact.subject for fact in good.reading.facts] == ["F1"]
    assert ["a circle" in str(part.reading.rejected) for part in bad] == [True, True]


def test_a_part_is_one_fact_that_names_no_person() -> None:
    (found,) = read(bundle(PATIENT, *BEDS, BED)).facts
    assert isinstance(found, EncounterPartReported)
    assert (found.subject, found.data.part_of) == ("part:fhir/e3", "part:fhir/e2")
    assert found.id.startswith("e3/2/part/")
