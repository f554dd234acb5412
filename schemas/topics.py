"""Kafka topics, each declared once, and the messages that Wardwatch itself publishes."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from schemas.events import PatientClass
from schemas.state import BedState, EncounterStatus

PARTITIONS = 4
"""Of every topic. The embedded broker supports only this number."""

WORKER_GROUP = "wardwatch"
"""The consumer group of all workers, regardless of the agents they run."""


class Topic(NamedTuple):
    """A topic, its key, and how long Kafka keeps a record (the fact log in SQL is the archive)."""

    name: str
    key: str
    retention_days: int
    meaning: str


ADT_EVENTS = Topic("adt.events.v1", "patient token or bed", 14, "ADT facts as reported")
DEAD_LETTERS = Topic("adt.dead-letters.v1", "as received", 90, "records that are not facts, with the reason")
ENCOUNTERS_CHANGED = Topic("encounters.changed.v1", "patient token", 7, "an encounter's state differs")
UNITS_CHANGED = Topic("units.changed.v1", "facility/unit", 1, "a unit's beds or census may differ: look again")
CAPACITY_METRICS = Topic("capacity.metrics.v1", "facility/unit", 7, "a unit's census, beds and occupancy")
ALERTS_CHANGED = Topic("alerts.changed.v1", "patient token", 7, "an alert was raised or changed")
ONLINE_MODEL = Topic("models.online.v1", "model", 7, "the online model has learnt")

HEARTBEATS = Topic("heartbeats.v1", "process", 1, "signs of life of workers and interfaces, once a second")

TOPICS = (
    ADT_EVENTS,
    DEAD_LETTERS,
    ENCOUNTERS_CHANGED,
    UNITS_CHANGED,
    CAPACITY_METRICS,
    ALERTS_CHANGED,
    ONLINE_MODEL,
    HEARTBEATS,
)


class EncounterChanged(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Published when the state of an encounter changed. A hint: SQL holds the state."""

    encounter_id: str
    patient_token: str
    status: EncounterStatus
    patient_class: PatientClass
    admitted_at: datetime | None = None
    discharged_at: datetime | None = None
    facility_id: str | None = None
    unit_id: str | None = None
    bed_id: str | None = None
    identity_changed_at: datetime | None = None
    """Event time of a merge or its undoing, if only the identity of the patient changed."""


class UnitChanged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Published when beds or census of a unit may have changed. A hint: SQL holds the state."""

    facility_id: str
    unit_id: str
    occurred_at: datetime
    past_changed: bool = False
    """The end of a past stay was corrected: cached past figures of the unit are invalid."""
    since: datetime | None = None
    """The earliest time at which the patients in the unit may have changed; None if only beds or plans changed."""


class BedOnBoard(BedState, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A bed of `CapacityMetrics`, with only those fields of the patient that a bed manager may see."""

    arrived_at: datetime | None = None
    expected_discharge_at: datetime | None = None
    high_risk: bool = False


class CapacityMetrics(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One unit at `as_of` (event time). `occupancy` is census / staffed_beds and may exceed 1.

    With `learnt`, the hospital file does not name the facility, and `staffed_beds` is the number of beds that the feed
    has shown: an estimate, and a lower limit.
    """

    facility_id: str
    unit_id: str
    as_of: datetime
    census: int
    staffed_beds: int
    occupancy: float | None
    """None for a unit without staffed beds."""
    available: int
    dirty: int
    cleaning: int
    reserved: int
    blocked: int
    unstaffed: int
    conflicts: int
    without_bed: int
    """Patients in the unit without a reported bed."""
    waiting_since: tuple[datetime, ...] = ()
    """When those of them who came in the last 24 h arrived in the unit, the earliest first."""
    boarding_since: tuple[datetime, ...] = ()
    """Since when each admitted patient waits in this emergency department for a ward bed, the earliest first."""
    beds: tuple[BedOnBoard, ...] = ()
    census_by_hour: tuple[int, ...] = ()
    """Census at each full hour of the 24 h before `as_of`, oldest first."""
    learnt: bool = False


class AlertChanged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Published when an alert was raised, changed its band, or was acknowledged or closed."""

    encounter_id: str
    status: str
    readmission_risk: float
    changed_at: datetime


class OnlineModelChanged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Published after the online model has learnt; the model itself is in SQL."""

    version: int
    learnt: int


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Published once a second by each worker and each interface; `stopping` in the last one."""

    process: str
    """Host and process id; the Kafka key."""
    role: str
    """`worker`, `mllp` or `http`."""
    sent_at: datetime
    agents: tuple[str, ...] = ()
    """Of a worker."""
    stopping: bool = False
    database: str = ""
    """The driver's own reason for which the database fails; empty while it works."""
    board_time: datetime | None = None
    """The board's time at `sent_at`."""
    pace: float = 0.0
    """Seconds of event time per second of the wall clock."""
    unread: int = 0
    """Records of the feed that are left to read."""
    behind_s: float | None = None
    """Age in seconds of the oldest unread record, while the worker catches up; else None."""
    progress: float = 0.0
    """Share in [0, 1] of the records that were left when catching up began."""
    last_fact_at: datetime | None = None
    """When the last record of the feed was put on Kafka."""
    silence: bool = False
    """Whether the feed is silent for longer than is likely at this hour."""


def unit_key(facility_id: str, unit_id: str) -> str:
    """Return the Kafka key of a unit."""
    return f"{facility_id}/{unit_id}"
