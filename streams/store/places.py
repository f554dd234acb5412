"""SQL of the places of persons: which encounters gave up their place because the person was elsewhere later."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple, Protocol

from sqlalchemy import Connection, bindparam, select

from schemas import tables
from schemas.state import EncounterStatus, decode_encounter
from streams.fold.places import stays_of, superseded
from streams.store.people import persons

AT_ONCE = 500
"""Tokens per query: SQLite allows only so many parameters."""


_encounter = tables.encounter.columns
_since = bindparam("since", type_=_encounter.discharged_at.type)

OF_PATIENTS = (
    select(_encounter.patient_token, _encounter.state)
    .where(_encounter.patient_token.in_(bindparam("tokens", expanding=True)))
    .where(
        (_encounter.status == EncounterStatus.IN_PROGRESS.value)
        | ((_encounter.status == EncounterStatus.DISCHARGED.value) & (_encounter.discharged_at > _since))
    )
)
"""Encounters of these patients that are in progress, or ended after a time."""


class OpenStay(Protocol):
    """A place that an encounter in progress claims; a row of a query."""

    @property
    def patient_token(self) -> str:
        """The patient."""

    @property
    def arrived_at(self) -> datetime:
        """Since when."""


class PlacedSince(NamedTuple):
    """A patient in a place since a time."""

    patient_token: str
    arrived_at: datetime


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


def _states(connection: Connection, tokens: list[str], since: datetime) -> list[tuple[str, bytes]]:
    """Return token and state of each encounter of these patients that is in progress or ended since then."""
    return [
        (row.patient_token, row.state)
        for first in range(0, len(tokens), AT_ONCE)
        for row in connection.execute(OF_PATIENTS, {"tokens": tokens[first : first + AT_ONCE], "since": since})
    ]
