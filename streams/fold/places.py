"""A person is in one place: which encounters gave up their place because the person was elsewhere later. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.events import PatientClass
from schemas.state import Encounter
from schemas.two_people import people
from streams.fold.bed import PASSING


class PersonStay(NamedTuple):
    """A place of a person according to one of their encounters: a bed, or a unit without one."""

    person: str
    encounter_id: str
    patient_class: PatientClass
    arrived_at: datetime
    left_at: datetime | None = None
    """None: the encounter has the person there still."""
    placed_at: datetime | None = None
    """When the sender put the person there, where `arrived_at` is dated back."""


def superseded(stays: Iterable[PersonStay]) -> dict[str, datetime]:
    """Return the encounters that gave up their last place because the same person was elsewhere later, and since when.

    A person is in one place. The later stay counts, and an overnight stay takes precedence over a visit by day. What
    was given up stays so when the later stay ends: the person has left. The encounter stays in progress and is listed
    as a data-quality finding.

    Parameters
    ----------
    stays : iterable of PersonStay
        All places of these persons, those that ended included; of one encounter at most one has not ended.

    Examples
    --------
    >>> from datetime import UTC
    >>> one, two, three = (datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (1, 2, 3))
    >>> ward = PersonStay("P", "E2", PatientClass.INPATIENT, two, left_at=three)
    >>> superseded([PersonStay("P", "E1", PatientClass.EMERGENCY, one), ward]) == {"E1": two}
    True
    """
    by_person: dict[str, list[PersonStay]] = {}
    for stay in stays:
        by_person.setdefault(stay.person, []).append(stay)
    given_up: dict[str, datetime] = {}
    for of_one in by_person.values():
        for stay in of_one:
            since = [at for other in of_one if (at := _given_up_at(stay, other)) is not None]
            if stay.left_at is None and since:
                given_up[stay.encounter_id] = min(since)
    return given_up


def stays_of(person: str, encounters: Sequence[Encounter]) -> list[PersonStay]:
    """Return all places in which a person was, according to these encounters.

    A newborn under the mother's number is a person of its own.
    """
    number = people(encounters)
    return [
        PersonStay(
            f"{person}/{number[each.encounter_id]}",
            each.encounter_id,
            each.patient_class,
            stay.arrived_at,
            stay.left_at,
            stay.placed_at,
        )
        for each in encounters
        for stay in each.unit_stays
    ]


def _given_up_at(stay: PersonStay, other: PersonStay) -> datetime | None:
    """Return when a stay was given up for another one; None where it was not."""
    if other.encounter_id == stay.encounter_id or _strength(other) < _strength(stay):
        return None
    if other.left_at is not None and other.left_at <= stay.arrived_at:
        return None
    return max(stay.arrived_at, other.arrived_at)


def _strength(stay: PersonStay) -> tuple[bool, datetime, str]:
    return (stay.patient_class not in PASSING, stay.placed_at or stay.arrived_at, stay.encounter_id)
