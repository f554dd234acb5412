"""What a FHIR resource says, and that none can do harm."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import events
from schemas.events import Diagnosis, Location, PatientClass, Sex, check_subject, decode_fact, encode_fact
from schemas.pseudonyms import patient_token
from schemas.state import EncounterStatus
from streams.fold.encounter import fold
from streams.ingest.fhir.bundle import FhirReading
from streams.ingest.fhir.mapping import FhirOptions
from streams.ingest.fhir.resource_reader import read_json, read_resource
from tests.streams.ingest.fhir.resources import (
    HOUSE,
    ICD10,
    KEY,
    PATIENT,
    RECEIVED,
    WHOLE,
    bundle,
    concept,
    encounter,
    facts,
    lies,
    place,
    read,
)

SNOMED = "http://snomed.info/sct"
TOKEN = patient_token(KEY, "urn:hg", "17")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def kinds(found: tuple[events.AnyFact, ...]) -> list[str]:
    return [type(fact).__name__ for fact in found]


def only(resource: object, options: FhirOptions | None = None) -> Any:
    found = facts(resource, options)
    assert len(found) == 1
    return found[0]


def error(resource: object) -> tuple[str, str]:
    reading = read(resource)
    assert reading.facts == ()
    assert len(reading.problems) == 1
    return reading.problems[0]


def test_an_admission_says_who_where_and_when_and_never_a_name() -> None:
    stay = encounter(location=[lies("w4-12-1", "2026-03-02T09:15:00Z")], priority=concept("EM"))
    found = only(bundle(PATIENT, *HOUSE, stay))
    assert isinstance(found, events.PatientAdmitted)
    assert (found.source, found.subject, found.partition_key) == ("fhir", "V1", TOKEN)
    assert (found.occurred_at, found.recorded_at) == (utc(2026, 3, 2, 9, 15), utc(2026, 3, 2, 12))
    assert found.data.location == Location(facility_id="HG", unit_id="4W", room="12", bed_id="01")
    assert (found.data.age_years, found.data.sex) == (75, Sex.FEMALE)  # the birthday is a day away
    assert found.data.patient_class is PatientClass.INPATIENT
    assert found.data.admission_type is events.AdmissionType.EMERGENCY
    body = encode_fact(found)
    for private in (b"Doe", b"Jane", b"1950", b"999"):
        assert private not in body


@pytest.mark.parametrize("status", ["planned", "arrived", "triaged", "in-progress", "finished"])
@pytest.mark.parametrize("code", ["AMB", "EMER", "IMP", "ACUTE", "NONAC", "OBSENC", "SS", "VR", "HH"])
def test_the_class_says_whether_a_stay_begins_with_an_admission(code: str, status: str) -> None:
    period = {"start": "2026-03-02T10:00:00Z", "end": "2026-03-02T11:00:00Z"}
    first = facts(encounter(status, **{"class": {"code": code}}, period=period))[0]
    registered = code in ("AMB", "EMER", "SS", "VR", "HH")
    begins = events.PatientRegistered if registered else events.PatientAdmitted
    assert type(first) is (events.PatientPreadmitted if status == "planned" else begins)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("IMP", PatientClass.INPATIENT),
        ("AMB", PatientClass.OUTPATIENT),
        ("EMER", PatientClass.EMERGENCY),
        ("OBSENC", PatientClass.OBSERVATION),
        ("SS", PatientClass.OUTPATIENT),
        ("something", None),
    ],
)
def test_the_class_is_a_coding_in_r4_and_a_list_of_concepts_in_r5(code: str, said: PatientClass | None) -> None:
    r4 = only(encounter(**{"class": {"code": code}}))
    r5 = only(encounter(**{"class": [concept("unheard-of"), concept(code)]}))
    assert r4.data.patient_class is r5.data.patient_class is said


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("planned", EncounterStatus.PLANNED),
        ("arrived", EncounterStatus.IN_PROGRESS),
        ("triaged", EncounterStatus.IN_PROGRESS),
        ("in-progress", EncounterStatus.IN_PROGRESS),
        ("onleave", EncounterStatus.IN_PROGRESS),
        ("on-hold", EncounterStatus.IN_PROGRESS),
        ("finished", EncounterStatus.DISCHARGED),
        ("discharged", EncounterStatus.DISCHARGED),
        ("completed", EncounterStatus.DISCHARGED),
        ("discontinued", EncounterStatus.DISCHARGED),
        ("cancelled", EncounterStatus.CANCELLED),
        ("entered-in-error", EncounterStatus.CANCELLED),
    ],
)
def test_each_status_leads_to_its_state(status: str, expected: EncounterStatus) -> None:
    period = {"start": "2026-03-01T10:00:00Z", "end": "2026-03-02T11:00:00Z"}
    for field in ("period", "actualPeriod"):
        found = fold(facts(encounter(status, period=None) | {field: period}))  # type: ignore[arg-type]
        assert found is not None
        assert (found.status, found.problems) == (expected, ())
        assert (found.on_leave_since is not None) is (status in ("onleave", "on-hold"))


def test_a_stay_that_is_over_tells_its_moves_and_where_the_patient_went() -> None:
    stay = encounter(
        "finished",
        period={"start": "2026-03-02T09:00:00Z", "end": "2026-03-05T09:00:00Z"},
        location=[
            lies("icu", "2026-03-03T08:00:00Z"),
            lies("w4-12-1", "2026-03-02T09:00:00Z"),
            lies("w4", "2026-03-04T08:00:00Z"),
        ],
        hospitalization={"dischargeDisposition": concept("snf")},
        serviceType=concept("cardiology"),
    )
    found = facts(bundle(PATIENT, *HOUSE, stay))
    assert kinds(found) == ["PatientAdmitted", "PatientTransferred", "PatientTransferred", "PatientDischarged"]
    state = fold(found)  # type: ignore[arg-type]
    assert state is not None
    assert [(stay.unit_id, stay.bed_id, stay.arrived_at) for stay in state.unit_stays] == [
        ("4W", "01", utc(2026, 3, 2, 9)),
        ("ICU", None, utc(2026, 3, 3, 8)),
        ("4W", None, utc(2026, 3, 4, 8)),
    ]
    assert (state.discharged_at, state.discharge_disposition) == (utc(2026, 3, 5, 9), "03")
    assert (state.service, state.age_years, state.problems) == ("cardiology", 76, ())


@pytest.mark.parametrize("field", ["hospitalization", "admission"])
@pytest.mark.parametrize(
    ("code", "said"), [("home", "01"), ("aadvice", "07"), ("exp", "20"), ("hosp", "51"), ("6", "06"), ("62", "62")]
)
def test_the_disposition_is_the_ub04_code(field: str, code: str, said: str) -> None:
    period = {"start": "2026-03-02T09:00:00Z", "end": "2026-03-05T09:00:00Z"}
    stay = encounter("finished", period=period, **{field: {"dischargeDisposition": concept(code)}})
    last: Any = facts(stay)[-1]
    assert last.data.discharge_disposition == said


def test_a_plan_waits_in_its_place_until_it_is_cancelled() -> None:
    plan = encounter(
        "planned",
        period={"start": "2026-03-20T08:00:00Z", "end": "2026-03-23T10:00:00Z"},
        location=[lies("icu", status="planned")],
    )
    made = only(bundle(*HOUSE, plan))
    assert isinstance(made, events.PatientPreadmitted)
    assert made.occurred_at == utc(2026, 3, 2, 12)
    assert made.data.location == Location(facility_id="HG", unit_id="ICU")
    assert (made.data.expected_at, made.data.expected_discharge_at) == (utc(2026, 3, 20, 8), utc(2026, 3, 23, 10))
    later = {"versionId": "3", "lastUpdated": "2026-03-04T00:00:00Z"}
    gone = only(encounter("cancelled", period=plan["period"], meta=later))
    assert isinstance(gone, events.EncounterDeleted)
    assert gone.data.reason == "cancelled"
    state = fold([made, gone])
    assert state is not None
    assert (state.status, state.reservation, state.problems) == (EncounterStatus.CANCELLED, None, ())


def test_an_r5_plan_has_its_own_times() -> None:
    made = only(encounter("planned", period=None, plannedStartDate="2026-03-20T08:00:00Z", plannedEndDate="2026-03-23"))
    assert (made.data.expected_at, made.data.expected_discharge_at) == (
        utc(2026, 3, 20, 8),
        utc(2026, 3, 23, 23, 59, 59),
    )


def test_what_is_entered_in_error_voids_what_was_said_before() -> None:
    later = {"versionId": "3", "lastUpdated": "2026-03-04T00:00:00Z"}
    state = fold([*facts(encounter()), *facts(encounter("entered-in-error", meta=later))])  # type: ignore[list-item]
    assert state is not None
    assert (state.status, state.problems) == (EncounterStatus.CANCELLED, ())


def test_leaves_of_the_status_history() -> None:
    history = [
        {"status": "in-progress", "period": {"start": "2026-03-01T08:00:00Z"}},
        {"status": "onleave", "period": {"start": "2026-03-03T08:00:00Z", "end": "2026-03-04T08:00:00Z"}},
        {"status": "onleave", "period": {"start": "2026-03-06T08:00:00Z"}},
    ]
    found = facts(encounter("onleave", statusHistory=history))
    assert kinds(found) == ["PatientAdmitted", "LeaveStarted", "LeaveEnded", "LeaveStarted"]
    state = fold(found)  # type: ignore[arg-type]
    assert state is not None
    assert (state.on_leave_since, state.problems) == (utc(2026, 3, 6, 8), ())


def test_the_same_resource_is_the_same_facts_whenever_it_comes() -> None:
    stay = bundle(PATIENT, *HOUSE, encounter(location=[lies("w4", "2026-03-02T10:15:00+01:00")]))
    assert read(stay).facts == read(json.loads(json.dumps(stay)), received_at=utc(2026, 4, 1)).facts
    bare = encounter("finished", meta=None, period={"start": "2026-03-02T09:00:00Z", "end": "2026-03-03T09:00:00Z"})
    assert read(bare).facts == read(bare, received_at=utc(2026, 4, 1)).facts
    assert read(bare).facts[0].recorded_at == utc(2026, 3, 3, 9)


def test_versions_and_company_make_ids_that_do_not_collide() -> None:
    other = {"versionId": "3", "lastUpdated": "2026-03-02T12:00:00Z"}
    alone, with_patient, version = only(encounter()), only(bundle(PATIENT, encounter())), only(encounter(meta=other))
    assert len({fact.id for fact in (alone, with_patient, version)}) == 3
    assert alone.id.startswith("e1/2/admitted/")
    assert version.id.startswith("e1/3/admitted/")


def test_the_last_version_of_a_place_without_a_time_counts_from_when_it_was_said() -> None:
    first = encounter(location=[lies("w4")])
    second = encounter(location=[lies("icu")], meta={"versionId": "3", "lastUpdated": "2026-03-03T12:00:00Z"})
    state = fold([*facts(bundle(*HOUSE, second)), *facts(bundle(*HOUSE, first))])  # type: ignore[list-item]
    assert state is not None
    assert [(stay.unit_id, stay.arrived_at) for stay in state.unit_stays] == [
        ("4W", utc(2026, 3, 2, 12)),
        ("ICU", utc(2026, 3, 3, 12)),
    ]


def test_a_bed_that_is_reserved_is_a_transfer_to_come() -> None:
    stay = encounter(location=[lies("w4", "2026-03-02T09:15:00Z"), lies("icu", status="reserved")])
    found: Any = facts(bundle(*HOUSE, stay))
    assert kinds(found) == ["PatientAdmitted", "TransferPending"]
    assert found[1].data.location == Location(facility_id="HG", unit_id="ICU")


def test_ward_and_bed_of_one_time_are_one_place_and_the_next_bed_is_in_the_same_ward() -> None:
    at, later = "2026-03-02T09:15:00Z", "2026-03-03T09:15:00Z"
    stay = encounter(
        location=[
            lies("4W", at, physicalType=concept("wa")),
            lies("01", at, physicalType=concept("bd")),
            lies("02", later, form=concept("bd")),
        ],
        serviceProvider={"identifier": {"value": "HG"}},
    )
    first, second = facts(stay)
    assert first.data.location == Location(facility_id="HG", unit_id="4W", bed_id="01")  # type: ignore[union-attr]
    assert second.data.location == Location(facility_id="HG", unit_id="4W", bed_id="02")  # type: ignore[union-attr]


def test_a_place_of_which_nothing_is_known_is_a_unit() -> None:
    at = "2026-03-02T09:15:00Z"
    assert only(encounter(location=[lies("abc", at)])).data.location == Location(facility_id="main", unit_id="abc")
    options = FhirOptions(default_facility="HG", units={"abc": "4W"})
    assert only(encounter(location=[lies("abc", at)]), options).data.location == Location(
        facility_id="HG", unit_id="4W"
    )
    logical = [{"location": {"identifier": {"value": "5E"}}, "period": {"start": at}}]
    assert only(encounter(location=logical)).data.location.unit_id == "5E"


def test_contained_places_and_rings_of_places() -> None:
    ward = {"resourceType": "Location", "id": "here", "name": "ward", "partOf": {"reference": "#here"}}
    stay = encounter(
        contained=[ward], location=[{"location": {"reference": "#here"}, "period": {"start": "2026-03-02"}}]
    )
    assert only(stay).data.location == Location(facility_id="main", unit_id="here")


def test_diagnoses_are_known_from_when_they_were_said_and_the_refuted_never() -> None:
    heart: dict[str, Any] = {"resourceType": "Condition", "id": "c1", "code": concept("I50.9", ICD10)}
    heart["code"]["coding"].insert(0, {"system": SNOMED, "code": "42343007"})
    asthma = {"resourceType": "Condition", "id": "c2", "code": concept("195967001", SNOMED)}
    wrong = {"resourceType": "Condition", "id": "c3", "code": concept("I21.9", ICD10)}
    wrong["verificationStatus"] = concept("refuted")
    about = {"encounter": {"reference": "Encounter/e1"}}
    stay = encounter(
        diagnosis=[
            {"condition": {"reference": "Condition/c1"}, "rank": 1},
            {"condition": {"reference": "Condition/c2"}, "use": concept("AD")},
        ]
    )
    found: Any = facts(bundle(heart, asthma | about, wrong | about, stay))
    assert kinds(found) == ["PatientAdmitted", "EncounterUpdated"]
    assert found[0].data.diagnoses == (Diagnosis(code="195967001", system="SNOMED"),)
    assert found[1].data.diagnoses == (Diagnosis(code="I50.9", principal=True),)
    assert found[1].occurred_at == utc(2026, 3, 2, 12)
    r5 = encounter(diagnosis=[{"condition": [{"concept": concept("J45.909", ICD10)}]}])
    last: Any = facts(r5)[-1]
    assert last.data.diagnoses == (Diagnosis(code="J45.909"),)


@pytest.mark.parametrize(
    ("subject", "patient", "expected"),
    [
        ({"reference": "Patient/p1"}, PATIENT, TOKEN),
        ({"reference": "urn:uuid:77"}, PATIENT, patient_token(KEY, "fhir:Patient", "77")),
        ({"identifier": {"system": "urn:hg", "value": "17"}}, None, TOKEN),
        ({"reference": "http://fhir.example/r4/Patient/p1/_history/4"}, PATIENT, TOKEN),
        ({"reference": "Patient/p1"}, None, patient_token(KEY, "fhir:Patient", "p1")),
    ],
)
def test_whose_stay_it_is(subject: dict[str, Any], patient: dict[str, Any] | None, expected: str) -> None:
    company = [patient] if patient else []
    assert only(bundle(*company, encounter(subject=subject))).partition_key == expected


def test_a_number_that_is_no_longer_used_does_not_count() -> None:
    old = {"use": "old", "type": concept("MR"), "system": "urn:hg", "value": "16"}
    renumbered = PATIENT | {"identifier": [old, *PATIENT["identifier"]]}
    assert only(bundle(renumbered, encounter())).partition_key == TOKEN


def test_an_authority_can_be_named_as_the_hl7_feed_names_it() -> None:
    options = FhirOptions(authorities={"urn:hg": "HG"})
    assert only(bundle(PATIENT, encounter()), options).partition_key == patient_token(KEY, "HG", "17")


def test_a_full_url_is_a_name_too() -> None:
    stay = encounter(subject={"reference": "urn:uuid:5"})
    written = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"fullUrl": "urn:uuid:5", "resource": PATIENT}, {"fullUrl": "urn:uuid:6", "resource": stay}],
    }
    assert only(written).partition_key == TOKEN


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"status": "unknown"}, "Encounter.status"),
        ({"status": ["finished"]}, "Encounter.status"),
        ({"subject": None}, "Encounter.subject"),
        ({"subject": {"reference": "Group/3"}}, "Encounter.subject.reference"),
        ({"identifier": None, "id": None}, "Encounter.identifier"),
        ({"identifier": [{"value": "patient:7"}]}, "Encounter.identifier[0].value"),
        ({"identifier": [{"value": "x" * 201}]}, "Encounter.identifier[0].value"),
        ({"period": None}, "Encounter.period.start"),
        ({"period": {"start": "2026-03"}}, "Encounter.period.start"),
        ({"period": {"start": "2026-02-30T10:00:00Z"}}, "Encounter.period.start"),
        ({"status": "finished"}, "Encounter.period.end"),
        (
            {"status": "completed", "period": None, "actualPeriod": {"start": "2026-03-02"}},
            "Encounter.actualPeriod.end",
        ),
        ({"status": "finished", "period": {"start": "2026-03-02", "end": "2026-03-01"}}, "Encounter.period.end"),
        ({"meta": {"lastUpdated": "yesterday"}}, "Encounter.meta.lastUpdated"),
        ({"serviceType": {"text": "y" * 201}}, "Encounter.serviceType"),
        ({"statusHistory": [{"status": "onleave"}]}, "Encounter.statusHistory[0].period.start"),
    ],
)
def test_an_error_names_the_place_and_never_what_stood_there(change: dict[str, Any], path: str) -> None:
    where, why = error(encounter(**change))
    assert where == path
    assert len(why) > 20
    for written in ("patient:7", "xxx", "yyy", "yesterday", "2026", "Group/3"):
        assert written not in why


def test_a_bundle_gives_the_good_and_names_the_bad() -> None:
    bad = encounter("finished", id="e2")
    reading = read(bundle(encounter(), PATIENT, bad, encounter("unknown"), kind="searchset"))
    assert kinds(reading.facts) == ["PatientAdmitted"]
    assert [wrong.where for wrong in reading.problems] == [
        "Bundle.entry[2].resource.period.end",
        "Bundle.entry[3].resource.status",
    ]


@pytest.mark.parametrize("kind", ["collection", "transaction", "batch", "message", "history", "searchset"])
def test_bundles_of_every_kind(kind: str) -> None:
    assert kinds(facts(bundle(PATIENT, encounter(), kind=kind))) == ["PatientAdmitted"]


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        (None, "resourceType"),
        ([], "resourceType"),
        (PATIENT, "resourceType"),
        (bundle(encounter(), kind="document"), "Bundle.type"),
        (bundle(PATIENT), "Bundle.entry"),
        ({"resourceType": "Bundle", "type": "batch", "entry": 3}, "Bundle.entry"),
        ({"resourceType": "Bundle", "type": "batch", "entry": [3]}, "Bundle.entry[0]"),
        (bundle(bundle(encounter())), "Bundle.entry[0].resource"),
        (bundle({"id": "e1"}), "Bundle.entry[0].resource.resourceType"),
        (
            {
                "resourceType": "Bundle",
                "type": "history",
                "entry": [{"request": {"method": "DELETE", "url": "Encounter/e1"}}],
            },
            "Bundle.entry[0].request",
        ),
    ],
)
def test_what_is_no_encounter_is_said(resource: object, path: str) -> None:
    assert error(resource)[0] == path


def test_an_empty_search_is_no_error() -> None:
    assert read({"resourceType": "Bundle", "type": "searchset", "total": 0}) == FhirReading()


def notification(said: str, *, backport: bool) -> list[dict[str, Any]]:
    if backport:
        parameters = [{"name": "status", "valueCode": "active"}, {"name": "type", "valueCode": said}]
        return [{"resourceType": "Parameters", "parameter": parameters}]
    return [{"resourceType": "SubscriptionStatus", "type": said}]


@pytest.mark.parametrize("backport", [False, True])
def test_notifications_of_a_subscription(backport: bool) -> None:
    kind = "history" if backport else "subscription-notification"
    for said in ("handshake", "heartbeat"):
        reading = read(bundle(*notification(said, backport=backport), kind=kind))
        assert reading == FhirReading(notification=said)
    event = notification("event-notification", backport=backport)
    full = read(bundle(*event, encounter(), kind=kind))
    assert (kinds(full.facts), full.problems, full.notification) == (["PatientAdmitted"], (), "event-notification")
    path, why = error(bundle(*event, kind=kind))
    assert path == "Bundle.entry"
    assert "full-resource" in why


def test_what_is_no_json_is_said() -> None:
    for raw in (b"", b"{", b"\xff\xfe", b"[" * 100_000):
        reading = read_json(raw, FhirOptions(), KEY, RECEIVED)
        assert reading.facts == ()
        assert reading.problems[0].where == ""


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["2026-03-02T10:00:00Z", "9999-12-31T23:59:59-14:00", "Location/w4", "#x", "\ud800", "a\0b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


def places_in(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inside: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    return [path, *(found for key, item in inside for found in places_in(item, (*path, key)))]


PLACES = places_in(WHOLE)


def sound(resource: object) -> None:
    """Whatever it is: facts that the worker takes, and errors that say something."""
    reading = read_resource(resource, FhirOptions(), KEY, RECEIVED)
    for fact in reading.facts:
        assert decode_fact(encode_fact(fact)) == fact
        check_subject(fact)
    assert len({fact.id for fact in reading.facts}) == len(reading.facts)
    assert all(wrong.reason for wrong in reading.problems)


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_any_json_gives_a_reading(value: object) -> None:
    sound(value)
    sound({"resourceType": "Bundle", "type": "batch", "entry": value})


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES[1:]), JSON), min_size=1, max_size=4))
def test_any_json_anywhere_in_a_bundle_gives_a_reading(changes: list[tuple[tuple[str | int, ...], object]]) -> None:
    changed: Any = copy.deepcopy(WHOLE)
    for path, value in changes:
        *steps, last = path
        target, slot = changed, cast("Any", last)
        for step in steps:
            within = target if isinstance(target, dict) else dict(enumerate(target)) if isinstance(target, list) else {}
            target = within.get(step)
        if isinstance(target, dict) or (isinstance(target, list) and slot in range(len(target))):
            target[slot] = value
    sound(changed)


@settings(max_examples=300, deadline=None)
@given(text=st.text(st.sampled_from('\\u0"\x00') | st.characters(), min_size=1, max_size=20))
@example(text="\\u0000")
@example(text="a\x00b")
def test_what_is_accepted_is_never_refused_later(text: str) -> None:
    stay = encounter(
        id=text,
        identifier=[{"value": text}],
        location=[{"location": {"display": text}}],
        serviceType={"text": text},
        meta={"versionId": text},
    )
    reading = read(json.loads(json.dumps(bundle(PATIENT, stay))))
    assert reading.facts or reading.problems
    for found in reading.facts:
        assert decode_fact(encode_fact(found)) == found


def test_a_ring_of_places_ends() -> None:
    ring = [place("a", "ro", "A", "b"), place("b", "ro", "B", "a")]
    stay = encounter(location=[lies("a", "2026-03-02T09:15:00Z")])
    assert only(bundle(*ring, stay)).data.location == Location(facility_id="main", unit_id="A")
