"""SQL of the places of persons: which encounters gave up their place because the person was elsewhere later."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from sqlalchemy import Connection

from schemas.state import Encounter, decode_encounter
from schemas.two_people import people
from streams.capacity.beds import PersonStay, superseded
from streams.capacity.queries import OF_PATIENTS
from streams.store.people import persons

AT_ONCE = 500
"""Tokens per query: SQLite allows only so many parameters."""


class OpenStay(Protocol):
    """A place that an encounter in progress claims; a row of a query."""

    @property
    def patient_token(self) -> str:
        """The patient."""

    @property
    def arrived_at(self) -> datetime:
        """Since when."""


class Places(NamedTuple):
    """Places of some persons."""

    released_at: dict[str, datetime]
    """When an encounter gave up its last place, by encounter."""
    units: set[tuple[str, str]]
    """Units in which these persons are, by whatever encounter."""


NOWHERE = Places({}, set())


def places_of(connection: Connection, stays: Collection[OpenStay]) -> Places:
    """Return what the other encounters of these patients mean for their places.

    Parameters
    ----------
    connection : Connection
        Only read.
    stays : collection of OpenStay
        Places that encounters in progress claim.
    """
    if not stays:
        return NOWHERE
    person_of = persons(connection, {stay.patient_token for stay in stays})
    since = min(stay.arrived_at for stay in stays)
    by_person: dict[str, list[bytes]] = {}
    for token, state in _states(connection, sorted(person_of), since):
        by_person.setdefault(person_of[token], []).append(state)
    several = {
        person: [decode_encounter(bytes(state)) for state in states]
        for person, states in by_person.items()
        if len(states) > 1
    }
    return Places(
        superseded(stay for person, encounters in several.items() for stay in stays_of(person, encounters)),
        {
            (place.facility_id, place.unit_id)
            for encounters in several.values()
            for encounter in encounters
            if (place := encounter.location) is not None and place.left_at is None
        },
    )


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


def _states(connection: Connection, tokens: list[str], since: datetime) -> list[tuple[str, bytes]]:
    """Return token and state of each encounter of these patients that is in progress or ended since then."""
    return [
        (row.patient_token, row.state)
        for first in range(0, len(tokens), AT_ONCE)
        for row in connection.execute(OF_PATIENTS, {"tokens": tokens[first : first + AT_ONCE], "since": since})
    ]
