"""SQL queries of the `capacity` agent: `of_units` gives the parameters that name units; `:since` is the window's begin.

They are built once, at import, because they run up to ten times a second.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import BindParameter, and_, bindparam, case, func, literal, select, tuple_, union_all

from schemas import tables
from schemas.events import PatientClass

_stay, _encounter, _alert = tables.unit_stay.columns, tables.encounter.columns, tables.alert.columns
_plan, _report, _bed = tables.reservation.columns, tables.bed_status.columns, tables.place.columns
_place = (_stay.facility_id, _stay.unit_id, _stay.encounter_id, _stay.bed_id, _stay.arrived_at)
_units: BindParameter[Any] = bindparam("units", expanding=True)
_since = bindparam("since", type_=_stay.arrived_at.type)
_in_units = and_(
    _stay.facility_id.in_(bindparam("facilities", expanding=True)),
    _stay.unit_id.in_(bindparam("names", expanding=True)),
    tuple_(_stay.facility_id, _stay.unit_id).in_(_units),
)
"""The first two conditions are for SQLite, which does not use an index for pairs."""
_is_inpatient = _encounter.patient_class == PatientClass.INPATIENT.value


def of_units(units: Collection[tuple[str, str]]) -> dict[str, list[Any]]:
    """Return the parameters that name these units."""
    return {
        "units": list(units),
        "facilities": sorted({facility_id for facility_id, _ in units}),
        "names": sorted({unit_id for _, unit_id in units}),
    }


HERE = (
    select(
        *_place,
        _encounter.patient_token,
        _encounter.patient_class,
        case((_stay.bed_id.is_not(None) | _is_inpatient, _encounter.state)).label("state"),
        _alert.status,
        _alert.band,
    )
    .join(tables.encounter, _encounter.encounter_id == _stay.encounter_id)
    .outerjoin(tables.alert, _alert.encounter_id == _stay.encounter_id)
    .where(_in_units, _stay.left_at.is_(None), _stay.bed_id.is_not(None) | (_stay.arrived_at > _since))
)
"""Encounters now in these units; those without a bed only if they arrived in the window.

`state` is null for those without a bed who are not inpatients: nothing of it is shown."""

_is_waiting = (_in_units, _stay.left_at.is_(None), _stay.bed_id.is_(None), _stay.arrived_at <= _since)

WAITING = (
    select(_stay.facility_id, _stay.unit_id, func.count().label("visits"))
    .where(*_is_waiting)
    .group_by(_stay.facility_id, _stay.unit_id)
)
"""Number of encounters without a bed that arrived before the window: mostly clinic visits without a discharge."""

WAITING_VISITS = (
    select(*_place, _encounter.patient_token)
    .join(tables.encounter, _encounter.encounter_id == _stay.encounter_id)
    .where(*_is_waiting)
)
"""These encounters, one by one."""

GONE = (
    select(*_place, _stay.left_at, _encounter.patient_token)
    .join(tables.encounter, _encounter.encounter_id == _stay.encounter_id)
    .where(_in_units, _stay.left_at > _since)
)
"""Encounters that left these units in the window."""

_moved_at = bindparam("until", type_=_stay.arrived_at.type)
_ended = (_stay.facility_id == bindparam("facility"), _stay.unit_id == bindparam("unit"), _stay.left_at.is_not(None))

MOVES = (
    union_all(
        select(_stay.arrived_at.label("at"), literal(1, literal_execute=True).label("change")).where(
            *_ended, _stay.arrived_at <= _moved_at
        ),
        select(_stay.left_at.label("at"), literal(-1, literal_execute=True).label("change")).where(
            *_ended, _stay.left_at <= _moved_at
        ),
    )
    .order_by("at", "change")
    .execution_options(yield_per=5_000)
)
"""All arrivals in a unit and departures from it up to a time, of the stays that have ended."""

STILL_HERE = (
    select(*_place, _encounter.patient_token)
    .join(tables.encounter, _encounter.encounter_id == _stay.encounter_id)
    .where(_stay.facility_id == bindparam("facility"), _stay.unit_id == bindparam("unit"), _stay.left_at.is_(None))
)
"""Stays in a unit that have not ended."""

REPORTS_BEDS = (
    select(_report.bed_id).where(_report.facility_id == bindparam("facility")).order_by(_report.unit_id).limit(1)
)
"""A bed of a facility whose status was ever reported."""

LAST_LEFT = select(
    _bed.facility_id,
    _bed.unit_id,
    _bed.bed_id,
    select(func.max(_stay.left_at))
    .where(_stay.facility_id == _bed.facility_id, _stay.unit_id == _bed.unit_id, _stay.bed_id == _bed.bed_id)
    .scalar_subquery()
    .label("left_at"),
).where(tuple_(_bed.facility_id, _bed.unit_id).in_(_units), _bed.bed_id != "")
"""Latest departure from each bed of these units, null for a bed that nobody left.

It asks bed by bed, so that the index answers with its last entry, however many patients have left the bed."""

RESERVATIONS = (
    select(tables.reservation)
    .where(tuple_(_plan.facility_id, _plan.unit_id).in_(_units), _plan.bed_id.is_not(None))
    .order_by(_plan.since.desc(), _plan.subject.desc())
)
"""Plans that reserve beds in these units, the latest first."""

BED_REPORTS = select(
    _report.facility_id, _report.unit_id, _report.bed_id, _report.status, _report.since, _report.reason
).where(tuple_(_report.facility_id, _report.unit_id).in_(_units))
"""Latest status report on each bed of these units."""
