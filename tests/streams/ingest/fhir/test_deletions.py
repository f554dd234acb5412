"""A deletion names an Encounter; whose it was, the other entries of its Bundle say."""

from __future__ import annotations

import copy
from itertools import permutations
from typing import Any

import pytest

from schemas.events import EncounterDeleted
from schemas.state import Encounter, EncounterStatus
from streams.fold.encounter import fold
from tests.streams.ingest.fhir.resources import HOUSE, PATIENT, RECEIVED, bundle, encounter, facts, lies, read
from tests.streams.ingest.fhir.test_versions import utc

ADDRESS = "https://fhir.example/r4/Encounter/e1"
LIES = encounter(location=[lies("w4-12-1", "2026-03-02T09:15:00Z")])


def deletion(url: str = "Encounter/e1", **fields: Any) -> dict[str, Any]:
    response = {"status": "204", "etag": 'W/"3"', "lastModified": "2026-03-03T08:00:00Z"}
    return {"fullUrl": ADDRESS, "request": {"method": "DELETE", "url": url}, "response": response, **fields}


def entry(resource: dict[str, Any], address: str | None = ADDRESS) -> dict[str, Any]:
    written = {"resource": copy.deepcopy(resource), "request": {"method": "PUT", "url": "Encounter/e1"}}
    return written if address is None else {"fullUrl": address, **written}


def history(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "history", "entry": [*bundle(PATIENT, *HOUSE)["entry"], *entries]}


def state(*entries: dict[str, Any]) -> Encounter:
    """Fold the Bundle with its entries in every order: it is one state."""
    found = [fold(facts(history(*order))) for order in permutations(entries)]  # type: ignore[arg-type]
    assert found[0] is not None
    assert all(other == found[0] for other in found)
    return found[0]


def test_a_deletion_takes_the_patient_out_of_the_bed() -> None:
    assert state(entry(LIES)).unit_stays[0].bed_id == "01"
    found = state(entry(LIES), deletion())
    assert (found.encounter_id, found.status, found.unit_stays) == ("V1", EncounterStatus.CANCELLED, ())
    assert found.problems == ()
    gone: Any = facts(history(deletion(), entry(LIES)))[0]
    assert isinstance(gone, EncounterDeleted)
    assert (gone.recorded_at, gone.data.version, gone.data.reason) == (utc(3, 8), "3", "entered-in-error")


@pytest.mark.parametrize("url", [ADDRESS, "/Encounter/e1", "Encounter/e1/_history/3"])
def test_a_deletion_is_known_by_each_way_to_write_its_address(url: str) -> None:
    for address in (ADDRESS, None):
        found = state(entry(LIES, address), deletion(url))
        assert (found.status, found.problems) == (EncounterStatus.CANCELLED, ())
    without = deletion(url)
    del without["fullUrl"]
    assert state(entry(LIES), without).status is EncounterStatus.CANCELLED


def test_what_is_written_after_its_deletion_is_there_again() -> None:
    again = LIES | {"meta": {"versionId": "4", "lastUpdated": "2026-03-03T09:00:00Z"}}
    found = state(entry(LIES), deletion(), entry(again))
    assert (found.status, found.unit_stays[0].bed_id, found.problems) == (EncounterStatus.IN_PROGRESS, "01", ())


@pytest.mark.parametrize("response", [{}, {"etag": 'W/"3"'}, {"lastModified": "2026-03-02T12:00:00Z", "etag": '"3"'}])
def test_a_deletion_counts_without_its_time_and_at_the_instant_of_the_version_before(response: dict[str, str]) -> None:
    found = state(entry(LIES), deletion(response=response))
    assert (found.status, found.problems) == (EncounterStatus.CANCELLED, ())


def test_a_deletion_without_a_time_is_as_old_as_its_bundle_or_was_made_when_it_came() -> None:
    written = history(entry(LIES), deletion(response={}))
    assert facts(written)[-1].recorded_at == RECEIVED
    assert facts(written | {"timestamp": "2026-03-04T10:00:00Z"})[-1].recorded_at == utc(4, 10)


def test_the_latest_version_says_whose_it_was() -> None:
    mended = LIES | {"subject": {"reference": "Patient/p2"}, "meta": {"lastUpdated": "2026-03-02T13:00:00Z"}}
    (gone,) = (one for one in facts(history(entry(mended), entry(LIES), deletion())) if type(one) is EncounterDeleted)
    assert gone.partition_key == facts(mended)[0].partition_key


def test_a_deletion_that_carries_the_resource_deletes_it() -> None:
    (gone,) = facts(history(deletion(resource=LIES)))
    assert isinstance(gone, EncounterDeleted)


OTHER = "https://other.example/r4/Encounter/e1"


@pytest.mark.parametrize(
    "entries",
    [
        [deletion()],
        [deletion("Encounter/e2"), entry(LIES)],
        [deletion(), entry(LIES, OTHER)],
        [deletion("Encounter?identifier=urn:hg|V1"), entry(LIES)],
        [deletion("https://fhir.example/r4/Encounter?identifier=urn:hg|V1"), entry(LIES)],
        [deletion(), entry(LIES | {"subject": {}})],
    ],
)
def test_a_deletion_of_which_nobody_can_know_whose_it_was_is_an_error(entries: list[dict[str, Any]]) -> None:
    reading = read(history(*entries))
    assert EncounterDeleted not in map(type, reading.facts)
    assert reading.problems[0].where == f"Bundle.entry[{1 + len(HOUSE)}].request"
    assert "a deletion of an unknown Encounter" in reading.problems[0].reason


def test_a_deletion_at_no_time_is_an_error_and_that_of_another_resource_is_passed_over() -> None:
    bad = read(history(entry(LIES), deletion(response={"lastModified": "yesterday"})))
    assert [problem.where for problem in bad.problems] == [f"Bundle.entry[{2 + len(HOUSE)}].response.lastModified"]
    assert len(facts(history(entry(LIES), deletion("Patient/p9"), deletion("Patient?identifier=1")))) == 1
