"""Results and vital signs of an encounter: the values that count, whatever the order in which they were reported.

Of two reports of one result the one recorded last counts, so a correction replaces a value and a cancel removes it. Of
each code the last value of each day (UTC) is kept, by the time of the specimen; on the day of the discharge the last
one before it, and the last one after it. So a score sees at each of its moments what was known: midnights are in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from msgspec import UNSET

from schemas.events import ObservationReported, ObservationStatus, encode_fact
from schemas.state import Encounter, KnownObservation
from streams.fold.resource_versions import VersionOrder, version_order

MAX_DAYS = 31
"""Days per code of which the last value is kept: the latest ones."""

_Order = tuple[VersionOrder, int, str, bytes]


def with_observations(
    encounter: Encounter | None, facts: Iterable[Any], as_of: datetime | None = None
) -> Encounter | None:
    """Return the encounter with the observations among its facts.

    Parameters
    ----------
    encounter : Encounter or None
        As folded from the other facts; without them observations are not an encounter.
    facts : iterable of FactOrEffect
        All facts of the encounter.
    as_of : datetime or None
        Ignore what was measured later. Corrections and cancels recorded later count all the same.
    """
    reports = [fact for fact in facts if type(fact) is ObservationReported]
    if encounter is None or not reports:
        return encounter
    found = observations_of(reports, encounter.discharged_at, as_of)
    return msgspec.structs.replace(encounter, observations=found) if found else encounter


def without_observations(about: Mapping[str, Sequence[Any]]) -> Mapping[str, Sequence[Any]]:
    """Return the facts by encounter without the observations, and without encounters that have nothing else.

    The same object is returned if there are no observations.
    """
    if not any(type(fact) is ObservationReported for facts in about.values() for fact in facts):
        return about
    course = {key: [fact for fact in facts if type(fact) is not ObservationReported] for key, facts in about.items()}
    return {key: facts for key, facts in course.items() if facts}


def observations_of(
    reports: Iterable[ObservationReported], discharged_at: datetime | None = None, as_of: datetime | None = None
) -> tuple[KnownObservation, ...]:
    """Return the values that count, in order of time.

    Parameters
    ----------
    reports : iterable of ObservationReported
        In any order, with duplicates.
    discharged_at : datetime or None
        Of the encounter.
    as_of : datetime or None
        Ignore what was measured later.
    """
    results: dict[tuple[str, str | None, str], tuple[_Order, ObservationReported]] = {}
    for report in reports:
        result = report.data.result
        key = (report.source, result, "" if result is not None else report.id)
        order = _order(report)
        if key not in results or order > results[key][0]:
            results[key] = (order, report)
    last: dict[tuple[str, date, bool], tuple[datetime, _Order, ObservationReported]] = {}
    for order, report in results.values():
        at = report.occurred_at
        if report.data.status is ObservationStatus.CANCELLED or report.data.value is None:
            continue
        if as_of is not None and at > as_of:
            continue
        day = (report.data.code, at.astimezone(UTC).date(), discharged_at is not None and at > discharged_at)
        if day not in last or (at, order) > last[day][:2]:
            last[day] = (at, order, report)
    return tuple(sorted(map(_known, _latest_days(last)), key=lambda each: (each.observed_at, each.code, each.known_at)))


def _latest_days(
    last: Mapping[tuple[str, date, bool], tuple[datetime, _Order, ObservationReported]],
) -> list[ObservationReported]:
    """Return the last values of the latest days of each code."""
    by_code: dict[str, list[tuple[datetime, _Order, ObservationReported]]] = {}
    for (code, _, _), found in last.items():
        by_code.setdefault(code, []).append(found)
    return [found[2] for values in by_code.values() for found in sorted(values, key=lambda each: each[:2])[-MAX_DAYS:]]


def _order(report: ObservationReported) -> _Order:
    """Return the sort key of the reports of one result: the last one counts."""
    sequence = -1 if report.sequence is UNSET else int(report.sequence)
    return (version_order(report), sequence, report.id, encode_fact(report))


def _known(report: ObservationReported) -> KnownObservation:
    data = report.data
    assert data.value is not None
    return KnownObservation(
        code=data.code,
        value=data.value,
        observed_at=report.occurred_at,
        known_at=max(report.recorded_at, report.occurred_at),
        unit=data.unit,
        comparator=data.comparator,
    )
