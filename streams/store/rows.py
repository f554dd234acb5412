"""Convert derived state to rows of its tables, for the worker and for the rebuild. Pure.

Values are in the order of the table's columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schemas.events import BedStatusChanged, patient_subject
from schemas.state import Encounter, Patient, Reservation, encode_encounter, encode_patient
from streams.fold.bed import report_order

Row = tuple[Any, ...]


def encounter_row(encounter: Encounter, version: int) -> Row:
    """Return the row of `encounter`."""
    return (
        encounter.encounter_id,
        encounter.patient_token,
        encounter.status.value,
        encounter.patient_class.value,
        encounter.admitted_at,
        encounter.discharged_at,
        encounter.provisional,
        encounter.merged_into,
        version,
        encode_encounter(encounter),
    )


def stay_rows(encounter: Encounter) -> list[Row]:
    """Return the rows of `unit_stay`, by position."""
    return [
        (encounter.encounter_id, position, stay.facility_id, stay.unit_id, stay.bed_id, stay.arrived_at, stay.left_at)
        for position, stay in enumerate(encounter.unit_stays)
    ]


def patient_row(patient: Patient, version: int) -> Row:
    """Return the row of `patient`."""
    return (patient.patient_token, patient.merged_into, patient.provisional, version, encode_patient(patient))


def link_rows(patient: Patient) -> list[Row]:
    """Return the rows of `patient_link`, by position."""
    return [(patient.patient_token, position, into) for position, into in enumerate(patient.links)]


def reservations_of_encounter(encounter: Encounter) -> list[Row]:
    """Return the rows of `reservation` for an encounter's pending admission or transfer."""
    return _reservations(encounter.encounter_id, encounter.patient_token, [encounter.reservation])


def reservations_of_patient(patient: Patient) -> list[Row]:
    """Return the rows of `reservation` for a patient's plans without a visit number."""
    places = [item.place for item in patient.pending]
    return _reservations(patient_subject(patient.patient_token), patient.patient_token, places)


def _reservations(subject: str, token: str, places: Sequence[Reservation | None]) -> list[Row]:
    named = [place for place in places if place is not None]
    return [
        (subject, position, token, place.facility_id, place.unit_id, place.bed_id, place.since, place.expected_at)
        for position, place in enumerate(named)
    ]


def bed_row(fact: BedStatusChanged) -> Row:
    """Return the row of `bed_status`."""
    place = fact.data.location
    return (
        place.facility_id,
        place.unit_id,
        place.bed_id,
        fact.data.status.value,
        fact.occurred_at,
        fact.data.reason,
        *report_order(fact)[1:],
    )
