"""Whose stay it is: two people are never one patient, and one person is one, however it is referred to."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.events import PatientDischarged
from schemas.pseudonyms import patient_token
from streams.ingest.fhir.mapping import FhirOptions
from tests.streams.ingest.fhir.resources import ICD10, KEY, PATIENT, bundle, concept, encounter, facts, read

TOKEN = patient_token(KEY, "urn:hg", "17")


def token(resource: object, options: FhirOptions | None = None) -> str:
    (key,) = {fact.partition_key for fact in facts(resource, options)}
    return key


def of(reference: str, **fields: Any) -> dict[str, Any]:
    return encounter(subject={"reference": reference}, **fields)


def entry(resource: dict[str, Any], address: str | None = None) -> dict[str, Any]:
    return {"resource": resource} if address is None else {"fullUrl": address, "resource": resource}


def of_entries(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": list(entries)}


def test_a_contained_patient_without_an_identifier_is_nobody() -> None:
    for birth_date in ("1950-02-03", "1990-02-03"):
        inside = {"resourceType": "Patient", "id": "patient", "birthDate": birth_date}
        reading = read(of("#patient", contained=[inside]))
        assert reading.facts == ()
        (wrong,) = reading.problems
        assert wrong.where == "Encounter.subject.reference"
        assert "Give the contained Patient an identifier" in wrong.reason
        assert "1950" not in wrong.reason
    assert read(of("#nobody")).problems[0].where == "Encounter.subject.reference"
    assert token(of("#p1", contained=[PATIENT])) == TOKEN


def test_the_same_id_at_two_servers_is_two_people() -> None:
    harbour, valley = (token(of(f"https://{name}.example/fhir/Patient/1")) for name in ("harbour", "valley"))
    assert len({harbour, valley, token(of("Patient/1"))}) == 3
    assert harbour == patient_token(KEY, "fhir:https://harbour.example/fhir/Patient", "1")
    assert token(of("HTTPS://Harbour.example/fhir//Patient/1/_history/7")) == harbour
    assert token(of("https://harbour.example/other/Patient/1")) != harbour


def test_a_relative_reference_has_the_token_that_it_had_in_a_bundle_or_alone() -> None:
    expected = patient_token(KEY, "fhir:Patient", "1")
    assert token(of("Patient/1")) == expected
    assert token(of_entries(entry(of("Patient/1"), "https://harbour.example/fhir/Encounter/e1"))) == expected


def test_whole_addresses_of_the_own_server_are_as_relative_ones() -> None:
    options = FhirOptions(base_url="https://Harbour.example/fhir/")
    assert token(of("https://harbour.example/fhir/Patient/1"), options) == token(of("Patient/1"))
    assert token(of("https://valley.example/fhir/Patient/1"), options) != token(of("Patient/1"))


def test_of_two_servers_in_one_bundle_each_has_its_own_patients_and_conditions() -> None:
    other = PATIENT | {"identifier": [{"system": "urn:valley", "value": "44"}]}
    theirs = {"resourceType": "Condition", "id": "c", "code": concept("I21.9", ICD10)}
    theirs["encounter"] = {"reference": "Encounter/e1"}
    at = "https://{}.example/fhir/{}".format
    written = of_entries(
        entry(other, at("valley", "Patient/p1")),
        entry(theirs, at("valley", "Condition/c")),
        entry(PATIENT, at("harbour", "Patient/p1")),
        entry(of("Patient/p1"), at("harbour", "Encounter/e1")),
    )
    (admitted,) = facts(written)
    assert admitted.partition_key == TOKEN
    elsewhere = of_entries(entry(other, at("valley", "Patient/p1")), entry(of(at("harbour", "Patient/p1"))))
    assert token(elsewhere) == patient_token(KEY, "fhir:https://harbour.example/fhir/Patient", "p1")


@pytest.mark.parametrize(
    "reference",
    [
        "Patient?identifier=urn:hg|17",
        "Patient?identifier=urn%3Ahg%7C17",
        "https://harbour.example/fhir/Patient?identifier=urn:hg|17",
    ],
)
def test_a_conditional_reference_is_the_patient_of_that_identifier(reference: str) -> None:
    assert token(of(reference)) == TOKEN
    written = bundle(PATIENT, of(reference))
    assert token(written) == TOKEN
    (admitted,) = facts(written)
    assert admitted.data.age_years == 75  # type: ignore[union-attr]
    options = FhirOptions(authorities={"urn:hg": "HG"})
    assert token(of(reference), options) == patient_token(KEY, "HG", "17")


@pytest.mark.parametrize(
    "reference",
    [
        "Patient?identifier=17",
        "Patient?identifier=urn:hg|",
        "Patient?identifier=urn:hg|17,urn:hg|18",
        "Patient?identifier=urn:hg|17&identifier=urn:x|3",
        "Patient?name=Doe",
        "Patient?",
        "Patient/",
        "Group?identifier=urn:hg|17",
    ],
)
def test_a_reference_that_names_no_single_patient_is_refused(reference: str) -> None:
    reading = read(of(reference))
    assert reading.facts == ()
    (wrong,) = reading.problems
    assert wrong.where == "Encounter.subject.reference"
    assert "17" not in wrong.reason
    assert "Doe" not in wrong.reason


def test_encounters_that_come_one_after_another_have_nothing_of_each_other() -> None:
    found = set()
    for number in range(200):
        inside = {"resourceType": "Patient", "id": "p", "identifier": [{"value": str(number)}]}
        found.add(token(of("#p", contained=[inside])))
    assert len(found) == 200


def left(deceased: dict[str, Any], disposition: dict[str, Any] | None, end: str = "2026-03-05T09:00:00Z") -> Any:
    stay = encounter(
        "finished",
        period={"start": "2026-03-02T09:00:00Z", "end": end},
        hospitalization={"dischargeDisposition": disposition} if disposition else None,
    )
    found = [fact for fact in read(bundle({**PATIENT, **deceased}, stay)).facts if isinstance(fact, PatientDischarged)]
    return found[0].data.discharge_disposition


@pytest.mark.parametrize("disposition", [None, concept("home"), concept("snf"), concept("local-99")])
@pytest.mark.parametrize(
    "deceased",
    [
        {"deceasedBoolean": True},
        {"deceasedDateTime": "2026-03-05T08:50:00Z"},
        {"deceasedDateTime": "2026-03-05"},
        {"deceasedDateTime": "2026-03-05T09:03:00Z"},
    ],
    ids=str,
)
def test_a_patient_who_died_by_the_end_of_the_stay_died_whatever_the_disposition_says(
    deceased: dict[str, Any], disposition: dict[str, Any] | None
) -> None:
    assert left(deceased, disposition) == "20"


@pytest.mark.parametrize(
    "deceased",
    [{}, {"deceasedBoolean": False}, {"deceasedDateTime": "2026-04-01"}, {"deceasedDateTime": "soon"}],
    ids=str,
)
def test_a_later_death_is_not_that_of_the_stay(deceased: dict[str, Any]) -> None:
    assert left(deceased, concept("home")) == "01"


@pytest.mark.parametrize("code", ["exp", "20", "41"])
def test_of_several_codes_of_the_disposition_the_one_of_death_counts(code: str) -> None:
    several = {"coding": [{"system": "urn:local", "code": "9Z"}, {"code": "home"}, {"code": code}]}
    assert left({"deceasedBoolean": False}, several) == ("41" if code == "41" else "20")
