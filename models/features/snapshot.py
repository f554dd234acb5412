"""The encounter as it was known at one moment: nothing that came later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from schemas.events import AdmissionType, PatientClass
from schemas.state import Encounter, EncounterStatus, UnitStay


def began_at(encounter: Encounter) -> datetime | None:
    """Return the earliest known time of the encounter; None if no time is known."""
    times = [time for time in (encounter.admitted_at, encounter.inpatient_from) if time is not None]
    if encounter.unit_stays:
        times.append(encounter.unit_stays[0].arrived_at)
    return min(times) if times else None


def known_by(encounter: Encounter, as_of: datetime) -> Encounter | None:
    """Cut an encounter back to what had happened by `as_of`, that instant included.

    Parameters
    ----------
    encounter : Encounter
        Its present state.
    as_of : datetime
        Aware.

    Returns
    -------
    Encounter or None
        None if the encounter had not begun or is cancelled. `expected_discharge_at` is dropped, because the time of its
        report is not stored. Before it became inpatient, an emergency admission was an ED visit; the class of any other
        encounter was unknown.
    """
    if encounter.status is EncounterStatus.CANCELLED:
        return None
    began = began_at(encounter)
    return None if began is None or began > as_of else cut_to(encounter, as_of)


def cut_to(encounter: Encounter, as_of: datetime) -> Encounter:
    """Return the encounter without anything after `as_of`; the same object if nothing is later."""
    changed: dict[str, object] = {}
    if any(diagnosis.known_at > as_of for diagnosis in encounter.diagnoses):
        changed["diagnoses"] = tuple(each for each in encounter.diagnoses if each.known_at <= as_of)
    if encounter.services and encounter.services[-1].known_at > as_of:
        known = [each.value for each in encounter.services if each.known_at <= as_of]
        changed["service"] = known[-1] if known else None
    if any(procedure.known_at > as_of for procedure in encounter.procedures):
        changed["procedures"] = tuple(each for each in encounter.procedures if each.known_at <= as_of)
    if any(each.known_at > as_of for each in encounter.observations):  # known_at is not before observed_at
        changed["observations"] = tuple(each for each in encounter.observations if each.known_at <= as_of)
    last = encounter.unit_stays[-1] if encounter.unit_stays else None
    if last is not None and (last.arrived_at > as_of or (last.left_at is not None and last.left_at > as_of)):
        changed["unit_stays"] = _cut_stays(encounter.unit_stays, as_of)
    if encounter.inpatient_from is not None and encounter.inpatient_from > as_of:
        in_ed = encounter.admission_type is AdmissionType.EMERGENCY
        changed["inpatient_from"] = changed["service"] = None
        changed["patient_class"] = PatientClass.EMERGENCY if in_ed else PatientClass.UNKNOWN
    if encounter.discharged_at is not None and encounter.discharged_at > as_of:
        changed["discharged_at"] = changed["discharge_disposition"] = None
        changed["status"] = EncounterStatus.IN_PROGRESS
    if encounter.expected_discharge_at is not None:
        changed["expected_discharge_at"] = None
    return msgspec.structs.replace(encounter, **changed) if changed else encounter


def _cut_stays(stays: Sequence[UnitStay], as_of: datetime) -> tuple[UnitStay, ...]:
    kept = [stay for stay in stays if stay.arrived_at <= as_of]
    if kept and kept[-1].left_at is not None and kept[-1].left_at > as_of:
        kept[-1] = msgspec.structs.replace(kept[-1], left_at=None)
    return tuple(kept)
