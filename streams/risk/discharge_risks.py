"""SQL of the risks issued at the discharge, for what was expected of a group of stays."""

from __future__ import annotations

from sqlalchemy import Connection, select

from models.moments import Moment
from schemas import tables

_score = tables.score.columns
_encounter = tables.encounter.columns


def discharge_risks(connection: Connection) -> dict[str, float]:
    """Return the risk in [0, 1] issued at each discharge that stands, by encounter; without stays not scored then."""
    rows = connection.execute(
        select(_score.encounter_id, _score.readmission_risk)
        .join(tables.encounter, _encounter.encounter_id == _score.encounter_id)
        .where(_score.moment == Moment.DISCHARGE.value, _score.as_of == _encounter.discharged_at)
    )
    return {row.encounter_id: row.readmission_risk for row in rows}
