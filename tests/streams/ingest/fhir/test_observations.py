"""FHIR Observation: codes, values, units, status, corrections, and the visit that it is about."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from schemas.events import ObservationDetails, ObservationReported, ObservationStatus
from streams.fold.encounter import fold
from streams.ingest.fhir.mapping import FhirOptions
from streams.ingest.fhir.resource_reader import read_parts
from tests.streams.ingest.fhir.resources import KEY, PATIENT, RECEIVED, bundle, concept, encounter, facts, read

LOINC = "http://loinc.org"


def observation(code: str = "718-7", value: Any = 11.2, unit: str | None = "g/dL", **fields: Any) -> dict[str, Any]:
    """A final Observation; a field that is None is left out."""
    quantity = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    written: dict[str, Any] = {
        "resourceType": "Observation",
        "id": "o1",
        "meta": {"versionId": "1", "lastUpdated": "2026-03-03T09:00:00Z"},
        "status": "final",
        "code": concept(code, LOINC),
        "subject": {"reference": "Patient/p1"},
        "encounter": {"reference": "Encounter/e1"},
        "effectiveDateTime": "2026-03-03T08:00:00Z",
        "valueQuantity": {key: part for key, part in quantity.items() if part is not None},
        **fields,
    }
    return {key: value for key, value in written.items() if value is not None}


def results(*resources: dict[str, Any], options: FhirOptions | None = None) -> list[ObservationReported]:
    found = facts(bundle(PATIENT, encounter(), *resources), options)
    return [fact for fact in found if isinstance(fact, ObservationReported)]


def data(resource: dict[str, Any], options: FhirOptions | None = None) -> ObservationDetails:
    [fact] = results(resource, options=options)
    return fact.data


def test_a_result_is_a_fact_about_the_visit_of_its_encounter() -> None:
    [fact] = results(observation())
    stay = facts(bundle(PATIENT, encounter()))[0]
    assert (fact.subject, fact.partition_key) == (stay.subject, stay.partition_key) == ("V1", fact.partition_key)
    assert (fact.occurred_at.isoformat(), fact.recorded_at.isoformat()) == (
        "2026-03-03T08:00:00+00:00",
        "2026-03-03T09:00:00+00:00",
    )
    assert fact.data == ObservationDetails(code="718-7", value=11.2, unit="g/dL", result="o1", version="1")
    assert fact.unreadable is UNSET


def test_the_facts_of_the_encounter_are_the_same_with_and_without_results() -> None:
    without = facts(bundle(PATIENT, encounter()))
    assert [f for f in facts(bundle(PATIENT, encounter(), observation())) if f not in without] == results(observation())


@pytest.mark.parametrize(
    ("code", "value", "unit", "expected"),
    [
        ("718-7", 112, "g/L", 11.2),
        ("2951-2", 133, "mmol/L", 133.0),
        ("2951-2", 133, "meq/L", 133.0),
        ("2160-0", 88.4, "umol/L", 1.0),
    ],
)
def test_units_are_converted(code: str, value: float, unit: str, expected: float) -> None:
    assert data(observation(code, value, unit)).value == expected


@pytest.mark.parametrize(
    ("fields", "unreadable"),
    [
        ({"unit": None}, "Observation.valueQuantity.unit"),
        ({"unit": "furlong"}, "Observation.valueQuantity.unit"),
        ({"value": "11.2"}, "Observation.valueQuantity.value"),
        ({"value": True}, "Observation.valueQuantity.value"),
        ({"valueQuantity": None, "valueString": "haemolysed"}, "Observation.valueString"),
    ],
)
def test_what_cannot_be_read_has_no_value_and_is_named(fields: dict[str, Any], unreadable: str) -> None:
    [fact] = results(observation(**fields))
    assert (fact.data.value, fact.unreadable) == (None, (unreadable,))


def test_a_result_without_a_value_has_none() -> None:
    [fact] = results(observation(valueQuantity=None, dataAbsentReason=concept("unknown")))
    assert (fact.data.value, fact.unreadable) == (None, UNSET)


def test_a_comparator_is_kept() -> None:
    found = data(observation(valueQuantity={"value": 5, "unit": "g/dL", "comparator": "<"}))
    assert (found.value, found.comparator) == (5.0, "<")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("preliminary", ObservationStatus.PRELIMINARY),
        ("final", ObservationStatus.FINAL),
        ("amended", ObservationStatus.CORRECTED),
        ("corrected", ObservationStatus.CORRECTED),
        ("cancelled", ObservationStatus.CANCELLED),
        ("entered-in-error", ObservationStatus.CANCELLED),
    ],
)
def test_the_status_is_that_of_the_resource(status: str, expected: ObservationStatus) -> None:
    found = data(observation(status=status))
    assert found.status is expected
    assert (found.value is None) is (expected is ObservationStatus.CANCELLED)


def test_a_registered_observation_has_no_result_yet() -> None:
    assert results(observation(status="registered")) == []


def test_an_unknown_status_is_a_problem() -> None:
    assert "Bundle.entry[2].resource.status" in str(
        read(bundle(PATIENT, encounter(), observation(status="x"))).rejected
    )


def test_an_amended_observation_replaces_and_one_in_error_removes_the_value() -> None:
    def version(number: int, **fields: Any) -> dict[str, Any]:
        return observation(meta={"versionId": str(number), "lastUpdated": f"2026-03-03T0{number}:00:00Z"}, **fields)

    first, amended = version(8, value=19.0), version(9, value=9.1, status="amended")
    in_error = observation(status="entered-in-error", meta={"versionId": "10", "lastUpdated": "2026-03-03T10:00:00Z"})
    stay: list[Any] = list(facts(bundle(PATIENT, encounter())))

    def values(*resources: dict[str, Any]) -> list[float]:
        seen = fold([*stay, *(fact for each in resources for fact in results(each))])
        assert seen is not None
        return [each.value for each in seen.observations]

    assert values(first) == [19.0]
    assert values(amended, first) == [9.1]
    assert values(in_error, amended, first) == []


def test_components_are_results_of_their_own() -> None:
    options = FhirOptions(observations={"8480-6": "8480-6", "8462-4": "8462-4"})
    pressure = observation(
        "85354-9",
        valueQuantity=None,
        component=[
            {"code": concept("8480-6", LOINC), "valueQuantity": {"value": 131, "unit": "mm[Hg]"}},
            {"code": concept("8462-4", LOINC), "valueQuantity": {"value": 74, "unit": "mm[Hg]"}},
        ],
    )
    assert [(fact.data.code, fact.data.value, fact.data.result) for fact in results(pressure, options=options)] == [
        ("8480-6", 131.0, "o1/8480-6"),
        ("8462-4", 74.0, "o1/8462-4"),
    ]


def test_local_codes_and_units_come_from_the_mapping() -> None:
    options = FhirOptions(observations={"HGB": "718-7"}, observation_units={"718-7": "g/L"})
    local = observation(code="x", value=112, unit=None)
    local["code"] = concept("hgb", "urn:lab")
    assert data(local, options).value == 11.2


@pytest.mark.parametrize(
    "fields", [{"code": "2823-3"}, {"encounter": None}, {"code": "x"}], ids=["another code", "no encounter", "no LOINC"]
)
def test_other_observations_are_passed_over(fields: dict[str, Any]) -> None:
    assert results(observation(**fields)) == []
    reading = read(bundle(observation(**fields)))
    assert (reading.facts, reading.problems) == ((), ())


def test_an_observation_of_a_part_is_about_its_whole() -> None:
    whole = encounter()
    part = encounter(id="e2", identifier=[{"value": "X"}], partOf={"reference": "Encounter/e1"})
    found = facts(bundle(PATIENT, whole, part, observation(encounter={"reference": "Encounter/e2"})))
    assert [fact.subject for fact in found if isinstance(fact, ObservationReported)] == ["V1"]


def test_an_observation_alone_needs_the_visit_number() -> None:
    alone = observation(
        subject={"identifier": {"system": "urn:hg", "value": "17"}}, encounter={"identifier": {"value": "V1"}}
    )
    [fact] = facts(alone)
    assert (fact.subject, fact.partition_key) == ("V1", results(observation())[0].partition_key)
    reading = read(observation())
    assert reading.facts == ()
    assert "encounter: the visit is unknown" in (reading.rejected or "")


@pytest.mark.parametrize("effective", ["2026-03-03", "2027-01-01T00:00:00Z", None])
def test_a_day_or_a_time_to_come_does_not_count(effective: str | None) -> None:
    [fact] = results(observation(effectiveDateTime=effective, issued="2026-03-03T08:30:00Z"))
    assert fact.occurred_at.isoformat() == "2026-03-03T08:30:00+00:00"


def test_an_invalid_observation_does_not_hold_up_the_others_and_its_dead_letter_has_what_it_needs() -> None:
    raw = msgspec.json.encode(bundle(PATIENT, encounter(), observation(), observation(id="o2", status="unknown")))
    whole, rejected = read_parts(raw, FhirOptions(), KEY, RECEIVED)
    assert len([fact for fact in whole.reading.facts if isinstance(fact, ObservationReported)]) == 1
    kept = msgspec.json.decode(rejected.raw)
    assert [entry["resource"]["resourceType"] for entry in kept["entry"]] == ["Observation", "Patient", "Encounter"]
    kept["entry"][0]["resource"]["status"] = "final"
    again = facts(kept)
    assert "o2" in [fact.data.result for fact in again if isinstance(fact, ObservationReported)]
