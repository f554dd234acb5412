"""FHIR resources for tests: short ways to write them."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from schemas.events import AnyFact
from streams.ingest.fhir.bundle import FhirReading
from streams.ingest.fhir.mapping import FhirOptions
from streams.ingest.fhir.resource_reader import read_resource

KEY = b"k" * 32
RECEIVED = datetime(2026, 3, 10, 12, tzinfo=UTC)
V3 = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
NUMBERS = "http://terminology.hl7.org/CodeSystem/v2-0203"


def concept(code: str, system: str = "") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def encounter(status: Any = "in-progress", **fields: Any) -> dict[str, Any]:
    """An R4 Encounter; a field that is None is left out."""
    written: dict[str, Any] = {
        "resourceType": "Encounter",
        "id": "e1",
        "meta": {"versionId": "2", "lastUpdated": "2026-03-02T12:00:00Z"},
        "status": status,
        "class": {"system": V3, "code": "IMP"},
        "identifier": [{"value": "A9"}, {"type": concept("VN", NUMBERS), "value": "V1"}],
        "subject": {"reference": "Patient/p1"},
        "period": {"start": "2026-03-02T10:15:00+01:00"},
        **fields,
    }
    return {key: value for key, value in written.items() if value is not None}


PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [
        {"system": "urn:ssn", "value": "999"},
        {"type": concept("MR", NUMBERS), "system": "urn:hg", "value": "17"},
    ],
    "name": [{"family": "Doe", "given": ["Jane"]}],
    "gender": "female",
    "birthDate": "1950-03-03",
}


def place(logical_id: str, level: str, value: str, above: str | None = None) -> dict[str, Any]:
    """A Location of R4."""
    written: dict[str, Any] = {
        "resourceType": "Location",
        "id": logical_id,
        "physicalType": concept(level),
        "identifier": [{"value": value}],
    }
    if above is not None:
        written["partOf"] = {"reference": f"Location/{above}"}
    return written


HOUSE = [
    place("s", "si", "HG"),
    place("w4", "wa", "4W", "s"),
    place("w4-12", "ro", "12", "w4"),
    place("w4-12-1", "bd", "01", "w4-12"),
    place("icu", "wa", "ICU", "s"),
]


def lies(logical_id: str, since: str | None = None, **fields: Any) -> dict[str, Any]:
    """An entry of Encounter.location."""
    written: dict[str, Any] = {"location": {"reference": f"Location/{logical_id}"}, **fields}
    if since is not None:
        written["period"] = {"start": since}
    return written


def bundle(*resources: dict[str, Any], kind: str = "collection") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": copy.deepcopy(one)} for one in resources]}


WHOLE = bundle(
    PATIENT,
    *HOUSE,
    {
        "resourceType": "Condition",
        "id": "c1",
        "code": concept("I50.9", ICD10),
        "encounter": {"reference": "Encounter/e1"},
    },
    encounter(
        "finished",
        period={"start": "2026-03-02T09:00:00Z", "end": "2026-03-05T09:00:00Z"},
        location=[lies("w4-12-1", "2026-03-02T09:00:00Z"), lies("icu", "2026-03-03T08:00:00Z", status="active")],
        diagnosis=[{"condition": {"reference": "Condition/c1"}, "rank": 1}],
        statusHistory=[{"status": "onleave", "period": {"start": "2026-03-03"}}],
        hospitalization={"dischargeDisposition": concept("home"), "admitSource": concept("emd")},
        priority=concept("EM"),
        serviceType=concept("394579002"),
    ),
)
"""A stay with all that is read of one: who, where, when, why."""


def read(resource: object, options: FhirOptions | None = None, received_at: datetime = RECEIVED) -> FhirReading:
    return read_resource(resource, options or FhirOptions(), KEY, received_at)


def facts(resource: object, options: FhirOptions | None = None) -> tuple[AnyFact, ...]:
    reading = read(resource, options)
    assert reading.problems == ()
    return reading.facts
