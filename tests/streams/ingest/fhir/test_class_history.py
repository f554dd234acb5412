"""Since when a stay has which class: by its classHistory (R4), and by its versions where it has none."""

from __future__ import annotations

from datetime import datetime
from itertools import permutations
from typing import Any

import pytest

from schemas.events import PatientClass
from schemas.state import Encounter, EncounterStatus
from streams.fold.encounter import fold
from tests.streams.ingest.fhir.resources import concept, encounter, facts, lies, read
from tests.streams.ingest.fhir.test_versions import BEGAN, state, stays, utc

IN_ED = lies("ED", BEGAN)
IN_4W = lies("4W", "2026-03-02T14:00:00Z")
EMER, IMP, OBSENC = PatientClass.EMERGENCY, PatientClass.INPATIENT, PatientClass.OBSERVATION


def of_class(code: str, number: int, said: str, status: str = "in-progress", **fields: Any) -> dict[str, Any]:
    meta = {"versionId": str(number), "lastUpdated": f"2026-03-{said}:00Z"}
    return encounter(
        status, meta=meta, **{"class": {"code": code}, "period": {"start": BEGAN}, "location": [IN_ED], **fields}
    )


def had(code: str, start: str | None = None, end: str | None = None) -> dict[str, Any]:
    times = {"start": start, "end": end}
    return {"class": {"code": code}, "period": {key: f"2026-03-{time}" for key, time in times.items() if time}}


def of_one(resource: dict[str, Any]) -> Encounter:
    found = fold(facts(resource))  # type: ignore[arg-type]
    assert found is not None
    return found


def class_and_since(found: Encounter) -> tuple[PatientClass, datetime | None]:
    assert found.problems == ()
    return found.patient_class, found.inpatient_from


IN_BOTH = [had("EMER", "02T10:00:00Z", "02T13:30:00Z"), had("IMP", "02T13:30:00Z")]


def test_the_history_tells_the_class_at_the_start_and_each_change() -> None:
    found: Any = facts(of_class("IMP", 1, "03T09:00", classHistory=IN_BOTH))
    assert [(type(fact).__name__, fact.occurred_at, fact.data.patient_class) for fact in found] == [
        ("PatientRegistered", utc(2, 10), EMER),
        ("PatientClassChanged", utc(2, 10), EMER),
        ("PatientClassChanged", utc(2, 13, 30), IMP),
    ]
    assert class_and_since(of_one(of_class("IMP", 1, "03T09:00", classHistory=IN_BOTH))) == (IMP, utc(2, 13, 30))


@pytest.mark.parametrize(
    ("history", "now", "expected"),
    [
        (IN_BOTH[::-1], "IMP", (IMP, utc(2, 13, 30))),
        ([had("EMER", "02T10:00:00Z", "02T13:30:00Z")], "IMP", (IMP, utc(2, 13, 30))),  # the class of now left out
        ([had("EMER", None, "02T13:30:00Z")], "IMP", (IMP, utc(2, 13, 30))),
        ([had("EMER", "02T10:00:00Z")], "IMP", (IMP, utc(3, 9))),  # by when it was recorded
        ([had("EMER", "02T09:00:00Z", "02T10:00:00Z")], "IMP", (IMP, utc(2, 10))),
        ([had("IMP", "02T13:30:00Z")], "IMP", (IMP, utc(2, 13, 30))),
        ([had("EMER", "02"), had("IMP", "03")], "IMP", (IMP, utc(3, 0))),
        ([had("PRENC", "01"), had("IMP", "02T10:00:00Z")], "IMP", (IMP, utc(2, 10))),
        ([*IN_BOTH, had("AMB", "09")], "IMP", (IMP, utc(2, 13, 30))),  # later than it was recorded
        ([*IN_BOTH, had("OBSENC", "02T20:00:00Z")], "OBSENC", (OBSENC, None)),
        ([had("unheard-of", "02T10:00:00Z")], "IMP", (IMP, utc(2, 10))),
        ([had("EMER", "02T10:00:00Z", "yesterday"), had("IMP", "02T13:30:00Z")], "IMP", (IMP, utc(2, 13, 30))),
    ],
)
def test_histories_as_servers_write_them(history: list[Any], now: str, expected: tuple[Any, Any]) -> None:
    assert class_and_since(of_one(of_class(now, 1, "03T09:00", classHistory=history))) == expected


def test_a_history_does_not_outlast_the_stay() -> None:
    over = {"period": {"start": BEGAN, "end": "2026-03-04T12:00:00Z"}, "classHistory": [*IN_BOTH, had("AMB", "05")]}
    found = of_one(of_class("IMP", 1, "06T09:00", "finished", **over))
    assert class_and_since(found) == (IMP, utc(2, 13, 30))
    assert (found.status, found.discharged_at) == (EncounterStatus.DISCHARGED, utc(4, 12))


def test_a_history_with_a_start_that_is_no_time_is_as_if_missing_and_is_named() -> None:
    found = read(
        encounter(
            classHistory=[
                {"class": {"code": "EMER"}, "period": {"start": "2026-03-02T10:15:00+01:00"}},
                {"class": {"code": "IMP"}, "period": {"start": "yesterday"}},
            ]
        )
    )
    assert [type(fact).__name__ for fact in found.facts] == ["PatientAdmitted"]
    assert [problem.where for problem in found.warnings] == ["Encounter.classHistory[1].period.start"]


ED = of_class("EMER", 1, "02T10:05")
STILL_ED = of_class("EMER", 2, "02T12:00")
ADMITTED = of_class("IMP", 3, "02T13:00")
MOVED = of_class("IMP", 4, "02T14:05", location=[IN_ED, IN_4W])
LEFT = of_class(
    "IMP", 5, "04T12:05", "finished", location=[IN_ED, IN_4W], period={"start": BEGAN, "end": "2026-03-04T12:00:00Z"}
)


def test_a_change_of_class_does_not_rewrite_the_past() -> None:
    assert class_and_since(state(ED)) == (EMER, None)
    for versions in ((ED, ADMITTED), (ED, STILL_ED, ADMITTED), (ED, ADMITTED, MOVED), (ED, STILL_ED, ADMITTED, LEFT)):
        found = state(*versions)
        assert class_and_since(found) == (IMP, utc(2, 13))
        assert found.admitted_at == utc(2, 10)
    told = [fact for one in (ED, ADMITTED, LEFT) for fact in facts(one)]
    then = fold(told, as_of=utc(2, 12))  # type: ignore[arg-type]
    assert then is not None
    assert (then.patient_class, then.inpatient_from) == (EMER, None)


def test_a_class_that_changed_between_two_versions_changed_with_the_move_between_them() -> None:
    assert class_and_since(state(ED, MOVED)) == (IMP, utc(2, 14))
    assert class_and_since(state(ED, STILL_ED, LEFT)) == (IMP, utc(2, 14))
    found = state(ED, MOVED, LEFT)
    assert class_and_since(found) == (IMP, utc(2, 14))
    assert stays(found) == [("ED", "02 10:00", "02 14:00"), ("4W", "02 14:00", "04 12:00")]


def test_a_class_of_the_discharge_alone_is_one_of_the_stay() -> None:
    in_ed = {"location": [IN_ED], "period": {"start": BEGAN, "end": "2026-03-02T20:00:00Z"}}
    assert class_and_since(state(ED, of_class("IMP", 5, "03T12:05", "finished", **in_ed))) == (IMP, utc(2, 20))
    assert class_and_since(state(LEFT)) == (IMP, utc(2, 10))


def test_a_class_that_goes_and_comes_back_is_so() -> None:
    observed = of_class("OBSENC", 4, "02T15:00")
    assert class_and_since(state(ED, ADMITTED, observed)) == (OBSENC, None)
    assert class_and_since(state(ED, ADMITTED, observed, of_class("IMP", 5, "02T18:00"))) == (IMP, utc(2, 18))


def test_a_history_that_comes_later_corrects_what_the_versions_let_think() -> None:
    told = of_class("IMP", 4, "02T15:00", classHistory=IN_BOTH)
    assert class_and_since(state(ED, ADMITTED, told)) == (IMP, utc(2, 13, 30))
    always = of_class("IMP", 4, "02T15:00", classHistory=[had("IMP", "02T10:00:00Z")])
    assert class_and_since(state(ED, ADMITTED, always)) == (IMP, utc(2, 10))
    assert class_and_since(state(ED, told, of_class("OBSENC", 5, "02T18:00"))) == (OBSENC, None)
    assert class_and_since(state(ED, told, of_class("IMP", 5, "02T18:00"))) == (IMP, utc(2, 13, 30))


def test_what_was_said_before_an_arrival_that_was_a_mistake_does_not_count() -> None:
    plan = of_class("EMER", 2, "02T11:00", "planned")
    begun = of_class("IMP", 3, "04T10:05", period={"start": "2026-03-04T10:00:00Z"}, location=[])
    assert class_and_since(state(ED, plan, begun)) == (IMP, utc(4, 10))
    assert class_and_since(state(ED, of_class("EMER", 2, "02T11:00", "cancelled"), ADMITTED)) == (IMP, utc(2, 10))


def test_a_class_that_is_not_said_does_not_change() -> None:
    unknown = of_class("local", 4, "02T15:00")
    assert class_and_since(state(ED, ADMITTED, unknown)) == (IMP, utc(2, 13))
    assert class_and_since(state(of_class("local", 0, "02T10:01"), ADMITTED)) == (IMP, utc(2, 10))


def test_r5_lists_its_classes_and_changes_them_by_its_versions() -> None:
    def r5(code: str, number: int, said: str) -> dict[str, Any]:
        return of_class(code, number, said) | {"class": [concept("local"), concept(code)]}

    for order in permutations((r5("EMER", 1, "02T10:05"), r5("IMP", 2, "02T13:00"))):
        found = fold([fact for one in order for fact in facts(one)])  # type: ignore[misc]
        assert found is not None
        assert class_and_since(found) == (IMP, utc(2, 13))
