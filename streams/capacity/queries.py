"""SQL queries of the `capacity` agent. `:units` are pairs of facility and unit; `:since` is the window's begin.

They are built once, at import, because they run up to ten times a second.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, bindparam, case, func, select, tuple_

from schemas import tables
from schemas.events import PatientClass
from schemas.state import EncounterStatus

_stay, _encounter, _alert = tables.unit_stay.columns, tables.encounter.columns, tables.alert.columns
_plan, _report = tables.reservation.columns, tables.bed_status.columns
_place = (_stay.facility_id, _stay.unit_id, _stay.encounter_id, _stay.bed_id, _stay.arrived_at)
_units: BindParameter[Any] = bindparam("units", expanding=True)
_since = bindparam("since", type_=_stay.arrived_at.type)
_in_units = tuple_(_stay.facility_id, _stay.unit_id).in_(_units)
_is_inpatient = _encounter.patient_class == PatientClass.INPATIENT.value

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

WAITING = (
    select(_stay.facility_id, _stay.unit_id, func.count().label("visits"))
    .where(_in_units, _stay.left_at.is_(None), _stay.bed_id.is_(None), _stay.arrived_at <= _since)
    .group_by(_stay.facility_id, _stay.unit_id)
)
"""Number of encounters without a bed that arrived before the window: mostly clinic visits without a discharge."""

GONE = (
    select(*_place, _stay.left_at, _encounter.patient_token)
    .join(tables.encounter, _encounter.encounter_id == _stay.encounter_id)
    .where(_in_units, _stay.left_at > _since)
)
"""Encounters that left these units in the window."""

IN_BED = (
    select(*_place, _encounter.patient_token, _encounter.patient_class)
    .join(tables.encounter, _encounter.encounter_id == _stay.encounter_id)
    .where(_encounter.patient_token.in_(bindparam("tokens", expanding=True)))
    .where(_encounter.status == EncounterStatus.IN_PROGRESS.value)
    .where(_stay.left_at.is_(None), _stay.bed_id.is_not(None))
)
"""Beds that these patients are in now."""

LAST_LEFT = (
    select(_stay.facility_id, _stay.unit_id, _stay.bed_id, func.max(_stay.left_at).label("left_at"))
    .where(_in_units, _stay.bed_id.is_not(None), _stay.left_at.is_not(None))
    .group_by(_stay.facility_id, _stay.unit_id, _stay.bed_id)
)
"""Latest departure from each bed of these units."""

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
