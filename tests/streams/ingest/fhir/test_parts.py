"""Bundles with good and bad entries: each bad one is a dead letter of its own, which can be read again by itself."""

from __future__ import annotations

import json
from typing import Any

from schemas.outgoing import rejected
from schemas.pseudonyms import patient_token
from streams.ingest.fhir.mapping import FhirOptions
from streams.ingest.fhir.resource_reader import read_json, read_parts
from streams.ingest.reading import Part
from tests.streams.ingest.fhir.resources import HOUSE, ICD10, KEY, PATIENT, RECEIVED, bundle, concept, encounter, lies


def parts(resource: object) -> list[Part]:
    return list(read_parts(json.dumps(resource).encode(), FhirOptions(), KEY, RECEIVED))


def test_of_a_bundle_with_good_entries_each_bad_one_is_a_part() -> None:
    written = bundle(PATIENT, encounter(), encounter("unknown", id="e2"), encounter("finished", id="e3"))
    good, second, third = parts(written)
    assert good.raw == json.dumps(written).encode()
    assert ([type(fact).__name__ for fact in good.reading.facts], good.reading.problems) == (["PatientAdmitted"], ())
    assert [part.reading.problems[0].where for part in (second, third)] == [
        "Bundle.entry[2].resource.status",
        "Bundle.entry[3].resource.period.end",
    ]
    for part, logical_id in ((second, "e2"), (third, "e3")):
        assert part.reading.facts == ()
        inside = [entry["resource"]["id"] for entry in json.loads(part.raw)["entry"]]
        assert inside == [logical_id, "p1"]


def test_a_part_has_with_it_what_is_needed_to_read_it_once_it_is_mended() -> None:
    ill = {"resourceType": "Condition", "id": "c1", "code": concept("I50.9", ICD10)}
    ill["encounter"] = {"reference": "Encounter/e2"}
    other = PATIENT | {"id": "p2", "identifier": [{"value": "99"}]}
    bad = encounter("unknown", id="e2", location=[lies("w4-12-1", "2026-03-02T09:15:00Z")])
    written = bundle(other, PATIENT, *HOUSE, ill, encounter(), bad) | {"timestamp": "2026-03-04T10:00:00Z"}
    _, part = parts(written)
    kept = json.loads(part.raw)
    assert (kept["type"], kept["timestamp"]) == ("collection", "2026-03-04T10:00:00Z")
    assert sorted(entry["resource"]["id"] for entry in kept["entry"]) == [
        "c1",
        "e2",
        "p1",
        "s",
        "w4",
        "w4-12",
        "w4-12-1",
    ]
    mended = part.raw.replace(b'"unknown"', b'"in-progress"')
    reading = read_json(mended, FhirOptions(), KEY, RECEIVED)
    admitted: Any
    admitted, updated = reading.facts
    assert admitted.partition_key == patient_token(KEY, "urn:hg", "17")
    assert (admitted.data.location.unit_id, admitted.data.location.bed_id) == ("4W", "01")
    assert [diagnosis.code for diagnosis in updated.data.diagnoses] == ["I50.9"]  # type: ignore[union-attr]


def test_a_bad_entry_is_not_too_large_for_kafka_because_of_its_neighbours() -> None:
    noise = {"resourceType": "Observation", "note": "x" * 1_200_000}
    for others in ([encounter()], []):
        *_, bad = parts(bundle(*others, encounter("unknown", id="e2"), noise))
        sent = rejected(bad.raw, bad.reading.problems[0].reason, "a.json/0")
        assert sent.value == bad.raw
        assert len(sent.value) < 2_000


def test_what_is_good_or_bad_as_a_whole_is_one_part() -> None:
    good, bad = bundle(PATIENT, encounter()), bundle(PATIENT, encounter("unknown"), encounter("unknown"))
    for resource, facts, errors in (
        (good, 1, 0),
        (bad, 0, 2),
        (bundle(PATIENT), 0, 1),
        (encounter(), 1, 0),
        ([], 0, 1),
    ):
        (part,) = parts(resource)
        assert part.raw == json.dumps(resource).encode()
        assert (len(part.reading.facts), len(part.reading.problems)) == (facts, errors)
    (part,) = read_parts(b"{", FhirOptions(), KEY, RECEIVED)
    assert part.reading.problems[0].reason.startswith("Not valid JSON")


def test_a_byte_order_mark_is_no_content() -> None:
    raw = b"\xef\xbb\xbf" + json.dumps(encounter()).encode()
    assert len(read_json(raw, FhirOptions(), KEY, RECEIVED).facts) == 1


def test_a_fact_that_kafka_would_not_take_is_an_error_of_its_encounter() -> None:
    large = [{"condition": {"concept": concept(f"{number:0>200}", "s" * 200)}} for number in range(999)]
    listed = encounter(diagnosis=[{"condition": [one["condition"]] * 3} for one in large])
    reading = read_json(json.dumps(listed).encode(), FhirOptions(), KEY, RECEIVED)
    assert len(reading.facts) == 2  # the same said thrice is said once
    many = [[concept(f"{number}-{of:0>190}", "s" * 200) for of in range(4)] for number in range(999)]
    listed = encounter(diagnosis=[{"condition": [{"concept": one} for one in four]} for four in many])
    reading = read_json(json.dumps(listed).encode(), FhirOptions(), KEY, RECEIVED)
    assert reading.facts == ()
    assert reading.problems[0].where == "Encounter.diagnosis"
    assert "larger than 1000000 bytes" in reading.problems[0].reason


def test_a_bad_entry_with_a_ring_of_contained_places_is_a_part_too() -> None:
    ward = {"resourceType": "Location", "id": "here", "partOf": {"reference": "#here"}}
    ring = encounter("unknown", contained=[ward], location=[{"location": {"reference": "#here"}}])
    _, bad = parts(bundle(encounter(), ring))
    assert [entry["resource"]["status"] for entry in json.loads(bad.raw)["entry"]] == ["unknown"]
